//! What a failing simulation says.

use ferrobeam::DirectRunner;
use ferrobeam::prelude::*;
use ferrobeam::testing::{assert_that, simulate};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn is_sorted(root: &Root) -> ferrobeam::Result<()> {
    let groups = root.create(0u64..5).key_by(|_| 0u64).group_by_key();
    groups.try_map_or_fail().discard();
    Ok(())
}

/// Fails on groups that are not in order.
trait Sorted {
    fn try_map_or_fail(&self) -> PCollection<u64>;
}

impl Sorted for PCollection<(u64, Grouped<u64>)> {
    fn try_map_or_fail(&self) -> PCollection<u64> {
        self.map(|(key, group)| {
            assert!(group.iter().is_sorted(), "out of order");
            key
        })
    }
}

#[test]
fn a_panic_is_shown_with_the_shortest_script_and_that_repeats_it() {
    let error = simulate(0..1000, is_sorted).unwrap_err();
    let text = error.to_string();
    assert_eq!(text, format!("{error:?}"));
    assert!(text.contains("panicked on") && text.contains("out of order"), "{text}");
    assert!(text.contains("begins a stage\n  - a bundle of `"), "{text}");
    assert!(text.contains("the last first") || text.contains("1 of 5 elements"), "{text}");
    assert!(text.contains("--runner=direct --seed=") && text.contains("--fail-bundles=0.1"), "{text}");
    let script = text.split_once("script([").unwrap().1.split_once(']').unwrap().0;
    let script: Vec<u32> = script.split(", ").map(|n| n.parse().unwrap()).collect();
    // To cut stages, where, and what happens there: a bundle turned round, or a small one that fails and goes to the back.
    assert!((3..=4).contains(&script.iter().filter(|n| **n > 0).count()), "{text}");
    assert!(DirectRunner::new().script(script).run(is_sorted).unwrap_err().to_string().contains("out of order"));
    DirectRunner::new().script([]).run(is_sorted).unwrap();
}

#[test]
fn the_seed_that_it_names_repeats_it() {
    let text = simulate(0..1000, is_sorted).unwrap_err().to_string();
    let seed = text.split_once("--seed=").unwrap().1.split_once(' ').unwrap().0.parse().unwrap();
    let run = DirectRunner::new().seed(seed).failing_bundles(0.1).run(is_sorted);
    assert!(run.unwrap_err().to_string().contains("out of order"));
}

#[test]
fn what_fails_always_fails_in_the_calmest_run() {
    let error = simulate(0..1000, |root| {
        assert_that(&root.create([1u64])).contains_in_any_order([2]);
        Ok(())
    });
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("the calmest run fails already: `Assert/Check`") && text.contains("missing [2]"),
        "{text}"
    );
}

#[test]
fn what_is_not_of_the_schedule_is_told_apart() {
    let runs = Arc::new(AtomicU64::new(0));
    let text = simulate(0..1000, |root| {
        root.create([0u64]).map(move |_| u64::from(runs.fetch_add(1, Ordering::Relaxed) == 7)).discard();
        Ok(())
    });
    let text = text.unwrap_err().to_string();
    assert!(text.contains("not expected: 1") && text.contains("The schedule alone does not decide this"), "{text}");
}

#[test]
#[should_panic(expected = "a simulation without seeds runs nothing")]
fn without_seeds_nothing_would_be_tested() {
    drop(simulate(0..0, is_sorted));
}
