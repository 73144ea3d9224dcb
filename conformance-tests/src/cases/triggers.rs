//! Triggers, each and nested. Elements that must not change places come one by one.

use super::prelude::*;
use ferrobeam::time::*;

fn global(trigger: impl Into<Trigger>) -> ferrobeam::windowing::Windowing<GlobalWindows> {
    GlobalWindows::new().trigger(trigger).discarding()
}

/// One by one.
const FIVE: [Step; 5] = [Add(&[1]), Add(&[2]), Add(&[3]), Add(&[4]), Add(&[5])];

pub(super) fn the_default_fires_at_the_end_and_for_late_elements(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).allowed_lateness(millis(50));
    let script = [Add(&[1, 2]), Watermark(10), Add(&[3]), Add(&[4])];
    let late = ["[0, 10) Late 1/1 [3] @ 9", "[0, 10) Late 2/2 [4] @ 9"];
    fires(runner, windows.clone(), &script, &["[0, 10) OnTime 0/0 [1, 2] @ 9", late[0], late[1]])?;
    let late = ["[0, 10) Late 1/1 [1, 2, 3] @ 9", "[0, 10) Late 2/2 [1, 2, 3, 4] @ 9"];
    fires(runner, windows.accumulating(), &script, &["[0, 10) OnTime 0/0 [1, 2] @ 9", late[0], late[1]])
}

pub(super) fn after_count_fires_once(runner: &dyn Runner) -> CaseResult {
    fires(runner, global(after_count(2)).allow_data_loss(), &FIVE, &["global Early 0/-1 [1, 2] @ end last"])
}

pub(super) fn after_count_may_get_more_at_once(runner: &dyn Runner) -> CaseResult {
    // How many a pane has beyond the count is the runner's choice, but none is lost.
    passes(runner.run(|root| {
        let numbers = root.test_stream(TestStream::new().add_elements((0..100).map(|n| (n, at(n)))));
        let windows = numbers.window(global(repeatedly(after_count(7))));
        let groups = windows.key_by(|_| ()).group_by_key().map(|((), values)| sorted(&values));
        assert_that(&groups).satisfies(|panes| {
            let mut all = panes.concat();
            all.sort_unstable();
            ensure!(all == (0..100).collect::<Vec<i64>>(), "{all:?}");
            ensure!(panes.iter().filter(|pane| pane.len() < 7).count() <= 1, "{panes:?}");
            Ok(())
        });
        Ok(())
    }))
}

pub(super) fn repeatedly_goes_on(runner: &dyn Runner) -> CaseResult {
    let panes =
        ["global Early 0/-1 [1, 2] @ end", "global Early 1/-1 [3, 4] @ end", "global OnTime 2/0 [5] @ end last"];
    fires(runner, global(repeatedly(after_count(2))), &FIVE, &panes)?;
    let accumulated = [
        "global Early 0/-1 [1, 2] @ end",
        "global Early 1/-1 [1, 2, 3, 4] @ end",
        "global OnTime 2/0 [1, 2, 3, 4, 5] @ end last",
    ];
    let windows = GlobalWindows::new().trigger(repeatedly(after_count(2))).accumulating();
    fires(runner, windows, &FIVE, &accumulated)
}

pub(super) fn always_fires_with_every_element(runner: &dyn Runner) -> CaseResult {
    let panes = ["global Early 0/-1 [1] @ end", "global Early 1/-1 [2] @ end"];
    fires(runner, global(Trigger::Always), &[Add(&[1]), Add(&[2])], &panes)
}

pub(super) fn never_waits_for_the_closing(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(Trigger::Never).discarding();
    let script = [Add(&[1]), Wait(1000), Add(&[2]), Watermark(10), Add(&[3])];
    fires(runner, windows.allowed_lateness(millis(5)), &script, &["[0, 10) OnTime 0/0 [1, 2, 3] @ 9 last"])
}

pub(super) fn after_watermark_fires_early_on_time_and_late(runner: &dyn Runner) -> CaseResult {
    let trigger = AfterWatermark::new().early(after_count(2)).late(after_count(2));
    let windows = FixedWindows::of(millis(10)).trigger(trigger).discarding().allowed_lateness(millis(50));
    let script = [Add(&[1]), Add(&[2]), Add(&[3]), Watermark(10), Add(&[4]), Add(&[5]), Add(&[6])];
    let panes = [
        "[0, 10) Early 0/-1 [1, 2] @ 9",
        "[0, 10) OnTime 1/0 [3] @ 9",
        "[0, 10) Late 2/1 [4, 5] @ 9",
        "[0, 10) Late 3/2 [6] @ 9 last",
    ];
    fires(runner, windows, &script, &panes)
}

