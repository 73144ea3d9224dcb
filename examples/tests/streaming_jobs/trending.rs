//! Tags of generated logs.

use super::{RUNNERS, START, generate, run, text};
use ferrobeam::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const TRENDING: &str = env!("CARGO_BIN_EXE_trending");

#[derive(Deserialize)]
struct Post {
    tags: Vec<String>,
    ctime: String,
}

#[derive(Debug, Deserialize)]
struct Completions {
    window_start: String,
    window_end: String,
    prefix: String,
    tags: Vec<Tagged>,
}

#[derive(Debug, Deserialize)]
struct Tagged {
    tag: String,
    at_least: u64,
    at_most: u64,
}

/// How often each tag is there in a window, by the window's end and a prefix.
type Counts = BTreeMap<(String, String), BTreeMap<String, u64>>;

fn plain(place: &Path) -> Counts {
    let mut counts = Counts::new();
    for line in fs::read_to_string(place.join("logs/views.jsonl")).unwrap().lines() {
        let Post { tags, ctime } = serde_json::from_str(line).unwrap();
        let at = ctime.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        for end in (1..=10).map(|minute| (at.div_euclid(60_000) + minute) * 60_000) {
            for tag in &tags {
                for letters in 1..=3 {
                    let place = (text(end), tag[..letters].to_owned());
                    *counts.entry(place).or_default().entry(tag.clone()).or_default() += 1;
                }
            }
        }
    }
    counts
}

fn logs() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    generate(place.path(), &["--output=logs", "--events=3000", "--length=1200"]);
    place
}

#[test]
fn few_tags_are_counted() {
    let place = logs();
    let expected = plain(place.path());
    assert!(expected.contains_key(&(text(START + 600_000), "ru".to_owned())));
    for runner in RUNNERS {
        let lines: Vec<Completions> = run(place.path(), TRENDING, runner, &["--input=logs/*.jsonl", "--top=2"]);
        assert_eq!(lines.len(), expected.len());
        for Completions { window_start, window_end, prefix, tags } in lines {
            let end: jiff::Timestamp = window_end.parse().unwrap();
            assert_eq!(window_start, Timestamp::from_millis(end.as_millisecond() - 600_000).to_string());
            let counts = &expected[&(window_end, prefix)];
            tags.iter().for_each(|tag| assert_eq!((tag.at_least, tag.at_most), (counts[&tag.tag], counts[&tag.tag])));
            let mut largest: Vec<u64> = counts.values().copied().collect();
            largest.sort_by(|a, b| b.cmp(a));
            largest.truncate(2);
            assert_eq!(tags.iter().map(|tag| tag.at_most).collect::<Vec<_>>(), largest);
        }
    }
}

#[test]
fn with_little_memory_the_bound_holds() {
    let place = logs();
    let expected = plain(place.path());
    let options = ["--input=logs/*.jsonl", "--top=1", "--error=0.5", "--letters=1"];
    let mut is_off = false;
    for Completions { window_end, prefix, tags, .. } in run::<Completions>(place.path(), TRENDING, RUNNERS[1], &options)
    {
        let counts = &expected[&(window_end, prefix)];
        let all: u64 = counts.values().sum();
        for Tagged { tag, at_least, at_most } in tags {
            assert!((at_least..=at_most).contains(&counts[&tag]) && at_most - at_least <= all / 2, "{tag}");
            is_off |= at_least < at_most;
        }
    }
    assert!(is_off, "no prefix has more tags than there is room for");
}
