//! The rules of the model that are easiest to get wrong, by their numbers. Times are milliseconds.

mod keyed;

pub(super) use keyed::*;

use super::prelude::*;
use ferrobeam::time::*;
use std::time::Duration;

const END: i64 = Timestamp::END_OF_GLOBAL_WINDOW.millis();

// Late is not droppable.

pub(super) fn r1_late_is_not_droppable_exact_boundary(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).allowed_lateness(millis(5));
    let script = [Watermark(14), Add(&[3]), Watermark(15), Add(&[4]), Add(&[9]), Add(&[11])];
    fires(runner, windows, &script, &["[0, 10) Late 0/0 [3] @ 9", "[10, 20) OnTime 0/0 [11] @ 19"])
}

pub(super) fn r1_without_lateness_the_end_is_the_boundary(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[1]), Watermark(9), Add(&[2]), Watermark(10), Add(&[3])];
    fires(runner, FixedWindows::of(millis(10)), &script, &["[0, 10) OnTime 0/0 [1, 2] @ 9 last"])
}

pub(super) fn r1_each_window_by_itself(runner: &dyn Runner) -> CaseResult {
    let windows = SlidingWindows::of(millis(10)).every(millis(5));
    fires(runner, windows, &[Watermark(10), Add(&[7])], &["[5, 15) OnTime 0/0 [7] @ 14 last"])
}

pub(super) fn r1_before_merging(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[0]), Add(&[8]), Watermark(12), Add(&[1])];
    // [0, 18) is open, but [1, 11) is not.
    fires(runner, Sessions::with_gap(millis(10)), &script, &["[0, 18) OnTime 0/0 [0, 8] @ 17 last"])
}

// Nothing with an earlier timestamp than the watermark will come.

pub(super) fn r2_due_when_the_watermark_is_beyond(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).allowed_lateness(millis(5));
    let script = [Add(&[1]), Watermark(9), Add(&[2]), Watermark(10), Add(&[3])];
    fires(runner, windows, &script, &["[0, 10) OnTime 0/0 [1, 2] @ 9", "[0, 10) Late 1/1 [3] @ 9"])
}

pub(super) fn r2_state_lives_until_the_window_closes(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).allowed_lateness(millis(20));
    let script =
        [Add(&[1]), Watermark(10), Add(&[2]), Watermark(29), Add(&[3]), Watermark(30), Add(&[4]), Watermark(99)];
    fires(
        runner,
        windows.accumulating(),
        &script,
        &["[0, 10) OnTime 0/0 [1] @ 9", "[0, 10) Late 1/1 [1, 2] @ 9", "[0, 10) Late 2/2 [1, 2, 3] @ 9"],
    )
}

// Holds, and the timestamps of panes.

pub(super) fn r6_a_pane_has_the_combined_timestamp(runner: &dyn Runner) -> CaseResult {
    let combiners = [
        (TimestampCombiner::Earliest, "[0, 10) OnTime 0/0 [3, 5, 7] @ 3 last"),
        (TimestampCombiner::Latest, "[0, 10) OnTime 0/0 [3, 5, 7] @ 7 last"),
        (TimestampCombiner::EndOfWindow, "[0, 10) OnTime 0/0 [3, 5, 7] @ 9 last"),
    ];
    for (combiner, pane) in combiners {
        let windows = FixedWindows::of(millis(10)).timestamp_combiner(combiner);
        fires(runner, windows, &[Add(&[5]), Add(&[3]), Add(&[7]), Watermark(10)], &[pane])?;
    }
    Ok(())
}

pub(super) fn r6_behind_the_output_does_not_pull_it_back(runner: &dyn Runner) -> CaseResult {
    let windows = || FixedWindows::of(millis(10)).timestamp_combiner(TimestampCombiner::Earliest);
    let script = [Watermark(5), Add(&[2]), Add(&[7]), Watermark(10)];
    fires(runner, windows(), &script, &["[0, 10) OnTime 0/0 [2, 7] @ 7 last"])?;
    fires(runner, windows(), &[Watermark(8), Add(&[2]), Add(&[3])], &["[0, 10) OnTime 0/0 [2, 3] @ 9 last"])
}

