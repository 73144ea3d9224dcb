//! A new distribution changes nothing else.

use super::prelude::*;

pub(super) fn all_elements_stay(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create(0u64..2000).reshuffle()).contains_in_any_order(0..2000);
        let words = root.create(["a", "b"].map(str::to_owned)).reshuffle().map(|word| word + "!");
        assert_that(&words).contains_in_any_order(["a!", "b!"].map(str::to_owned));
        Ok(())
    }))
}

pub(super) fn time_and_window_stay(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let moved = root.create([-5i64, 0, 7]).par_do(AtMillis).reshuffle();
        let seen = moved.par_do(Reify::default());
        assert_that(&seen).contains_in_any_order([-5, 0, 7].map(|x| (x, Timestamp::from_millis(x), Window::Global)));
        Ok(())
    }))
}

pub(super) fn nothing_stays_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create::<String>([]).reshuffle()).is_empty();
        Ok(())
    }))
}

pub(super) fn equal_elements_stay_apart(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create([(); 300]).reshuffle().map(|()| 1u64).combine_globally(sum())).is_singleton(300);
        Ok(())
    }))
}

pub(super) fn again_and_again(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let moved = (0..6).fold(root.create(0u64..100), |c, _| c.reshuffle());
        let sums = moved.reshuffle().key_by(|x| x % 2).combine_per_key(sum()).reshuffle();
        assert_that(&moved).contains_in_any_order(0..100);
        assert_that(&sums).contains_in_any_order([(0, 2450), (1, 2500)]);
        Ok(())
    }))
}
