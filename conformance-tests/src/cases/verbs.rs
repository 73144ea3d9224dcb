//! The standard combines as verbs: the same result however the values are cut into bundles.

use super::prelude::*;
use std::fmt::Debug;

/// Numbers in no particular order, spread over a runner's workers.
fn numbers(root: &Root, end: u64) -> PCollection<u64> {
    root.create(0..end).reshuffle()
}

pub(super) fn count_counts(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = numbers(root, 1000);
        assert_that(&numbers.map(|x| x % 3).count_per_element()).contains_in_any_order([(0, 334), (1, 333), (2, 333)]);
        let keyed = numbers.key_by(|x| *x < 10);
        assert_that(&keyed.count_per_key()).contains_in_any_order([(true, 10), (false, 990)]);
        assert_that(&numbers.count_globally()).is_singleton(1000);
        assert_that(&numbers.filter(|_| false).count_globally()).is_singleton(0);
        Ok(())
    }))
}

pub(super) fn sum_adds(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = numbers(root, 1000);
        assert_that(&numbers.sum_globally()).is_singleton(499_500);
        assert_that(&numbers.key_by(|x| x % 2).sum_per_key()).contains_in_any_order([(0, 249_500), (1, 250_000)]);
        assert_that(&numbers.map(|x| x as i64 - 500).sum_globally()).is_singleton(-500);
        Ok(())
    }))
}

pub(super) fn mean_is_exact_for_integers(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = numbers(root, 1000);
        assert_that(&numbers.mean_globally()).is_singleton(499.5);
        assert_that(&numbers.key_by(|x| x % 2).mean_per_key()).contains_in_any_order([(0, 499.0), (1, 500.0)]);
        Ok(())
    }))
}

pub(super) fn min_and_max_find_the_ends(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = numbers(root, 1000).map(|x| x as f64 - 500.0);
        assert_that(&numbers.min_globally()).is_singleton(-500.0);
        assert_that(&numbers.max_globally()).is_singleton(499.0);
        let keyed = numbers.key_by(|x| *x < 0.0);
        assert_that(&keyed.max_per_key()).contains_in_any_order([(true, -1.0), (false, 499.0)]);
        assert_that(&keyed.min_per_key()).contains_in_any_order([(true, -500.0), (false, 0.0)]);
        let words = root.create(["aaa", "b", "cc"].map(str::to_owned));
        assert_that(&words.max_globally_by(|word| word.len())).is_singleton("aaa".to_owned());
        assert_that(&words.min_globally_by(|word| word.len())).is_singleton("b".to_owned());
        Ok(())
    }))
}

pub(super) fn nothing_has_no_extremes(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let none = root.create([1u64]).filter(|_| false);
        assert_that(&none.max_globally()).is_empty();
        assert_that(&none.min_globally()).is_empty();
        assert_that(&none.latest_globally()).is_empty();
        assert_that(&none.top_globally(3)).is_singleton(vec![]);
        assert_that(&none.quantiles_globally(3)).is_singleton(vec![]);
        assert_that(&none.sample_globally(3)).is_singleton(vec![]);
        assert_that(&none.to_list()).is_singleton(vec![]);
        assert_that(&none.approximate_distinct_globally()).is_singleton(0);
        assert_that(&none.mean_globally().map(|mean| mean.is_nan())).is_singleton(true);
        Ok(())
    }))
}

pub(super) fn top_lists_the_largest(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = numbers(root, 1000);
        assert_that(&numbers.top_globally(3)).is_singleton(vec![999, 998, 997]);
        let keyed = numbers.key_by(|x| x % 2);
        assert_that(&keyed.top_per_key(2)).contains_in_any_order([(0, vec![998, 996]), (1, vec![999, 997])]);
        assert_that(&keyed.combine_per_key(smallest(2))).contains_in_any_order([(0, vec![0, 2]), (1, vec![1, 3])]);
        assert_that(&root.create([2u64, 1]).top_globally(5)).is_singleton(vec![2, 1]);
        let by_last_digit = numbers.filter(|x| *x < 20).top_globally_by(2, |x| (x % 10, *x));
        assert_that(&by_last_digit).is_singleton(vec![19, 9]);
        Ok(())
    }))
}

pub(super) fn quantiles_of_few_are_exact(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = numbers(root, 1001);
        assert_that(&numbers.quantiles_globally(5)).is_singleton(vec![0, 250, 500, 750, 1000]);
        let keyed = numbers.key_by(|x| *x < 500).quantiles_per_key(2);
        assert_that(&keyed).contains_in_any_order([(true, vec![0, 499]), (false, vec![500, 1000])]);
        Ok(())
    }))
}

pub(super) fn distinct_keeps_one_of_each(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = numbers(root, 1000);
        assert_that(&numbers.map(|x| x % 10).distinct()).contains_in_any_order(0..10);
        assert_that(&numbers.map(|x| x % 7).distinct_by(|x| x % 2).count_globally()).is_singleton(2);
        assert_that(&numbers.map(|x| x % 100).approximate_distinct_globally()).is_singleton(100);
        let keyed = numbers.map(|x| (x % 2, x % 10));
        assert_that(&keyed.approximate_distinct_per_key()).contains_in_any_order([(0, 5), (1, 5)]);
        // The first of three remainders is that of one number more.
        let frequent = numbers.map(|x| (x % 2, x % 3)).combine_per_key(frequent(1));
        let most = |value, n| vec![(value, (n, n))];
        assert_that(&frequent).contains_in_any_order([(0, most(0, 167)), (1, most(0, 167))]);
        Ok(())
    }))
}

