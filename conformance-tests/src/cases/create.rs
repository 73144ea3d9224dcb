//! Where elements come from, and which types survive on the way.

use super::prelude::*;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

pub(super) fn every_element_comes_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create(0u64..1000)).contains_in_any_order(0..1000);
        Ok(())
    }))
}

pub(super) fn equal_elements_stay_apart(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create([1u64, 1, 1])).contains_in_any_order([1, 1, 1]);
        Ok(())
    }))
}

pub(super) fn nothing_is_empty(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create::<String>([]).map(|x| x)).is_empty();
        Ok(())
    }))
}

pub(super) fn an_impulse_is_one_element_at_the_beginning(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let seen = root.impulse().par_do(Reify::default());
        assert_that(&seen).is_singleton(((), Timestamp::MIN, Window::Global));
        Ok(())
    }))
}

pub(super) fn created_elements_are_at_the_beginning(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let seen = root.create([1u64, 2]).par_do(Reify::default());
        assert_that(&seen).contains_in_any_order([1, 2].map(|x| (x, Timestamp::MIN, Window::Global)));
        Ok(())
    }))
}

/// Through a coder at least once, on every runner.
fn survives<T: Element + PartialEq + Debug>(runner: &dyn Runner, elements: Vec<T>) -> CaseResult {
    passes(runner.run(|root| {
        let there = root.create(elements.clone()).reshuffle();
        assert_that(&there).contains_in_any_order(elements.clone());
        Ok(())
    }))
}

pub(super) fn numbers_survive(runner: &dyn Runner) -> CaseResult {
    survives(runner, vec![0u64, 1, 127, 128, 1 << 35, u64::MAX])?;
    survives(runner, vec![0i64, -1, i64::MIN, i64::MAX])?;
    survives(runner, vec![(u8::MAX, i8::MIN), (0, 0)])?;
    survives(runner, vec![(u32::MAX, i32::MIN), (1, -1)])?;
    survives(runner, vec![0.0f64, -0.5, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY])?;
    survives(runner, vec![i128::MIN, 0, i128::MAX])
}

pub(super) fn text_and_bytes_survive(runner: &dyn Runner) -> CaseResult {
    let long = "ä".repeat(10_000);
    survives(runner, ["", "a", "naïve 🦀", "line\nbreak\0", &long].map(str::to_owned).to_vec())?;
    survives(runner, vec![vec![], vec![0u8, 255], vec![1; 1000]])?;
    survives(runner, vec![Bytes::new(), Bytes::from_static(b"\xff\x00")])?;
    survives(runner, vec![('x', true), ('🦀', false)])
}

pub(super) fn containers_survive(runner: &dyn Runner) -> CaseResult {
    survives(runner, vec![None, Some("".to_owned()), Some("x".to_owned())])?;
    survives(runner, vec![vec![], vec![None, Some(vec![1i64, -1])], vec![Some(vec![])]])?;
    survives(runner, vec![BTreeMap::new(), BTreeMap::from([("k".to_owned(), vec![1u64])])])?;
    survives(runner, vec![BTreeSet::from([3u64, 1]), BTreeSet::new()])?;
    survives(runner, vec![Ok::<u64, String>(1), Err("no".to_owned())])?;
    survives(runner, vec![[1u64, 2], [3, 4]])
}

pub(super) fn tuples_survive(runner: &dyn Runner) -> CaseResult {
    survives(runner, vec![("a".to_owned(), ("b".to_owned(), 1u64)), (String::new(), (String::new(), 0))])?;
    survives(runner, vec![(1u64, "a".to_owned(), None::<bool>), (2, "b".to_owned(), Some(true))])?;
    survives(runner, vec![((), 1u8, 2u16, 3u32, 4u64)])
}

pub(super) fn times_survive(runner: &dyn Runner) -> CaseResult {
    survives(runner, vec![Timestamp::MIN, Timestamp::EPOCH, Timestamp::END_OF_GLOBAL_WINDOW, Timestamp::MAX])?;
    survives(runner, vec![Duration::ZERO, Duration::new(1, 999_999_999)])?;
    let (start, end) = (Timestamp::from_millis(-5), Timestamp::from_millis(5));
    survives(runner, vec![Window::Global, Window::Interval { start, end }])
}
