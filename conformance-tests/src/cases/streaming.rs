//! The library of streaming transforms.

use super::prelude::*;
use ferrobeam::time::*;

/// The windows of ten milliseconds.
fn tens(numbers: &PCollection<i64>) -> PCollection<i64> {
    numbers.window(FixedWindows::of(millis(10)))
}

/// Elements are equal if their last digits are.
fn once(numbers: &PCollection<i64>, once: Deduplicate) -> PCollection<i64> {
    numbers.apply(once.by(|n: &i64| n % 10))
}

pub(super) fn equal_elements_near_in_time_pass_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script =
            [Add(&[1]), Add(&[21]), Add(&[11, 22]), Watermark(30), Add(&[41]), Add(&[31]), Watermark(200), Add(&[131])];
        let passed = once(&play(root, &script), Deduplicate::within(millis(20)));
        // 21 is 20 ms behind 1, and 11 between them; 131 is alone, and nothing is known any more.
        assert_that(&passed).contains_in_any_order([1, 21, 22, 41, 131]);
        Ok(())
    }))
}

pub(super) fn equal_elements_pass_again_after_a_while(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[1]), Wait(19), Add(&[1011, 2]), Wait(2), Add(&[21]), Wait(15), Add(&[31, 12]), Wait(6), Add(&[41, 22])];
        let passed = once(&play(root, &script), Deduplicate::within(millis(20)).processing_time());
        assert_that(&passed).contains_in_any_order([1, 2, 21, 41, 22]);
        Ok(())
    }))
}

pub(super) fn each_window_remembers_for_itself(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[9]), Add(&[5]), Watermark(10), Add(&[19]), Add(&[12]), Watermark(20)];
        let even = tens(&play(root, &script)).apply(Deduplicate::within(millis(50)).by(|_: &i64| ()));
        expect(&shown(&even), &["[0, 10) 9 @ 9", "[10, 20) 19 @ 19"]);
        Ok(())
    }))
}

/// The batches of all numbers, sorted.
fn batches(numbers: &PCollection<i64>, batches: GroupIntoBatches) -> PCollection<Vec<i64>> {
    numbers.key_by(|_| ()).apply(batches).map(|((), mut batch)| {
        batch.sort_unstable();
        batch
    })
}

pub(super) fn batches_are_full(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0..100i64).map(|n| (n % 3, n));
        let groups = pairs.apply(GroupIntoBatches::of_size(10));
        let sizes = groups.map(|(key, batch)| (key, batch.len() as u64));
        let full = (0..3).flat_map(|key| [(key, 10); 3]);
        assert_that(&sizes).contains_in_any_order(full.chain([(0, 4), (1, 3), (2, 3)]));
        assert_that(&groups.flat_map(|(_, batch)| batch)).contains_in_any_order(0..100);
        let wrong = groups.filter(|(key, batch)| batch.iter().any(|n| n % 3 != *key));
        assert_that(&wrong).is_empty();
        Ok(())
    }))
}

pub(super) fn batches_end_with_their_window(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[5]), Add(&[3]), Add(&[7]), Add(&[2]), Add(&[12]), Add(&[1]), Watermark(10), Add(&[15])];
        let groups = batches(&tens(&play(root, &script)), GroupIntoBatches::of_size(3));
        expect(&shown(&groups), &["[0, 10) [3, 5, 7] @ 7", "[0, 10) [1, 2] @ 1", "[10, 20) [12, 15] @ 12"]);
        Ok(())
    }))
}

pub(super) fn batches_of_bytes(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // A text has a byte for its length.
        let texts = root.create(vec!["abcd".to_owned(); 7]).key_by(|_| ());
        let by_bytes = texts.apply(GroupIntoBatches::of_byte_size(11));
        assert_that(&by_bytes.map(|((), batch)| batch.len() as u64)).contains_in_any_order([3, 3, 1]);
        let by_both = texts.apply(GroupIntoBatches::of_byte_size(11).size(2));
        assert_that(&by_both.map(|((), batch)| batch.len() as u64)).contains_in_any_order([2, 2, 2, 1]);
        Ok(())
    }))
}

