//! Timers: when a step is called back, in which order, and what waits for it.

use super::prelude::*;
use super::stateful::{Obey, Pause, Tell, Till, obeys, orders, orders_at_once, plain, together};
use ferrobeam::time::{millis, minutes};

pub(super) fn they_fire_at_the_end_of_bounded_data(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let orders = orders_at_once(root, &[("j", 1, "a=5 b=3"), ("k", 2, "a=99"), ("l", 3, "!x")]);
        let said = orders.window(FixedWindows::of(millis(100))).par_do_stateful(Obey::<false>);
        let expected = ["j1 b=3 @ 3", "j2 a=5 @ 5", "k1 a=99 @ 99", "l1 x @ 3"].map(|said| format!("[0, 100) {said}"));
        assert_that(&plain(&said)).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn they_fire_at_the_end_of_all_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let said = orders_at_once(root, &[("j", 1, "a=end"), ("j", 2, "b=7 | b: c=end")]);
        let said = said.par_do_stateful(Obey::<false>).map(|text| text[3..].to_owned());
        expect(&plain(&said), &["global b=7 @ 7", "global a=end @ end", "global c=end @ end"]);
        Ok(())
    }))
}

pub(super) fn one_fires_when_the_watermark_is_beyond(runner: &dyn Runner) -> CaseResult {
    let turns = [Tell("k", 1, "a=5"), Till(5), Tell("k", 5, "!x"), Till(6), Tell("k", 6, "!y")];
    obeys(runner, &turns, &["[0, 100) k1 x @ 5", "[0, 100) k2 a=5 @ 5", "[0, 100) k3 y @ 6"])
}

pub(super) fn one_sees_its_own_time(runner: &dyn Runner) -> CaseResult {
    let turns = [Tell("k", 1, "a=5 | a: b+2"), Till(50)];
    obeys(runner, &turns, &["[0, 100) k1 a=5 @ 5", "[0, 100) k2 b=7 @ 7"])
}

pub(super) fn one_after_an_element_counts_from_it(runner: &dyn Runner) -> CaseResult {
    obeys(runner, &[Tell("k", 3, "a+4"), Till(8), Tell("k", 8, "!x")], &["[0, 100) k1 a=7 @ 7", "[0, 100) k2 x @ 8"])
}

pub(super) fn the_earliest_comes_first(runner: &dyn Runner) -> CaseResult {
    let turns = [Tell("k", 1, "a=7 b=5 c=9"), Tell("k", 1, "d=6"), Till(50)];
    let said = ["[0, 100) k1 b=5 @ 5", "[0, 100) k2 d=6 @ 6", "[0, 100) k3 a=7 @ 7", "[0, 100) k4 c=9 @ 9"];
    obeys(runner, &turns, &said)
}

pub(super) fn one_is_set_anew(runner: &dyn Runner) -> CaseResult {
    let later = [Tell("k", 1, "a=5 a=9"), Till(7), Tell("k", 7, "!x"), Till(10)];
    obeys(runner, &later, &["[0, 100) k1 x @ 7", "[0, 100) k2 a=9 @ 9"])?;
    let earlier = [Tell("k", 1, "a=9"), Tell("k", 1, "a=5"), Till(7), Tell("k", 7, "!x"), Till(10)];
    obeys(runner, &earlier, &["[0, 100) k1 a=5 @ 5", "[0, 100) k2 x @ 7"])?;
    let again = [Tell("k", 1, "a=5"), Till(6), Tell("k", 6, "a=8"), Till(9)];
    obeys(runner, &again, &["[0, 100) k1 a=5 @ 5", "[0, 100) k2 a=8 @ 8"])
}

pub(super) fn one_is_cleared(runner: &dyn Runner) -> CaseResult {
    let turns = [Tell("k", 1, "a=5 b=6 -a c=7"), Tell("k", 2, "-c -d"), Till(50), Tell("k", 50, "-b")];
    obeys(runner, &turns, &["[0, 100) k1 b=6 @ 6"])?;
    obeys(runner, &[Tell("k", 1, "a=5 -a a=6"), Till(50)], &["[0, 100) k1 a=6 @ 6"])
}

pub(super) fn one_that_is_late_fires_at_once(runner: &dyn Runner) -> CaseResult {
    let turns = [Till(50), Tell("k", 2, "a=10"), Tell("k", 60, "!x")];
    obeys(runner, &turns, &["[0, 100) k1 a=10 @ 10", "[0, 100) k2 x @ 60"])
}

