//! Programs that are told to end: a launcher with a job server that is played, and one that runs its pipeline itself.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use ferrobeam_portable::replay::JobServer;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The word count, launched on a job server where the job goes on for ever; it has come to this call.
fn launch(server: &JobServer, more: &[&str], call: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wordcount"));
    command.args(["--input=in.txt", "--output=out", "--runner=portable", "--job-endpoint", server.endpoint()]);
    let child = command.args(more).stderr(Stdio::piped()).spawn().unwrap();
    server.wait_for(call).unwrap();
    child
}

fn signal(name: &str, to: &Child) {
    let script = format!("kill -s {name} {}", to.id());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

/// What a launcher says before it fails.
fn last_words(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_job_of_a_launcher_that_is_interrupted_is_cancelled() {
    for name in ["INT", "TERM"] {
        let server = JobServer::start(&[], &[]).unwrap();
        let child = launch(&server, &[], "Run");
        signal(name, &child);
        server.wait_for("Cancel").unwrap();
        let told = last_words(child);
        assert!(told.contains("the job job was interrupted, and is being cancelled\n"), "{told}");
        assert!(told.contains("the job job was interrupted, and is cancelled\n"), "{told}");
    }
}

#[test]
fn the_second_interrupt_does_not_wait() {
    let server = JobServer::start(&["Cancel"], &[]).unwrap();
    let child = launch(&server, &[], "Run");
    signal("INT", &child);
    server.wait_for("Cancel").unwrap();
    signal("INT", &child);
    let told = last_words(child);
    assert!(told.contains("the job job was interrupted again, and perhaps not cancelled"), "{told}");
}

#[test]
fn a_launcher_that_waits_for_an_engine_can_be_interrupted() {
    let server = JobServer::start(&["Prepare"], &[]).unwrap();
    let child = launch(&server, &[], "Prepare");
    signal("INT", &child);
    assert!(last_words(child).contains("interrupted before there was a job"));
}

#[test]
fn a_time_limit_cancels_the_job() {
    let server = JobServer::start(&[], &[]).unwrap();
    let told = last_words(launch(&server, &["--time-limit=0"], "Run"));
    assert!(told.contains("the job job is not done after 0ns, and is cancelled\n"), "{told}");
}

/// A pipeline whose source has no end, and what it prints; a first window has closed.
fn ticking(more: &[&str]) -> (Child, BufReader<ChildStdout>, u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticks"));
    command.args(["--rate=200", "--workers=3"]).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let count = counted(&line);
    (child, output, count)
}

fn counted(line: &str) -> u64 {
    line.trim_end().split_once(": ").unwrap().1.parse().unwrap()
}

#[test]
fn an_interrupted_pipeline_is_drained() {
    for name in ["INT", "TERM"] {
        let (child, mut output, first) = ticking(&[]);
        assert!((1..=200).contains(&first), "{first}");
        signal(name, &child);
        let (mut rest, ended) = (String::new(), child.wait_with_output().unwrap());
        output.read_to_string(&mut rest).unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{told}");
        assert!(told.contains("interrupted: sources end") && told.contains("drained: sources were ended"), "{told}");
        assert!(told.contains("\ndone in ") || told.starts_with("done in "), "{told}");
        // The window that was open has closed, too, and those before it were whole.
        let counts: Vec<u64> = rest.lines().map(counted).collect();
        let (last, whole) = counts.split_last().unwrap();
        assert!(*last > 0 && whole.iter().all(|count| *count == 200), "{counts:?}");
    }
}

#[test]
fn a_pipeline_that_is_interrupted_twice_is_cancelled() {
    // Drained, it would tick on for an hour.
    let (mut child, mut output, _) = ticking(&["--rest=3600"]);
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut says = |expected: &str| {
        let mut line = String::new();
        while !line.contains(expected) {
            line.clear();
            assert_ne!(told.read_line(&mut line).unwrap(), 0, "it has ended, and not said `{expected}`");
        }
    };
    signal("INT", &child);
    says("interrupted: sources end");
    // It still ticks.
    output.read_line(&mut String::new()).unwrap();
    signal("INT", &child);
    says("interrupted again: cancelled");
    says("Error: the local runner stopped: it was cancelled");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
