//! Side inputs: a step sees all of another collection, and only once that is whole.

use super::prelude::*;

pub(super) fn a_singleton_is_seen_by_every_element(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let total = root.create(0u64..1000).reshuffle().combine_globally(sum()).as_singleton();
        let seen = root.create(0u64..200).reshuffle().map_with(total, |x, total| total + x);
        assert_that(&seen).contains_in_any_order(499_500..499_700);
        Ok(())
    }))
}

pub(super) fn an_empty_singleton_has_its_default(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (none, one) = (root.create::<u64>([]), root.create([5u64]));
        let views = (none.as_singleton_or(7), one.as_singleton_or(7));
        let seen = root.create([1u64]).map_with(views, |x, (none, one)| (x, *none, *one));
        assert_that(&seen).is_singleton((1, 7, 5));
        Ok(())
    }))
}

pub(super) fn a_missing_singleton_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let none = root.create([1u64]).filter(|_| false).as_singleton();
        root.create([1u64]).map_with(none, |x, y| x + y).named("Look").discard();
        Ok(())
    });
    fails(result, &["`Look`", "singleton", "empty"])
}

pub(super) fn a_singleton_of_two_fails(runner: &dyn Runner) -> CaseResult {
    for default in [false, true] {
        let result = runner.run(|root| {
            let two = root.create([1u64, 2]);
            let view = if default { two.as_singleton_or(0) } else { two.as_singleton() };
            root.create([1u64]).map_with(view, |x, y| x + y).named("Look").discard();
            Ok(())
        });
        fails(result, &["`Look`", "singleton", "2 elements"])?;
    }
    Ok(())
}

pub(super) fn nobody_looks_and_nothing_fails(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let two = root.create([1u64, 2]).as_singleton();
        assert_that(&root.create::<u64>([]).map_with(two, |x, y| x + y)).is_empty();
        Ok(())
    }))
}

pub(super) fn an_iterable_has_all_elements(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let all = root.create(0u64..500).flat_map(|x| [x, x]).reshuffle().as_iterable();
        let seen = root.create([1u64, 2]).map_with(all, |x, all| (x, all.len(), all.iter().sum::<u64>()));
        assert_that(&seen).contains_in_any_order([(1, 1000, 249_500), (2, 1000, 249_500)]);
        Ok(())
    }))
}

pub(super) fn an_iterable_may_be_empty(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (never, filtered) = (root.create::<String>([]), root.create(["x".to_owned()]).filter(|_| false));
        let views = (never.as_iterable(), filtered.reshuffle().as_iterable());
        let seen = root.create([1u64]).map_with(views, |x, (a, b)| (x, a.is_empty() && b.is_empty()));
        assert_that(&seen).is_singleton((1, true));
        Ok(())
    }))
}

pub(super) fn a_map_is_looked_up(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let names = root.create([(1u64, "one".to_owned()), (2, "two".to_owned())]).as_map();
        let named = root.create(0u64..4).map_with(names, |id, names| (names.get(&id).cloned(), names.len()));
        let (one, two) = (Some("one".to_owned()), Some("two".to_owned()));
        assert_that(&named).contains_in_any_order([(None, 2), (one, 2), (two, 2), (None, 2)]);
        Ok(())
    }))
}

pub(super) fn a_map_with_two_values_of_a_key_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let names = root.create([(1u64, 1u64), (2, 1), (1, 1)]).as_map();
        root.create([2u64]).map_with(names, |id, names| names.get(&id).copied()).named("Look").discard();
        Ok(())
    });
    fails(result, &["`Look`", "two values for one key"])
}

pub(super) fn a_multimap_has_all_values(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create([(1u64, 'a'), (2, 'b'), (1, 'c'), (1, 'a')]).as_multimap();
        let found = root.create(1u64..4).map_with(pairs, |id, pairs| {
            let mut values = pairs.get(&id).to_vec();
            values.sort_unstable();
            (id, values, pairs.iter().count())
        });
        assert_that(&found).contains_in_any_order([(1, vec!['a', 'a', 'c'], 2), (2, vec!['b'], 2), (3, vec![], 2)]);
        Ok(())
    }))
}

pub(super) fn several_at_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(1u64..=3);
        let total = numbers.combine_globally(sum()).as_singleton();
        let list = root.create(["x", "y"].map(str::to_owned)).as_iterable();
        let squares = numbers.map(|x| (x, x * x)).as_map();
        let divisors = numbers.flat_map(|x| (1..=x).filter(move |d| x % d == 0).map(move |d| (x, d))).as_multimap();
        let seen = numbers.map_with((total, list, squares, divisors), |x, (total, list, squares, divisors)| {
            (x, *total, list.len(), squares.get(&x).copied(), divisors.get(&x).iter().sum::<u64>())
        });
        let expected = [(1, 6, 2, Some(1), 1), (2, 6, 2, Some(4), 3), (3, 6, 2, Some(9), 4)];
        assert_that(&seen).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn the_same_view_twice(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let view = root.create([5u64]).as_singleton();
        let seen = root.create([1u64]).map_with((view.clone(), view), |x, (a, b)| (x, *a, *b));
        assert_that(&seen).is_singleton((1, 5, 5));
        Ok(())
    }))
}

