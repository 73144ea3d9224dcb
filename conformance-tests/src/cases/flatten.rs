//! Several collections as one.

use super::prelude::*;

pub(super) fn several_become_one(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b, c) = (root.create([1u64, 2]), root.create([2, 3]), root.create([4]));
        assert_that(&flatten([&a, &b, &c])).contains_in_any_order([1, 2, 2, 3, 4]);
        Ok(())
    }))
}

pub(super) fn one_stays_itself(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&flatten([&root.create([1u64, 2])])).contains_in_any_order([1, 2]);
        assert_that(&flatten([&root.impulse()])).is_singleton(());
        Ok(())
    }))
}

pub(super) fn the_same_twice_is_delivered_twice(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let made = root.create([1u64, 2]);
        assert_that(&flatten([&made, &made])).contains_in_any_order([1, 2, 1, 2]);
        let moved = made.reshuffle();
        assert_that(&flatten([&moved, &moved, &moved])).contains_in_any_order([1, 2, 1, 2, 1, 2]);
        let begun = root.impulse();
        assert_that(&flatten([&begun, &begun])).contains_in_any_order([(), ()]);
        let grouped = made.key_by(|_| ()).group_by_key().map(|(_, group)| sorted(&group));
        assert_that(&flatten([&grouped, &grouped])).contains_in_any_order([vec![1, 2], vec![1, 2]]);
        Ok(())
    }))
}

pub(super) fn an_empty_one_adds_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (some, none) = (root.create([1u64]), root.create([]));
        assert_that(&flatten([&none, &some])).is_singleton(1);
        assert_that(&flatten([&some, &some.filter(|_| false).reshuffle()])).is_singleton(1);
        Ok(())
    }))
}

pub(super) fn nothing_stays_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (root.create::<u64>([]), root.create([1u64]).filter(|_| false));
        let none = flatten([&a, &b, &a]);
        assert_that(&none).is_empty();
        assert_that(&none.key_by(|x| *x).group_by_key().map(|(key, _)| key)).is_empty();
        assert_that(&none.combine_globally(sum())).is_singleton(0);
        Ok(())
    }))
}

pub(super) fn a_grouping_and_a_map(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..6).key_by(|x| x % 2);
        let grouped = pairs.group_by_key();
        let alone = pairs.filter(|(_, x)| *x > 3).map(|(key, x)| (key, vec![x]));
        let both = flatten([&grouped.map(|(key, group)| (key, sorted(&group))), &alone]);
        let expected = [(0, vec![0, 2, 4]), (1, vec![1, 3, 5]), (0, vec![4]), (1, vec![5])];
        assert_that(&both).contains_in_any_order(expected);
        // The grouping's own output and a collection of the same type made by a step.
        let sizes = flatten([&grouped, &grouped.filter(|(key, _)| *key == 0)]).map(|(key, g)| (key, g.iter().count()));
        assert_that(&sizes).contains_in_any_order([(0, 3), (1, 3), (0, 3)]);
        Ok(())
    }))
}

pub(super) fn different_origins(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let made = root.create([Some(("a".to_owned(), vec![1u64])), None]);
        let moved = made.reshuffle();
        let summed = root.create([5u64, 6]).combine_globally(sum()).map(|sum| Some(("sum".to_owned(), vec![sum])));
        let all = flatten([&made, &moved, &summed, &made.map(|_| None)]);
        let (a, sum) = (Some(("a".to_owned(), vec![1])), Some(("sum".to_owned(), vec![11])));
        assert_that(&all.reshuffle()).contains_in_any_order([a.clone(), a, sum, None, None, None, None]);
        Ok(())
    }))
}

pub(super) fn branches_meet_again(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(0u64..100);
        let (small, large) = (numbers.filter(|x| *x < 50), numbers.filter(|x| *x >= 50));
        let back = flatten([&small, &large.map(|x| x - 50)]).map(|x| x + 1);
        assert_that(&back).contains_in_any_order((1..51).chain(1..51));
        Ok(())
    }))
}

/// Each round doubles; half of the way inside one stage, half of it between stages.
pub(super) fn flattened_again_and_again(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let one = root.create([1u64]);
        let inside = (0..5).fold(one.clone(), |c, _| flatten([&c, &c.map(|x| x + 1)]));
        let between = (0..5).fold(one, |c, _| flatten([&c, &c.reshuffle()]));
        assert_that(&inside.combine_globally(sum())).is_singleton(32 + 80);
        assert_that(&between.combine_globally(sum())).is_singleton(32);
        Ok(())
    }))
}

pub(super) fn the_time_is_kept(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (root.create([1i64, 2]).par_do(AtMillis), root.create([3i64]).par_do(AtMillis).reshuffle());
        let seen = flatten([&a, &b]).par_do(Reify::default());
        assert_that(&seen).contains_in_any_order([1, 2, 3].map(|x| (x, Timestamp::from_millis(x), Window::Global)));
        Ok(())
    }))
}

pub(super) fn behind_it_is_a_grouping(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (root.create([(1u64, 1u64), (2, 2)]), root.create([(1u64, 3u64)]).reshuffle());
        let groups = flatten([&a, &b, &a]).group_by_key().map(|(key, group)| (key, sorted(&group)));
        assert_that(&groups).contains_in_any_order([(1, vec![1, 1, 3]), (2, vec![2, 2])]);
        let sums = flatten([&a, &b.reshuffle(), &b]).combine_per_key(sum());
        assert_that(&sums).contains_in_any_order([(1, 7), (2, 2)]);
        Ok(())
    }))
}

/// There are more ways through it than one can count; each step must be looked at once.
pub(super) fn a_chain_of_many_diamonds(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let none = (0..40).fold(root.create::<u64>([]), |c, _| flatten([&c, &c.reshuffle()]));
        let seen = root.create([1u64]).map_with(none.as_iterable(), |x, none| x + none.len() as u64);
        assert_that(&seen).is_singleton(1);
        Ok(())
    }))
}
