//! Late elements, and those that are too late.

use super::prelude::*;
use ferrobeam::time::*;

/// The panes of a grouping, and what it drops.
fn splits(
    runner: &dyn Runner,
    windowing: impl ferrobeam::windowing::CompleteWindowing,
    script: &[Step],
    panes: &[&str],
    late: &[&str],
) -> CaseResult {
    passes(runner.run(|root| {
        let windows = play(root, script).window(windowing);
        expect(&grouped(&windows), panes);
        expect(&shown(&windows.late_output()), late);
        Ok(())
    }))
}

pub(super) fn accumulating_until_the_window_closes(runner: &dyn Runner) -> CaseResult {
    let trigger = AfterWatermark::new().early(after_delay(minutes(2))).late(after_count(1));
    let windows = FixedWindows::of(millis(50)).trigger(trigger).accumulating();
    let windows = windows.allowed_lateness(millis(50)).closing_behavior(ClosingBehavior::EmitAlways);
    let script =
        [Add(&[1, 2, 3]), Watermark(60), Add(&[4]), Add(&[5]), Watermark(200), Add(&[6, 7, 8]), Watermark(300)];
    let panes = [
        "[0, 50) OnTime 0/0 [1, 2, 3] @ 49",
        "[0, 50) Late 1/1 [1, 2, 3, 4] @ 49",
        "[0, 50) Late 2/2 [1, 2, 3, 4, 5] @ 49",
        "[0, 50) Late 3/3 [1, 2, 3, 4, 5] @ 49 last",
    ];
    fires(runner, windows, &script, &panes)
}

pub(super) fn a_first_element_may_be_too_late(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(1000)).allowed_lateness(millis(5000));
    let script = [Watermark(0), Add(&[-1_000_000]), Add(&[100]), Watermark(1000)];
    fires(runner, windows, &script, &["[0, 1000) OnTime 0/0 [100] @ 999"])
}

pub(super) fn the_longer_lateness_counts_behind_a_flatten(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(13), Add(&[2])]);
        let windowed = |lateness| stream.window(FixedWindows::of(millis(10)).allowed_lateness(millis(lateness)));
        expect(&grouped(&windowed(0)), &["[0, 10) OnTime 0/0 [1] @ 9 last"]);
        let (first, second) = (windowed(0).filter(|n| *n == 1), windowed(5).filter(|n| *n == 2));
        let panes = ["[0, 10) OnTime 0/0 [1] @ 9", "[0, 10) Late 1/1 [2] @ 9"];
        expect(&grouped(&flatten([&first, &second])), &panes);
        expect(&grouped(&flatten([&second, &first])), &panes);
        Ok(())
    }))
}

pub(super) fn the_lateness_is_that_of_the_windows(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(13), Add(&[2])]);
        let patient = stream.window(FixedWindows::of(millis(10)).allowed_lateness(hours(1)));
        expect(&grouped(&patient), &["[0, 10) OnTime 0/0 [1] @ 9", "[0, 10) Late 1/1 [2] @ 9"]);
        let impatient = patient.window(FixedWindows::of(millis(10)));
        expect(&grouped(&impatient), &["[0, 10) OnTime 0/0 [1] @ 9 last"]);
        let global = impatient.window(GlobalWindows::new().trigger(Trigger::Never).discarding());
        expect(&grouped(&global), &["global OnTime 0/0 [1, 2] @ end last"]);
        Ok(())
    }))
}

pub(super) fn steps_drop_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = play(root, &[Watermark(1000), Add(&[1])]).window(FixedWindows::of(millis(10)));
        let steps = windows.map(|n| n + 1).filter(|_| true).reshuffle().flat_map(|n| [n, n]);
        expect(&shown(&flatten([&steps, &windows])), &["[0, 10) 2 @ 1", "[0, 10) 2 @ 1", "[0, 10) 1 @ 1"]);
        Ok(())
    }))
}

pub(super) fn what_is_dropped_comes_out_at_the_exact_boundary(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).allowed_lateness(millis(5));
    let script = [Add(&[1]), Watermark(14), Add(&[2]), Watermark(15), Add(&[3]), Add(&[9]), Add(&[10])];
    let panes = ["[0, 10) OnTime 0/0 [1] @ 9", "[0, 10) Late 1/1 [2] @ 9", "[10, 20) OnTime 0/0 [10] @ 19"];
    splits(runner, windows, &script, &panes, &["[0, 10) 3 @ 3", "[0, 10) 9 @ 9"])
}

