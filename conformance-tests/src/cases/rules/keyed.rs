//! The rules of timers, bundles, side inputs, splittable steps and keys.

use super::super::prelude::*;
use super::super::state::counted;
use super::super::stateful::{Obey, Pause, Tell, Till, obeys, orders, orders_at_once, plain, together};
use ferrobeam::time::{millis, seconds};

pub(in crate::cases) fn r3_the_earliest_due_then_look_again(runner: &dyn Runner) -> CaseResult {
    let script = [Tell("k", 1, "a=5 c=9 d=7 | a: b=7 -d | b: c=8 e=8"), Till(60), Tell("k", 61, "!x")];
    let said = ["k1 a=5 @ 5", "k2 b=7 @ 7", "k3 c=8 @ 8", "k4 e=8 @ 8", "k5 x @ 61"];
    obeys(runner, &script, &said.map(|said| format!("[0, 100) {said}")).each_ref().map(String::as_str))
}

pub(in crate::cases) fn r3_a_window_expires_behind_its_timers(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Tell("k", 1, "a=3 | a: b=12 | b: c=14"), Till(9), Tell("k", 2, "d=14"), Till(50)];
        let windows = FixedWindows::of(millis(10)).allowed_lateness(millis(5));
        let said = ["k1 a=3 @ 3", "k2 b=12 @ 9", "k3 d=14 @ 9", "k4 c=14 @ 9", "k5 expires @ 9"];
        let said = said.map(|said| format!("[0, 10) {said}"));
        let obeyed = orders(root, &script).window(windows).par_do_stateful(Obey::<true>);
        assert_that(&plain(&obeyed)).contains_in_any_order(said);
        Ok(())
    }))
}

/// What a callback says is never late behind, though the watermark is far beyond.
pub(in crate::cases) fn r3_the_output_moves_when_all_is_done(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Tell("k", 1, "a=5 | a: b=15 | b: c=25"), Till(90), Tell("k", 95, "!x")];
        let said = orders(root, &script).window(FixedWindows::of(millis(100))).par_do_stateful(Obey::<false>);
        let windows = said.window(FixedWindows::of(millis(10)));
        let groups = shown(&windows.key_by(|_| ()).group_by_key().map(|((), said)| said.iter().count()));
        expect(
            &groups,
            &[
                "[0, 10) OnTime 0/0 1 @ 9 last",
                "[10, 20) OnTime 0/0 1 @ 19 last",
                "[20, 30) OnTime 0/0 1 @ 29 last",
                "[90, 100) OnTime 0/0 1 @ 99 last",
            ],
        );
        Ok(())
    }))
}

/// Elements of many bundles, some of which may fail, and the timers that they set: no schedule makes any of them late.
pub(in crate::cases) fn r4_what_is_underway_holds(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = together(root, (0..300).filter(|x| x % 10 < 7)).reshuffle();
        let orders = numbers.map(|x| (format!("k{}", x % 7), "!x a+3".to_owned()));
        let said = orders.window(SlidingWindows::of(millis(20)).every(millis(10))).par_do_stateful(Obey::<false>);
        let windows = said.reshuffle().window(FixedWindows::of(millis(100)));
        // How often a timer is set anew before it fires is left open.
        let groups = windows.key_by(|_| ()).group_by_key().map(|((), said)| {
            (said.iter().filter(|said| said.ends_with('x')).count(), said.iter().any(|said| said.contains("a=")))
        });
        let whole = |i: i64| format!("[{}, {}) OnTime 0/0 (140, true) @ {} last", 100 * i, 100 * i + 100, 100 * i + 99);
        assert_that(&shown(&groups)).contains_in_any_order((0..3).map(whole));
        Ok(())
    }))
}

pub(in crate::cases) fn r4_what_waits_for_a_side_input_holds(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[5]), Watermark(30), Add(&[31, 100]), Watermark(200)];
        let numbers = play(root, &script);
        let side = numbers.filter(|x| *x == 100).window(FixedWindows::of(millis(150))).as_iterable();
        let seen = numbers.filter(|x| *x < 100).window(FixedWindows::of(millis(10)));
        let groups = grouped(&seen.map_with(side, |x, side| x + side.len() as i64));
        expect(&groups, &["[0, 10) OnTime 0/0 [6] @ 9 last", "[30, 40) OnTime 0/0 [32] @ 39 last"]);
        Ok(())
    }))
}

pub(in crate::cases) fn r5_a_timer_holds_at_its_output_timestamp(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // At 3 until it is set anew, then at 12 until it fires.
        let script = [
            Tell("k", 1, "a=90>3"),
            Till(50),
            Tell("l", 4, "!in time"),
            Tell("k", 6, "a=95>12"),
            Tell("l", 5, "!late"),
            Tell("l", 13, "!in time"),
            Till(96),
            Tell("l", 14, "!late"),
        ];
        let said = orders(root, &script).window(FixedWindows::of(millis(100))).par_do_stateful(Obey::<false>);
        let windows = said.window(FixedWindows::of(millis(10)));
        let groups = shown(&windows.key_by(|_| ()).group_by_key().map(|((), said)| said.iter().count()));
        expect(&groups, &["[0, 10) OnTime 0/0 1 @ 9 last", "[10, 20) OnTime 0/0 2 @ 19 last"]);
        Ok(())
    }))
}

/// Those of event time hold at their own time, those of processing time at that of what set them.
pub(in crate::cases) fn r5_output_timestamps_by_default(runner: &dyn Runner) -> CaseResult {
    let script = [Tell("k", 4, "a=20 ~b+5 | a: ~c+5"), Till(30), Pause(5), Pause(5), Tell("k", 40, "!x")];
    let said = ["k1 a=20 @ 20", "k2 ~b=5 @ 4", "k3 ~c=5 @ 20", "k4 x @ 40"];
    obeys(runner, &script, &said.map(|said| format!("[0, 100) {said}")).each_ref().map(String::as_str))
}

