//! What is special about the local runner: many workers, queues that are full, real time, and what ends it.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

mod failing;
mod memory;
mod seen;
mod stopping;

use ferrobeam_core::prelude::*;
use ferrobeam_core::testing::assert_that;
use ferrobeam_core::time::{millis, seconds};
use ferrobeam_local::LocalRunner;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Numbers below an end, in one part.
struct Numbers(u64);

impl Source for Numbers {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, self.0)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() && claims.emit_run(Timestamp::MIN, |n| n) {}
        Ok(())
    }
}

#[test]
fn much_comes_through_full_queues() {
    for workers in [2, 5] {
        let run = LocalRunner::new().workers(workers).run(|root| {
            // Every number becomes a hundred, which all go to one worker and from there everywhere and back.
            let many = root.read(Numbers(20_000)).flat_map_into(|n, out| (0..100).for_each(|i| out.emit(100 * n + i)));
            let dealt = many.reshuffle().reshuffle();
            let hot = dealt.map(|n| ("hot".to_owned(), n)).group_by_key().flat_map(|(_, all)| all.into_iter());
            let sums = hot.reshuffle().map(|n| (n % 3, 1u64)).combine_per_key(sum());
            assert_that(&sums).contains_in_any_order([(0, 666_667), (1, 666_667), (2, 666_666)]);
            Ok(())
        });
        run.unwrap();
    }
}

/// Counts its instances that live.
struct Lives(Arc<AtomicUsize>);

impl Clone for Lives {
    fn clone(&self) -> Self {
        Lives(self.0.clone())
    }
}

impl DoFn for Lives {
    type In = u64;
    type Out = u64;

    fn setup(&mut self) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    fn process(&mut self, n: u64, _: &mut Context<'_, u64>) -> Result<(), BoxError> {
        assert!(n != 4321, "no such number");
        Ok(())
    }
    fn teardown(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_panic_in_one_of_eight_workers_stops_all_and_leaves_nothing() {
    for _ in 0..20 {
        let lives = Arc::new(AtomicUsize::new(0));
        let run = LocalRunner::new().workers(8).run(|root| {
            root.read(Endless).reshuffle().par_do(Lives(lives.clone())).named("Look").discard();
            Ok(())
        });
        let error = run.unwrap_err().to_string();
        assert!(error.contains("`Look`") && error.contains("no such number"), "{error}");
        assert_eq!(lives.load(Ordering::SeqCst), 0);
    }
}

/// Numbers without an end.
struct Endless;

impl Source for Endless {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::unbounded(0)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() && claims.emit_run(Timestamp::MIN, |n| n) {}
        Ok(())
    }
}

/// A value that must not be copied.
#[derive(Debug)]
struct Fragile;

impl Clone for Fragile {
    fn clone(&self) -> Self {
        panic!("no copies")
    }
}

impl ferrobeam_core::coder::Via for Fragile {
    type As = u64;
    fn to(&self) -> u64 {
        0
    }
    fn from(_: u64) -> ferrobeam_core::coder::Decoded<Self> {
        Ok(Fragile)
    }
}

impl Element for Fragile {
    type Coder = ferrobeam_core::coder::ViaCoder<<u64 as Element>::Coder>;
    type ListCoder = ferrobeam_core::coder::IterableCoder<Self::Coder>;
}

#[test]
fn a_panic_outside_of_any_step_is_told() {
    let run = LocalRunner::new().workers(3).run(|root| {
        let fragile = root.create([1u64]).map(|_| Fragile);
        fragile.map(|_| 1u64).discard();
        fragile.map(|_| 2u64).discard();
        Ok(())
    });
    let error = run.unwrap_err().to_string();
    assert!(error.contains("outside of any step") && error.contains("no copies"), "{error}");
}

/// A source with nothing to read.
#[derive(Clone, Copy)]
struct Nothing(Duration);

impl Source for Nothing {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::unbounded(0)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        claims.resume_after(self.0);
        Ok(())
    }
}

