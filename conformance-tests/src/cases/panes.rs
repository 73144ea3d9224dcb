//! Panes: what they contain, and what is known of them behind a grouping.

use super::prelude::*;
use ferrobeam::time::*;
use ferrobeam::windowing::{PaneInfo, Timing};

/// An early pane, one on time, a late one.
const ALL: [Step; 4] = [Add(&[1]), Watermark(10), Add(&[2]), Watermark(20)];
const PANES: [&str; 3] = ["[0, 10) Early 0/-1 1 @ 9", "[0, 10) OnTime 1/0 0 @ 9", "[0, 10) Late 2/1 2 @ 9 last"];

/// The sums of early, timely and late elements, with a last pane.
fn sums(root: &Root) -> PCollection<i64> {
    let trigger = AfterWatermark::new().early(after_count(1)).late(Trigger::Never);
    let windows = FixedWindows::of(millis(10)).trigger(trigger).discarding().allowed_lateness(millis(5));
    play(root, &ALL).window(windows).key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum)
}

/// Makes each element its pane.
#[derive(Clone)]
struct PaneOf;

impl DoFn for PaneOf {
    type In = i64;
    type Out = PaneInfo;

    fn process(&mut self, _: i64, ctx: &mut Context<'_, PaneInfo>) -> Result<(), BoxError> {
        ctx.emit(ctx.pane());
        Ok(())
    }
}

pub(super) fn what_was_never_grouped_has_none(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let made = root.create([1i64]);
        let unknown = PaneInfo {
            timing: Timing::Unknown,
            index: 0,
            nonspeculative_index: 0,
            is_first: true,
            is_last: true,
        };
        assert_that(&made.par_do(PaneOf)).is_singleton(unknown);
        assert_that(&made.window(FixedWindows::of(hours(1))).reshuffle().par_do(PaneOf)).is_singleton(unknown);
        Ok(())
    }))
}

pub(super) fn bounded_data_has_one(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = root.create([1i64, 2]).window(FixedWindows::of(hours(1)));
        let sums = windows.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        let pane = PaneInfo { timing: Timing::OnTime, index: 0, nonspeculative_index: 0, is_first: true, is_last: true };
        assert_that(&sums.par_do(PaneOf)).is_singleton(pane);
        assert_that(&windows.combine_globally(sum()).par_do(PaneOf)).is_singleton(pane);
        assert_that(&root.create([1i64, 2]).combine_globally(max()).par_do(PaneOf)).is_singleton(pane);
        Ok(())
    }))
}

pub(super) fn a_pane_knows_its_place(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pane = |timing, index, nonspeculative_index| PaneInfo {
            timing,
            index,
            nonspeculative_index,
            is_first: index == 0,
            is_last: timing == Timing::Late,
        };
        let panes = [pane(Timing::Early, 0, -1), pane(Timing::OnTime, 1, 0), pane(Timing::Late, 2, 1)];
        assert_that(&sums(root).par_do(PaneOf)).contains_in_any_order(panes);
        Ok(())
    }))
}

pub(super) fn steps_keep_it(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sums = sums(root);
        expect(&shown(&sums), &PANES);
        let steps = sums.map(|x| x + 1).filter(|_| true).flat_map(|x| [x, x]).filter(|x| *x > 0).map(|x| x - 1);
        let twice = PANES.iter().flat_map(|pane| [(*pane).to_owned(), (*pane).to_owned()]);
        assert_that(&shown(&steps)).contains_in_any_order(twice);
        expect(&shown(&root.flatten([&sums]).reshuffle()), &PANES);
        let (small, large) = (sums.filter(|x| *x < 2), sums.filter(|x| *x >= 2));
        expect(&shown(&flatten([&small, &large])), &PANES);
        Ok(())
    }))
}

pub(super) fn the_next_grouping_counts_anew(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let again = sums(root).window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)));
        // Early and timely, together; then the late one.
        expect(&grouped(&again), &["[0, 10) OnTime 0/0 [0, 1] @ 9", "[0, 10) Late 1/1 [2] @ 9"]);
        Ok(())
    }))
}

