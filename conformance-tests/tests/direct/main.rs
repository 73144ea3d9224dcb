//! The suite on the direct runner, and the suite itself: would it notice a runner that is wrong?
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

mod ledger;
mod matrix;

use ferrobeam::Result;
use ferrobeam::graph::Graph;
use ferrobeam::metrics::Metrics;
use ferrobeam::prelude::*;
use ferrobeam::runner::{PipelineResult, Runner};
use ferrobeam::testing::assert_that;
use ferrobeam_conformance::generated::pipelines;
use ferrobeam_conformance::{CASES, Case, Ledger, Outcome, model};
use ferrobeam_direct::DirectRunner;
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use std::process::Command;

/// A case on several schedules, in half of which bundles fail.
fn outcomes(case: &Case) -> Vec<Outcome> {
    let runner = |seed| DirectRunner::new().seed(seed);
    let sound = (0..5).map(|seed| case.run(&runner(seed)));
    let faulty = (5..10).map(|seed| case.run(&runner(seed).failing_bundles(0.3)));
    sound.chain(faulty).collect()
}

#[test]
fn every_case_is_as_the_ledger_says() {
    let outcomes: Vec<_> = CASES.iter().map(|case| (case.name, outcomes(case))).collect();
    Ledger::checked_in().unwrap().compare(DirectRunner::NAME, &outcomes).unwrap_or_else(|e| panic!("\n{e}"));
}

#[test]
fn the_page_about_the_model_is_what_pipelines_do() {
    for seed in 0..3 {
        let page = model(&DirectRunner::new().seed(seed).failing_bundles(0.1)).unwrap();
        assert_eq!(page, include_str!("../../../docs/model.md"), "`cargo xtask model` writes it anew");
    }
}

#[test]
fn names_are_unique_and_say_where_they_belong() {
    let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len());
    assert!(names.iter().all(|name| name.split("::").count() == 2));
}

/// Does nothing, successfully.
struct Idle;

impl Runner for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }
    fn unsupported(&self, _: &Graph) -> Vec<String> {
        Vec::new()
    }
    fn execute(&self, _: &Graph) -> Result<PipelineResult> {
        Ok(PipelineResult::default())
    }
}

#[test]
fn no_case_passes_on_a_runner_that_does_nothing() {
    // What these areas test comes before a runner: a pipeline that is not built.
    let about_runners = CASES.iter().filter(|case| !["graph_errors", "determinism"].contains(&case.area()));
    let passed: Vec<_> = about_runners.filter(|case| case.run(&Idle) == Outcome::Pass).map(|case| case.name).collect();
    assert!(passed.is_empty(), "they check nothing: {passed:?}");
}

/// Runs a pipeline and forgets some of what it reported.
struct Forgetful(fn(Metrics) -> Metrics);

impl Runner for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }
    fn unsupported(&self, graph: &Graph) -> Vec<String> {
        DirectRunner::new().unsupported(graph)
    }
    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        let PipelineResult { metrics, is_drained } = DirectRunner::new().execute(graph)?;
        Ok(PipelineResult { metrics: self.0(metrics), is_drained })
    }
}

fn holds(root: &Root) -> Result<()> {
    assert_that(&root.create([1u64])).contains_in_any_order([1]);
    assert_that(&root.create::<u64>([])).is_empty();
    Ok(())
}

#[test]
fn an_assertion_that_did_not_run_has_not_passed() {
    let runner: &dyn Runner = &Forgetful(|_| Metrics::default());
    let error = runner.run(holds).unwrap_err().to_string();
    assert!(error.contains("0 of 2 assertions ran once"), "{error}");
}

#[test]
fn an_assertion_that_ran_twice_has_not_passed() {
    let runner: &dyn Runner = &Forgetful(|metrics| {
        let mut twice = metrics.clone();
        twice.merge(metrics);
        twice
    });
    let error = runner.run(holds).unwrap_err().to_string();
    assert!(error.contains("0 of 2 assertions ran once"), "{error}");
}

#[test]
fn an_assertion_over_nothing_runs() {
    for seed in 0..20 {
        let runner: &dyn Runner = &DirectRunner::new().seed(seed);
        let result = runner.run(|root| {
            let none = root.create::<u64>([]);
            assert_that(&none).satisfies(|elements| Err(format!("looked at {} elements", elements.len()).into()));
            Ok(())
        });
        let error = result.unwrap_err().to_string();
        assert!(error.contains("looked at 0 elements"), "{error}");
    }
}

fn conformance(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_conformance")).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn the_program_runs_cases_by_name_and_area() {
    let (status, text) = conformance(&["run", "create::nothing_is_empty", "reshuffle", "--seeds", "3..4"]);
    assert_eq!(status, Some(0), "{text}");
    let reshuffle = CASES.iter().filter(|case| case.area() == "reshuffle").count();
    assert!(text.ends_with(&format!("\n{} passed, 0 failed\n", reshuffle + 1)), "{text}");
    assert!(text.contains("ok   create::nothing_is_empty\n"), "{text}");
}

#[test]
fn the_program_refuses_what_it_does_not_know() {
    for (arguments, says) in [
        (&["run", "no_such_area"][..], "neither a case nor an area `no_such_area`"),
        (&["run", "--runner", "storm"], "--runner=storm"),
        (&["run", "--seeds", "4..3"], "`4..3` is not FIRST..LAST"),
    ] {
        let (status, text) = conformance(arguments);
        assert!(status == Some(2) && text.contains(says), "{text}");
    }
}

#[test]
fn the_program_lists_cases_and_prints_the_matrix() {
    let (status, text) = conformance(&["list"]);
    assert_eq!((status, text.lines().count()), (Some(0), CASES.len()));
    assert!(text.contains("life_cycle::every_instance_is_set_up_once_and_torn_down (in-process)\n"));
    let (status, text) = conformance(&["matrix"]);
    assert_eq!(status, Some(0));
    let head = "| area | direct | flink | local | prism | spark |\n|---|---|---|---|---|---|\n| assertions | all ";
    assert!(text.starts_with(head), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_pipelines_come_to_what_they_should(pipeline in pipelines(12), seed in 0..1000u64, faulty: bool) {
        prop_assert!(pipeline.is_small());
        let failing_bundles = if faulty { 0.3 } else { 0.0 };
        let runner: &dyn Runner = &DirectRunner::new().seed(seed).failing_bundles(failing_bundles);
        let result = runner.run(|root| pipeline.construct(root));
        prop_assert!(result.is_ok(), "{}", result.unwrap_err());
    }
}