pub(super) fn one_sets_itself_again_and_stops(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let loops = format!("a=1{}", " | a: a+1".repeat(40));
        let orders = orders_at_once(root, &[("j", 0, &loops), ("k", 0, &loops)]);
        let said = orders.window(FixedWindows::of(millis(100))).par_do_stateful(Obey::<false>);
        let expected = ["j", "k"].map(|key| (1..=41).map(move |n| format!("[0, 100) {key}{n} a={n} @ {n}")));
        assert_that(&plain(&said)).contains_in_any_order(expected.into_iter().flatten());
        Ok(())
    }))
}

pub(super) fn keys_have_their_own(runner: &dyn Runner) -> CaseResult {
    let turns = [Tell("j", 1, "a=5"), Tell("k", 1, "a=7"), Tell("l", 2, "-a"), Till(6), Tell("k", 6, "!x"), Till(50)];
    obeys(runner, &turns, &["[0, 100) j1 a=5 @ 5", "[0, 100) k1 x @ 6", "[0, 100) k2 a=7 @ 7"])
}

pub(super) fn windows_have_their_own(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let orders = orders_at_once(root, &[("k", 12, "a+5")]);
        let sliding = orders.window(SlidingWindows::of(millis(20)).every(millis(10)));
        expect(&plain(&sliding.par_do_stateful(Obey::<false>)), &["[0, 20) k1 a=17 @ 17", "[10, 30) k1 a=17 @ 17"]);
        let orders = orders_at_once(root, &[("k", 3, "a=9"), ("k", 13, "a=14")]);
        let fixed = orders.window(FixedWindows::of(millis(10)));
        expect(&plain(&fixed.par_do_stateful(Obey::<false>)), &["[0, 10) k1 a=9 @ 9", "[10, 20) k1 a=14 @ 14"]);
        Ok(())
    }))
}

#[derive(Timers)]
enum Two {
    #[timer(event_time)]
    First,
    #[timer(event_time)]
    Second,
    #[timer(event_time)]
    Of(u32),
}

/// Sets timers with and without tags to the same time.
#[derive(Clone)]
struct SetsAll;

impl StatefulDoFn for SetsAll {
    type Key = ();
    type In = u32;
    type Out = String;
    type State = ();
    type Timer = Two;

    fn process(
        &mut self,
        (): &(),
        n: u32,
        (): &mut (),
        ctx: &mut StatefulContext<'_, String, Two>,
    ) -> Result<(), BoxError> {
        [Two::First, Two::Second, Two::Of(n), Two::Of(n + 10)].into_iter().for_each(|timer| ctx.set(timer, at(5)));
        Ok(())
    }

    fn on_timer(
        &mut self,
        (): &(),
        timer: Two,
        (): &mut (),
        ctx: &mut StatefulContext<'_, String, Two>,
    ) -> Result<(), BoxError> {
        ctx.emit(match timer {
            Two::First => "first".to_owned(),
            Two::Second => "second".to_owned(),
            Two::Of(n) => n.to_string(),
        });
        Ok(())
    }
}

pub(super) fn those_of_a_family_are_apart(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let said = root.create(0..3).with_timestamps(|_| at(1)).map(|n| ((), n)).par_do_stateful(SetsAll);
        assert_that(&said)
            .contains_in_any_order(["first", "second", "0", "1", "2", "10", "11", "12"].map(str::to_owned));
        Ok(())
    }))
}

/// The end of the window is beyond the last timestamp in it: what the timer says is still on time.
pub(super) fn one_at_the_end_of_its_window_is_in_it(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let orders = orders_at_once(root, &[("k", 3, "!x a=9"), ("k", 13, "a=19")]);
        let said = orders.window(FixedWindows::of(millis(10))).par_do_stateful(Obey::<false>);
        expect(&counted(&said), &["[0, 10) OnTime 0/0 2 @ 9 last", "[10, 20) OnTime 0/0 1 @ 19 last"]);
        Ok(())
    }))
}

/// How much was said in each window.
fn counted(said: &PCollection<String>) -> PCollection<String> {
    shown(&said.key_by(|_| ()).group_by_key().map(|((), said)| said.iter().count()))
}