pub(super) fn what_is_early_does_not_count_late(runner: &dyn Runner) -> CaseResult {
    let trigger = AfterWatermark::new().early(after_count(3)).late(after_count(2));
    let windows = FixedWindows::of(millis(10)).trigger(trigger).accumulating().allowed_lateness(millis(50));
    let script = [Add(&[1]), Add(&[2]), Watermark(10), Add(&[3]), Add(&[4])];
    fires(runner, windows, &script, &["[0, 10) OnTime 0/0 [1, 2] @ 9", "[0, 10) Late 1/1 [1, 2, 3, 4] @ 9"])
}

pub(super) fn late_elements_may_wait_for_the_closing(runner: &dyn Runner) -> CaseResult {
    let trigger = AfterWatermark::new().early(after_count(2)).late(Trigger::Never);
    let windows = FixedWindows::of(millis(1000)).trigger(trigger).discarding().allowed_lateness(millis(5000));
    let script = [Watermark(0), Add(&[100, 200]), Add(&[500]), Watermark(1000), Add(&[750, 250])];
    let panes = [
        "[0, 1000) Early 0/-1 [100, 200] @ 999",
        "[0, 1000) OnTime 1/0 [500] @ 999",
        "[0, 1000) Late 2/1 [250, 750] @ 999 last",
    ];
    fires(runner, windows, &script, &panes)
}

pub(super) fn after_processing_time_counts_from_the_first_element(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_delay(millis(5))));
    let script =
        [Add(&[1]), Wait(4), Add(&[2]), Wait(1), Add(&[3]), Wait(7), Add(&[4]), Wait(4), Watermark(10)];
    let panes = [
        "[0, 10) Early 0/-1 [1, 2] @ 9",
        "[0, 10) Early 1/-1 [1, 2, 3] @ 9",
        "[0, 10) OnTime 2/0 [1, 2, 3, 4] @ 9 last",
    ];
    fires(runner, windows.accumulating(), &script, &panes)
}

pub(super) fn a_deadline_belongs_to_a_pane(runner: &dyn Runner) -> CaseResult {
    // The pane on time takes 1 along, so nothing fires after 5 ms.
    let trigger = AfterWatermark::new().early(after_delay(millis(5))).late(after_delay(millis(5)));
    let windows = FixedWindows::of(millis(10)).trigger(trigger).discarding().allowed_lateness(millis(50));
    let script = [Add(&[1]), Wait(3), Watermark(10), Wait(3), Add(&[2]), Wait(4), Add(&[3]), Wait(1)];
    fires(runner, windows, &script, &["[0, 10) OnTime 0/0 [1] @ 9", "[0, 10) Late 1/1 [2, 3] @ 9"])
}

pub(super) fn processing_time_in_whole_periods(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // Where the periods begin is not known here, but that all windows fire at once.
        let trigger = repeatedly(AfterProcessingTime::new().align_to(hours(1)));
        let script = [Add(&[1]), Wait(500), Add(&[12]), Wait(3_600_000)];
        let windows = play(root, &script).window(FixedWindows::of(millis(10)).trigger(trigger).discarding());
        assert_that(&windows.key_by(|_| ()).group_by_key().map(|((), values)| sorted(&values)))
            .contains_in_any_order([vec![1], vec![12]]);
        Ok(())
    }))
}

pub(super) fn synchronized_processing_time_waits_for_all_work(runner: &dyn Runner) -> CaseResult {
    let windows = global(repeatedly(after_synchronized_processing_time()));
    let script = [Add(&[1]), Add(&[2]), Wait(1), Wait(1), Add(&[3])];
    passes(runner.run(|root| {
        let windows = play(root, &script).window(windows);
        let panes = ["global Early 0/-1 [1, 2] @ end", "global OnTime 1/0 [3] @ end last"];
        expect(&grouped(&windows), &panes);
        Ok(())
    }))
}

pub(super) fn after_each_takes_turns(runner: &dyn Runner) -> CaseResult {
    let trigger = after_each([after_count(1), after_count(3), repeatedly(after_count(1))]);
    let panes = ["global Early 0/-1 [1] @ end", "global Early 1/-1 [2, 3, 4] @ end", "global Early 2/-1 [5] @ end"];
    fires(runner, global(trigger), &FIVE, &panes)
}

