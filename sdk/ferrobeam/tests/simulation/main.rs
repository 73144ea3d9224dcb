//! What simulations find: bugs in pipelines that only some schedules show, each beside the pipeline without it.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

mod combines;
mod comparisons;
mod dofns;
mod reports;
mod sources;
mod state;

use ferrobeam::prelude::*;
use ferrobeam::testing::simulate;

/// A thousand schedules find nothing in the pipeline that is right (`true`), and find the bug in the other one: an error
/// with this text.
#[track_caller]
fn finds(text: &str, construct: impl Fn(&Root, bool) -> ferrobeam::Result<()>) {
    simulate(0..1000, |root| construct(root, true)).unwrap();
    let error = simulate(0..1000, |root| construct(root, false)).unwrap_err().to_string();
    assert!(error.contains(text), "{error}");
}

fn words(words: &str) -> Vec<String> {
    words.split(' ').map(str::to_owned).collect()
}
