//! The element-wise verbs.

use super::prelude::*;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

pub(super) fn map_replaces(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create([1u64, 2, 3]).map(|x| 10 * x)).contains_in_any_order([10, 20, 30]);
        Ok(())
    }))
}

pub(super) fn map_changes_the_type(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let texts = root.create([1u64, 20]).map(|x| x.to_string()).map(|text| (text.len(), Some(text)));
        assert_that(&texts).contains_in_any_order([(1, Some("1".to_owned())), (2, Some("20".to_owned()))]);
        Ok(())
    }))
}

pub(super) fn filter_keeps(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(0u64..100);
        assert_that(&numbers.filter(|x| x % 30 == 0)).contains_in_any_order([0, 30, 60, 90]);
        assert_that(&numbers.filter(|_| true)).contains_in_any_order(0..100);
        assert_that(&numbers.filter(|_| false)).is_empty();
        Ok(())
    }))
}

pub(super) fn flat_map_repeats_and_drops(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let repeated = root.create([0usize, 1, 3]).flat_map(|n| vec![n; n]);
        assert_that(&repeated).contains_in_any_order([1, 3, 3, 3]);
        assert_that(&repeated.flat_map(|_| None::<u64>)).is_empty();
        Ok(())
    }))
}

pub(super) fn flat_map_into_borrows(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let lines = root.create(["to be or".to_owned(), String::new(), "not to be".to_owned()]);
        let words = lines.flat_map_into(|line, out| line.split_whitespace().for_each(|word| out.emit(word.to_owned())));
        assert_that(&words).contains_in_any_order(["to", "be", "or", "not", "to", "be"].map(str::to_owned));
        Ok(())
    }))
}

pub(super) fn key_by_pairs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let keyed = root.create(["a", "bb"].map(str::to_owned)).key_by(|word| word.len());
        assert_that(&keyed).contains_in_any_order([(1, "a".to_owned()), (2, "bb".to_owned())]);
        Ok(())
    }))
}

pub(super) fn try_map_separates(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let words = root.create(["1", "x", "22", ""].map(str::to_owned));
        let (numbers, bad) = words.try_map(|word| word.parse::<u64>().map_err(|_| word));
        assert_that(&numbers).contains_in_any_order([1, 22]);
        assert_that(&bad).contains_in_any_order(["x", ""].map(str::to_owned));
        Ok(())
    }))
}

pub(super) fn try_map_of_only_errors(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (numbers, bad) = root.create([1u64, 2]).try_map(|x| Err::<String, _>(x + 1));
        assert_that(&numbers).is_empty();
        assert_that(&bad).contains_in_any_order([2, 3]);
        Ok(())
    }))
}

pub(super) fn futures_replace(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(0i64..300).par_do(AtMillis).window(FixedWindows::of(Duration::from_millis(100)));
        // Each is asked a few times before it is ready.
        let later = |n: i64| {
            let mut left = n % 7;
            poll_fn(move |context| {
                left -= 1;
                if left < 0 {
                    return Poll::Ready(Ok(2 * n));
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
        };
        let doubled = numbers.map_concurrent(16, later).par_do(Reify::default());
        let expected = |n: i64| (2 * n, at(n), Window::interval(at(n / 100 * 100), at(n / 100 * 100 + 100)));
        assert_that(&doubled).contains_in_any_order((0..300).map(expected));
        let in_order = numbers.map_concurrent_in_order(4, later).par_do(Reify::default());
        assert_that(&in_order).contains_in_any_order((0..300).map(expected));
        Ok(())
    }))
}
