//! Files that are written while a stream goes on.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

use ferrobeam_core::prelude::*;
use ferrobeam_core::runner::Runner;
use ferrobeam_core::testing::TestStream;
use ferrobeam_core::time::{millis, seconds};
use ferrobeam_direct::DirectRunner;
use ferrobeam_io::{csv, json, text};
use ferrobeam_local::LocalRunner;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1000 * second)
}

/// The files of a directory by name, the time of the run taken out, with their lines in order, but for the first one of CSV.
fn files(place: &Path) -> BTreeMap<String, Vec<String>> {
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // The run began in this century.
        let from = name.find("-20").unwrap();
        let to = from + name[from..].find('Z').unwrap() + 1;
        let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        let first = usize::from(name.ends_with(".csv"));
        lines[first..].sort_unstable();
        (format!("{}{}", &name[..from], &name[to..]), lines)
    });
    all.collect()
}

/// What a pipeline writes on every runner, and under schedules with bundles that fail.
fn writes(expected: &[(&str, &[&str])], construct: impl Fn(&Root, String)) {
    let direct = (0..6).map(|seed| Box::new(DirectRunner::new().seed(seed).failing_bundles(0.3)) as Box<dyn Runner>);
    let local = [1, 3].map(|workers| Box::new(LocalRunner::new().workers(workers)) as Box<dyn Runner>);
    for runner in direct.chain(local) {
        let place = tempfile::tempdir().unwrap();
        let prefix = place.path().join("out").display().to_string();
        runner
            .run(|root| {
                construct(root, prefix);
                Ok(())
            })
            .unwrap();
        let all = files(place.path());
        let all: Vec<(&str, Vec<&str>)> =
            all.iter().map(|(name, lines)| (name.as_str(), lines.iter().map(String::as_str).collect())).collect();
        let expected: Vec<_> = expected.iter().map(|(name, lines)| (*name, lines.to_vec())).collect();
        assert_eq!(all, expected);
    }
}

fn line(second: i64) -> (String, Timestamp) {
    (format!("at {second}"), at(second))
}

#[test]
fn each_pane_of_a_window_is_a_file() {
    let files: &[(&str, &[&str])] = &[
        ("out-1970-01-01T000000Z-1970-01-01T000010Z-pane0-00000-of-00001.txt", &["at 1", "at 5"]),
        ("out-1970-01-01T000000Z-1970-01-01T000010Z-pane1-00000-of-00001.txt", &["at 3"]),
        ("out-1970-01-01T000010Z-1970-01-01T000020Z-pane0-00000-of-00001.txt", &["at 12"]),
    ];
    writes(files, |root, prefix| {
        let script = TestStream::new().add_elements([line(1), line(12), line(5)]).advance_watermark_to(at(10));
        let lines = root.test_stream(script.add_elements([line(3)]));
        let windows = FixedWindows::of(seconds(10)).allowed_lateness(seconds(60));
        lines.window(windows).apply(text::write(prefix).windowed());
    });
}

#[test]
fn a_window_may_have_shards_and_bounded_data_too() {
    let place = tempfile::tempdir().unwrap();
    let prefix = place.path().join("out").display().to_string();
    let runner = DirectRunner::new().seed(3).failing_bundles(0.3);
    let write = |root: &Root| {
        let numbers = root.create(0..100u64).with_timestamps(|n| at(*n as i64));
        numbers.window(FixedWindows::of(seconds(50))).apply(json::write(prefix.clone()).shards(3).windowed());
        Ok(())
    };
    runner.run(write).unwrap();
    let all = files(place.path());
    assert_eq!(all.len(), 6);
    for (name, lines) in &all {
        assert!(name.contains("-of-00003") && !lines.is_empty(), "{name}");
        let is_first = name.contains("-1970-01-01T000000Z-1970-01-01T000050Z-");
        assert!(lines.iter().all(|line| (line.parse::<u64>().unwrap() < 50) == is_first), "{name}: {lines:?}");
    }
    assert_eq!(all.values().flatten().count(), 100);
}