pub(super) fn batches_wait_no_longer_than_allowed(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[5]), Wait(20), Add(&[3]), Wait(21), Add(&[7]), Add(&[8, 9]), Wait(39), Add(&[6]), Wait(100)];
        let groups = batches(&play(root, &script), GroupIntoBatches::of_size(3).max_buffering(millis(40)));
        assert_that(&groups).contains_in_any_order([vec![3, 5], vec![7, 8, 9], vec![6]]);
        Ok(())
    }))
}

pub(super) fn a_batch_holds_the_watermark(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // In the global window nothing goes out before the end, and all is on time then.
        let script = [Add(&[5, 25]), Watermark(100), Add(&[6])];
        let groups = batches(&play(root, &script), GroupIntoBatches::of_size(9)).window(FixedWindows::of(millis(10)));
        let panes = groups.key_by(|_| ()).group_by_key().map(|((), groups)| groups.iter().collect::<Vec<_>>());
        expect(&shown(&panes), &["[0, 10) OnTime 0/0 [[5, 6, 25]] @ 9 last"]);
        Ok(())
    }))
}

fn counted(numbers: &PCollection<i64>, windows: CountWindows) -> PCollection<String> {
    shown(&numbers.key_by(|n| n % 2 == 0).apply(windows).values())
}

const IN_TURN: [Step; 8] =
    [Add(&[1]), Add(&[5]), Add(&[2]), Add(&[3]), Add(&[9]), Add(&[4]), Add(&[7]), Add(&[11])];

pub(super) fn count_windows_follow_each_other(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = counted(&play(root, &IN_TURN), CountWindows::of(2));
        expect(&windows, &["global [1, 5] @ 5", "global [3, 9] @ 9", "global [7, 11] @ 11", "global [2, 4] @ 4"]);
        let windows = counted(&tens(&play(root, &IN_TURN)), CountWindows::of(3));
        expect(&windows, &["[0, 10) [1, 5, 3] @ 3"]);
        Ok(())
    }))
}

pub(super) fn count_windows_slide(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = counted(&play(root, &IN_TURN), CountWindows::of(3).every(2));
        expect(&windows, &["global [1, 5] @ 5", "global [5, 3, 9] @ 9", "global [9, 7, 11] @ 11", "global [2, 4] @ 4"]);
        let windows = counted(&play(root, &IN_TURN).filter(|n| n % 2 != 0), CountWindows::of(2).every(1));
        let expected = ["[1] @ 1", "[1, 5] @ 5", "[5, 3] @ 3", "[3, 9] @ 9", "[9, 7] @ 7", "[7, 11] @ 11"];
        expect(&windows.map(|text| text.replace("global ", "")), &expected);
        Ok(())
    }))
}

pub(super) fn count_windows_may_have_gaps(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = counted(&play(root, &IN_TURN).filter(|n| n % 2 != 0), CountWindows::of(2).every(3));
        expect(&windows, &["global [5, 3] @ 3", "global [7, 11] @ 11"]);
        Ok(())
    }))
}

pub(super) fn count_windows_in_the_order_of_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[9, 3, 7]), Add(&[1, 5]), Watermark(8), Add(&[13, 11]), Watermark(20)];
        let windows = counted(&play(root, &script), CountWindows::of(3).every(2).in_order_of_time());
        expect(&windows, &["global [1, 3] @ 3", "global [3, 5, 7] @ 7", "global [7, 9, 11] @ 11"]);
        let bounded = root.create((0..50i64).rev()).with_timestamps(|n| at(*n)).key_by(|_| ());
        let tens = bounded.apply(CountWindows::of(10).in_order_of_time()).values();
        assert_that(&tens).contains_in_any_order((0..5i64).map(|ten| (10 * ten..10 * ten + 10).collect::<Vec<_>>()));
        Ok(())
    }))
}