pub(super) fn one_that_is_set_holds_the_watermark(runner: &dyn Runner) -> CaseResult {
    let script = [Tell("k", 1, "!x a=15>3"), Till(12), Tell("k", 12, "!y"), Till(16), Till(25), Tell("k", 30, "!z")];
    passes(runner.run(|root| {
        let said = orders(root, &script).window(FixedWindows::of(millis(100))).par_do_stateful(Obey::<false>);
        let behind = said.window(FixedWindows::of(millis(10)));
        // Had the window not waited, what the timer says would have been dropped.
        let expected =
            ["[0, 10) OnTime 0/0 2 @ 9 last", "[10, 20) OnTime 0/0 1 @ 19 last", "[30, 40) OnTime 0/0 1 @ 39 last"];
        expect(&counted(&behind), &expected);
        Ok(())
    }))
}

pub(super) fn one_that_is_cleared_holds_nothing(runner: &dyn Runner) -> CaseResult {
    let script = [
        Tell("k", 1, "!x a=90>3"),
        Till(12),
        Tell("k", 4, "!early"),
        Tell("k", 12, "-a"),
        Till(13),
        Tell("k", 5, "!late"),
        Till(91),
    ];
    passes(runner.run(|root| {
        let said = orders(root, &script).window(FixedWindows::of(millis(100))).par_do_stateful(Obey::<false>);
        expect(&counted(&said.window(FixedWindows::of(millis(10)))), &["[0, 10) OnTime 0/0 2 @ 9 last"]);
        Ok(())
    }))
}

/// The new output timestamp takes the place of the old one.
pub(super) fn one_that_is_set_anew_holds_anew(runner: &dyn Runner) -> CaseResult {
    let script =
        [Tell("k", 1, "!x a=90>3"), Till(12), Tell("k", 12, "a=90>25"), Tell("k", 5, "!late"), Till(40), Till(91)];
    passes(runner.run(|root| {
        let said = orders(root, &script).window(FixedWindows::of(millis(100))).par_do_stateful(Obey::<false>);
        let expected = ["[0, 10) OnTime 0/0 1 @ 9 last", "[20, 30) OnTime 0/0 1 @ 29 last"];
        expect(&counted(&said.window(FixedWindows::of(millis(10)))), &expected);
        Ok(())
    }))
}

fn misuse(runner: &dyn Runner, order: &str, says: &str) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let orders = orders_at_once(root, &[("k", 5, order)]).window(FixedWindows::of(millis(100)));
        line = line_after!();
        orders.par_do_stateful(Obey::<false>).named("Obey").discard();
        Ok(())
    });
    fails(result, &["Obey", &line, says])
}

pub(super) fn one_behind_its_window_fails(runner: &dyn Runner) -> CaseResult {
    misuse(runner, "a=100", "behind its window")?;
    misuse(runner, "a=99 | a: a+1", "behind its window")
}

pub(super) fn its_output_is_not_before_its_element(runner: &dyn Runner) -> CaseResult {
    misuse(runner, "a=9>4", "before the time of what sets it")?;
    misuse(runner, "a=8>7 | a: a=9>6", "before the time of what sets it")
}

pub(super) fn its_output_is_not_behind_it(runner: &dyn Runner) -> CaseResult {
    misuse(runner, "a=9>10", "behind the time that it is set to")?;
    misuse(runner, "~a=9>100", "behind the end of its window")
}

pub(super) fn an_error_of_one_names_the_step(runner: &dyn Runner) -> CaseResult {
    misuse(runner, "a=9 | a: b=no", "invalid digit")
}

pub(super) fn one_in_processing_time_fires_when_it_is_reached(runner: &dyn Runner) -> CaseResult {
    let turns = [Tell("k", 1, "~a+5"), Pause(4), Tell("k", 2, "!x"), Pause(1), Tell("k", 3, "!y")];
    obeys(runner, &turns, &["[0, 100) k1 x @ 2", "[0, 100) k2 ~a=5 @ 1", "[0, 100) k3 y @ 3"])?;
    let turns = [Pause(10), Tell("k", 1, "~a=15 ~b+7 ~c=9"), Tell("k", 2, "!x"), Pause(20), Tell("k", 3, "!y")];
    let said = ["k1 ~c=9 @ 1", "k2 x @ 2", "k3 ~a=15 @ 1", "k4 ~b=17 @ 1", "k5 y @ 3"];
    obeys(runner, &turns, &said.map(|said| format!("[0, 100) {said}")).each_ref().map(String::as_str))
}

pub(super) fn one_in_processing_time_is_set_anew_and_cleared(runner: &dyn Runner) -> CaseResult {
    let turns = [
        Tell("k", 1, "~a+5 ~b+5"),
        Pause(3),
        Tell("k", 2, "~a+5 -~b"),
        Pause(3),
        Tell("k", 3, "!x"),
        Pause(3),
        Tell("k", 4, "!y"),
    ];
    obeys(runner, &turns, &["[0, 100) k1 x @ 3", "[0, 100) k2 ~a=8 @ 2", "[0, 100) k3 y @ 4"])
}

