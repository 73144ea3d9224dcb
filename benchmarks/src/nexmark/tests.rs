//! The pipelines and the plain loops come to the same.

use super::expected::{Results, expected};
use super::log::Folder;
use super::*;
use ferrobeam::LocalRunner;
use ferrobeam::runner::Runner;
use std::path::Path;

fn run(query: &Query, runner: &dyn Runner, workers: usize, events: u64, folder: &Path) -> Results {
    let setup = Setup { tally: Tally::default(), workers, folder: folder.to_owned() };
    let construct = |root: &Root| {
        query.build(root, events, &setup);
        Ok(())
    };
    runner.run(construct).unwrap();
    let (count, checksum) = setup.tally.total();
    Results { count, checksum }
}

fn holds(query: &Query, runner: &dyn Runner, workers: usize, events: u64) {
    let folder = Folder::new(&format!("{}-{}-{workers}", query.name, runner.name())).unwrap();
    let (got, want) = (run(query, runner, workers, events, &folder.0), expected(query.name, events).unwrap());
    match query.promise {
        Promise::Results => {
            assert_eq!(got, want, "{}", query.name);
            assert!(got.count > 0, "{}", query.name);
        }
        Promise::Checksum => assert_eq!(got.checksum, want.checksum, "{}", query.name),
        Promise::End => assert!(got.count >= want.count, "{}", query.name),
    }
}

/// Enough for four windows of ten seconds.
const EVENTS: u64 = 320_000;

#[test]
fn on_one_worker() {
    QUERIES.iter().for_each(|query| holds(query, &LocalRunner::new().workers(1).skip_waiting(), 1, EVENTS));
}

#[test]
fn on_two_workers() {
    QUERIES.iter().for_each(|query| holds(query, &LocalRunner::new().workers(2).skip_waiting(), 2, EVENTS));
}