pub(super) fn r6_a_late_pane_is_at_the_end_of_its_window(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().late(after_count(2))).discarding();
    let windows = windows.timestamp_combiner(TimestampCombiner::Earliest).allowed_lateness(millis(20));
    let script = [Watermark(5), Add(&[2]), Add(&[7]), Watermark(10), Add(&[4]), Watermark(30)];
    fires(runner, windows, &script, &["[0, 10) OnTime 0/0 [2, 7] @ 7", "[0, 10) Late 1/1 [4] @ 9 last"])
}

/// The panes of a grouping, and those of a grouping by tens of their sums.
fn twice(root: &Root, windowing: impl ferrobeam::windowing::CompleteWindowing, script: &[Step]) -> [PCollection<String>; 2] {
    let windows = play(root, script).window(windowing);
    let sums = windows.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
    [grouped(&windows), grouped(&sums.window(FixedWindows::of(millis(10))))]
}

pub(super) fn r6_what_is_to_fire_holds_the_output(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(100)).timestamp_combiner(TimestampCombiner::Earliest);
        let [first, second] = twice(root, windows, &[Add(&[3]), Watermark(50), Add(&[60]), Watermark(100)]);
        expect(&first, &["[0, 100) OnTime 0/0 [3, 60] @ 3 last"]);
        expect(&second, &["[0, 10) OnTime 0/0 [63] @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn r6_a_firing_releases(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(100)).trigger(AfterWatermark::new().early(after_count(1))).discarding();
        let windows = windows.timestamp_combiner(TimestampCombiner::Earliest);
        let [first, second] = twice(root, windows, &[Add(&[3]), Watermark(50), Add(&[4]), Watermark(100)]);
        // 4 comes behind the output watermark, so its pane is at the end.
        let panes = ["[0, 100) Early 0/-1 [3] @ 3", "[0, 100) Early 1/-1 [4] @ 99", "[0, 100) OnTime 2/0 [] @ 99 last"];
        expect(&first, &panes);
        expect(&second, &["[0, 10) OnTime 0/0 [3] @ 9 last", "[90, 100) OnTime 0/0 [0, 4] @ 99 last"]);
        Ok(())
    }))
}

pub(super) fn r6_holds_combine_when_windows_merge(runner: &dyn Runner) -> CaseResult {
    let sessions = |combiner| Sessions::with_gap(millis(10)).timestamp_combiner(combiner);
    let script = [Add(&[5]), Add(&[25]), Watermark(6), Add(&[15]), Add(&[14]), Add(&[16])];
    for (combiner, time) in [
        (TimestampCombiner::Earliest, 5),
        (TimestampCombiner::Latest, 25),
        (TimestampCombiner::EndOfWindow, 34),
    ] {
        let pane = format!("[5, 35) OnTime 0/0 [5, 14, 15, 16, 25] @ {time} last");
        fires(runner, sessions(combiner), &script, &[&pane])?;
    }
    Ok(())
}

// Merging.

pub(super) fn r7_windows_that_touch_do_not_merge(runner: &dyn Runner) -> CaseResult {
    let panes = ["[0, 10) OnTime 0/0 [0] @ 9 last", "[10, 20) OnTime 0/0 [10] @ 19 last"];
    fires(runner, Sessions::with_gap(millis(10)), &[Add(&[0, 10])], &panes)
}

pub(super) fn r7_counts_add(runner: &dyn Runner) -> CaseResult {
    let windows = Sessions::with_gap(millis(10)).trigger(repeatedly(after_count(4))).discarding();
    let script = [Add(&[0]), Add(&[1]), Add(&[12]), Add(&[5]), Watermark(21)];
    fires(runner, windows, &script, &["[0, 22) Early 0/-1 [0, 1, 5, 12] @ 21"])
}

