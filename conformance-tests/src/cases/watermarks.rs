//! How watermarks move through a pipeline, seen by what is late and what is on time.

use super::prelude::*;
use ferrobeam::time::*;

fn tens(numbers: &PCollection<i64>) -> PCollection<i64> {
    numbers.window(FixedWindows::of(millis(10)))
}

/// A sum for each ten milliseconds, behind one grouping.
fn sums(numbers: &PCollection<i64>) -> PCollection<i64> {
    numbers.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum)
}

pub(super) fn steps_pass_them_on(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(10), Add(&[2])]);
        let steps = stream.map(|n| n).reshuffle().filter(|_| true).reshuffle().flat_map(|n| [n]);
        expect(&grouped(&tens(&steps)), &["[0, 10) OnTime 0/0 [1] @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn all_due_windows_fire_in_one_step(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[31, 1, 11, 21]), Watermark(30), Add(&[2, 12, 22, 32])];
    let panes = [
        "[0, 10) OnTime 0/0 [1] @ 9 last",
        "[10, 20) OnTime 0/0 [11] @ 19 last",
        "[20, 30) OnTime 0/0 [21] @ 29 last",
        "[30, 40) OnTime 0/0 [31, 32] @ 39 last",
    ];
    fires(runner, FixedWindows::of(millis(10)), &script, &panes)
}

pub(super) fn a_chain_of_groupings_fires_in_one_step(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // 3 is too late for all of them: the watermark has come to the end of the chain before it.
        let stream = play(root, &[Add(&[1, 11, 31]), Watermark(40), Add(&[3])]);
        let ten = sums(&tens(&stream));
        let twenty = sums(&ten.window(FixedWindows::of(millis(20))));
        let forty = twenty.window(FixedWindows::of(millis(40)));
        expect(&grouped(&twenty), &["[0, 20) OnTime 0/0 [12] @ 19 last", "[20, 40) OnTime 0/0 [31] @ 39 last"]);
        expect(&grouped(&forty), &["[0, 40) OnTime 0/0 [12, 31] @ 39 last"]);
        let late = flatten([&forty, &stream.window(FixedWindows::of(millis(40)))]);
        expect(&grouped(&late), &["[0, 40) OnTime 0/0 [1, 11, 12, 31, 31] @ 39 last"]);
        Ok(())
    }))
}

pub(super) fn what_fires_on_time_is_on_time_behind(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(10), Add(&[11]), Watermark(20)]);
        let panes = ["[0, 10) OnTime 0/0 [1] @ 9 last", "[10, 20) OnTime 0/0 [11] @ 19 last"];
        let chain = (0..4).fold(tens(&stream), |c, _| sums(&c));
        expect(&grouped(&chain), &panes);
        Ok(())
    }))
}

pub(super) fn a_flatten_waits_for_the_slowest(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(50), Add(&[5]), Watermark(100), Add(&[6])]);
        let held = sums(&stream.window(FixedWindows::of(millis(100)).timestamp_combiner(TimestampCombiner::Earliest)));
        let both = flatten([&tens(&held), &tens(&stream), &tens(&stream.reshuffle())]);
        // The sum is 6, at 1; 6 comes when it has fired.
        expect(&grouped(&both), &["[0, 10) OnTime 0/0 [1, 1, 5, 5, 6] @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn bounded_data_is_at_the_end(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let both = flatten([&play(root, &[Add(&[1]), Watermark(10), Add(&[2])]), &root.create([])]);
        expect(&grouped(&tens(&both)), &["[0, 10) OnTime 0/0 [1] @ 9 last"]);
        let groups = root.create(0..30).with_timestamps(|n| at(*n)).window(FixedWindows::of(millis(10)));
        let panes = ["[0, 10) OnTime 0/0 45 @ 9 last", "[10, 20) OnTime 0/0 145 @ 19 last"];
        expect(&shown(&sums(&groups)), &[panes[0], panes[1], "[20, 30) OnTime 0/0 245 @ 29 last"]);
        Ok(())
    }))
}

pub(super) fn a_later_time_is_waited_for(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // An element may move ahead of the watermark; then its window is open still.
        let ahead = play(root, &[Watermark(10), Add(&[1]), Watermark(20)]).with_timestamps(|n| at(n + 100));
        expect(&grouped(&tens(&ahead)), &["[100, 110) OnTime 0/0 [1] @ 109 last"]);
        Ok(())
    }))
}

pub(super) fn a_stuck_stream_holds_its_join(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(9), Add(&[5])]);
        let bounded = root.create([2]).with_timestamps(|n| at(*n));
        let keyed = |c: &PCollection<i64>| tens(c).key_by(|_| 'k');
        let both = keyed(&stream).co_group_by_key(&keyed(&bounded)).map(|(_, (a, b))| (sorted(&a), sorted(&b)));
        expect(&shown(&both), &["[0, 10) OnTime 0/0 ([1, 5], [2]) @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn an_early_pane_does_not_wait(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let trigger = AfterWatermark::new().early(after_count(1));
        let stream = play(root, &[Add(&[1]), Watermark(5), Add(&[2])]);
        let early = sums(&stream.window(FixedWindows::of(millis(10)).trigger(trigger).discarding()));
        let order = GlobalWindows::new().trigger(Trigger::Always).discarding();
        let order = flatten([&early.map(|n| -n).window(order.clone()), &stream.window(order)]);
        expect(
            &grouped(&order).filter(|pane| pane.contains('-') && !pane.contains("[0]")).map(|pane| pane[13..14].to_owned()),
            &["0", "1", "2", "3"],
        );
        Ok(())
    }))
}

pub(super) fn a_grouping_of_nothing_passes_them_on(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(10), Add(&[2])]);
        let none = sums(&stream.filter(|_| false).window(FixedWindows::of(hours(1))));
        let both = flatten([&tens(&none), &tens(&stream)]);
        expect(&grouped(&both), &["[0, 10) OnTime 0/0 [1] @ 9 last"]);
        Ok(())
    }))
}
