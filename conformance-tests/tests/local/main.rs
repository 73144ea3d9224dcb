//! The suite on the local runner.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

use ferrobeam::runner::Runner;
use ferrobeam::{DirectRunner, LocalRunner};
use ferrobeam_conformance::generated::{pipelines, streams};
use ferrobeam_conformance::{CASES, Case, Ledger, Outcome, WORKERS, local, model};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use std::thread;

#[test]
fn every_case_is_as_the_ledger_says() {
    let outcomes = |case: &Case| WORKERS.iter().map(|workers| case.run(&local(*workers))).collect();
    let outcomes: Vec<(_, Vec<Outcome>)> = CASES.iter().map(|case| (case.name, outcomes(case))).collect();
    Ledger::checked_in().unwrap().compare(LocalRunner::NAME, &outcomes).unwrap_or_else(|e| panic!("\n{e}"));
}

/// They wait for so long that one need not.
const LONG: [&str; 2] = ["splittable::a_delay_passes_before_it_is_resumed", "splittable::it_stops_and_is_resumed"];

#[test]
fn it_is_the_same_when_time_passes_by_itself() {
    let cases: Vec<&Case> = CASES.iter().filter(|case| !LONG.contains(&case.name)).collect();
    let run = |case: &Case| (case.name, vec![case.run(&LocalRunner::new().workers(3))]);
    // Some cases wait, and others need not wait for them.
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|first| {
                let mine = cases.iter().skip(first).step_by(4);
                scope.spawn(move || mine.map(|case| run(case)).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    Ledger::checked_in().unwrap().compare(LocalRunner::NAME, &outcomes).unwrap_or_else(|e| panic!("\n{e}"));
}

#[test]
fn it_is_the_same_when_groupings_go_to_files() {
    let outcomes = |case: &Case| [1, 3].map(|workers| case.run(&local(workers).store_limit(1))).to_vec();
    let outcomes: Vec<(_, Vec<Outcome>)> = CASES.iter().map(|case| (case.name, outcomes(case))).collect();
    Ledger::checked_in().unwrap().compare(LocalRunner::NAME, &outcomes).unwrap_or_else(|e| panic!("\n{e}"));
}

#[test]
fn the_page_about_the_model_is_what_pipelines_do() {
    for workers in WORKERS {
        let page = model(&local(workers)).unwrap();
        assert_eq!(page, include_str!("../../../docs/model.md"), "`cargo xtask model` writes it anew");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_pipelines_come_to_what_they_should(
        pipeline in pipelines(12),
        workers in 1..9_usize,
        spills in any::<bool>(),
    ) {
        let runner = local(workers);
        let runner: &dyn Runner = &if spills { runner.store_limit(1) } else { runner };
        let result = runner.run(|root| pipeline.construct(root));
        prop_assert!(result.is_ok(), "{}", result.unwrap_err());
    }

    #[test]
    fn random_streams_have_the_panes_that_they_have_on_the_direct_runner(
        stream in streams(),
        workers in 1..9_usize,
        spills in any::<bool>(),
    ) {
        let runner = local(workers);
        let panes = stream.panes(&if spills { runner.store_limit(1) } else { runner }).unwrap();
        prop_assert_eq!(panes, stream.panes(&DirectRunner::new()).unwrap());
    }
}