pub(super) fn r7_windows_that_are_gone_do_nothing(runner: &dyn Runner) -> CaseResult {
    // Nothing happens at 10, where the first one ended.
    let script = [Add(&[0]), Add(&[15]), Add(&[8]), Watermark(12), Add(&[13])];
    fires(runner, Sessions::with_gap(millis(10)), &script, &["[0, 25) OnTime 0/0 [0, 8, 13, 15] @ 24 last"])
}

pub(super) fn r7_the_end_is_waited_for_again(runner: &dyn Runner) -> CaseResult {
    let windows = Sessions::with_gap(millis(10)).trigger(AfterWatermark::new().late(after_count(1))).discarding();
    let script = [Add(&[0]), Watermark(12), Add(&[5]), Watermark(15), Add(&[3])];
    let panes = ["[0, 10) OnTime 0/0 [0] @ 9", "[0, 15) OnTime 0/0 [5] @ 14", "[0, 15) Late 1/1 [3] @ 14"];
    fires(runner, windows.allowed_lateness(millis(50)), &script, &panes)
}

pub(super) fn r7_the_earliest_deadline_wins(runner: &dyn Runner) -> CaseResult {
    let windows = Sessions::with_gap(millis(10)).trigger(repeatedly(after_delay(millis(20)))).discarding();
    let script =
        [Add(&[0]), Wait(5), Add(&[15]), Wait(5), Add(&[7]), Wait(9), Add(&[8]), Wait(1), Add(&[9]), Watermark(25)];
    fires(runner, windows, &script, &["[0, 25) Early 0/-1 [0, 7, 8, 15] @ 24", "[0, 25) OnTime 1/0 [9] @ 24 last"])
}

pub(super) fn r7_finished_is_what_is_finished_in_all(runner: &dyn Runner) -> CaseResult {
    let trigger = after_each([after_count(2), repeatedly(after_count(9))]);
    let windows = Sessions::with_gap(millis(20)).trigger(trigger).discarding();
    // In [0, 21) the first part is over, in [30, 50) it is not.
    let script = [Add(&[0]), Add(&[1]), Add(&[30]), Add(&[15])];
    fires(runner, windows, &script, &["[0, 21) Early 0/-1 [0, 1] @ 20", "[0, 50) Early 0/-1 [15, 30] @ 49"])
}

// Finished triggers.

pub(super) fn r8_a_finished_trigger_discards(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(after_count(2)).discarding().allow_data_loss();
    let script = [Add(&[1]), Add(&[2]), Add(&[3]), Watermark(14), Add(&[4]), Watermark(15), Add(&[5])];
    fires(runner, windows.allowed_lateness(millis(5)), &script, &["[0, 10) Early 0/-1 [1, 2] @ 9 last"])
}

pub(super) fn r8_a_tombstone_stays_until_the_window_closes(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new()).accumulating().allow_data_loss();
    let script = [Add(&[1]), Watermark(10), Add(&[2]), Watermark(14), Add(&[3])];
    fires(runner, windows.allowed_lateness(millis(5)), &script, &["[0, 10) OnTime 0/0 [1] @ 9 last"])
}

pub(super) fn r8_a_finished_session_takes_no_part_in_merges(runner: &dyn Runner) -> CaseResult {
    let windows = Sessions::with_gap(millis(10)).trigger(after_count(1)).discarding().allow_data_loss();
    let panes = ["[0, 10) Early 0/-1 [0] @ 9 last", "[5, 15) Early 0/-1 [5] @ 14 last"];
    fires(runner, windows, &[Add(&[0]), Add(&[0]), Add(&[5])], &panes)
}

pub(super) fn r8_repeatedly_resets_at_once(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(repeatedly(after_count(2))).discarding();
    let script = [Add(&[1]), Add(&[2]), Add(&[3]), Add(&[4]), Add(&[5])];
    let panes =
        ["[0, 10) Early 0/-1 [1, 2] @ 9", "[0, 10) Early 1/-1 [3, 4] @ 9", "[0, 10) OnTime 2/0 [5] @ 9 last"];
    fires(runner, windows, &script, &panes)
}

