//! Draining and cancelling: what has no end is ended, what was read goes through.

use crate::{Endless, Lives};
use ferrobeam_core::prelude::*;
use ferrobeam_core::testing::{TestStream, assert_that};
use ferrobeam_core::time::{hours, millis, seconds};
use ferrobeam_local::{LocalRunner, RunHandle, Show};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Numbers, a millisecond apart, in parts of which each has an offset of its own; after the tenth of a part nothing comes for a
/// long time.
struct Pauses {
    parts: u64,
    /// So many are read after that when the pipeline drains.
    rest: u64,
}

/// Between the offsets of two parts.
const APART: u64 = 1_000_000;

impl Source for Pauses {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok((0..self.parts).map(|part| OffsetRange::unbounded(part * APART)).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() {
            let next = claims.restriction().next();
            if next % APART == 10 && !claims.restriction().is_bounded() {
                claims.resume_after(hours(24));
                return Ok(());
            }
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            let at = Timestamp::EPOCH + millis(next % APART);
            claim.emit_at(next % APART, at);
            claims.set_watermark(at);
        }
        Ok(())
    }
    fn truncate(&self, range: OffsetRange) -> Result<Option<OffsetRange>, BoxError> {
        let rest = OffsetRange::new(range.next(), range.next() + self.rest);
        Ok((self.rest > 0).then_some(rest))
    }
}

#[test]
fn drained_sources_end_and_their_windows_close() {
    for (workers, rest) in [(1, 0), (3, 0), (8, 0), (1, 5), (4, 5)] {
        let (handle, ends) = (RunHandle::new(), RunHandle::new());
        let run = LocalRunner::new().workers(workers).controlled_by(&handle).run(|root| {
            let numbers = root.read(Pauses { parts: 3, rest });
            let (nth, sees) = (Arc::new(AtomicUsize::new(0)), ends.clone());
            let seen = numbers.map(move |n| {
                // All parts wait, or will with what they do next.
                if nth.fetch_add(1, Ordering::SeqCst) == 29 {
                    handle.drain();
                    sees.drain();
                }
                n
            });
            let counts = seen.window(FixedWindows::of(millis(10))).key_by(|_| ()).combine_per_key(count());
            let expected = if rest > 0 { vec![30, 15] } else { vec![30] };
            assert_that(&counts.map(|((), n)| n)).contains_in_any_order(expected);
            Ok(())
        });
        assert!(run.unwrap().is_drained);
    }
}

#[test]
fn workers_that_sleep_are_told() {
    let (handle, (sends, receives)) = (RunHandle::new(), channel());
    let drains = handle.clone();
    let other = std::thread::spawn(move || {
        receives.recv().unwrap();
        drains.drain();
    });
    let run = LocalRunner::new().workers(4).controlled_by(&handle).run(|root| {
        let numbers = root.read(Pauses { parts: 1, rest: 0 });
        let told = numbers.filter(|n| *n == 9).map(move |n| sends.send(n).is_ok());
        assert_that(&told).contains_in_any_order([true]);
        Ok(())
    });
    assert!(run.unwrap().is_drained);
    other.join().unwrap();
}

#[test]
fn a_run_that_is_drained_before_it_begins_reads_nothing_that_has_no_end() {
    let handle = RunHandle::new();
    handle.drain();
    for workers in [1, 4] {
        let run = LocalRunner::new().workers(workers).controlled_by(&handle).run(|root| {
            assert_that(&root.read(Endless)).is_empty();
            // What has an end is read.
            assert_that(&root.read(crate::Numbers(100_000)).count_globally()).is_singleton(100_000);
            Ok(())
        });
        assert!(run.unwrap().is_drained);
    }
}

#[test]
fn a_source_that_never_pauses_is_drained_after_a_while() {
    for workers in [1, 3] {
        let run = LocalRunner::new().workers(workers).drain_after(millis(5)).run(|root| {
            let numbers = root.read(Endless).window(FixedWindows::of(hours(24)));
            let all = numbers.key_by(|_| ()).combine_per_key((min(), count()));
            // How many there are is for the clock to say; the first one is among them.
            assert_that(&all).satisfies(|all| match all {
                [] | [((), (0, 1..))] => Ok(()),
                other => Err(format!("{other:?}").into()),
            });
            Ok(())
        });
        assert!(run.unwrap().is_drained);
    }
}