#[test]
fn what_waits_for_ever_is_told() {
    let waits = |runner: LocalRunner, delay, told: &str| {
        let run = runner.run(|root| {
            let side = root.read(Nothing(delay)).window(FixedWindows::of(seconds(1))).as_iterable();
            root.create([1u64]).map_with(side, |x, side| x + side.len() as u64).named("Look").discard();
            Ok(())
        });
        let error = run.unwrap_err().to_string();
        let side = "1 of them for the side inputs that `Window`";
        assert!(error.contains(told) && error.contains("`Look`") && error.contains(side), "{error}");
    };
    for workers in [1, 4] {
        let runner = LocalRunner::new().workers(workers);
        waits(runner.clone(), Duration::MAX, "work is left and nothing can run:");
        waits(runner.skip_waiting(), seconds(10), "work is left and nothing comes any more: at 1970-01-02T");
    }
}

/// Numbers that come by and by, and the threads that read them.
struct Ticks(Arc<Mutex<Vec<ThreadId>>>);

impl Source for Ticks {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, 10)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(thread::current().id());
        let next = claims.restriction().next();
        let Some(mut claim) = claims.claim(next) else { return Ok(()) };
        claim.emit_at(next, Timestamp::EPOCH + millis(next));
        if next < 9 {
            claims.resume_after(millis(2));
        }
        Ok(())
    }
}

#[test]
fn workers_sleep_between_what_comes() {
    let reads = Arc::new(Mutex::new(Vec::new()));
    let run = LocalRunner::new().workers(4).run(|root| {
        let trigger = repeatedly(after_delay(millis(3)));
        let numbers = root.read(Ticks(reads.clone()));
        let sums = numbers.window(GlobalWindows::new().trigger(trigger).discarding()).key_by(|_| ());
        let sums = sums.combine_per_key(sum()).map(|((), sum)| sum);
        // How often the trigger fires is for the clock to say.
        assert_that(&sums).satisfies(|sums| match sums.iter().sum::<u64>() {
            45 => Ok(()),
            other => Err(format!("{other}").into()),
        });
        Ok(())
    });
    run.unwrap();
    // Each look at the source was worth it.
    assert_eq!(reads.lock().unwrap().len(), 10);
}

#[test]
fn a_runner_starts_and_ends_any_number_of_times() {
    for turn in 0..200 {
        let run = LocalRunner::new().workers(1 + turn % 4).run(|root| {
            assert_that(&root.create(0..10u64).reshuffle().combine_globally(sum())).is_singleton(45);
            Ok(())
        });
        run.unwrap();
    }
}

#[test]
fn late_elements_of_a_fast_grouping_are_counted() {
    const DROPPED: Counter = Counter::new("ferrobeam", "dropped_due_to_lateness");
    let at = |n: i64| Timestamp::from_millis(n);
    for workers in [1, 3] {
        let run = LocalRunner::new().workers(workers).run(|root| {
            let script = ferrobeam_core::testing::TestStream::new()
                .add_elements([(1i64, at(1)), (2, at(2)), (11, at(11))])
                .advance_watermark_to(at(10))
                .add_elements([(3, at(3)), (4, at(4)), (12, at(12))]);
            let windows = root.test_stream(script).window(FixedWindows::of(millis(10)));
            let groups = windows.map(|n| (n % 2, n)).group_by_key().map(|(_, all)| all.into_iter().sum::<i64>());
            assert_that(&groups).contains_in_any_order([1, 2, 11, 12]);
            Ok(())
        });
        assert_eq!(run.unwrap().metrics.counter(&DROPPED), 2);
    }
}

/// Many windows end at once whose panes are empty, for all of them has fired early; behind them is another grouping, which
/// must not take the last of them for late ones.
#[test]
fn panes_that_wait_for_room_hold_the_watermark() {
    const KEYS: u64 = 30_000;
    for workers in [1, 2] {
        let runner = LocalRunner::new().workers(workers);
        let run = runner.run(|root| {
            let windows =
                FixedWindows::of(seconds(1)).trigger(AfterWatermark::new().early(after_count(1))).accumulating();
            let numbers = root.create(0..KEYS).with_timestamps(|_| Timestamp::EPOCH).window(windows);
            let ones = numbers.map(|n| (n, 1u64)).combine_per_key(sum());
            let panes = ones.map(|(_, one)| ((), one)).window(FixedWindows::of(seconds(1))).combine_per_key(sum());
            // A pane of each key when it comes, and one at the end of its window.
            assert_that(&panes.map(|(_, panes)| panes).window(GlobalWindows::new())).is_singleton(2 * KEYS);
            Ok(())
        });
        run.unwrap();
    }
}