pub(super) fn r8_processing_time_counts_from_the_first_element_since(runner: &dyn Runner) -> CaseResult {
    let windows = GlobalWindows::new().trigger(repeatedly(after_delay(millis(10)))).discarding();
    let script = [Add(&[1]), Wait(9), Add(&[2]), Wait(1), Wait(5), Add(&[3]), Wait(9), Add(&[4]), Wait(1)];
    fires(runner, windows, &script, &["global Early 0/-1 [1, 2] @ end", "global Early 1/-1 [3, 4] @ end"])
}

// Panes.

pub(super) fn r9_the_pane_on_time_may_be_empty(runner: &dyn Runner) -> CaseResult {
    let windows = || FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(1))).discarding();
    let panes = ["[0, 10) Early 0/-1 [1] @ 9", "[0, 10) OnTime 1/0 [] @ 9 last"];
    fires(runner, windows(), &[Add(&[1]), Watermark(10)], &panes)?;
    let nonempty = windows().on_time_behavior(OnTimeBehavior::FireIfNonempty);
    fires(runner, nonempty, &[Add(&[1]), Watermark(10)], &panes[..1])
}

pub(super) fn r9_only_a_key_with_an_element_has_panes(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(1))).discarding();
        let keyed = play(root, &[Add(&[1]), Add(&[12]), Watermark(30)]).window(windows).key_by(|n| n % 2);
        let groups = keyed.group_by_key().map(|(key, values)| (key, sorted(&values)));
        expect(
            &shown(&groups),
            &[
                "[0, 10) Early 0/-1 (1, [1]) @ 9",
                "[0, 10) OnTime 1/0 (1, []) @ 9 last",
                "[10, 20) Early 0/-1 (0, [12]) @ 19",
                "[10, 20) OnTime 1/0 (0, []) @ 19 last",
            ],
        );
        Ok(())
    }))
}

pub(super) fn r9_a_trigger_that_does_not_look_at_the_end_has_no_empty_pane(runner: &dyn Runner) -> CaseResult {
    for trigger in [repeatedly(after_count(1)), Trigger::Always] {
        let windows = FixedWindows::of(millis(10)).trigger(trigger).discarding();
        fires(runner, windows, &[Add(&[1]), Watermark(10)], &["[0, 10) Early 0/-1 [1] @ 9"])?;
    }
    Ok(())
}

pub(super) fn r9_the_closing_pane_is_there_if_not_empty_or_asked_for(runner: &dyn Runner) -> CaseResult {
    let windows = |behavior| {
        let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().late(after_count(2))).accumulating();
        windows.allowed_lateness(millis(5)).closing_behavior(behavior)
    };
    let on_time = "[0, 10) OnTime 0/0 [1] @ 9";
    let (none, late) = ([Add(&[1]), Watermark(10), Watermark(15)], [Add(&[1]), Watermark(10), Add(&[2])]);
    fires(runner, windows(ClosingBehavior::EmitIfNonempty), &none, &[on_time])?;
    fires(runner, windows(ClosingBehavior::EmitAlways), &none, &[on_time, "[0, 10) Late 1/1 [1] @ 9 last"])?;
    let both = [on_time, "[0, 10) Late 1/1 [1, 2] @ 9 last"];
    fires(runner, windows(ClosingBehavior::EmitIfNonempty), &late, &both)?;
    fires(runner, windows(ClosingBehavior::EmitAlways), &late, &both)
}