pub(super) fn one_in_processing_time_holds_the_watermark(runner: &dyn Runner) -> CaseResult {
    let script = [Tell("k", 1, "!x ~a+5"), Till(50), Pause(5), Tell("k", 60, "!y")];
    passes(runner.run(|root| {
        let said = orders(root, &script).window(FixedWindows::of(millis(100))).par_do_stateful(Obey::<false>);
        let expected = ["[0, 10) OnTime 0/0 2 @ 9 last", "[60, 70) OnTime 0/0 1 @ 69 last"];
        expect(&counted(&said.window(FixedWindows::of(millis(10)))), &expected);
        Ok(())
    }))
}

/// The window is over, so nobody will ever ask.
pub(super) fn one_in_processing_time_goes_with_its_window(runner: &dyn Runner) -> CaseResult {
    let turns = [Tell("k", 1, "~a+5"), Till(100), Pause(5), Tell("k", 101, "!x")];
    obeys(runner, &turns, &["[100, 200) k1 x @ 101"])
}

pub(super) fn those_in_processing_time_fire_at_the_end(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let orders = orders_at_once(root, &[("j", 1, "~a+86400000"), ("k", 2, "~a+1000 | ~a: ~a+1000 | ~a: ~b+1")]);
        let said = orders.par_do_stateful(Obey::<false>).map(|said| said.split('=').next().map(str::to_owned));
        let said = said.map(Option::unwrap_or_default);
        expect(&plain(&said), &["global j1 ~a @ 1", "global k1 ~a @ 2", "global k2 ~a @ 2", "global k3 ~b @ 2"]);
        Ok(())
    }))
}

/// Asks its side input when a timer fires and when its window expires.
#[derive(Clone)]
struct Asks(AsIterable<i64>);

#[derive(Timers)]
enum Ask {
    #[timer(event_time)]
    Event,
    #[timer(processing_time)]
    Clock,
}

impl StatefulDoFn for Asks {
    type Key = ();
    type In = i64;
    type Out = i64;
    type State = ();
    type Timer = Ask;

    const ON_WINDOW_EXPIRATION: bool = true;

    fn process(
        &mut self,
        (): &(),
        n: i64,
        (): &mut (),
        ctx: &mut StatefulContext<'_, i64, Ask>,
    ) -> Result<(), BoxError> {
        ctx.set(Ask::Event, at(n));
        ctx.set_after(Ask::Clock, minutes(1));
        Ok(())
    }

    fn on_timer(
        &mut self,
        (): &(),
        _: Ask,
        (): &mut (),
        ctx: &mut StatefulContext<'_, i64, Ask>,
    ) -> Result<(), BoxError> {
        let sum = ctx.side(&self.0)?.iter().sum();
        ctx.emit(sum);
        Ok(())
    }

    fn on_window_expiration(
        &mut self,
        (): &(),
        (): &mut (),
        ctx: &mut StatefulContext<'_, i64, Ask>,
    ) -> Result<(), BoxError> {
        let sum: i64 = ctx.side(&self.0)?.iter().sum();
        ctx.emit(-sum);
        Ok(())
    }
}

/// The side input stays until all that can ask for it is done.
pub(super) fn they_see_side_inputs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = || FixedWindows::of(millis(10)).allowed_lateness(millis(5));
        let side = together(root, [1, 2, 12]).window(windows()).as_iterable();
        // The timer in processing time fires for certain only where the watermark comes to the end of all time at once.
        let main = together(root, [5]).window(windows()).map(|n| ((), n));
        let sums = main.par_do_stateful_with(side.clone(), Asks(side));
        assert_that(&sums).contains_in_any_order([3, 3, -3]);
        Ok(())
    }))
}

fn expiring(runner: &dyn Runner, lateness: u64, turns: &[super::stateful::Turn], expected: &[&str]) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(10)).allowed_lateness(millis(lateness));
        expect(&plain(&orders(root, turns).window(windows).par_do_stateful(Obey::<true>)), expected);
        Ok(())
    }))
}

