//! Tags of generated logs.

use super::{RUNNERS, START, follow, generate, place, run, text};
use ferrobeam::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

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

fn plain(log: &str) -> Counts {
    let mut counts = Counts::new();
    for line in log.lines() {
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

fn logs() -> (TempDir, String) {
    let place = tempfile::tempdir().unwrap();
    generate(place.path(), &["--output=logs", "--events=3000", "--length=1200"]);
    let log = fs::read_to_string(place.path().join("logs/views.jsonl")).unwrap();
    (place, log)
}

/// That there is a line for each window and prefix, with the two tags that are there most often.
fn compare(lines: Vec<Completions>, expected: &Counts) {
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

#[test]
fn few_tags_are_counted() {
    let (place, log) = logs();
    let expected = plain(&log);
    assert!(expected.contains_key(&(text(START + 600_000), "ru".to_owned())));
    for runner in RUNNERS {
        compare(run(place.path(), TRENDING, runner, &["--input=logs/*.jsonl", "--top=2"]), &expected);
    }
}

#[test]
fn tags_of_logs_that_grow_are_counted_alike() {
    let (_, log) = logs();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let parts = [&lines[..1200], &lines[1200..2200], &lines[2200..]].map(<[&str]>::concat);
    let place = place(&[("logs/grows.jsonl", &parts[0])]);
    // One in a hundred is later than two minutes, and none than six.
    let followed = follow(place.path(), TRENDING, &[&parts[1], &parts[2]], &["--top=2", "--out-of-order=360"]);
    compare(followed, &plain(&log));
}

#[test]
fn with_little_memory_the_bound_holds() {
    let (place, log) = logs();
    let expected = plain(&log);
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