pub(super) fn r9_panes_are_counted_and_one_is_on_time(runner: &dyn Runner) -> CaseResult {
    let trigger = AfterWatermark::new().early(after_count(1)).late(after_count(1));
    let windows = FixedWindows::of(millis(10)).trigger(trigger).discarding().allowed_lateness(millis(90));
    let script = [Add(&[1]), Add(&[2]), Watermark(10), Add(&[3]), Watermark(50), Add(&[4])];
    let panes = [
        "[0, 10) Early 0/-1 [1] @ 9",
        "[0, 10) Early 1/-1 [2] @ 9",
        "[0, 10) OnTime 2/0 [] @ 9",
        "[0, 10) Late 3/1 [3] @ 9",
        "[0, 10) Late 4/2 [4] @ 9",
    ];
    fires(runner, windows, &script, &panes)
}

pub(super) fn r9_a_window_that_begins_late_has_no_pane_on_time(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).allowed_lateness(millis(90));
    let panes = ["[0, 10) Late 0/0 [1] @ 9", "[0, 10) Late 1/1 [2] @ 9"];
    fires(runner, windows, &[Watermark(50), Add(&[1]), Add(&[2])], &panes)
}

pub(super) fn r9_what_no_trigger_fired_comes_when_the_window_closes(runner: &dyn Runner) -> CaseResult {
    let never = || FixedWindows::of(millis(10)).trigger(Trigger::Never).discarding();
    let script = [Add(&[1]), Add(&[2]), Watermark(10), Add(&[3])];
    fires(runner, never(), &script, &["[0, 10) OnTime 0/0 [1, 2] @ 9 last"])?;
    fires(runner, never().allowed_lateness(millis(5)), &script, &["[0, 10) OnTime 0/0 [1, 2, 3] @ 9 last"])
}

// Behind a grouping.

/// The panes of the sums of odd and even numbers, grouped once more.
fn sums_again(root: &Root, windowing: impl ferrobeam::windowing::CompleteWindowing, script: &[Step]) -> PCollection<String> {
    let sums = play(root, script).window(windowing).key_by(|n| n % 2).combine_per_key(sum());
    grouped(&sums.filter(|(_, sum)| *sum != 0).map(|(_, sum)| sum))
}

pub(super) fn r10_counts_go_on_at_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(100)).trigger(repeatedly(after_count(2))).discarding();
        let script = [Add(&[2]), Add(&[4]), Add(&[1]), Add(&[3])];
        let panes = ["[0, 100) Early 0/-1 [6] @ 99", "[0, 100) Early 1/-1 [4] @ 99"];
        expect(&sums_again(root, windows, &script), &panes);
        Ok(())
    }))
}

pub(super) fn r10_processing_time_is_not_waited_for_again(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let trigger = AfterWatermark::new().early(after_delay(millis(10)));
        let windows = FixedWindows::of(millis(100)).trigger(trigger).discarding();
        let script = [Add(&[2]), Wait(10), Wait(1), Add(&[4]), Wait(10), Wait(1), Watermark(100)];
        let panes =
            ["[0, 100) Early 0/-1 [2] @ 99", "[0, 100) Early 1/-1 [4] @ 99", "[0, 100) OnTime 2/0 [] @ 99 last"];
        expect(&sums_again(root, windows, &script), &panes);
        Ok(())
    }))
}

pub(super) fn r10_composites_continue_part_by_part(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let trigger = AfterWatermark::new().early(after_count(2)).late(after_count(1));
        let windows = FixedWindows::of(millis(10)).trigger(trigger).discarding().allowed_lateness(millis(50));
        let script = [Add(&[2]), Add(&[4]), Add(&[6]), Watermark(10), Add(&[8])];
        // What the first grouping fires on time is early at the second one, which has it before the watermark passes.
        let panes = [
            "[0, 10) Early 0/-1 [6] @ 9",
            "[0, 10) Early 1/-1 [6] @ 9",
            "[0, 10) OnTime 2/0 [] @ 9",
            "[0, 10) Late 3/1 [8] @ 9",
        ];
        expect(&sums_again(root, windows, &script), &panes);
        Ok(())
    }))
}