pub(super) fn the_last_of_each_window(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[4, 1, 8]), Add(&[12, 6]), Watermark(10), Add(&[15, 11]), Watermark(30)];
        let windows = play(root, &script).window(SlidingWindows::of(millis(20)).every(millis(10)));
        let last = windows.key_by(|_| ()).apply(GroupRecent::last(2)).values();
        expect(
            &shown(&last),
            &[
                "[-10, 10) OnTime 0/0 [6, 8] @ 9 last",
                "[0, 20) OnTime 0/0 [12, 15] @ 19 last",
                "[10, 30) OnTime 0/0 [12, 15] @ 29 last",
            ],
        );
        Ok(())
    }))
}

pub(super) fn the_recent_of_each_window(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[4, 1, 8]), Add(&[12, 6, 3]), Watermark(10), Add(&[15, 19]), Watermark(20)];
        let recent = tens(&play(root, &script)).key_by(|_| ()).apply(GroupRecent::within(millis(4))).values();
        expect(&shown(&recent), &["[0, 10) OnTime 0/0 [4, 6, 8] @ 9 last", "[10, 20) OnTime 0/0 [15, 19] @ 19 last"]);
        Ok(())
    }))
}

pub(super) fn the_last_with_every_element(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = GlobalWindows::new().trigger(repeatedly(after_count(2))).accumulating();
        let numbers = play(root, &[Add(&[1]), Add(&[2]), Add(&[9]), Add(&[5]), Add(&[3]), Add(&[4])]).window(windows);
        let last = numbers.key_by(|_| ()).apply(GroupRecent::last(3)).values();
        assert_that(&last).contains_in_any_order([vec![1, 2], vec![2, 5, 9], vec![4, 5, 9]]);
        Ok(())
    }))
}

/// Numbers that pass the limit of two in 100 ms, with the number that a pane of ten milliseconds had when it fired: those that
/// pass later are in a later one.
fn limited(root: &Root, script: &[Step], limit: RateLimit) -> PCollection<Vec<i64>> {
    let passed = play(root, script).key_by(|_| ()).apply(limit).values();
    let trigger = repeatedly(after_delay(millis(10)));
    let panes = passed.window(GlobalWindows::new().trigger(trigger).discarding());
    panes.key_by(|_| ()).group_by_key().map(|((), values)| sorted(&values))
}

pub(super) fn what_is_too_much_waits(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [
            Add(&[1]), Add(&[2]), Add(&[9]), Add(&[4, 4]), Add(&[5]), Wait(50), Wait(49), Wait(30), Add(&[6]),
            Wait(100), Wait(100), Wait(100), Wait(100), Wait(100), Add(&[7]), Wait(20),
        ];
        let panes = limited(root, &script, RateLimit::of(2).per(millis(100)));
        assert_that(&panes).contains_in_any_order([vec![1, 2], vec![4, 4], vec![5, 6], vec![9], vec![7]]);
        Ok(())
    }))?;
    passes(runner.run(|root| {
        // What waits is not late behind.
        let passed = play(root, &[Add(&[1]), Add(&[2]), Watermark(50), Wait(1000)]).key_by(|_| ());
        let passed = passed.apply(RateLimit::of(1)).values();
        expect(&grouped(&tens(&passed)), &["[0, 10) OnTime 0/0 [1, 2] @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn what_is_too_much_is_dropped(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[1]), Add(&[2]), Wait(99), Add(&[3]), Wait(1), Add(&[4]), Wait(60), Add(&[5]), Wait(39), Add(&[6])];
        let panes = limited(root, &script, RateLimit::of(2).per(millis(100)).drop_excess());
        assert_that(&panes).contains_in_any_order([vec![1, 2], vec![4], vec![5]]);
        Ok(())
    }))
}

pub(super) fn a_fraction_is_the_same_everywhere(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(0..1000u64).reshuffle();
        let some = numbers.apply(SampleFraction::of(0.2, |n: &u64| *n));
        let users = numbers.map(|n| (n, 'x')).apply(SampleFraction::of(0.2, |(user, _): &(u64, char)| *user));
        let joined = some.key_by(|n| *n).inner_join(&users.reshuffle());
        let counts = [some.count_globally(), joined.count_globally()];
        assert_that(&flatten([&counts[0], &counts[1]]).distinct().map(|n| (150..250).contains(&n))).is_singleton(true);
        let others = numbers.apply(SampleFraction::of(0.2, |n: &u64| *n).with_seed(1));
        let both = some.key_by(|n| *n).inner_join(&others.key_by(|n| *n)).count_globally();
        assert_that(&both.map(|n| n < 100)).is_singleton(true);
        assert_that(&numbers.apply(SampleFraction::of(1.0, |n: &u64| *n)).count_globally()).is_singleton(1000);
        assert_that(&numbers.apply(SampleFraction::of(0.0, |n: &u64| *n))).is_empty();
        Ok(())
    }))
}