#[test]
fn time_that_is_skipped_drains_too() {
    let runner = LocalRunner::new().workers(2).skip_waiting();
    let pauses = |root: &Root| {
        let numbers = root.read(Pauses { parts: 2, rest: 0 }).window(FixedWindows::of(hours(24)));
        assert_that(&numbers.key_by(|_| ()).combine_per_key(count())).contains_in_any_order([((), 20)]);
        Ok(())
    };
    assert!(runner.clone().drain_after(seconds(60)).run(pauses).unwrap().is_drained);
    // What has ended by itself needs no draining, and nobody waits for it.
    let run = runner.drain_after(hours(1)).run(|root| {
        assert_that(&root.create([1u64])).is_singleton(1);
        Ok(())
    });
    assert!(!run.unwrap().is_drained);
}

#[test]
fn the_rest_of_a_script_is_left_out() {
    let at = |n: i64| Timestamp::from_millis(n);
    let handle = RunHandle::new();
    let run = LocalRunner::new().workers(2).controlled_by(&handle).run(|root| {
        let script = TestStream::new()
            .add_elements([(1i64, at(1)), (2, at(2))])
            .advance_watermark_to(at(20))
            .add_elements([(21, at(21))]);
        let windows = root.test_stream(script).window(FixedWindows::of(millis(10)));
        let sums = windows.key_by(|_| ()).combine_per_key(sum()).map(move |((), sum)| {
            handle.drain();
            sum
        });
        assert_that(&sums).contains_in_any_order([3]);
        Ok(())
    });
    assert!(run.unwrap().is_drained);
}

/// Says what has come when a day has passed.
#[derive(Clone)]
struct Alarm;

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Seen {
    sum: Value<u64>,
}

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum Due {
    #[timer(processing_time)]
    Day,
}

impl StatefulDoFn for Alarm {
    type Key = ();
    type In = u64;
    type Out = u64;
    type State = Seen;
    type Timer = Due;

    fn process(
        &mut self,
        (): &(),
        n: u64,
        state: &mut Seen,
        ctx: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        let sum = state.sum.get().copied().unwrap_or_default();
        state.sum.set(sum + n);
        ctx.set_after(Due::Day, hours(24));
        Ok(())
    }

    fn on_timer(
        &mut self,
        (): &(),
        _: Due,
        state: &mut Seen,
        ctx: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        ctx.emit(state.sum.get().copied().unwrap_or_default());
        Ok(())
    }
}

#[test]
fn timers_of_a_drained_run_fire() {
    let handle = RunHandle::new();
    let run = LocalRunner::new().workers(3).controlled_by(&handle).run(|root| {
        let numbers = root.read(Pauses { parts: 1, rest: 0 }).map(move |n| {
            if n == 9 {
                handle.drain();
            }
            n
        });
        assert_that(&numbers.key_by(|_| ()).par_do_stateful(Alarm)).contains_in_any_order([45]);
        Ok(())
    });
    assert!(run.unwrap().is_drained);
}