pub(super) fn latest_finds_the_newest(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let timed = numbers(root, 1000).with_timestamps(|x| Timestamp::from_millis((*x as i64 * 7) % 1000));
        // The only number below 1000 whose product with 7 ends in 999.
        assert_that(&timed.latest_globally()).is_singleton(857);
        let per_key = timed.filter(|x| *x < 6).key_by(|x| x % 2).latest_per_key();
        assert_that(&per_key).contains_in_any_order([(0, 4), (1, 5)]);
        Ok(())
    }))
}

pub(super) fn a_sample_is_some_of_them(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = numbers(root, 1000);
        let checked = numbers.sample_globally(20).map(|mut sample| {
            let drawn = sample.len();
            sample.sort_unstable();
            sample.dedup();
            (drawn, sample.len(), sample.last().is_some_and(|x| *x < 1000))
        });
        assert_that(&checked).is_singleton((20, 20, true));
        let few = numbers.key_by(|x| *x < 3).sample_per_key(10).map(|(key, sample)| (key, sample.len()));
        assert_that(&few).contains_in_any_order([(true, 3), (false, 10)]);
        Ok(())
    }))
}

pub(super) fn to_list_lists_all(runner: &dyn Runner) -> CaseResult {
    let sorted = |mut list: Vec<u64>| {
        list.sort_unstable();
        list
    };
    passes(runner.run(|root| {
        let numbers = numbers(root, 300);
        assert_that(&numbers.to_list().map(sorted)).is_singleton((0..300).collect());
        let lists = numbers.key_by(|x| *x < 3).to_list_per_key().map(move |(key, list)| (key, sorted(list)));
        assert_that(&lists).contains_in_any_order([(true, vec![0, 1, 2]), (false, (3..300).collect())]);
        Ok(())
    }))
}

pub(super) fn several_combines_in_one_pass(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let orders = numbers(root, 100).map(|x| (x % 2, (x, 0.5 * x as f64)));
        let number = sum().on(|(number, _): (u64, f64)| number);
        let price = max().on(|(_, price): (u64, f64)| price);
        let report = orders.combine_per_key((count(), number, price));
        assert_that(&report).contains_in_any_order([(0, (50, 2450, 49.0)), (1, (50, 2500, 49.5))]);
        Ok(())
    }))
}

pub(super) fn parts_of_pairs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create([(1u64, 'a'), (2, 'b'), (1, 'a')]);
        assert_that(&pairs.keys()).contains_in_any_order([1, 2, 1]);
        assert_that(&pairs.values()).contains_in_any_order(['a', 'b', 'a']);
        assert_that(&pairs.swap()).contains_in_any_order([('a', 1), ('b', 2), ('a', 1)]);
        Ok(())
    }))
}

fn parts<T: Element + PartialEq + Debug, const N: usize>(parts: [PCollection<T>; N], expected: [Vec<T>; N]) {
    parts.iter().zip(expected).for_each(|(part, expected)| assert_that(part).contains_in_any_order(expected));
}

pub(super) fn partition_sends_each_to_one(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(0u64..10);
        let by_three: [_; 3] = numbers.partition(|x| (*x % 3) as usize);
        parts(by_three, [vec![0, 3, 6, 9], vec![1, 4, 7], vec![2, 5, 8]]);
        let none: [_; 4] = numbers.filter(|x| *x < 2).partition(|_| 2);
        parts(none, [vec![], vec![], vec![0, 1], vec![]]);
        let all: [_; 1] = numbers.partition(|_| 0);
        parts(all, [(0..10).collect()]);
        Ok(())
    }))
}

pub(super) fn a_partition_that_is_not_there_fails(runner: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let numbers = root.create([0usize, 1, 2]);
        line = line_after!();
        let [zero, one] = numbers.partition(|x| *x);
        flatten([&zero, &one]).discard();
        Ok(())
    });
    fails(result, &["`Partition`", &line, "2 partitions"])
}

pub(super) fn with_timestamps_sets_the_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let timed = root.create([3i64, -3, 0]).with_timestamps(|x| Timestamp::from_millis(*x)).reshuffle();
        let later = timed.map(|x| x + 1).with_timestamps(|x| Timestamp::from_millis(*x));
        let seen = later.par_do(Reify::default());
        assert_that(&seen).contains_in_any_order([4, -2, 1].map(|x| (x, Timestamp::from_millis(x), Window::Global)));
        Ok(())
    }))
}

pub(super) fn with_timestamps_does_not_go_back(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let timed = root.create([3i64]).with_timestamps(|x| Timestamp::from_millis(*x));
        timed.with_timestamps(|x| Timestamp::from_millis(x - 1)).named("Back").discard();
        Ok(())
    });
    fails(result, &["`Back`", "before the element's own"])
}