pub(super) fn after_all_waits_for_the_last(runner: &dyn Runner) -> CaseResult {
    let trigger = repeatedly(after_all([after_count(2), after_delay(millis(5))]));
    let script = [Add(&[1]), Add(&[2]), Add(&[3]), Wait(5), Add(&[4]), Wait(9), Add(&[5])];
    fires(runner, global(trigger), &script, &["global Early 0/-1 [1, 2, 3] @ end", "global Early 1/-1 [4, 5] @ end"])
}

pub(super) fn after_any_waits_for_the_first(runner: &dyn Runner) -> CaseResult {
    let trigger = repeatedly(after_any([after_count(2), after_delay(millis(5))]));
    let script = [Add(&[1]), Add(&[2]), Wait(3), Add(&[3]), Wait(4), Add(&[4]), Add(&[5]), Wait(9)];
    let panes =
        ["global Early 0/-1 [1, 2] @ end", "global Early 1/-1 [3, 4] @ end", "global Early 2/-1 [5] @ end"];
    fires(runner, global(trigger), &script, &panes)
}

pub(super) fn or_finally_ends_it(runner: &dyn Runner) -> CaseResult {
    let trigger = repeatedly(after_count(2)).or_finally(after_count(3));
    let panes = ["global Early 0/-1 [1, 2] @ end", "global Early 1/-1 [3] @ end last"];
    fires(runner, global(trigger).allow_data_loss(), &FIVE, &panes)
}

pub(super) fn every_key_has_its_own(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let keyed = play(root, &FIVE).window(global(repeatedly(after_count(2)))).key_by(|n| n % 2);
        let groups = keyed.group_by_key().map(|(key, values)| (key, sorted(&values)));
        let panes = [
            "global Early 0/-1 (1, [1, 3]) @ end",
            "global Early 0/-1 (0, [2, 4]) @ end",
            "global OnTime 1/0 (1, [5]) @ end last",
        ];
        expect(&shown(&groups), &panes);
        Ok(())
    }))
}

pub(super) fn every_window_has_its_own(runner: &dyn Runner) -> CaseResult {
    let windows = FixedWindows::of(millis(10)).trigger(repeatedly(after_count(2))).discarding();
    let script = [Add(&[1]), Add(&[11]), Add(&[2]), Add(&[3]), Add(&[12])];
    let panes = [
        "[0, 10) Early 0/-1 [1, 2] @ 9",
        "[10, 20) Early 0/-1 [11, 12] @ 19",
        "[0, 10) OnTime 1/0 [3] @ 9 last",
    ];
    fires(runner, windows, &script, &panes)
}

pub(super) fn an_element_counts_in_each_of_its_windows(runner: &dyn Runner) -> CaseResult {
    let windows = SlidingWindows::of(millis(10)).every(millis(5)).trigger(repeatedly(after_count(2))).discarding();
    let panes = [
        "[0, 10) Early 0/-1 [6, 7] @ 9",
        "[5, 15) Early 0/-1 [6, 7] @ 14",
        "[5, 15) OnTime 1/0 [12] @ 14 last",
        "[10, 20) OnTime 0/0 [12] @ 19 last",
    ];
    fires(runner, windows, &[Add(&[6]), Add(&[7]), Add(&[12])], &panes)
}

pub(super) fn bounded_data_loses_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(0i64..500).with_timestamps(|n| at(*n));
        let trigger = || AfterWatermark::new().early(after_delay(millis(5))).late(after_count(1));
        let windows = || FixedWindows::of(millis(100)).allowed_lateness(minutes(1)).trigger(trigger());
        let sums = numbers.window(windows().discarding()).key_by(|_| ()).combine_per_key(sum());
        let total = sums.map(|(_, sum)| sum).window(global(Trigger::Never)).combine_globally(sum());
        assert_that(&total).satisfies(|totals| {
            // The sum over nothing may be there, too.
            ensure!(totals.iter().sum::<i64>() == 499 * 500 / 2, "{totals:?}");
            Ok(())
        });
        let sums = numbers.window(windows().accumulating()).key_by(|_| ()).combine_per_key(sum());
        let on_time = shown(&sums.map(|(_, sum)| sum)).filter(|pane| pane.contains("OnTime"));
        let sums = on_time.map(|pane| pane.split(' ').nth_back(2).unwrap_or_default().to_owned());
        let expected = (0..5).map(|w| (100 * w..100 * (w + 1)).sum::<i64>().to_string());
        assert_that(&sums).contains_in_any_order(expected);
        Ok(())
    }))
}
