//! The streaming examples as programs, on logs that are complete and on logs that grow, compared with plain computations.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod backfill;
mod click_join;
mod crawlers;
mod fraud;
mod live_wordcount;
mod options;
mod page_views;
mod running_average;
mod sessions;
mod trending;

use ferrobeam::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle, yield_now};
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
    let before = read_before(place);
    let mut command = Command::new(program);
    let options = ["--input=logs", "--follow", "--output=followed"];
    // It reads a history, too, and not from where a run has stopped.
    let positions = (!program.ends_with("backfill")).then_some("--positions=positions.json");
    let command =
        command.current_dir(place).args(options).args(positions).args(["--prometheus=127.0.0.1:0"]).args(arguments);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let (metrics, rest) = metrics_of(&mut child);
    let mut read_all = || {
        let logs = fs::read_dir(place.join("logs")).unwrap();
        let lines: usize = logs.map(|log| lines_of(&log.unwrap().path()).count()).sum();
        while before + elements_of(&metrics, "Follow") < lines {
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
    interrupt(child, rest);
    lines(place, "followed")
}

/// Where a program says that its metrics are, and what it says after that.
fn metrics_of(child: &mut Child) -> (String, JoinHandle<String>) {
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let metrics = told.find_map(|line| line.strip_prefix("metrics at http://").map(str::to_owned)).unwrap();
    (metrics, thread::spawn(move || told.collect::<Vec<_>>().join("\n")))
}

/// Ends a program by Ctrl-C, and well.
fn interrupt(mut child: Child, rest: JoinHandle<String>) {
    let script = format!("kill -s INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let (status, rest) = (child.wait().unwrap(), rest.join().unwrap());
    assert!(status.success(), "{rest}");
}

/// How many lines the runs before have read: those before the places in the positions file.
fn read_before(place: &Path) -> usize {
    let Ok(text) = fs::read_to_string(place.join("positions.json")) else { return 0 };
    let positions: serde_json::Value = serde_json::from_str(&text).unwrap();
    let files = positions["files"].as_array().unwrap().iter();
    let read: BTreeMap<_, _> =
        files.map(|file| (file["id"]["inode"].as_u64(), file["mark"]["offset"].as_u64())).collect();
    let logs = fs::read_dir(place.join("logs")).unwrap().map(|log| log.unwrap());
    let lines = logs.map(|log| {
        let read = read.get(&Some(log.metadata().unwrap().ino())).copied().flatten().unwrap_or(0);
        lines_of(&log.path()).take_while(|end| *end <= read).count()
    });
    lines.sum()
}

/// Where each line of a file ends.
fn lines_of(path: &Path) -> impl Iterator<Item = u64> {
    let text = fs::read(path).unwrap();
    let ends: Vec<u64> = (1u64..).zip(text).filter(|(_, byte)| *byte == b'\n').map(|(end, _)| end).collect();
    ends.into_iter()
}

/// How many elements a step of the program at this address has made.
fn elements_of(metrics: &str, step: &str) -> usize {
    let mut stream = TcpStream::connect(metrics.trim_end_matches("/metrics")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let begins = format!("ferrobeam_elements_total{{step=\"{step}\"}} ");
    let read = text.lines().find_map(|line| line.strip_prefix(&*begins));
    read.map_or_else(|| panic!("{text}"), |read| read.parse().unwrap())
}
