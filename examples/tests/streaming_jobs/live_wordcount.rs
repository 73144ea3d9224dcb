//! Words of the standard input and of a connection, until they end and until Ctrl-C.

use super::{elements_of, files, interrupt, metrics_of, place};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::yield_now;

const LIVE_WORDCOUNT: &str = env!("CARGO_BIN_EXE_live_wordcount");

/// Two lines of which the last has no end, many times.
fn text() -> String {
    "to be or not to be\nthat is the question\n".repeat(999) + "To be"
}

/// The counts of all files: a word may be in those of several times.
fn counted(place: &Path) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for line in files(place, ".", "words").concat().lines() {
        let (word, n) = line.split_once(": ").unwrap();
        *all.entry(word.to_owned()).or_default() += n.parse::<u64>().unwrap();
    }
    all
}

fn expected(text: &str) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    text.split_whitespace().for_each(|word| *all.entry(word.to_lowercase()).or_default() += 1);
    all
}

#[test]
fn the_standard_input_is_read_to_its_end() {
    let place = place(&[]);
    let mut command = Command::new(LIVE_WORDCOUNT);
    let command = command.current_dir(place.path()).args(["--output=words", "--every=1", "--quiet"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(counted(place.path()), expected(&text()));
}

#[test]
fn a_connection_is_drained_by_an_interrupt() {
    let place = place(&[]);
    let server = TcpListener::bind("localhost:0").unwrap();
    let mut command = Command::new(LIVE_WORDCOUNT);
    let connect = format!("--connect={}", server.local_addr().unwrap());
    let command = command.current_dir(place.path()).args([&connect, "--output=words", "--prometheus=127.0.0.1:0"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let (metrics, rest) = metrics_of(&mut child);
    let mut connection = server.accept().unwrap().0;
    // The last line has an end, or it would be awaited.
    let text = text() + "\n";
    connection.write_all(text.as_bytes()).unwrap();
    while elements_of(&metrics, "ReadLive") < text.lines().count() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        yield_now();
    }
    interrupt(child, rest);
    assert_eq!(counted(place.path()), expected(&text));
}
