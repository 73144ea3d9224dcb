//! The launcher, and job servers that die, say nothing, or lack something.

use crate::PortableRunner;
use crate::job::artifacts::{self, Artifact};
use crate::job::client::{JobClient, Patience};
use crate::job::environment;
use crate::job::flink::tests::{NO_JOBS, played};
use crate::replay::JobServer;
use ferrobeam_core::prelude::Root;
use ferrobeam_core::runner::Runner;
use ferrobeam_model::job_management::job_state::Enum as State;
use ferrobeam_model::pipeline as pb;
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(1000);

const SHORT: Duration = Duration::from_millis(200);

fn runner(endpoint: &str) -> PortableRunner {
    let mut runner = PortableRunner::at(endpoint);
    runner.patience = Patience { translation: LONG, answer: LONG, silence: SHORT, end: LONG };
    runner
}

/// What becomes of a pipeline that `runner` runs.
fn told(runner: &PortableRunner) -> String {
    let graph = Root::build(|root| {
        root.create([0u64]).discard();
        Ok(())
    });
    runner.execute(&graph.unwrap()).map_or_else(|error| error.to_string(), |_| "done".to_owned())
}

/// An error names the call and the endpoint.
fn assert_names(told: &str, call: &str, server: &JobServer, how: &str) {
    let names = [format!("`{call}`"), format!("`{}`", server.endpoint()), how.to_owned()];
    assert!(names.iter().all(|name| told.contains(name)), "{told}");
}

#[test]
fn a_job_that_is_done_is_done() {
    let server = JobServer::start(&[], &[]).unwrap();
    server.say(State::Done);
    assert_eq!(told(&runner(server.endpoint())), "done");
    server.say(State::Failed);
    assert!(told(&runner(server.endpoint())).contains("the job is failed: the engine gives no reason"));
}

#[test]
fn somebody_who_says_nothing_is_no_job_server() {
    let listener = TcpListener::bind("localhost:0").unwrap();
    let endpoint = format!("localhost:{}", listener.local_addr().unwrap().port());
    let listens = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_to_end(&mut Vec::new())
    });
    let told = told(&runner(&endpoint));
    assert!(told.contains(&format!("what listens at `{endpoint}` is no job server: it has not answered")), "{told}");
    // The launcher has hung up.
    let _ = listens.join().unwrap();
}

#[test]
fn a_call_that_is_not_answered_is_named() {
    for (call, patience) in [
        ("Prepare", Patience { translation: SHORT, ..runner("").patience }),
        ("Run", Patience { translation: SHORT, ..runner("").patience }),
        ("GetState", Patience { answer: SHORT, ..runner("").patience }),
    ] {
        let server = JobServer::start(&[call], &[]).unwrap();
        let mut runner = runner(server.endpoint());
        runner.patience = patience;
        assert_names(&told(&runner), call, &server, "did not answer");
    }
}

#[test]
fn a_call_that_an_engine_lacks_is_named() {
    for call in ["Prepare", "Run", "GetState"] {
        let server = JobServer::start(&[], &[call]).unwrap();
        assert_names(&told(&runner(server.endpoint())), call, &server, "does not implement");
    }
}

#[test]
fn a_job_server_may_die_while_the_job_runs() {
    let server = JobServer::start(&[], &[]).unwrap();
    let runner = runner(server.endpoint());
    let launcher = std::thread::spawn(move || told(&runner));
    server.wait_for("GetState").unwrap();
    let endpoint = server.endpoint().to_owned();
    drop(server);
    let told = launcher.join().unwrap();
    assert!(told.contains(&format!("`{endpoint}` is gone or cannot be reached (`GetState`)")), "{told}");
}

