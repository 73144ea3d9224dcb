//! Lines from a connection.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

use ferrobeam_core::prelude::*;
use ferrobeam_core::runner::Runner;
use ferrobeam_core::testing::assert_that;
use ferrobeam_direct::DirectRunner;
use ferrobeam_io::live;
use ferrobeam_local::LocalRunner;
use std::io::Write;
use std::net::TcpListener;
use std::thread;

/// Runs a pipeline that adds up the numbers of a server.
fn sum_of(runner: &dyn Runner, text: &'static str) -> ferrobeam_core::Result<()> {
    let server = TcpListener::bind("localhost:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || server.accept().unwrap().0.write_all(text.as_bytes()).unwrap());
    let result = runner.run(|root| {
        let numbers = root.apply(live::tcp(address)).map(|line| line.parse::<u64>().unwrap_or(1_000_000));
        let all = numbers.window(GlobalWindows::new().trigger(Trigger::Never).discarding());
        assert_that(&all.key_by(|_| ()).combine_per_key((sum(), count())).values()).is_singleton((10, 4));
        Ok(())
    });
    serving.join().unwrap();
    result.map(drop)
}

#[test]
fn lines_come_until_the_server_closes() {
    for seed in 0..5 {
        sum_of(&DirectRunner::new().seed(seed).failing_bundles(0.3), "1\n2\r\n3\n4").unwrap();
    }
    for workers in [1, 3] {
        sum_of(&LocalRunner::new().workers(workers), "1\n2\r\n3\n4").unwrap();
    }
    assert!(sum_of(&LocalRunner::new(), "1\n2\n").is_err());
}

#[test]
fn nobody_there_is_an_error() {
    let server = TcpListener::bind("localhost:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    drop(server);
    let result = LocalRunner::new().run(|root| {
        root.apply(live::tcp(&address)).discard();
        Ok(())
    });
    let text = result.unwrap_err().to_string();
    assert!(text.contains(&format!("cannot read from `{address}`: ")), "{text}");
}
