//! Windows that merge. What triggers make of them is among the rules.

use super::prelude::*;
use ferrobeam::time::*;
use ferrobeam::windowing::{Merge, merge_overlapping};

fn numbers(root: &Root, millis: impl IntoIterator<Item = i64>) -> PCollection<i64> {
    root.create(millis).with_timestamps(|n| at(*n))
}

fn sessions(root: &Root, millis: impl IntoIterator<Item = i64>) -> PCollection<i64> {
    numbers(root, millis).window(Sessions::with_gap(ferrobeam::time::millis(10)))
}

pub(super) fn a_gap_ends_a_session(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let panes = ["[0, 24) OnTime 0/0 [0, 9, 14] @ 23 last", "[25, 35) OnTime 0/0 [25] @ 34 last"];
        expect(&grouped(&sessions(root, [25, 0, 14, 9])), &panes);
        Ok(())
    }))
}

pub(super) fn sessions_that_touch_stay_apart(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let panes = ["[-5, 5) OnTime 0/0 [-5] @ 4 last", "[5, 15) OnTime 0/0 [5] @ 14 last"];
        expect(&grouped(&sessions(root, [5, -5])), &panes);
        Ok(())
    }))
}

pub(super) fn an_element_between_two_joins_them(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[0]), Add(&[15]), Add(&[8])];
    fires(runner, Sessions::with_gap(millis(10)), &script, &["[0, 25) OnTime 0/0 [0, 8, 15] @ 24 last"])
}

pub(super) fn an_element_at_the_same_time_changes_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        expect(&grouped(&sessions(root, [3, 3, 3])), &["[3, 13) OnTime 0/0 [3, 3, 3] @ 12 last"]);
        Ok(())
    }))
}

pub(super) fn each_key_has_its_own(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let groups = sessions(root, [0, 5, 8, 13]).key_by(|n| n % 2).group_by_key();
        let groups = groups.map(|(key, values)| (key, sorted(&values)));
        let panes = ["[0, 18) OnTime 0/0 (0, [0, 8]) @ 17 last", "[5, 23) OnTime 0/0 (1, [5, 13]) @ 22 last"];
        expect(&shown(&groups), &panes);
        Ok(())
    }))
}

pub(super) fn combines_of_sessions(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sessions = sessions(root, [0, 9, 14, 25]);
        let panes = |a, b| [format!("[0, 24) OnTime 0/0 {a} @ 23 last"), format!("[25, 35) OnTime 0/0 {b} @ 34 last")];
        let combined = |values: PCollection<i64>, a, b| assert_that(&shown(&values)).contains_in_any_order(panes(a, b));
        combined(sessions.combine_globally(sum()), 23, 25);
        combined(sessions.combine_globally(max()), 14, 25);
        combined(sessions.key_by(|_| 'k').combine_per_key(min()).map(|(_, min)| min), 0, 25);
        let counts = sessions.map(|_| 'x').count_per_element();
        assert_that(&counts).contains_in_any_order([('x', 3), ('x', 1)]);
        Ok(())
    }))
}

pub(super) fn many_in_any_order(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // Ten elements make a session; the order is that of a walk with a large step.
        let time = |i: i64| 9 * i + 20 * (i / 10);
        let sessions = sessions(root, (0..3000).map(|i| time(i * 977 % 3000)));
        let expected = (0..300).map(|i| {
            let (first, last) = (time(10 * i), time(10 * i + 9));
            format!("[{first}, {}) OnTime 0/0 10 @ {} last", last + 10, last + 9)
        });
        assert_that(&shown(&sessions.map(|_| 1i64).combine_globally(sum()))).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn steps_before_a_grouping_see_them_unmerged(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sessions = sessions(root, [0, 5]);
        expect(&shown(&sessions), &["[0, 10) 0 @ 0", "[5, 15) 5 @ 5"]);
        expect(&shown(&sessions.reshuffle()), &["[0, 10) 0 @ 0", "[5, 15) 5 @ 5"]);
        expect(&grouped(&sessions.reshuffle()), &["[0, 15) OnTime 0/0 [0, 5] @ 14 last"]);
        Ok(())
    }))
}

pub(super) fn behind_a_grouping_they_are_merged(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sums = sessions(root, [0, 5, 8]).key_by(|n| n % 2).combine_per_key(sum()).map(|(_, sum)| sum);
        // [0, 18) and [5, 15) overlap, and stay what they are.
        let panes = ["[0, 18) OnTime 0/0 [8] @ 17 last", "[5, 15) OnTime 0/0 [5] @ 14 last"];
        expect(&grouped(&sums), &panes);
        expect(&grouped(&sums.reshuffle()), &panes);
        Ok(())
    }))
}

pub(super) fn windowed_again_they_merge_again(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sums = sessions(root, [0, 5, 8]).key_by(|n| n % 2).combine_per_key(sum()).map(|(_, sum)| sum);
        // At 17 and at 14.
        let again = sums.window(Sessions::with_gap(millis(10)));
        expect(&grouped(&again), &["[14, 27) OnTime 0/0 [5, 8] @ 26 last"]);
        Ok(())
    }))
}

