//! A launcher that is told to end, with a job server that is played.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use ferrobeam_portable::replay::JobServer;
use std::process::{Child, Command, Stdio};

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