#[test]
fn a_job_is_cancelled_at_its_time_limit() {
    let at_limit = |server: &JobServer, patience: Patience| {
        let mut runner = runner(server.endpoint()).time_limit(SHORT);
        runner.patience = patience;
        told(&runner)
    };
    let patience = runner("").patience;
    let server = JobServer::start(&[], &[]).unwrap();
    let told = at_limit(&server, patience);
    assert!(told.contains("the job job is not done after 200ms, and is cancelled"), "{told}");
    server.wait_for("Cancel").unwrap();
    let server = JobServer::start(&[], &["Cancel"]).unwrap();
    assert_names(&at_limit(&server, patience), "Cancel", &server, "was not cancelled: ");
    let server = JobServer::start(&["Cancel"], &[]).unwrap();
    assert_names(&at_limit(&server, Patience { answer: SHORT, ..patience }), "Cancel", &server, "did not answer");
    let told = at_limit(&server, Patience { end: SHORT, ..patience });
    assert!(told.contains("has not ended within 200ms"), "{told}");
}

#[test]
fn what_a_job_server_refuses_is_told_in_its_words() {
    let why = "unsupported requirement beam:requirement:pardo:stable_input:v1";
    for call in ["Prepare", "Run"] {
        let server = JobServer::start(&[], &[]).unwrap();
        server.refuse(call, why);
        assert_names(&told(&runner(server.endpoint())), call, &server, why);
    }
    // Others take the pipeline, and fail when they look at it.
    let server = JobServer::start(&[], &[]).unwrap();
    server.fail(&["No translator known for the URN beam:transform:new:v9"]);
    let told = told(&runner(server.endpoint()));
    assert!(told.ends_with("the job is failed: No translator known for the URN beam:transform:new:v9"), "{told}");
}

/// What becomes of staging a file of three pieces.
fn staged(server: &JobServer) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    std::fs::write(&path, vec![7; 5 << 19]).unwrap();
    let artifacts = [Artifact::of(&path).unwrap()];
    let environment = environment::process("command", Default::default(), &artifacts);
    let components = pb::Components { environments: [("rust".to_owned(), environment)].into(), ..Default::default() };
    let pipeline = pb::Pipeline { components: Some(components), ..Default::default() };
    let doing = async {
        let client = JobClient::connect(server.endpoint()).await?;
        let prepared = client.prepare("job", pipeline, Default::default()).await?;
        artifacts::stage(&prepared, &artifacts, |_, _| ()).await
    };
    let path = path.display().to_string();
    crate::runtime().unwrap().block_on(doing).map_err(|error| error.to_string().replace(&path, "PROGRAM"))
}

#[test]
fn an_engine_whose_disk_is_full_says_so_while_it_is_given_the_program() {
    let server = JobServer::start(&[], &[]).unwrap();
    assert_eq!(staged(&server), Ok(()));
    server.refuse("ReverseArtifactRetrievalService", "write /tmp/staged: no space left on device");
    let told = staged(&server).unwrap_err();
    assert!(told.contains("staging artifacts broke off (the last one was `PROGRAM`)"), "{told}");
    assert!(told.contains(server.endpoint()) && told.contains("/tmp/staged: no space left on device"), "{told}");
}

#[test]
fn a_job_that_its_job_server_lets_go_of_is_looked_for_on_flink() {
    let cancelled = |master: &str| {
        let server = JobServer::start(&[], &[]).unwrap();
        let mut runner = runner(server.endpoint()).flink_master(master).time_limit(SHORT);
        runner.patience = Patience { end: LONG, ..runner.patience };
        told(&runner)
    };
    // It is looked for before anything is submitted, too.
    let look = "GET /jobs/overview HTTP/1.0";
    let (flink, rest) = played(vec![NO_JOBS.to_owned(); 2]);
    let told = cancelled(flink.master());
    assert!(
        told.ends_with(&format!("and is cancelled; the Flink at `{}` does not run it any more", flink.master())),
        "{told}"
    );
    assert_eq!(rest.join().unwrap(), [look; 2]);
    let told = cancelled(flink.master());
    assert!(told.contains(&format!("there is no Flink at `{}`", flink.master())), "{told}");
    assert!(told.contains("cannot be asked"), "{told}");
    // It goes while the job runs.
    let (flink, rest) = played(vec![NO_JOBS.to_owned()]);
    let told = cancelled(flink.master());
    assert_eq!(rest.join().unwrap(), [look]);
    assert!(
        told.contains("and is cancelled; the Flink at `")
            && told.contains("` may still run it, as `ferrobeam_portable-"),
        "{told}"
    );
    assert!(told.contains("cannot be asked"), "{told}");
}