pub(super) fn the_newest_of_each_pane(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let trigger = AfterWatermark::new().early(after_count(1)).late(after_count(1));
        let windows = FixedWindows::of(millis(10)).trigger(trigger).accumulating().allowed_lateness(millis(100));
        let script = [Add(&[3]), Add(&[1]), Add(&[7]), Watermark(10), Add(&[9]), Add(&[4])];
        let numbers = play(root, &script).window(windows);
        let newest = numbers.key_by(|_| ()).latest_per_key().values();
        expect(
            &shown(&newest),
            &[
                "[0, 10) Early 0/-1 3 @ 9",
                "[0, 10) Early 1/-1 3 @ 9",
                "[0, 10) Early 2/-1 7 @ 9",
                "[0, 10) OnTime 3/0 7 @ 9",
                "[0, 10) Late 4/1 9 @ 9",
                "[0, 10) Late 5/2 9 @ 9",
            ],
        );
        Ok(())
    }))
}

pub(super) fn the_largest_of_each_window(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = tens(&play(root, &[Add(&[3, 14, 1]), Add(&[7, 12, 19]), Watermark(10), Add(&[16]), Watermark(20)]));
        let top = numbers.key_by(|n| n % 2 == 0).top_per_key(2);
        expect(
            &shown(&top),
            &[
                "[0, 10) OnTime 0/0 (false, [7, 3]) @ 9 last",
                "[10, 20) OnTime 0/0 (true, [16, 14]) @ 19 last",
                "[10, 20) OnTime 0/0 (false, [19]) @ 19 last",
            ],
        );
        Ok(())
    }))
}

pub(super) fn times_are_those_of_processing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // The clock of a script begins in 1970.
        let script = [Add(&[3]), Wait(50), Add(&[4, 1_000_000]), Wait(7), Add(&[5])];
        let stamped = play(root, &script).apply(WithProcessingTime);
        let times = stamped.par_do(Reify::default()).map(|(n, at, _)| (n, at.millis()));
        assert_that(&times).contains_in_any_order([(3, 3), (4, 50), (1_000_000, 1_000_000), (5, 57)]);
        Ok(())
    }))
}

const SLIDES: [Step; 11] = [
    Add(&[1, 4, 12]), Watermark(10), Add(&[13, 25, 8]), Watermark(20), Add(&[11, 3]), Watermark(30), Add(&[95]),
    Watermark(60), Add(&[71, 35, 62]), Watermark(80), Add(&[99, 64]),
];

/// The results of sliding windows, by both ways.
fn slides<C: InverseCombineFn<In = i64, Out: std::fmt::Debug>>(
    runner: &dyn Runner,
    script: &[Step],
    combine: C,
) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = play(root, script).key_by(|n| n % 2 == 0);
        let windows = pairs.window(SlidingWindows::of(millis(30)).every(millis(10)));
        let expected = shown(&windows.combine_per_key(combine.clone()));
        let expected = expected.map(|text| text.replace(" OnTime 0/0", "").replace(" last", ""));
        let slid = shown(&pairs.apply(CombineSliding::of(millis(30)).every(millis(10)).with(combine)));
        let windows = || GlobalWindows::new().trigger(Trigger::Never).discarding();
        let signed = [(expected, 1i64), (slid, -1)].map(|(texts, sign)| texts.map(move |text| (text, sign)));
        let both = flatten([&signed[0].window(windows()), &signed[1].window(windows())]).sum_per_key();
        assert_that(&both).satisfies(|windows| match windows.iter().find(|(_, n)| *n != 0) {
            _ if windows.len() < 5 => Err(format!("{windows:?}").into()),
            Some((window, n)) => Err(format!("{window}: {n}").into()),
            None => Ok(()),
        });
        Ok(())
    }))
}