pub(super) fn r10_sessions_are_merged_already(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sessions = Sessions::with_gap(millis(10));
        let script = [Add(&[0, 5, 8]), Watermark(50)];
        // Of 0 and 8, and of 5.
        let panes = ["[0, 18) OnTime 0/0 [8] @ 17 last", "[5, 15) OnTime 0/0 [5] @ 14 last"];
        expect(&sums_again(root, sessions, &script), &panes);
        Ok(())
    }))
}

// The end.

pub(super) fn r13_windows_close_though_incomplete(runner: &dyn Runner) -> CaseResult {
    let panes = ["[0, 100) OnTime 0/0 [1] @ 99 last"];
    fires(runner, FixedWindows::of(millis(100)), &[Watermark(50), Add(&[1])], &panes)?;
    let panes = ["[1, 101) OnTime 0/0 [1] @ 100 last"];
    fires(runner, Sessions::with_gap(millis(100)), &[Watermark(50), Add(&[1])], &panes)?;
    let never = GlobalWindows::new().trigger(Trigger::Never).discarding();
    fires(runner, never, &[Add(&[1]), Watermark(50), Add(&[2])], &["global OnTime 0/0 [1, 2] @ end last"])
}

pub(super) fn r13_the_end_waits_for_holds(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(100)).timestamp_combiner(TimestampCombiner::Earliest);
        let [_, second] = twice(root, windows, &[Add(&[3]), Watermark(50), Add(&[250]), Add(&[60])]);
        expect(&second, &["[0, 10) OnTime 0/0 [63] @ 9 last", "[250, 260) OnTime 0/0 [250] @ 259 last"]);
        Ok(())
    }))
}

// Flatten, windows and reshuffle.

/// An element that is late, but not too late, behind a stream.
const LATE: [Step; 3] = [Add(&[1]), Watermark(10), Add(&[2])];
const IS_LATE: [&str; 2] = ["[0, 10) OnTime 0/0 [1] @ 9", "[0, 10) Late 1/1 [2] @ 9"];

pub(super) fn r14_a_flatten_of_nothing_is_at_infinity(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let both = flatten([&root.flatten([]), &play(root, &LATE)]);
        expect(&grouped(&both.window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)))), &IS_LATE);
        Ok(())
    }))
}

pub(super) fn r14_an_empty_source_is_at_infinity(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let both = root.flatten([&root.create([]), &play(root, &LATE), &root.create([7]).filter(|_| false).reshuffle()]);
        expect(&grouped(&both.window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)))), &IS_LATE);
        Ok(())
    }))
}

pub(super) fn r14_a_flatten_is_the_minimum_of_its_inputs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(20), Add(&[5])]);
        // What is still to fire holds this one at 1, so that 5 is not late behind the Flatten.
        let held = stream.window(FixedWindows::of(millis(100)).timestamp_combiner(TimestampCombiner::Earliest));
        let held = held.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        let tens = |c: &PCollection<i64>| c.window(FixedWindows::of(millis(10)));
        expect(&grouped(&tens(&stream)), &["[0, 10) OnTime 0/0 [1] @ 9 last"]);
        let both = flatten([&tens(&stream), &tens(&held)]);
        expect(&grouped(&both), &["[0, 10) OnTime 0/0 [1, 5, 6] @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn r14_the_same_twice_is_delivered_twice(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = play(root, &LATE).window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)));
        let counts = flatten([&windows, &windows]).key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        assert_that(&counts).satisfies(|sums| {
            // 2 may come twice at once, or one after the other.
            ensure!([&[2, 4][..], &[2, 2, 2]].contains(&sums), "{sums:?}");
            Ok(())
        });
        Ok(())
    }))
}

pub(super) fn r14_windows_keep_time_and_pane_and_never_drop(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Watermark(1000), Add(&[1])]).window(FixedWindows::of(millis(10)));
        expect(&shown(&stream), &["[0, 10) 1 @ 1"]);
        let tens = play(root, &LATE).window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)));
        let sums = tens.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        let fives = sums.window(FixedWindows::of(millis(5)));
        expect(&shown(&fives), &["[5, 10) OnTime 0/0 1 @ 9", "[5, 10) Late 1/1 2 @ 9"]);
        Ok(())
    }))
}

