//! The streaming examples as programs, on logs that are complete and on logs that grow, compared with plain computations.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod backfill;
mod click_join;
mod crawlers;
mod fraud;
mod options;
mod page_views;
mod running_average;
mod sessions;
mod trending;

use ferrobeam::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::yield_now;
use tempfile::TempDir;

const RUNNERS: [&str; 2] = ["--runner=direct", "--runner=local"];

/// 2026-11-21T00:00:00Z, in milliseconds.
const START: i64 = 1_795_219_200_000;

fn text(millis: i64) -> String {
    Timestamp::from_millis(millis).to_string()
}

/// Events out of order, by less than fifty of them.
fn shuffled<T>(mut events: Vec<T>) -> Vec<T> {
    events.chunks_mut(50).for_each(<[T]>::reverse);
    events
}

fn jsonl<T: Serialize>(events: &[T]) -> String {
    events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect()
}

/// A directory with `logs/`, and these files in it.
fn place(files: &[(&str, &str)]) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("logs")).unwrap();
    files.iter().for_each(|(name, content)| fs::write(place.path().join(name), content).unwrap());
    place
}

fn generate(place: &Path, arguments: &[&str]) {
    let mut loggen = Command::new(env!("CARGO_BIN_EXE_loggen"));
    assert!(loggen.current_dir(place).args(arguments).status().unwrap().success());
}

/// The texts of the files of a directory whose names begin so.
fn files(place: &Path, directory: &str, begins: &str) -> Vec<String> {
    let entries = fs::read_dir(place.join(directory)).unwrap().map(|entry| entry.unwrap());
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begins));
    ours.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect()
}

/// The lines of those files.
fn lines<T: DeserializeOwned>(place: &Path, begins: &str) -> Vec<T> {
    let texts = files(place, ".", begins);
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a program on complete logs, and returns what it wrote.
fn run<T: DeserializeOwned>(place: &Path, program: &str, runner: &str, arguments: &[&str]) -> Vec<T> {
    let prefix = format!("on{}", &runner[2..].replace('=', "-"));
    let mut command = Command::new(program);
    let command = command.current_dir(place).args(arguments).args([runner, "--output", &prefix]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(place, &prefix)
}

/// Runs a program that follows `logs` while they grow by these parts, one after the other, and ends it by Ctrl-C when it has
/// read all; returns what it wrote.
fn follow<T: DeserializeOwned>(place: &Path, program: &str, parts: &[&str], arguments: &[&str]) -> Vec<T> {
    let mut command = Command::new(program);
    let options = ["--input=logs", "--follow", "--positions=positions.json", "--output=followed", "--quiet"];
    let command = command.current_dir(place).args(options).args(arguments).stderr(Stdio::inherit());
    let mut child = command.spawn().unwrap();
    let mut read_all = || {
        let logs = fs::read_dir(place.join("logs")).unwrap();
        let size: u64 = logs.map(|log| log.unwrap().metadata().unwrap().len()).sum();
        while read_so_far(place) < size {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            yield_now();
        }
    };
    read_all();
    for part in parts {
        let mut log = OpenOptions::new().create(true).append(true).open(place.join("logs/grows.jsonl")).unwrap();
        log.write_all(part.as_bytes()).unwrap();
        read_all();
    }
    let script = format!("kill -s INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    lines(place, "followed")
}

/// What the positions file says was read.
fn read_so_far(place: &Path) -> u64 {
    let Ok(text) = fs::read_to_string(place.join("positions.json")) else { return 0 };
    let positions: serde_json::Value = serde_json::from_str(&text).unwrap();
    positions["files"].as_array().unwrap().iter().map(|file| file["offset"].as_u64().unwrap()).sum()
}