pub(super) fn sliding_sums_are_those_of_windows(runner: &dyn Runner) -> CaseResult {
    slides(runner, &SLIDES, sum())
}

pub(super) fn sliding_means_have_gaps(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[5]), Watermark(30), Add(&[502, 47]), Watermark(500), Add(&[525]), Watermark(900)];
    slides(runner, &script, (mean(), count()))
}

pub(super) fn late_elements_count_in_what_is_to_come(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[5, 15]), Watermark(20), Add(&[6]), Add(&[-10]), Watermark(100)];
        let sums = play(root, &script).key_by(|_| ()).apply(CombineSliding::of(millis(20)).every(millis(10)).with(sum()));
        expect(&shown(&sums.values()), &["[-10, 10) 5 @ 9", "[0, 20) 20 @ 19", "[10, 30) 15 @ 29"]);
        let script = [Add(&[5]), Watermark(10), Add(&[6]), Watermark(100)];
        let sums = play(root, &script).key_by(|_| ()).apply(CombineSliding::of(millis(20)).every(millis(10)).with(sum()));
        expect(&shown(&sums.values()), &["[-10, 10) 5 @ 9", "[0, 20) 11 @ 19"]);
        Ok(())
    }))
}

pub(super) fn a_sequence_ends(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sequence = |start, stop, interval| SequenceDefinition { start: at(start), stop: at(stop), interval };
        let sequences = root.create([sequence(-20, 1, 10), sequence(5, 5, 10), sequence(7, 28, 7)]);
        let points = sequences.apply(PeriodicSequence);
        assert_that(&points.map(Timestamp::millis)).contains_in_any_order([-20, -10, 0, 7, 14, 21]);
        let moved = points.par_do(Reify::default()).filter(|(point, at, _)| point != at);
        assert_that(&moved).is_empty();
        Ok(())
    }))
}

pub(super) fn impulses_keep_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let start = PeriodicImpulse::every(millis(50)).starting_at(at(-100)).until(at(100));
        let ticks = root.apply(start).window(FixedWindows::of(millis(100)));
        let counts = ticks.map(|_| ()).count_per_element();
        expect(&shown(&counts), &["[-100, 0) OnTime 0/0 ((), 2) @ -1 last", "[0, 100) OnTime 0/0 ((), 2) @ 99 last"]);
        // The start need not be a multiple of the period.
        let ticks = root.apply(PeriodicImpulse::every(millis(50)).starting_at(at(-120)).until(at(80)));
        assert_that(&ticks).contains_in_any_order([-120, -70, -20, 30].map(at));
        Ok(())
    }))
}

pub(super) fn a_table_is_refreshed(runner: &dyn Runner) -> CaseResult {
    let loads = Log::new();
    let table = loads.clone();
    passes(runner.run(|root| {
        let script = [Add(&[1]), Wait(1), Add(&[2]), Wait(100), Add(&[3]), Wait(100), Add(&[4])];
        let load = move || {
            table.add(());
            Ok(table.entries().len() as u64)
        };
        let newest = root.apply(Refreshed::every(millis(100), load).until(at(250)));
        let seen = play(root, &script).map_with(newest, |n, load| (n, *load));
        assert_that(&seen).satisfies(|seen| {
            let mut seen = seen.to_vec();
            seen.sort_unstable();
            // A bundle that is repeated loads once more.
            match seen[..] {
                [(1, a), (2, b), (3, c), (4, d)] if a == b && b < c && c < d => Ok(()),
                _ => Err(format!("{seen:?}").into()),
            }
        });
        Ok(())
    }))?;
    ensure!(loads.entries().len() >= 3, "it was loaded {} times", loads.entries().len());
    Ok(())
}