pub(super) fn a_window_expires_behind_all_of_them(runner: &dyn Runner) -> CaseResult {
    let turns = [Tell("k", 1, "a=9 b=5 | b: c=9"), Till(50), Tell("k", 51, "!x")];
    let said = [
        "[0, 10) k1 b=5 @ 5",
        "[0, 10) k2 a=9 @ 9",
        "[0, 10) k3 c=9 @ 9",
        "[0, 10) k4 expires @ 9",
        "[50, 60) k1 x @ 51",
        "[50, 60) k2 expires @ 59",
    ];
    expiring(runner, 0, &turns, &said)
}

pub(super) fn a_window_expires_once_for_each_key(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let orders = orders_at_once(root, &[("j", 1, ""), ("j", 2, ""), ("k", 3, ""), ("k", 13, "")]);
        let said = orders.window(FixedWindows::of(millis(10))).par_do_stateful(Obey::<true>);
        expect(&plain(&said), &["[0, 10) j1 expires @ 9", "[0, 10) k1 expires @ 9", "[10, 20) k1 expires @ 19"]);
        Ok(())
    }))
}

pub(super) fn a_window_expires_after_its_lateness(runner: &dyn Runner) -> CaseResult {
    let turns = [
        Tell("k", 1, "!x"),
        Till(12),
        Tell("k", 2, "!y a=13"),
        Till(14),
        Tell("k", 3, "!z"),
        Till(15),
        Tell("k", 3, "!dropped"),
    ];
    let said = ["k1 x @ 1", "k2 y @ 2", "k3 a=13 @ 9", "k4 z @ 3", "k5 expires @ 9"];
    expiring(runner, 5, &turns, &said.map(|said| format!("[0, 10) {said}")).each_ref().map(String::as_str))
}

/// What the expiration says is on time behind.
pub(super) fn an_expiration_is_in_its_window(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Tell("k", 1, "!x"), Till(30), Tell("k", 31, "!y")];
        let said = orders(root, &script).window(FixedWindows::of(millis(10))).par_do_stateful(Obey::<true>);
        expect(&counted(&said), &["[0, 10) OnTime 0/0 2 @ 9 last", "[30, 40) OnTime 0/0 2 @ 39 last"]);
        Ok(())
    }))
}

pub(super) fn a_window_that_expires_sets_none(runner: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let orders = orders_at_once(root, &[("k", 5, "| expires: ~a+1")]).window(FixedWindows::of(minutes(1)));
        line = line_after!();
        orders.par_do_stateful(Obey::<true>).named("Obey").discard();
        Ok(())
    });
    fails(result, &["Obey", &line, "in an expired window"])
}

pub(super) fn a_window_expires_behind_processing_time_at_the_end(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let orders = orders_at_once(root, &[("k", 1, "~a+60000 b=7 | ~a: ~a+60000 c=8")]);
        let said = orders.window(FixedWindows::of(millis(10))).par_do_stateful(Obey::<true>);
        let said = said.map(|said| said.replace(|c: char| c.is_ascii_digit(), ""));
        let counts = said.count_per_element().map(|(said, n)| format!("{said} {n}"));
        expect(&counts, &["k ~a= 2", "k b= 1", "k c= 1", "k expires 1"]);
        Ok(())
    }))
}

/// Lists the times of its elements, in the order in which they come.
#[derive(Clone)]
struct InOrder;

#[derive(State)]
struct Latest {
    latest: Value<i64>,
}

impl StatefulDoFn for InOrder {
    type Key = u64;
    type In = i64;
    type Out = (i64, i64);
    type State = Latest;
    type Timer = ();

    const TIME_SORTED: bool = true;

    fn process(
        &mut self,
        _: &u64,
        time: i64,
        state: &mut Latest,
        ctx: &mut StatefulContext<'_, (i64, i64), ()>,
    ) -> Result<(), BoxError> {
        ctx.emit((state.latest.get().copied().unwrap_or(-1), time));
        state.latest.set(time);
        Ok(())
    }
}

pub(super) fn bounded_data_comes_in_the_order_of_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let times = root.create((0i64..500).map(|i| i * 37 % 500)).reshuffle().with_timestamps(|time| at(*time));
        let pairs = times.map(|time| (time.unsigned_abs() % 2, time));
        let after = pairs.par_do_stateful(InOrder);
        assert_that(&after).contains_in_any_order((0..500).map(|time| ((time - 2).max(-1), time)));
        let windows = pairs.window(FixedWindows::of(millis(100))).par_do_stateful(InOrder);
        let expected = (0..500).map(|time| (if time % 100 < 2 { -1 } else { time - 2 }, time));
        assert_that(&windows).contains_in_any_order(expected);
        Ok(())
    }))
}

