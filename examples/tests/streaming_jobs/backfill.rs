//! One answer of a history and a log that overlap.

use super::page_views::{last_panes, plain};
use super::{RUNNERS, files, follow, generate, run};
use std::fs;
use std::path::Path;

const BACKFILL: &str = env!("CARGO_BIN_EXE_backfill");
const OPTIONS: [&str; 3] = ["--history=old/*.jsonl", "--until=2026-11-21T00:04:30Z", "--errors=errors"];

fn overlapping(place: &Path) {
    let generate = |more: &[&str]| generate(place, &[&["--users=200", "--pages=5", "--length=600"], more].concat());
    generate(&["--output=old", "--events=3000"]);
    generate(&["--output=logs", "--events=2000", "--seed=2"]);
    fs::write(place.join("old/bad.jsonl"), "no view\n").unwrap();
}

fn is_history(time: &str) -> bool {
    time < "2026-11-21T00:04:30"
}

#[test]
fn what_both_have_counts_once() {
    let place = tempfile::tempdir().unwrap();
    overlapping(place.path());
    let expected = plain(place.path(), &[("old", is_history), ("logs", |time| !is_history(time))]);
    // The minute of the seam is one, and has views of both.
    let seam = ("2026-11-21T00:04".to_owned(), None);
    let of_history = plain(place.path(), &[("old", is_history)]);
    assert!(of_history[&seam].0 > 0 && expected[&seam].0 > of_history[&seam].0);
    for runner in RUNNERS {
        let arguments = [&["--input=logs/*.jsonl"], &OPTIONS[..]].concat();
        assert_eq!(last_panes(run(place.path(), BACKFILL, runner, &arguments)), expected);
    }
}

#[test]
fn a_log_that_grows_comes_to_the_same() {
    let place = tempfile::tempdir().unwrap();
    overlapping(place.path());
    let more = r#"{"openid":"new","page":"/more","ctime":"2026-11-21T00:08:00Z"}"#.to_owned() + "\n";
    let lines = follow(place.path(), BACKFILL, &[&more], &OPTIONS);
    let expected = plain(place.path(), &[("old", is_history), ("logs", |time| !is_history(time))]);
    assert!(expected.contains_key(&("2026-11-21T00:08".to_owned(), Some("/more".to_owned()))));
    assert_eq!(last_panes(lines), expected);
    let errors = files(place.path(), ".", "errors-history").concat();
    assert!(errors.lines().count() == 1 && errors.contains("old/bad.jsonl"), "{errors}");
}
