//! The examples as programs: on real files, compared with a plain computation, and on input that is wrong.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const MINIMAL_WORDCOUNT: &str = env!("CARGO_BIN_EXE_minimal_wordcount");
const WORDCOUNT: &str = env!("CARGO_BIN_EXE_wordcount");
const CSV_STATS: &str = env!("CARGO_BIN_EXE_csv_stats");
const JOIN: &str = env!("CARGO_BIN_EXE_join");
const EVENT_SUMS: &str = env!("CARGO_BIN_EXE_event_sums");

/// Runs a program in a directory of files.
fn run(directory: &TempDir, program: &str, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(directory.path()).args(arguments).output().unwrap()
}

fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// The lines of all files whose names begin so, sorted.
fn lines(directory: &Path, prefix: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            lines.extend(fs::read_to_string(entry.path()).unwrap().lines().map(str::to_owned));
        }
    }
    lines.sort();
    lines
}

fn names(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(name).collect();
    names.sort();
    names
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The program failed with status 1, said all of this, and left the directory as it was.
fn failed(directory: &TempDir, before: &[String], output: &Output, said: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for text in said {
        assert!(stderr.contains(text), "`{text}` is not in: {stderr}");
    }
    assert_eq!(names(directory.path()), before, "nothing was written");
}

const TEXT: &str = "To be, or not to be\n\nthat is  the question:\tTo sleep\n";

fn counted(text: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    text.split_whitespace().for_each(|word| *counts.entry(word.to_lowercase()).or_default() += 1);
    let mut lines: Vec<_> = counts.into_iter().map(|(word, n)| format!("{word}: {n}")).collect();
    lines.sort();
    lines
}

#[test]
fn both_word_counts_count() {
    let directory = directory(&[("a.txt", TEXT.as_bytes()), ("b.txt", "Ärger über ÄRGER".as_bytes())]);
    let expected = counted(&format!("{TEXT}Ärger über ÄRGER"));
    succeeded(&run(&directory, MINIMAL_WORDCOUNT, &["--input", "[ab].txt", "--output", "minimal"]));
    assert_eq!(lines(directory.path(), "minimal-00000-of-00001.txt"), expected);
    let output = run(&directory, WORDCOUNT, &["--input", "[ab].txt", "--output", "counts", "--shards", "3"]);
    succeeded(&output);
    assert_eq!(lines(directory.path(), "counts-0000"), expected);
    assert_eq!(names(directory.path()).iter().filter(|name| name.ends_with("-of-00003.txt")).count(), 3);
    assert!(String::from_utf8_lossy(&output.stdout).contains("lines        4\nempty lines  1\n"), "{output:?}");
}

#[test]
fn the_result_is_the_same_when_bundles_fail() {
    let directory = directory(&[("a.txt", TEXT.as_bytes())]);
    for seed in 0..10 {
        let (seed, prefix) = (seed.to_string(), format!("counts{seed}"));
        let faults = ["--runner=direct", "--seed", &seed, "--fail-bundles", "0.5"];
        let arguments = [&["--input", "a.txt", "--output", &prefix], &faults[..]].concat();
        succeeded(&run(&directory, WORDCOUNT, &arguments));
        assert_eq!(lines(directory.path(), &format!("{prefix}-")), counted(TEXT));
    }
}

#[test]
fn csv_statistics_are_those_of_the_rows() {
    let rows = b"fare,city\n10,Bonn\n14,Bonn\n3.5,\"Ulm, old town\"\n12,Bonn\n";
    let directory = directory(&[("a.csv", rows), ("b.csv", b"city,fare\nBonn,x\n")]);
    succeeded(&run(&directory, CSV_STATS, &["--input", "a.csv", "--output", "stats"]));
    let expected = ["\"Ulm, old town\",1,3.5,0.0", "Bonn,3,12.0,2.0", "city,trips,mean,standard_deviation"];
    assert_eq!(lines(directory.path(), "stats-"), expected);
    let arguments = ["--input", "[ab].csv", "--output", "good", "--bad-rows", "bad"];
    succeeded(&run(&directory, CSV_STATS, &arguments));
    assert_eq!(lines(directory.path(), "good-"), expected);
    let bad = lines(directory.path(), "bad-");
    assert!(bad.len() == 1 && bad[0].contains("b.csv`, line 2"), "{bad:?}");
}

#[test]
fn joins_keep_what_they_should() {
    let directory = directory(&[
        ("users.csv", b"id,name\n1,ann\n2,bob\n3,eve\n"),
        ("orders.csv", b"user,item\n1,tea\n1,rice\n3,salt\n9,lamp\n"),
    ]);
    let files = ["--users", "users.csv", "--orders", "orders.csv", "--output"];
    succeeded(&run(&directory, JOIN, &[&files[..], &["inner"]].concat()));
    assert_eq!(lines(directory.path(), "inner-"), ["1\tann\trice", "1\tann\ttea", "3\teve\tsalt"]);
    succeeded(&run(&directory, JOIN, &[&files[..], &["outer", "--outer"]].concat()));
    let outer = ["1\tann\trice", "1\tann\ttea", "2\tbob\t-", "3\teve\tsalt", "9\t-\tlamp"];
    assert_eq!(lines(directory.path(), "outer-"), outer);
}

#[test]
fn wrong_input_is_a_message_and_status_1() {
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    gzip.extend([0x4b, 0x4c]);
    let directory = directory(&[
        ("ok.txt", b"fine\n"),
        ("latin1.txt", b"one\ntwo\nna\xefve\n"),
        ("cut.txt.gz", &gzip),
        ("short.csv", b"city,fare\nBonn,10\nUlm\n"),
    ]);
    let before = names(directory.path());
    let wordcount = |input: &str, output: &str| run(&directory, WORDCOUNT, &["--input", input, "--output", output]);
    let check = |output: Output, said: &[&str]| failed(&directory, &before, &output, said);
    check(wordcount("*.log", "counts"), &["ReadText", "examples/src/bin/wordcount.rs:", "*.log", "no file"]);
    check(wordcount("latin1.txt", "counts"), &["ReadText", "latin1.txt", "line 3", "UTF-8"]);
    check(wordcount("cut.txt.gz", "counts"), &["ReadText", "cut.txt.gz"]);
    check(wordcount("ok.txt", "nowhere/counts"), &["WriteText", "examples/src/bin/wordcount.rs:", "nowhere"]);
    let arguments = ["--input", "short.csv", "--output", "stats"];
    check(run(&directory, CSV_STATS, &arguments), &["ReadCsv", "short.csv", "line 3"]);
    let arguments = ["--input", "ok.txt", "--output", "counts", "--runner", "storm"];
    check(run(&directory, WORDCOUNT, &arguments), &["--runner=storm"]);
}

#[test]
fn a_sink_without_room_is_named_and_leaves_nothing() {
    let words: String = (0..20_000).map(|n| format!("word{n} ")).collect();
    let directory = directory(&[("many.txt", words.replace("0 ", "0\n").as_bytes())]);
    let before = names(directory.path());
    // No file may have more than 16 blocks of 512 bytes: writing fails as it does on a disk that is full.
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let arguments = ["--input=many.txt", "--output=counts", "--shards=3", "--workers=8"];
    let output = run(&directory, "sh", &[&["-c", script, WORDCOUNT], &arguments[..]].concat());
    failed(&directory, &before, &output, &["`WriteText/Write`", "examples/src/bin/wordcount.rs:", "File too large"]);
}

#[test]
fn a_run_says_on_standard_error_what_it_did() {
    let directory = directory(&[("a.txt", TEXT.as_bytes())]);
    let arguments = ["--input", "a.txt", "--output", "counts"];
    let output = run(&directory, WORDCOUNT, &arguments);
    succeeded(&output);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("done in ") && told.contains(" worker"), "{told}");
    let output = run(&directory, WORDCOUNT, &[&arguments[..], &["--quiet", "--explain=run"]].concat());
    succeeded(&output);
    assert_eq!(output.stderr, b"");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("Executed on ") && told.contains("ReadText/Read/Read: 3 elements"), "{told}");
}