pub(super) fn r14_reshuffle_keeps_time_windows_and_pane(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let tens = play(root, &LATE).window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)));
        expect(&shown(&tens.reshuffle()), &["[0, 10) 1 @ 1", "[0, 10) 2 @ 2"]);
        expect(&grouped(&tens.reshuffle()), &IS_LATE);
        let sums = tens.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        expect(&shown(&sums.reshuffle()), &["[0, 10) OnTime 0/0 1 @ 9", "[0, 10) Late 1/1 2 @ 9"]);
        Ok(())
    }))
}

// Watermarks.

pub(super) fn r15_the_input_is_the_minimum_of_all_producers(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1]), Watermark(20), Add(&[5])]);
        let held = stream.window(FixedWindows::of(millis(100)).timestamp_combiner(TimestampCombiner::Earliest));
        let held = held.key_by(|_| ()).combine_per_key(sum());
        let tens = || FixedWindows::of(millis(10));
        let both = stream.window(tens()).key_by(|_| ()).co_group_by_key(&held.window(tens()));
        let both = both.map(|((), (stream, held))| (sorted(&stream), sorted(&held)));
        expect(&shown(&both), &["[0, 10) OnTime 0/0 ([1, 5], [6]) @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn r15_what_is_underway_holds(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = play(root, &[Add(&[1, 11]), Watermark(20), Add(&[3])]).window(FixedWindows::of(millis(10)));
        // Each sum is on its way through two shuffles when the watermark that made it fire has passed its time.
        let sums = windows.key_by(|_| ()).combine_per_key(sum()).reshuffle().map(|((), sum)| sum).reshuffle();
        expect(&grouped(&sums), &["[0, 10) OnTime 0/0 [1] @ 9 last", "[10, 20) OnTime 0/0 [11] @ 19 last"]);
        let all = grouped(&sums.window(FixedWindows::of(millis(20))));
        expect(&all, &["[0, 20) OnTime 0/0 [1, 11] @ 19 last"]);
        Ok(())
    }))
}

pub(super) fn r15_a_late_pane_is_late_behind(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = play(root, &LATE).window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)));
        let sums = windows.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        expect(&grouped(&sums), &IS_LATE);
        // And dropped where it may not be.
        expect(&grouped(&sums.window(FixedWindows::of(millis(10)))), &["[0, 10) OnTime 0/0 [1] @ 9 last"]);
        Ok(())
    }))
}

// Time.

pub(super) fn r17_a_window_ends_a_millisecond_before_the_next(runner: &dyn Runner) -> CaseResult {
    let panes = ["[-10, 0) OnTime 0/0 [-1] @ -1 last", "[0, 10) OnTime 0/0 [0, 9] @ 9 last", "[10, 20) OnTime 0/0 [10] @ 19 last"];
    fires(runner, FixedWindows::of(millis(10)), &[Add(&[-1, 0, 9, 10])], &panes)
}

pub(super) fn r17_no_window_ends_behind_the_global_one(runner: &dyn Runner) -> CaseResult {
    let (start, end) = (END - END.rem_euclid(10), END + 1);
    let pane = format!("[{start}, {end}) OnTime 0/0 [{END}] @ end last");
    fires(runner, FixedWindows::of(millis(10)), &[Add(&[END])], &[&pane])?;
    let pane = format!("[end, {end}) OnTime 0/0 [{END}] @ end last");
    fires(runner, Sessions::with_gap(millis(10)), &[Add(&[END])], &[&pane])
}

pub(super) fn r17_no_window_closes_behind_the_global_one(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).allowed_lateness(Duration::MAX);
    let script = [Add(&[1]), Watermark(END), Add(&[2]), Watermark(END + 1), Add(&[3])];
    fires(runner, windows, &script, &["[0, 10) OnTime 0/0 [1] @ 9", "[0, 10) Late 1/1 [2] @ 9"])
}