pub(in crate::cases) fn r5_processing_time_runs_on_at_the_end(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let order = format!("~a+3600000{}", " | ~a: ~a+3600000".repeat(20));
        let said = orders_at_once(root, &[("j", 7, &order), ("k", 8, &order)]).par_do_stateful(Obey::<true>);
        let times = said.map(|said| said.contains('~')).count_per_element();
        assert_that(&times).contains_in_any_order([(true, 42), (false, 2)]);
        Ok(())
    }))
}

pub(in crate::cases) fn r11_a_window_is_ready_by_a_pane_or_the_watermark(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // Odd numbers are of the side input. 52 waits for a pane, 2 for the watermark, and neither for what comes after.
        let script = [Add(&[2, 52, 51]), Add(&[53]), Watermark(50), Add(&[1]), Add(&[4])];
        let numbers = play(root, &script);
        let windows = || FixedWindows::of(millis(50)).allowed_lateness(seconds(1));
        let trigger = AfterWatermark::new().early(after_count(1)).late(after_count(1));
        let side = numbers.filter(|x| x % 2 == 1).window(windows().trigger(trigger).accumulating()).as_iterable();
        let seen = numbers.filter(|x| x % 2 == 0).window(windows()).map_with(side, |x, side| (x, side.len()));
        assert_that(&seen).contains_in_any_order([(52, 1), (2, 0), (4, 1)]);
        Ok(())
    }))
}

/// Numbers up to ten, each an offset, from a time of ten on; the tenth tells that it is done.
#[derive(Clone)]
struct Slow {
    done: Log<u64>,
}

impl SplittableDoFn for Slow {
    type In = i64;
    type Out = i64;
    type Restriction = OffsetRange;
    type Estimator = Manual;

    fn initial_restriction(&self, _: &i64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, 10))
    }
    fn process(
        &mut self,
        _: &i64,
        tracker: &mut Tracker<'_, OffsetRange, i64, Manual>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let next = tracker.restriction().next();
        let Some(mut claim) = tracker.claim(next) else { return Ok(Continuation::Done) };
        let time = ctx.timestamp() + millis(10 * next);
        claim.emit_at(time.millis(), time);
        tracker.set_watermark(time + millis(10));
        self.done.add(next);
        Ok(Continuation::ResumeAfter(millis(5)))
    }
}

/// What is in a window and what is still to come agree: the watermark taken with the split is behind what comes.
pub(in crate::cases) fn r12_a_residual_holds_at_its_watermark(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = together(root, [10]).par_do_splittable(Slow { done: Log::new() });
        let groups = grouped(&numbers.window(FixedWindows::of(millis(20))));
        let group = |i: i64| format!("[{}, {}) OnTime 0/0 [{}, {}] @ {} last", i, i + 20, i, i + 10, i + 19);
        let expected = [20, 40, 60, 80].map(group);
        let ends = ["[0, 20) OnTime 0/0 [10] @ 19 last", "[100, 120) OnTime 0/0 [100] @ 119 last"].map(str::to_owned);
        assert_that(&groups).contains_in_any_order(expected.into_iter().chain(ends));
        Ok(())
    }))
}

/// Ten numbers, ten milliseconds apart, of which each is a part of its own.
struct Parts;

impl Source for Parts {
    type Out = i64;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok((0..10).map(|i| OffsetRange::new(i, i + 1)).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, i64>) -> Result<(), BoxError> {
        while claims.has_room() {
            let next = claims.restriction().next();
            // Without effect: this source ends.
            claims.set_watermark(at(1000));
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            let time = at(10 * next as i64);
            claim.emit_at(time.millis(), time);
        }
        Ok(())
    }
}

pub(in crate::cases) fn r12_a_bounded_source_holds_to_its_end(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(50)).trigger(Trigger::Default).discarding();
        let groups = grouped(&root.read(Parts).window(windows));
        let expected =
            ["[0, 50) OnTime 0/0 [0, 10, 20, 30, 40] @ 49 last", "[50, 100) OnTime 0/0 [50, 60, 70, 80, 90] @ 99 last"];
        expect(&groups, &expected);
        Ok(())
    }))
}

pub(in crate::cases) fn r16_equal_keys_have_equal_bytes(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = together(root, 0..60).reshuffle();
        // Made in different ways, and equal all the same.
        let key = |x: i64| {
            let text = if x % 2 == 0 { "k".repeat((x % 3) as usize) } else { String::from("kk")[..(x % 3) as usize].into() };
            (text, Some(vec![x % 5 > 2]))
        };
        let grouped = numbers.map(move |x| (key(x), x)).group_by_key().map(|(key, values)| (key, values.iter().count()));
        let combined = numbers.map(move |x| (key(x), x)).combine_per_key(count()).map(|(key, n)| (key, n as usize));
        let expected = ["", "k", "kk"].into_iter().flat_map(|text| {
            [(false, 12), (true, 8)].map(|(large, n)| ((text.to_owned(), Some(vec![large])), n))
        });
        let expected: Vec<_> = expected.collect();
        assert_that(&grouped).contains_in_any_order(expected.clone());
        assert_that(&combined).contains_in_any_order(expected.clone());
        let stateful = counted(&numbers.map(move |x| (key(x), 0))).combine_per_key(max());
        assert_that(&stateful.map(|(key, n)| (key, n as usize))).contains_in_any_order(expected);
        Ok(())
    }))
}
