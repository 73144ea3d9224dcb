//! Options that make no sense, and places that cannot be written to.

use super::place;
use std::path::Path;
use std::process::{Command, Output};

fn fails(place: &Path, program: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = Command::new(program).current_dir(place).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn what_makes_no_sense_is_refused() {
    let programs: [(&str, &[&str], &[&str]); 7] = [
        (
            env!("CARGO_BIN_EXE_loggen"),
            &[],
            &[
                "--events=0",
                "--users=0",
                "--pages=0",
                "--length=0",
                "--length=86401",
                "--out-of-order=86401",
                "--rotate=0",
                "--start=now",
            ],
        ),
        (
            env!("CARGO_BIN_EXE_trending"),
            &["--input=logs/*"],
            &["--window=0", "--top=0", "--letters=0", "--error=0", "--error=nan"],
        ),
        (
            env!("CARGO_BIN_EXE_fraud"),
            &["--input=logs/*"],
            &["--within=0", "--within=43201", "--speed=nan", "--speed=-1", "--speed=0", "--speed=inf", "--payments=-1"],
        ),
        (
            env!("CARGO_BIN_EXE_crawlers"),
            &["--input=logs/*"],
            &["--rule=0/60", "--rule=10/0", "--rule=10/86401", "--rule=10"],
        ),
        (env!("CARGO_BIN_EXE_sessions"), &["--input=logs/*"], &["--gap=0", "--gap=10081"]),
        (
            env!("CARGO_BIN_EXE_click_join"),
            &["--input=logs/*", "--users=users.jsonl"],
            &["--within=0", "--within=10081"],
        ),
        (env!("CARGO_BIN_EXE_running_average"), &["--input=logs/*"], &["--last=0", "--every=0"]),
    ];
    // The input is there, so that nothing else can be wrong.
    let place = place(&[("logs/a.jsonl", ""), ("users.jsonl", "")]);
    for (program, needed, refused) in programs {
        for option in refused {
            let (status, text) = fails(place.path(), program, &[needed, &["--output=out", option]].concat());
            let (name, value) = option.split_once('=').unwrap();
            let begins = format!("error: invalid value '{value}' for '{name} <");
            assert!(status == Some(2) && text.starts_with(&begins), "{program} {option}: {status:?} {text}");
        }
    }
    let again = [
        "--input=logs",
        "--follow",
        "--positions=p",
        "--history=old/*",
        "--output=out",
        "--until=2026-11-21T00:00:00Z",
    ];
    let (status, text) = fails(place.path(), env!("CARGO_BIN_EXE_backfill"), &again);
    assert!(status == Some(1) && text.contains("--positions is not for a backfill"), "{text}");
    let backfill = ["--input=logs/*", "--history=old/*", "--output=out", "--until=yesterday"];
    let (status, text) = fails(place.path(), env!("CARGO_BIN_EXE_backfill"), &backfill);
    assert!(status == Some(2) && text.starts_with("error: invalid value 'yesterday' for '--until <TIME>'"), "{text}");
}

#[test]
fn a_log_that_cannot_be_written_is_named() {
    let place = place(&[("file", "")]);
    let failure = fails(place.path(), env!("CARGO_BIN_EXE_loggen"), &["--output=file/logs"]);
    let text = "loggen: cannot write `file/logs/views.jsonl`: Not a directory (os error 20)\n";
    assert_eq!(failure, (Some(1), text.to_owned()));
}