pub(super) fn discarding_panes_have_what_is_new(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(1))).discarding();
    let script = [Add(&[1]), Add(&[2]), Watermark(10)];
    let panes = ["[0, 10) Early 0/-1 [1] @ 9", "[0, 10) Early 1/-1 [2] @ 9", "[0, 10) OnTime 2/0 [] @ 9 last"];
    fires(runner, windows, &script, &panes)
}

pub(super) fn accumulating_panes_have_all(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(1))).accumulating();
    let script = [Add(&[1]), Add(&[2]), Watermark(10)];
    let panes =
        ["[0, 10) Early 0/-1 [1] @ 9", "[0, 10) Early 1/-1 [1, 2] @ 9", "[0, 10) OnTime 2/0 [1, 2] @ 9 last"];
    fires(runner, windows, &script, &panes)
}

pub(super) fn merged_sessions_accumulate(runner: &dyn Runner) -> CaseResult {
    let windows = Sessions::with_gap(millis(10)).trigger(AfterWatermark::new().early(after_count(1))).accumulating();
    let script = [Add(&[0]), Add(&[15]), Add(&[8]), Watermark(25)];
    let panes = [
        "[0, 10) Early 0/-1 [0] @ 9",
        "[15, 25) Early 0/-1 [15] @ 24",
        "[0, 25) Early 0/-1 [0, 8, 15] @ 24",
        "[0, 25) OnTime 1/0 [0, 8, 15] @ 24 last",
    ];
    fires(runner, windows, &script, &panes)
}

pub(super) fn accumulated_twice_counts_twice(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(1))).accumulating();
        let script = [Add(&[1]), Add(&[3]), Watermark(10)];
        let sums = play(root, &script).window(windows).key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        // What a grouping behind gets are panes, 1, 4 and 4, and it accumulates them.
        let panes = [
            "[0, 10) Early 0/-1 [1] @ 9",
            "[0, 10) Early 1/-1 [1, 4] @ 9",
            "[0, 10) Early 2/-1 [1, 4, 4] @ 9",
            "[0, 10) OnTime 3/0 [1, 4, 4] @ 9 last",
        ];
        expect(&grouped(&sums), &panes);
        Ok(())
    }))
}

pub(super) fn an_empty_pane_of_a_combine_is_the_value_of_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        expect(&shown(&sums(root)), &PANES);
        let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(1))).discarding();
        let keyed = play(root, &[Add(&[4]), Watermark(10)]).window(windows).key_by(|_| ());
        let both = keyed.combine_per_key((count(), mean())).map(|((), (n, mean))| (n, mean.is_nan()));
        expect(&shown(&both), &["[0, 10) Early 0/-1 (1, false) @ 9", "[0, 10) OnTime 1/0 (0, true) @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn an_empty_pane_of_a_join_has_empty_sides(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(2))).discarding();
        let keyed = play(root, &[Add(&[4]), Watermark(10)]).window(windows).key_by(|_| 'k');
        let both = keyed.co_group_by_key(&keyed).map(|(_, (a, b))| (sorted(&a), sorted(&b)));
        expect(&shown(&both), &["[0, 10) Early 0/-1 ([4], [4]) @ 9", "[0, 10) OnTime 1/0 ([], []) @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn a_last_pane_that_is_asked_for_may_be_empty(runner: &dyn Runner) -> CaseResult {
    let windows = |behavior| {
        let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().late(after_count(1))).discarding();
        windows.allowed_lateness(millis(5)).closing_behavior(behavior)
    };
    let script = [Add(&[1]), Watermark(10), Add(&[2]), Watermark(15)];
    let panes =
        ["[0, 10) OnTime 0/0 [1] @ 9", "[0, 10) Late 1/1 [2] @ 9", "[0, 10) Late 2/2 [] @ 9 last"];
    fires(runner, windows(ClosingBehavior::EmitIfNonempty), &script, &panes[..2])?;
    fires(runner, windows(ClosingBehavior::EmitAlways), &script, &panes)
}
