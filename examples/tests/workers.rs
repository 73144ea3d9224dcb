//! The examples as engines start them, with nobody at the other end.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use ferrobeam_portable::replay::JobServer;
use std::process::Command;

/// What the word count says before it fails.
fn refusal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wordcount"));
    command.args(arguments).env_remove("FERROBEAM_ROLE").env_remove("PIPELINE_OPTIONS_FILE");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_worker_without_an_engine_says_what_is_missing() {
    let contract = ["--id='a'", "--provision_endpoint=localhost:1"];
    for (first, variables) in [("", &[][..]), ("boot", &[]), ("", &[("FERROBEAM_ROLE", "boot")])] {
        let words = [first].into_iter().filter(|word| !word.is_empty()).chain(contract).collect::<Vec<_>>();
        let told = refusal(&words, variables);
        assert!(told.contains("no provision service can be reached at `localhost:1`"), "{told}");
    }
}

#[test]
fn the_go_containers_contract_names_its_file() {
    let contract = ["--worker=true", "--id=a", "--logging_endpoint=localhost:1", "--control_endpoint=localhost:1"];
    let told = refusal(&contract, &[("PIPELINE_OPTIONS_FILE", "nowhere.json")]);
    assert!(told.contains("cannot read the pipeline options in `nowhere.json`"), "{told}");
    assert!(refusal(&contract, &[]).contains("PIPELINE_OPTIONS_FILE"));
}

#[test]
fn a_launcher_without_an_engine_says_where_it_looked() {
    let pipeline = ["--input=in.txt", "--output=out"];
    let told = |more: &[&str]| refusal(&[&pipeline[..], more].concat(), &[]);
    assert!(told(&["--runner=portable"]).contains("--job-endpoint=HOST:PORT"));
    let nobody = told(&["--runner=flink", "--job-endpoint=localhost:1"]);
    assert!(nobody.contains("no job server can be reached at `localhost:1`"), "{nobody}");
    assert!(told(&["--runner=prism", "--seed=1"]).contains("--seed is not for --runner=prism"));
}

#[test]
fn a_workers_command_that_ends_is_told_before_there_is_a_job() {
    let server = JobServer::start(&[], &[]).unwrap();
    let told = |command: &str| {
        let environment = format!("--environment=process={command}");
        let engine = ["--runner=portable", "--job-endpoint", server.endpoint(), &environment];
        refusal(&[&["--input=in.txt", "--output=out"], &engine[..]].concat(), &[])
    };
    let ended = told("/bin/false");
    assert!(ended.contains("`/bin/false` ended before it connected to the engine (exit status: 1)"), "{ended}");
    assert!(told("no-such-program").contains("`no-such-program` cannot be started: No such file"));
}
