//! A side input that is loaded again and again, whose source fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use ferrobeam_core::prelude::*;
use ferrobeam_core::streaming::RELOADS_FAILED;
use ferrobeam_core::testing::{TestStream, assert_that};
use ferrobeam_core::time::millis;
use ferrobeam_direct::DirectRunner;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives the number of each load, and fails in some.
fn load(fails: fn(u64) -> bool) -> impl Fn() -> Result<u64, BoxError> + Send + Sync + 'static {
    let loads = Arc::new(AtomicU64::new(0));
    move || {
        let load = loads.fetch_add(1, Ordering::Relaxed);
        if fails(load) { Err(format!("load {load} failed").into()) } else { Ok(load) }
    }
}

/// Plays a letter before each of the loads but the first, and a last one; gives them with what they saw.
fn seen<F: Fn() -> Result<u64, BoxError> + Send + Sync + 'static>(
    root: &Root,
    table: Refreshed<F>,
) -> PCollection<(char, u64)> {
    let table = root.apply(table.until(Timestamp::from_millis(250)));
    let add = |script: TestStream<char>, letter| script.add_elements([(letter, Timestamp::EPOCH)]);
    let wait = |script: TestStream<char>, letter| add(script.advance_processing_time(millis(100)), letter);
    let script = ['b', 'c'].into_iter().fold(add(TestStream::new(), 'a'), wait);
    root.test_stream(script).map_with(table, |letter, load| (letter, *load))
}

#[test]
fn a_load_that_fails_leaves_what_was_there() {
    let result = DirectRunner::new().run(|root| {
        let table = Refreshed::every(millis(100), load(|load| load == 1)).keep_when_failing();
        assert_that(&seen(root, table)).contains_in_any_order([('a', 0), ('b', 0), ('c', 2)]);
        Ok(())
    });
    assert_eq!(result.unwrap().metrics.counter(&RELOADS_FAILED), 1);
}

#[test]
fn what_was_there_is_kept_when_bundles_are_repeated() {
    for seed in 0..50 {
        let result = DirectRunner::new().seed(seed).failing_bundles(0.3).run(|root| {
            let table = Refreshed::every(millis(100), load(|load| load > 0)).keep_when_failing();
            assert_that(&seen(root, table)).contains_in_any_order([('a', 0), ('b', 0), ('c', 0)]);
            Ok(())
        });
        assert!(result.unwrap().metrics.counter(&RELOADS_FAILED) >= 2, "{seed}");
    }
}

#[test]
fn the_first_load_must_not_fail() {
    let result = DirectRunner::new().run(|root| {
        seen(root, Refreshed::every(millis(100), load(|load| load == 0)).keep_when_failing()).discard();
        Ok(())
    });
    assert!(result.unwrap_err().to_string().contains("load 0 failed"));
}

#[test]
fn a_load_that_fails_is_an_error_where_nothing_is_to_be_kept() {
    let result = DirectRunner::new().run(|root| {
        seen(root, Refreshed::every(millis(100), load(|load| load == 1))).discard();
        Ok(())
    });
    assert!(result.unwrap_err().to_string().contains("load 1 failed"));
}