#[test]
fn files_roll_by_size_and_age() {
    let files: &[(&str, &[&str])] = &[
        ("out-00000-of-00001-000000.txt", &["at 1", "at 2"]),
        ("out-00000-of-00001-000001.txt", &["at 3"]),
        ("out-00000-of-00001-000002.txt", &["at 4", "at 5"]),
        ("out-00000-of-00001-000003.txt", &["at 6"]),
    ];
    writes(files, |root, prefix| {
        let wait = |script: TestStream<String>, time| script.advance_processing_time(millis(time));
        let script = TestStream::new().add_elements([line(1)]).add_elements([line(2)]).add_elements([line(3)]);
        let script = wait(script, 1000).add_elements([line(4)]);
        let script = wait(script, 999).add_elements([line(5)]).add_elements([line(6)]);
        // A line of four letters is encoded in five bytes.
        root.test_stream(script).apply(text::write(prefix).rolling(10, seconds(1)));
    });
}

#[derive(Clone, Debug, Serialize, Element)]
#[element(crate = "ferrobeam_core")]
struct Sale {
    what: String,
    at: i64,
}

fn sale(second: i64) -> (Sale, Timestamp) {
    (Sale { what: "tea, green".to_owned(), at: second }, at(second))
}

#[test]
fn each_csv_file_of_a_stream_has_the_header() {
    let header = "what,at";
    let files: &[(&str, &[&str])] = &[
        (
            "out-1970-01-01T000000Z-1970-01-01T000010Z-pane0-00000-of-00001.csv",
            &[header, "\"tea, green\",1", "\"tea, green\",5"],
        ),
        ("out-1970-01-01T000000Z-1970-01-01T000010Z-pane1-00000-of-00001.csv", &[header, "\"tea, green\",3"]),
        ("out-1970-01-01T000010Z-1970-01-01T000020Z-pane0-00000-of-00001.csv", &[header, "\"tea, green\",12"]),
    ];
    writes(files, |root, prefix| {
        let script = TestStream::new().add_elements([sale(1), sale(12), sale(5)]).advance_watermark_to(at(10));
        let windows = FixedWindows::of(seconds(10)).allowed_lateness(seconds(60));
        root.test_stream(script.add_elements([sale(3)])).window(windows).apply(csv::write(prefix).windowed());
    });
    let files: &[(&str, &[&str])] = &[
        ("out-00000-of-00001-000000.csv", &["what;at", "tea, green;1", "tea, green;2"]),
        ("out-00000-of-00001-000001.csv", &["what;at", "tea, green;3"]),
    ];
    writes(files, |root, prefix| {
        let script = TestStream::new().add_elements([sale(1)]).add_elements([sale(2)]).add_elements([sale(3)]);
        // A line of twelve letters is encoded in thirteen bytes.
        root.test_stream(script).apply(csv::write(prefix).delimiter(b';').rolling(26, seconds(1)));
    });
}

#[test]
fn csv_files_of_a_stream_without_names_have_no_header() {
    let files: &[(&str, &[&str])] = &[("out-00000-of-00001-000000.csv", &["tea,1"])];
    writes(files, |root, prefix| {
        root.create([("tea".to_owned(), 1u64)]).apply(csv::write(prefix).rolling(100, seconds(1)));
    });
    let files: &[(&str, &[&str])] = &[("out-00000-of-00001-000000.csv", &["\"tea, green\",1"])];
    writes(files, |root, prefix| {
        root.create([sale(1).0]).apply(csv::write(prefix).has_headers(false).rolling(100, seconds(1)));
    });
}

#[test]
fn runs_do_not_replace_each_others_files() {
    let place = tempfile::tempdir().unwrap();
    let prefix = place.path().join("out").display().to_string();
    let run = || {
        let result = DirectRunner::new().run(|root| {
            root.create(["a".to_owned()]).apply(text::write(prefix.clone()).rolling(10, seconds(1)));
            Ok(())
        });
        result.unwrap();
        fs::read_dir(place.path()).unwrap().count()
    };
    assert_eq!(run(), 1);
    assert_eq!(run(), 2);
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let result = LocalRunner::new().run(|root| {
        root.create(["a".to_owned()]).apply(text::write("no/such/directory/out").rolling(10, seconds(1)));
        Ok(())
    });
    let text = result.unwrap_err().to_string();
    assert!(text.contains("cannot write `no/such/directory/.out-"), "{text}");
    let result = LocalRunner::new().run(|root| {
        let script = TestStream::new().add_elements([line(1)]);
        root.test_stream(script).apply(text::write("out").windowed());
        Ok(())
    });
    assert!(result.unwrap_err().to_string().contains("the global window of unbounded data does not end"));
}
