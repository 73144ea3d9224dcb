//! Joins: values of one key in two collections, in pairs.

use super::prelude::*;

type Left = PCollection<(u64, char)>;
type Right = PCollection<(u64, bool)>;

/// Keys 1 and 2 are in both, 2 twice on either side; 3 and 4 in one only.
fn sides(root: &Root) -> (Left, Right) {
    let left = root.create([(1u64, 'a'), (2, 'b'), (2, 'c'), (3, 'd')]);
    let right = root.create([(2u64, true), (1, false), (4, true), (2, false)]);
    (left.reshuffle(), right)
}

/// The pairs of the keys that both have.
fn common() -> Vec<(u64, (char, bool))> {
    vec![(1, ('a', false)), (2, ('b', true)), (2, ('b', false)), (2, ('c', true)), (2, ('c', false))]
}

pub(super) fn inner_has_what_both_have(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root);
        assert_that(&left.inner_join(&right)).contains_in_any_order(common());
        Ok(())
    }))
}

pub(super) fn left_outer_keeps_the_left(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root);
        let common = common().into_iter().map(|(key, (a, b))| (key, (a, Some(b))));
        assert_that(&left.left_outer_join(&right)).contains_in_any_order(common.chain([(3, ('d', None))]));
        Ok(())
    }))
}

pub(super) fn right_outer_keeps_the_right(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root);
        let common = common().into_iter().map(|(key, (a, b))| (key, (Some(a), b)));
        assert_that(&left.right_outer_join(&right)).contains_in_any_order(common.chain([(4, (None, true))]));
        Ok(())
    }))
}

pub(super) fn full_outer_keeps_both(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root);
        let common = common().into_iter().map(|(key, (a, b))| (key, (Some(a), Some(b))));
        let lonely = [(3, (Some('d'), None)), (4, (None, Some(true)))];
        assert_that(&left.full_outer_join(&right)).contains_in_any_order(common.chain(lonely));
        Ok(())
    }))
}

pub(super) fn with_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root);
        let none = right.filter(|_| false);
        assert_that(&left.inner_join(&none)).is_empty();
        assert_that(&left.left_outer_join(&none).count_globally()).is_singleton(4);
        assert_that(&left.right_outer_join(&none)).is_empty();
        assert_that(&none.full_outer_join(&none)).is_empty();
        Ok(())
    }))
}

pub(super) fn with_itself(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create([(1u64, 'a'), (1, 'b')]);
        let all = [('a', 'a'), ('a', 'b'), ('b', 'a'), ('b', 'b')];
        assert_that(&pairs.inner_join(&pairs)).contains_in_any_order(all.map(|pair| (1, pair)));
        Ok(())
    }))
}