#[test]
fn a_cancelled_run_stops_at_once() {
    for workers in [1, 2, 8] {
        let (handle, lives) = (RunHandle::new(), Arc::new(AtomicUsize::new(0)));
        let run = LocalRunner::new().workers(workers).controlled_by(&handle).run(|root| {
            let numbers = root.read(Endless).map(move |n| {
                if n == 5000 {
                    handle.cancel();
                }
                n % 1000
            });
            numbers.reshuffle().par_do(Lives(lives.clone())).discard();
            // And a part that waits.
            root.read(Pauses { parts: 1, rest: 0 }).discard();
            Ok(())
        });
        assert_eq!(run.unwrap_err().to_string(), "the local runner stopped: it was cancelled");
        assert_eq!(lives.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn an_element_that_becomes_more_for_ever_can_be_cancelled() {
    for workers in [1, 2, 8] {
        let handle = RunHandle::new();
        let run = LocalRunner::new().workers(workers).controlled_by(&handle).run(|root| {
            let numbers = root.create([0_u64]).flat_map(|n| n..).map(move |n| {
                if n == 100_000 {
                    handle.cancel();
                }
                (n % 10, n)
            });
            numbers.reshuffle().combine_per_key(max()).discard();
            Ok(())
        });
        assert_eq!(run.unwrap_err().to_string(), "the local runner stopped: it was cancelled");
    }
}

/// Sets its timer again and again, to the time that it has.
#[derive(Clone)]
struct Forever(RunHandle);

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum Again {
    #[timer(event_time)]
    Now,
}

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Firings {
    count: Value<u64>,
}

impl StatefulDoFn for Forever {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = Firings;
    type Timer = Again;

    fn process(
        &mut self,
        _: &u64,
        _: u64,
        _: &mut Firings,
        ctx: &mut StatefulContext<'_, u64, Again>,
    ) -> Result<(), BoxError> {
        ctx.set(Again::Now, Timestamp::EPOCH);
        Ok(())
    }
    fn on_timer(
        &mut self,
        _: &u64,
        timer: Again,
        firings: &mut Firings,
        ctx: &mut StatefulContext<'_, u64, Again>,
    ) -> Result<(), BoxError> {
        let count = firings.count.get().copied().unwrap_or_default() + 1;
        firings.count.set(count);
        if count == 1000 {
            self.0.cancel();
        }
        ctx.set(timer, Timestamp::EPOCH);
        Ok(())
    }
}

#[test]
fn a_timer_that_fires_for_ever_can_be_cancelled() {
    for workers in [1, 2] {
        let handle = RunHandle::new();
        let run = LocalRunner::new().workers(workers).controlled_by(&handle).run(|root| {
            let script = TestStream::new().add_elements([((1u64, 1u64), Timestamp::EPOCH)]);
            let script = script.advance_watermark_to(Timestamp::EPOCH + seconds(1)).advance_watermark_to_infinity();
            root.test_stream(script).par_do_stateful(Forever(handle.clone())).discard();
            Ok(())
        });
        assert_eq!(run.unwrap_err().to_string(), "the local runner stopped: it was cancelled");
    }
}

#[test]
fn who_drains_may_cancel_still() {
    let handle = RunHandle::new();
    handle.drain();
    let run = LocalRunner::new().workers(2).controlled_by(&handle).run(|root| {
        // Drained, it has much to read still.
        let numbers = root.read(Pauses { parts: 1, rest: u64::from(u32::MAX) });
        numbers
            .map(move |n| {
                if n == 5000 {
                    handle.cancel()
                }
            })
            .discard();
        Ok(())
    });
    assert!(run.unwrap_err().to_string().contains("it was cancelled"));
}

#[test]
fn a_handle_ends_all_runs_that_have_it() {
    let handle = RunHandle::new();
    let runner = LocalRunner::new().workers(2).controlled_by(&handle).drain_after(Duration::MAX);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let runner = runner.clone();
            std::thread::spawn(move || {
                runner.run(|root| {
                    root.read(Pauses { parts: 2, rest: 0 }).discard();
                    Ok(())
                })
            })
        })
        .collect();
    handle.drain();
    for thread in threads {
        assert!(thread.join().unwrap().unwrap().is_drained);
    }
}

#[test]
#[ignore = "the child of `ends_by`"]
fn user_code_never_comes_back() {
    let stuck = |n: u64| {
        eprintln!("stuck");
        loop {
            std::thread::park();
            std::hint::black_box(n);
        }
    };
    let runner = LocalRunner::new().workers(2).show(Show::Lines).drain_when_interrupted();
    let run = runner.run(|root| {
        root.create([1u64]).map(move |n| -> u64 { stuck(n) }).discard();
        Ok(())
    });
    eprintln!("came back: {run:?}");
}

/// Sends signals to a run whose user code never comes back, each when the one before has been heard. The one that ends it.
#[cfg(unix)]
fn ends_by(setup: &str, signals: [&str; 3]) -> Option<i32> {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    let sh = |script: String| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    };
    let test = "stopping::user_code_never_comes_back --include-ignored --nocapture";
    let mut command = sh(format!("{setup}exec \"$0\" --exact {test}"));
    let command = command.arg(std::env::current_exe().unwrap()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    for (expected, signals) in ["stuck", "interrupted: sources end", "interrupted again: cancelled"].iter().zip(signals)
    {
        let mut line = String::new();
        while !line.contains(expected) {
            line.clear();
            assert_ne!(told.read_line(&mut line).unwrap(), 0, "it has ended, and not said `{expected}`");
        }
        for signal in signals.split(' ') {
            assert!(sh(format!("kill -s {signal} {}", child.id())).status().unwrap().success());
        }
    }
    child.wait().unwrap().signal()
}

#[test]
#[cfg(unix)]
fn the_third_interrupt_ends_the_process() {
    const SIGHUP: i32 = 1;
    const SIGINT: i32 = 2;
    assert_eq!(ends_by("", ["INT", "INT", "INT"]), Some(SIGINT));
    assert_eq!(ends_by("", ["HUP", "TERM", "HUP"]), Some(SIGHUP));
}

#[test]
#[cfg(unix)]
fn a_closed_terminal_ends_nothing_that_is_to_live_on() {
    const SIGTERM: i32 = 15;
    assert_eq!(ends_by("trap '' HUP; ", ["INT", "INT", "HUP TERM"]), Some(SIGTERM));
}