#[test]
fn explanations_are_what_they_say() {
    let directory = directory(&[]);
    let explain = |form: &str| {
        let output = run(&directory, WORDCOUNT, &["--input", "x", "--output", "y", form]);
        succeeded(&output);
        output.stdout
    };
    let text = String::from_utf8(explain("--explain")).unwrap();
    assert!(text.contains("Tokenize") && text.contains("examples/src/bin/wordcount.rs:") && text.contains("Stages"));
    assert!(String::from_utf8(explain("--explain=dot")).unwrap().starts_with("digraph"));
    assert!(String::from_utf8(explain("--explain=json")).unwrap().contains("\"stages\": ["));
    assert!(explain("--explain=proto").windows(8).any(|bytes| bytes == b"Tokenize"));
    assert_eq!(explain("--explain=proto"), explain("--explain=proto"), "the same construction has the same bytes");
}

#[test]
fn event_sums_are_those_of_all_events() {
    let directory = directory(&[]);
    succeeded(&run(&directory, EVENT_SUMS, &["--output", ".", "--events", "100"]));
    let mut expected = BTreeMap::new();
    for event in 0..400u64 {
        // A tenth of a second apart, in windows of five seconds.
        let (window, key) = (event % 100 / 50, event % 7);
        let (events, sum) = expected.entry((window, key)).or_insert((0, 0));
        *events += 1;
        *sum += event;
    }
    for window in 0..2 {
        for shard in 0..2 {
            let lines = lines(directory.path(), &format!("sums-{:010}-{shard}", window * 5000));
            for key in (shard..7).step_by(2) {
                let (events, sum) = expected[&(window, key)];
                assert!(lines.contains(&format!("{key},state,{events},{sum}")), "{lines:?}");
                let pane =
                    |line: &String| line.strip_prefix(&format!("{key},"))?.split_once(',')?.0.parse::<u64>().ok();
                let last = lines.iter().filter(|line| pane(line).is_some()).max_by_key(|line| pane(line));
                assert!(last.unwrap().ends_with(&format!(",{events},{sum}")), "{lines:?}");
            }
        }
    }
    assert_eq!(names(directory.path()).len(), 4);
}