pub(super) fn what_is_dropped_is_so_from_each_window_by_itself(runner: &dyn Runner) -> CaseResult {
    let windows = SlidingWindows::of(millis(10)).every(millis(5));
    let panes = ["[5, 15) OnTime 0/0 [7] @ 14 last"];
    splits(runner, windows, &[Watermark(10), Add(&[7])], &panes, &["[0, 10) 7 @ 7"])
}

pub(super) fn what_is_dropped_has_not_merged(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[0]), Add(&[8]), Watermark(12), Add(&[1])];
    let panes = ["[0, 18) OnTime 0/0 [0, 8] @ 17 last"];
    splits(runner, Sessions::with_gap(millis(10)), &script, &panes, &["[1, 11) 1 @ 1"])
}

pub(super) fn what_a_finished_trigger_discards_is_not_late(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(after_count(1)).discarding().allow_data_loss();
    let script = [Add(&[1]), Add(&[2]), Watermark(10), Add(&[3])];
    splits(runner, windows, &script, &["[0, 10) Early 0/-1 [1] @ 9 last"], &["[0, 10) 3 @ 3"])
}

pub(super) fn nothing_is_late_in_the_global_window(runner: &dyn Runner) -> CaseResult {
    let windows = GlobalWindows::new().trigger(Trigger::Never).discarding();
    let script = [Watermark(1_000_000), Add(&[1]), Watermark(2_000_000), Add(&[2])];
    splits(runner, windows, &script, &["global OnTime 0/0 [1, 2] @ end last"], &[])
}

pub(super) fn nothing_bounded_is_late(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = root.create(0..100).with_timestamps(|n| at(*n)).window(FixedWindows::of(millis(10)));
        assert_that(&windows.late_output()).is_empty();
        assert_that(&root.create::<i64>([]).late_output()).is_empty();
        assert_that(&windows.key_by(|_| ()).combine_per_key(sum()).late_output().map(|(_, n)| n)).is_empty();
        Ok(())
    }))
}

pub(super) fn every_element_is_in_a_pane_or_late(runner: &dyn Runner) -> CaseResult {
    // Watermarks run ahead of a third of the elements.
    const SCRIPT: [Step; 10] = [
        Add(&[1, 12, 5]),
        Watermark(11),
        Add(&[2, 13, 27]),
        Watermark(17),
        Add(&[3, 14, 16]),
        Watermark(25),
        Add(&[4, 21, 33, 9]),
        Watermark(36),
        Add(&[7, 28, 35]),
        Watermark(50),
    ];
    passes(runner.run(|root| {
        let windows = play(root, &SCRIPT).window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)));
        let values = windows.key_by(|n| n % 3).group_by_key().flat_map(|(_, values)| sorted(&values));
        let global = || GlobalWindows::new().trigger(Trigger::Never).discarding();
        let all = flatten([&values.window(global()), &windows.late_output().window(global())]);
        assert_that(&all).contains_in_any_order([1, 12, 5, 2, 13, 27, 3, 14, 16, 4, 21, 33, 9, 7, 28, 35]);
        assert_that(&windows.late_output()).contains_in_any_order([3, 4, 9, 7, 28]);
        Ok(())
    }))
}

pub(super) fn what_is_late_may_be_grouped_elsewhere(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = play(root, &[Watermark(50), Add(&[1]), Add(&[2])]).window(FixedWindows::of(millis(10)));
        let late = windows.late_output();
        expect(&grouped(&late), &[]);
        let hourly = late.window(FixedWindows::of(hours(1)));
        expect(&grouped(&hourly), &["[0, 3600000) OnTime 0/0 [1, 2] @ 3599999 last"]);
        expect(&shown(&late.late_output()), &["[0, 10) 1 @ 1", "[0, 10) 2 @ 2"]);
        expect(&shown(&hourly.late_output()), &[]);
        Ok(())
    }))
}

pub(super) fn a_late_pane_may_be_too_late_behind(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(10), Add(&[2])]);
        let windows = stream.window(FixedWindows::of(millis(10)).allowed_lateness(hours(1)));
        let sums = windows.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        expect(&shown(&sums.late_output()), &[]);
        let late = sums.window(FixedWindows::of(millis(5))).late_output();
        expect(&shown(&late), &["[5, 10) Late 1/1 2 @ 9"]);
        Ok(())
    }))
}
