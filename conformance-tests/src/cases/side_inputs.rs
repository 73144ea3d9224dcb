//! Side inputs: a step sees all of another collection, and only once that is whole.

use super::prelude::*;
use super::stateful::together;
use ferrobeam::time::millis;
use ferrobeam::windowing::CompleteWindowing;

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

fn fixed(root: &Root, numbers: &[i64], size: u64) -> PCollection<i64> {
    together(root, numbers.iter().copied()).window(FixedWindows::of(millis(size)))
}

/// Each number with what is at its side.
fn beside(main: &PCollection<i64>, side: AsIterable<i64>) -> PCollection<(i64, Vec<i64>)> {
    main.map_with(side, |x, side| {
        let mut seen = side.to_vec();
        seen.sort_unstable();
        (x, seen)
    })
}

pub(super) fn each_window_sees_its_own(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let side = fixed(root, &[1, 2, 12, 33], 10).as_iterable();
        let seen = beside(&fixed(root, &[5, 15, 25, 35], 10), side);
        let expected = [(5, vec![1, 2]), (15, vec![12]), (25, vec![]), (35, vec![33])];
        assert_that(&seen).contains_in_any_order(expected);
        Ok(())
    }))
}

/// That which contains the end of the main window.
pub(super) fn windows_of_another_size(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = [1, 12, 23, 34, 45];
        let (small, large) = (fixed(root, &numbers, 10), fixed(root, &numbers, 20));
        let seen = beside(&small, large.as_iterable());
        let expected = [(1, vec![1, 12]), (12, vec![1, 12]), (23, vec![23, 34]), (34, vec![23, 34]), (45, vec![45])];
        assert_that(&seen).contains_in_any_order(expected);
        let seen = beside(&large, small.as_iterable());
        let expected = [(1, vec![12]), (12, vec![12]), (23, vec![34]), (34, vec![34]), (45, vec![])];
        assert_that(&seen).contains_in_any_order(expected);
        let seen = beside(&small, together(root, numbers).as_iterable());
        assert_that(&seen).contains_in_any_order(numbers.map(|x| (x, numbers.to_vec())));
        Ok(())
    }))
}

pub(super) fn each_of_several_windows_sees_its_own(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let side = fixed(root, &[1, 12, 23], 10).as_iterable();
        let main = together(root, [15]).window(SlidingWindows::of(millis(20)).every(millis(10)));
        assert_that(&beside(&main, side)).contains_in_any_order([(15, vec![12]), (15, vec![23])]);
        Ok(())
    }))
}

pub(super) fn windows_are_those_the_user_says(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let side = fixed(root, &[1, 12, 23], 10).as_iterable().windows_by(|main| match main {
            Window::Interval { start, end } => Window::interval(start - millis(10), end - millis(10)),
            Window::Global => main,
        });
        let seen = beside(&fixed(root, &[5, 15, 25, 35, 95], 10), side);
        let expected = [(5, vec![]), (15, vec![1]), (25, vec![12]), (35, vec![23]), (95, vec![])];
        assert_that(&seen).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn an_empty_window_has_the_default(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let side = fixed(root, &[1], 10).as_singleton_or(7);
        let seen = fixed(root, &[5, 15], 10).map_with(side, |x, side| (x, *side));
        assert_that(&seen).contains_in_any_order([(5, 1), (15, 7)]);
        Ok(())
    }))
}

pub(super) fn an_empty_window_has_no_singleton(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let side = fixed(root, &[1], 10).as_singleton();
        fixed(root, &[5, 15], 10).map_with(side, |x, side| (x, *side)).named("Look").discard();
        Ok(())
    });
    fails(result, &["Look", "singleton side input is empty"])
}

/// The main input comes long before its side; all that waits holds the watermark.
pub(super) fn elements_wait_for_their_window(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = || FixedWindows::of(millis(10));
        let main = play(root, &[Add(&[5, 15]), Watermark(100)]).window(windows());
        // The scripts take turns as they like.
        let side = play(root, &[Add(&[1]), Watermark(9), Add(&[2, 12]), Watermark(10), Add(&[13])]).window(windows());
        let seen = beside(&main, side.as_iterable());
        assert_that(&seen).contains_in_any_order([(5, vec![1, 2]), (15, vec![12, 13])]);
        let groups = grouped(&seen.map(|(x, _)| x));
        expect(&groups, &["[0, 10) OnTime 0/0 [5] @ 9 last", "[10, 20) OnTime 0/0 [15] @ 19 last"]);
        Ok(())
    }))
}

