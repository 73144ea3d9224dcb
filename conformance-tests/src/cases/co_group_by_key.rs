//! Two collections grouped by one key.

use super::prelude::*;
use ferrobeam::transforms::CoGrouped;

type Sides = (u64, (Vec<String>, Vec<bool>));

fn sides((key, (left, right)): CoGrouped<u64, String, bool>) -> Sides {
    (key, (sorted(&left), sorted(&right)))
}

fn left(pairs: &[(u64, &str)]) -> Vec<(u64, String)> {
    pairs.iter().map(|(key, text)| (*key, (*text).to_owned())).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn both_sides_meet(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let a = root.create(left(&[(1, "x"), (2, "y"), (1, "z")]));
        let b = root.create([(2u64, true), (1, false), (2, false)]);
        let both = a.co_group_by_key(&b).map(sides);
        let expected = [(1, (texts(&["x", "z"]), vec![false])), (2, (texts(&["y"]), vec![false, true]))];
        assert_that(&both).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn a_key_may_be_on_one_side_only(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (root.create(left(&[(1, "x"), (3, "w")])), root.create([(2u64, true), (3, false)]));
        let both = a.co_group_by_key(&b).map(sides);
        let (x, w) = (texts(&["x"]), texts(&["w"]));
        let expected = [(1, (x, vec![])), (2, (vec![], vec![true])), (3, (w, vec![false]))];
        assert_that(&both).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn a_side_may_be_empty(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (root.create(left(&[(1, "x")])), root.create::<(u64, bool)>([]));
        assert_that(&a.co_group_by_key(&b).map(sides)).is_singleton((1, (texts(&["x"]), vec![])));
        let both = a.filter(|_| false).co_group_by_key(&b).map(sides);
        assert_that(&both).is_empty();
        Ok(())
    }))
}

pub(super) fn a_collection_with_itself(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..10).key_by(|x| x % 2);
        let both = pairs.co_group_by_key(&pairs).map(|(key, (a, b))| (key, sorted(&a), sorted(&b)));
        let (even, odd) = (vec![0u64, 2, 4, 6, 8], vec![1, 3, 5, 7, 9]);
        assert_that(&both).contains_in_any_order([(0, even.clone(), even), (1, odd.clone(), odd)]);
        Ok(())
    }))
}

pub(super) fn three_collections(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (root.create([(1u64, 'x'), (2, 'y')]), root.create([(2u64, 5u64), (2, 6)]));
        let c = root.create([(3u64, "z".to_owned()), (1, "w".to_owned())]);
        let all = a.co_group_by_key_3(&b, &c).map(|(key, (a, b, c))| (key, sorted(&a), sorted(&b), sorted(&c)));
        let expected = [
            (1, vec!['x'], vec![], texts(&["w"])),
            (2, vec!['y'], vec![5, 6], vec![]),
            (3, vec![], vec![], texts(&["z"])),
        ];
        assert_that(&all).contains_in_any_order(expected);
        Ok(())
    }))
}