pub(super) fn of_several_collections(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let both = flatten([&sessions(root, [0, 30]), &sessions(root, [8, 50])]);
        expect(
            &grouped(&both),
            &[
                "[0, 18) OnTime 0/0 [0, 8] @ 17 last",
                "[30, 40) OnTime 0/0 [30] @ 39 last",
                "[50, 60) OnTime 0/0 [50] @ 59 last",
            ],
        );
        Ok(())
    }))
}

pub(super) fn of_both_sides_of_a_join(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let keyed = |times: &[i64]| sessions(root, times.iter().copied()).key_by(|_| 'k');
        let both = keyed(&[0, 30]).co_group_by_key(&keyed(&[8]));
        let both = both.map(|(_, (first, second))| (sorted(&first), sorted(&second)));
        let panes = ["[0, 18) OnTime 0/0 ([0], [8]) @ 17 last", "[30, 40) OnTime 0/0 ([30], []) @ 39 last"];
        expect(&shown(&both), &panes);
        Ok(())
    }))
}

pub(super) fn they_have_the_combined_timestamp(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        for (combiner, time) in
            [(TimestampCombiner::Earliest, 3), (TimestampCombiner::Latest, 9), (TimestampCombiner::EndOfWindow, 18)]
        {
            let windows = Sessions::with_gap(millis(10)).timestamp_combiner(combiner);
            let pane = format!("[3, 19) OnTime 0/0 [3, 9] @ {time} last");
            expect(&grouped(&numbers(root, [9, 3]).window(windows)), &[&pane]);
        }
        Ok(())
    }))
}

/// Sessions that overlap become one only if both begin in the same hundred.
#[derive(Debug)]
struct InHundreds;

impl InHundreds {
    fn hundred(window: &Window) -> i64 {
        match window {
            Window::Interval { start, .. } => start.millis().div_euclid(100),
            Window::Global => i64::MAX,
        }
    }
}

impl WindowFn for InHundreds {
    fn assign(&self, time: Timestamp, _: Window) -> WindowSet {
        Window::interval(time, time + millis(30)).into()
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn merge(&self, windows: &[Window]) -> Vec<Merge> {
        windows.chunk_by(|a, b| InHundreds::hundred(a) == InHundreds::hundred(b)).flat_map(merge_overlapping).collect()
    }
}

pub(super) fn a_merging_function_of_the_users(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = numbers(root, [70, 90, 101, 120, 190]).window(Windowing::of(InHundreds));
        expect(
            &grouped(&windows),
            &[
                "[70, 120) OnTime 0/0 [70, 90] @ 119 last",
                "[101, 150) OnTime 0/0 [101, 120] @ 149 last",
                "[190, 220) OnTime 0/0 [190] @ 219 last",
            ],
        );
        Ok(())
    }))
}

pub(super) fn steps_around_a_merging_function_of_the_users(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = |times: &[i64]| numbers(root, times.to_vec()).window(Windowing::of(InHundreds));
        let both = flatten([&windows(&[70, 120]), &windows(&[90, 101])]).reshuffle();
        expect(&shown(&both.filter(|n| *n == 90)), &["[90, 120) 90 @ 90"]);
        let sums = both.key_by(|n| *n > 100).combine_per_key(sum()).map(|(_, sum)| sum);
        expect(&shown(&sums), &["[70, 120) OnTime 0/0 160 @ 119 last", "[101, 150) OnTime 0/0 221 @ 149 last"]);
        // They overlap, and stay what they are.
        expect(&grouped(&sums), &["[70, 120) OnTime 0/0 [160] @ 119 last", "[101, 150) OnTime 0/0 [221] @ 149 last"]);
        let total = sums.window(FixedWindows::of(millis(200))).combine_globally(sum());
        expect(&shown(&total), &["[0, 200) OnTime 0/0 381 @ 199 last"]);
        Ok(())
    }))
}

/// Merges into the future that has not been asked for.
#[derive(Debug)]
struct Wrong;

impl WindowFn for Wrong {
    fn assign(&self, time: Timestamp, _: Window) -> WindowSet {
        Window::interval(time, time + millis(10)).into()
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn merge(&self, windows: &[Window]) -> Vec<Merge> {
        vec![Merge { result: Window::interval(at(0), at(1)), sources: [windows, windows].concat() }]
    }
}

/// Merges windows into the first of them, though others end behind it.
#[derive(Debug)]
struct Back;

impl WindowFn for Back {
    fn assign(&self, time: Timestamp, _: Window) -> WindowSet {
        Window::interval(time, time + millis(10)).into()
    }

    fn is_merging(&self) -> bool {
        true
    }

    fn merge(&self, windows: &[Window]) -> Vec<Merge> {
        let several = windows.first().filter(|_| windows.len() > 1);
        several.map(|first| Merge { result: *first, sources: windows.to_vec() }).into_iter().collect()
    }
}

pub(super) fn a_merge_that_makes_no_sense_fails_its_grouping(runner: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let pairs = numbers(root, [1, 5]).window(Windowing::of(Wrong)).key_by(|_| ());
        line = line_after!();
        pairs.group_by_key().discard();
        Ok(())
    });
    fails(result, &["`GroupByKey`", &line, "is merged twice"])?;
    let result = runner.run(|root| {
        let pairs = numbers(root, [1, 5]).window(Windowing::of(Back)).key_by(|_| ());
        line = line_after!();
        pairs.group_by_key().named("Groups").discard();
        Ok(())
    });
    fails(result, &["`Groups`", &line, "which ends before it"])
}