pub(super) fn two_views_of_one_collection(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create([(1u64, 'a'), (2, 'b')]);
        let views = (pairs.as_map(), pairs.as_multimap(), pairs.as_iterable());
        let seen = root.create([2u64]).map_with(views, |id, (map, multimap, all)| {
            (map.get(&id).copied(), multimap.get(&id).to_vec(), all.len())
        });
        assert_that(&seen).is_singleton((Some('b'), vec!['b'], 2));
        Ok(())
    }))
}

pub(super) fn a_collection_beside_itself(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(1u64..=4).reshuffle();
        let all = numbers.as_iterable();
        let ranks = numbers.map_with(all, |x, all| (x, all.iter().filter(|y| **y < x).count()));
        assert_that(&ranks).contains_in_any_order([(1, 0), (2, 1), (3, 2), (4, 3)]);
        let made = root.create([1.0f64, 3.0]);
        let shares = made.map_with(made.combine_globally(sum()).as_singleton(), |x, total| x / total);
        assert_that(&shares).contains_in_any_order([0.25, 0.75]);
        Ok(())
    }))
}

pub(super) fn chained(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create([1u64, 2, 3]);
        let mut view = numbers.combine_globally(sum()).as_singleton();
        for _ in 0..5 {
            view = numbers.map_with(view, |x, sum| x * sum).combine_globally(sum()).as_singleton();
        }
        assert_that(&numbers.filter(|x| *x == 1).map_with(view, |_, sum| *sum)).is_singleton(6u64.pow(6));
        Ok(())
    }))
}

pub(super) fn one_for_two_steps(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let view = root.create([10u64]).as_singleton();
        let first = root.create([1u64, 2]).map_with(view.clone(), |x, ten| x + ten);
        let second = first.reshuffle().map_with(view.clone(), |x, ten| x * ten);
        let beside = root.create([3u64]).map_with(view, |x, ten| x * ten);
        assert_that(&flatten([&second, &beside])).contains_in_any_order([110, 120, 30]);
        Ok(())
    }))
}

const LARGE: Tag<u64> = Tag::new("large");

#[derive(Clone)]
struct Sort;

impl DoFn for Sort {
    type In = u64;
    type Out = u64;

    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        if x < 10 { ctx.emit(x) } else { ctx.emit_to(&LARGE, x) }
        Ok(())
    }
}

/// One output is the side input of a step on the other: the two must not run in one stage.
pub(super) fn two_outputs_of_one_step(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sorted = root.create(0u64..12).reshuffle().par_do_tagged(Sort, &LARGE);
        let large = sorted.get(&LARGE).as_iterable();
        let seen = sorted.main().filter(|x| *x < 3).map_with(large, |x, large| (x, large.iter().sum::<u64>()));
        assert_that(&seen).contains_in_any_order([(0, 21), (1, 21), (2, 21)]);
        Ok(())
    }))
}

pub(super) fn out_of_a_grouping(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let groups = root.create(0u64..100).key_by(|x| x % 10).group_by_key().as_map();
        let sizes = root.create([3u64, 30]).map_with(groups, |key, groups| {
            groups.get(&key).map(|group| group.iter().count())
        });
        assert_that(&sizes).contains_in_any_order([Some(10), None]);
        Ok(())
    }))
}

pub(super) fn out_of_a_flatten(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (root.create([1u64, 2]), root.create([3u64]).reshuffle());
        let all = flatten([&a, &b, &a]).as_iterable();
        let seen = flatten([&a, &b]).map_with(all, |x, all| x * all.iter().sum::<u64>());
        assert_that(&seen).contains_in_any_order([9, 18, 27]);
        Ok(())
    }))
}

/// Holds its views and asks for them.
#[derive(Clone)]
struct Lookup {
    names: AsMap<u64, String>,
    total: Singleton<u64>,
}

impl DoFn for Lookup {
    type In = u64;
    type Out = String;

    fn process(&mut self, id: u64, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
        let total = *ctx.side(&self.total)?;
        let name = ctx.side(&self.names)?.get(&id).cloned();
        ctx.emit(format!("{} of {total}", name.ok_or("a number without a name")?));
        Ok(())
    }
}

pub(super) fn in_a_do_fn(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let ids = root.create([1u64, 2]);
        let (names, total) = (root.create([(1u64, "one"), (2, "two")].map(|(id, name)| (id, name.to_owned()))), &ids);
        let lookup = Lookup { names: names.as_map(), total: total.combine_globally(sum()).as_singleton() };
        let seen = ids.par_do_with((lookup.names.clone(), lookup.total.clone()), lookup);
        assert_that(&seen).contains_in_any_order(["one of 3", "two of 3"].map(str::to_owned));
        Ok(())
    }))
}

pub(super) fn any_number_of_outputs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let words = root.create(["a", "b", "c"].map(str::to_owned)).as_iterable();
        let pairs = root.create(0usize..4).flat_map_with(words, |n, words, out| {
            let mut words = words.to_vec();
            words.sort_unstable();
            words.into_iter().take(n).for_each(|word| out.emit(format!("{word}{n}")));
        });
        assert_that(&pairs).contains_in_any_order(["a1", "a2", "b2", "a3", "b3", "c3"].map(str::to_owned));
        Ok(())
    }))
}

pub(super) fn an_undeclared_view_fails_the_step(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let ids = root.create([1u64]);
        let names = root.create([(1u64, "one".to_owned())]).as_map();
        let total = ids.combine_globally(sum()).as_singleton();
        ids.par_do_with(names.clone(), Lookup { names, total }).named("Look").discard();
        Ok(())
    });
    fails(result, &["side input", "was not declared"])
}
