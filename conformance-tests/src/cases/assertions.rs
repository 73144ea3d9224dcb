//! Assertions: they fail the pipeline when they do not hold, and never pass without having run. All other cases stand
//! on these.

use super::prelude::*;

pub(super) fn a_wrong_element_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        assert_that(&root.create([1u64, 2, 3])).contains_in_any_order([1, 2, 4]);
        Ok(())
    });
    fails(result, &["Assert", "missing [4]", "not expected [3]", file!()])
}

pub(super) fn a_missing_element_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        assert_that(&root.create(["a", "b"].map(str::to_owned))).contains_in_any_order(["a", "b", "c"].map(str::to_owned));
        Ok(())
    });
    fails(result, &["missing [\"c\"]"])
}

pub(super) fn a_repeated_element_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        assert_that(&root.create([7u64, 7])).contains_in_any_order([7]);
        Ok(())
    });
    fails(result, &["not expected [7]"])
}

pub(super) fn an_element_once_too_few_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        assert_that(&root.create([7u64])).contains_in_any_order([7, 7]);
        Ok(())
    });
    fails(result, &["missing [7]"])
}

pub(super) fn order_does_not_matter(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create([1u64, 2, 2, 3])).contains_in_any_order([2, 3, 1, 2]);
        Ok(())
    }))
}

pub(super) fn nothing_is_checked_too(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        assert_that(&root.create::<u64>([])).contains_in_any_order([1]);
        Ok(())
    });
    fails(result, &["missing [1]"])
}

pub(super) fn a_check_of_nothing_can_fail(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let none = root.create([1u64]).filter(|_| false);
        assert_that(&none).satisfies(|elements| Err(format!("it ran on {} elements", elements.len()).into()));
        Ok(())
    });
    fails(result, &["it ran on 0 elements"])
}

pub(super) fn empty_is_empty(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create::<u64>([])).is_empty();
        assert_that(&root.create([1u64]).filter(|_| false)).is_empty();
        Ok(())
    }))
}

pub(super) fn something_is_not_empty(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        assert_that(&root.create([5u64])).is_empty();
        Ok(())
    });
    fails(result, &["not empty: [5]"])
}

pub(super) fn a_singleton_has_one_element(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create([5u64])).is_singleton(5);
        Ok(())
    }))?;
    let two = runner.run(|root| {
        assert_that(&root.create([5u64, 6])).is_singleton(5);
        Ok(())
    });
    fails(two, &["not expected [6]"])
}

pub(super) fn a_check_sees_every_element(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create(0u64..500)).satisfies(|elements| {
            let mut elements = elements.to_vec();
            elements.sort_unstable();
            ensure!(elements == (0..500).collect::<Vec<_>>(), "{elements:?}");
            Ok(())
        });
        Ok(())
    }))
}

pub(super) fn one_wrong_among_many_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let numbers = root.create([1u64, 2]);
        assert_that(&numbers).contains_in_any_order([1, 2]);
        assert_that(&numbers.map(|x| x + 1)).contains_in_any_order([3, 3]);
        assert_that(&numbers.filter(|x| *x > 2)).is_empty();
        Ok(())
    });
    fails(result, &["missing [3]", "not expected [2]"])
}

pub(super) fn a_panic_in_a_check_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        assert_that(&root.create([1u64])).satisfies(|elements| panic!("no luck with {elements:?}"));
        Ok(())
    });
    fails(result, &["panicked", "no luck with [1]"])
}