fn in_order(runner: &dyn Runner, lateness: u64, script: &[super::prelude::Step], after: &[(i64, i64)]) -> CaseResult {
    passes(runner.run(|root| {
        let windows = FixedWindows::of(millis(1000)).allowed_lateness(millis(lateness));
        let ordered = play(root, script).window(windows).map(|time| (0, time)).par_do_stateful(InOrder);
        assert_that(&ordered).contains_in_any_order(after.iter().copied());
        Ok(())
    }))
}

pub(super) fn a_stream_comes_in_the_order_of_time(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[7, 3]), Add(&[5]), Watermark(6), Add(&[9, 6]), Add(&[8]), Watermark(9), Add(&[30, 9])];
    in_order(runner, 0, &script, &[(-1, 3), (3, 5), (5, 6), (6, 7), (7, 8), (8, 9), (9, 9), (9, 30)])
}

/// What may still come late is waited for; what is later than that would break the order.
pub(super) fn the_order_of_time_waits_for_what_is_late(runner: &dyn Runner) -> CaseResult {
    let script = [Add(&[20, 8]), Watermark(10), Add(&[6, 5]), Watermark(15), Add(&[9]), Watermark(40), Add(&[4])];
    in_order(runner, 5, &script, &[(-1, 5), (5, 6), (6, 8), (8, 20)])?;
    in_order(runner, 0, &[Add(&[3]), Watermark(10), Add(&[9, 12, 10])], &[(-1, 3), (3, 10), (10, 12)])
}

/// Counts elements until none has come for ten milliseconds, and says when that was.
#[derive(Clone)]
struct Sessions;

#[derive(State)]
struct Counted {
    count: Value<u64>,
}

#[derive(Timers)]
enum Idle {
    #[timer(event_time)]
    Idle,
}

impl StatefulDoFn for Sessions {
    type Key = u64;
    type In = i64;
    type Out = String;
    type State = Counted;
    type Timer = Idle;

    const TIME_SORTED: bool = true;

    fn process(
        &mut self,
        _: &u64,
        _: i64,
        state: &mut Counted,
        ctx: &mut StatefulContext<'_, String, Idle>,
    ) -> Result<(), BoxError> {
        let count = state.count.take().unwrap_or_default();
        state.count.set(count + 1);
        ctx.set_after(Idle::Idle, millis(10));
        Ok(())
    }

    fn on_timer(
        &mut self,
        key: &u64,
        _: Idle,
        state: &mut Counted,
        ctx: &mut StatefulContext<'_, String, Idle>,
    ) -> Result<(), BoxError> {
        ctx.emit(format!("{key}: {}", state.count.take().unwrap_or_default()));
        Ok(())
    }
}

/// The timers of what comes earlier fire before what comes later, also if all of it comes at once.
pub(super) fn bounded_data_comes_between_timers(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // Each hundred begins with eight elements for each of two keys, five milliseconds apart.
        let times = (0i64..4000).map(|i| i * 37 % 4000).filter(|time| time % 100 < 40 && time % 5 < 2);
        let times = root.create(times).reshuffle().with_timestamps(|time| at(*time));
        let sessions = times.map(|time| (time.unsigned_abs() % 5, time)).par_do_stateful(Sessions);
        let expected = (0..80).map(|i| format!("global {}: 8 @ {}", i % 2, i / 2 * 100 + i % 2 + 45));
        assert_that(&plain(&sessions)).contains_in_any_order(expected);
        Ok(())
    }))
}

/// However the watermark comes, the timers of what comes earlier fire before what comes later.
pub(super) fn a_stream_comes_between_timers(runner: &dyn Runner) -> CaseResult {
    let first = Add(&[60, 33, 12, 0, 43, 22, 30, 4]);
    let steps: Vec<_> = std::iter::once(first).chain((1..75).map(Watermark)).collect();
    for script in [&steps[..], &[first][..], &[first, Watermark(31), Watermark(58)][..], &[first, Watermark(43)][..]] {
        passes(runner.run(|root| {
            let windows = play(root, script).window(FixedWindows::of(millis(1000)));
            let sessions = windows.map(|time| (time.unsigned_abs() % 2, time)).par_do_stateful(Sessions);
            // What comes just when a timer is due comes before it.
            expect(&plain(&sessions), &["[0, 1000) 0: 5 @ 40", "[0, 1000) 0: 1 @ 70", "[0, 1000) 1: 2 @ 53"]);
            Ok(())
        }))?;
    }
    Ok(())
}