/// A window of the side input that had no elements is ready when the watermark is beyond it.
pub(super) fn an_empty_window_is_waited_for(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = || FixedWindows::of(millis(10));
        let main = play(root, &[Add(&[5])]).window(windows());
        let side = play(root, &[Watermark(9), Add(&[12]), Watermark(11)]).window(windows());
        assert_that(&beside(&main, side.as_iterable())).is_singleton((5, vec![]));
        Ok(())
    }))
}

/// One script for both, so that their order is known: numbers from a hundred on are of the side input.
fn both(
    root: &Root,
    script: &[Step],
    main: impl CompleteWindowing,
    side: impl CompleteWindowing,
) -> PCollection<(i64, Vec<i64>)> {
    let numbers = play(root, script);
    let side = numbers.filter(|x| *x >= 100).window(side).as_iterable();
    beside(&numbers.filter(|x| *x < 100).window(main), side)
}

pub(super) fn the_newest_pane_is_seen(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[1]), Add(&[100]), Add(&[2]), Add(&[101]), Add(&[3]), Add(&[102]), Add(&[4])];
    passes(runner.run(|root| {
        let triggered = || GlobalWindows::new().trigger(repeatedly(after_count(1)));
        let seen = both(root, &script, GlobalWindows::new(), triggered().discarding());
        assert_that(&seen).contains_in_any_order([(1, vec![100]), (2, vec![100]), (3, vec![101]), (4, vec![102])]);
        let seen = both(root, &script, GlobalWindows::new(), triggered().accumulating());
        let expected = [(1, vec![100]), (2, vec![100]), (3, vec![100, 101]), (4, vec![100, 101, 102])];
        assert_that(&seen).contains_in_any_order(expected);
        Ok(())
    }))
}

/// A lookup now and then, and the newest at the side. Behind a grouping that fires by processing time it takes until all
/// work of that moment is done.
pub(super) fn one_is_updated_slowly(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (first, second) = ([Add(&[100, 1]), Wait(1000), Add(&[2])], [Add(&[200]), Wait(10), Add(&[3, 4])]);
        let script = [&first[..], &second, &[Wait(1000), Wait(1), Add(&[5])]].concat();
        let numbers = play(root, &script);
        let windows = GlobalWindows::new().trigger(repeatedly(after_delay(millis(500)))).discarding();
        let newest = numbers.filter(|x| *x >= 100).map(|x| x / 100).window(windows).latest_globally();
        let seen = numbers.filter(|x| *x < 100).map_with(newest.as_singleton(), |x, newest| (x, *newest));
        assert_that(&seen).contains_in_any_order([(1, 1), (2, 1), (3, 1), (4, 1), (5, 2)]);
        Ok(())
    }))
}

/// What of the main input is late, and allowed to be, sees it too.
pub(super) fn one_stays_for_late_elements(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = || FixedWindows::of(millis(200)).allowed_lateness(millis(1000));
        let script = [Add(&[100, 1]), Watermark(300), Add(&[2]), Watermark(1199), Add(&[3])];
        let seen = both(root, &script, windows(), windows());
        assert_that(&seen).contains_in_any_order([(1, vec![100]), (2, vec![100]), (3, vec![100])]);
        Ok(())
    }))
}

/// A late pane takes the place of the one on time.
pub(super) fn a_late_pane_replaces(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = || FixedWindows::of(millis(200)).allowed_lateness(millis(1000));
        let script = [Add(&[100, 1]), Watermark(300), Add(&[101]), Add(&[2])];
        let seen = both(root, &script, windows(), windows().accumulating());
        assert_that(&seen).contains_in_any_order([(1, vec![100]), (2, vec![100, 101])]);
        Ok(())
    }))
}
