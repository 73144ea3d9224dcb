//! Processing time passes only when nothing else is left to do; draining ends what has no end.

use ferrobeam_core::prelude::*;
use ferrobeam_core::testing::assert_that;
use ferrobeam_core::time::{millis, seconds};
use ferrobeam_direct::DirectRunner;
use std::time::Duration;

/// A number a second, for ever.
struct Ticks;

impl Source for Ticks {
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
        while claims.has_room() {
            let next = claims.restriction().next();
            let at = Timestamp::EPOCH + seconds(next);
            if claims.now() < at {
                claims.resume_after(at.saturating_since(claims.now()));
                return Ok(());
            }
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            claim.emit_at(next, at);
            claims.set_watermark(at + millis(1));
        }
        Ok(())
    }
}

#[test]
fn a_drained_source_ends_and_its_windows_close() {
    for seed in 0..60 {
        let runner = DirectRunner::new().seed(seed).failing_bundles(if seed % 2 == 0 { 0.0 } else { 0.3 });
        let run = runner.drain_after(seconds(25)).run(|root| {
            let numbers = root.read(Ticks).window(FixedWindows::of(seconds(10)));
            let panes = numbers.key_by(|_| ()).combine_per_key((count(), sum())).map(|((), pane)| pane);
            // What came before the drain, and nothing after it.
            assert_that(&panes).contains_in_any_order([(10, 45), (10, 145), (6, 135)]);
            Ok(())
        });
        assert!(run.unwrap().is_drained);
    }
}

/// What a source says when it is asked.
#[derive(Clone, Copy)]
enum Answer {
    /// A number, always.
    More,
    /// Nothing yet.
    Later(Duration),
}

impl Source for Answer {
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
        if let Answer::Later(delay) = self {
            claims.resume_after(*delay);
            return Ok(());
        }
        while claims.has_room() {
            let next = claims.restriction().next();
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            claim.emit_at(next, Timestamp::EPOCH + millis(next));
        }
        Ok(())
    }
}

#[test]
fn a_source_that_never_pauses_is_drained_too() {
    for runner in [DirectRunner::new().script([]), DirectRunner::new().seed(3)] {
        let run = runner.drain_after(seconds(1)).run(|root| {
            let numbers = root.read(Answer::More);
            let all = numbers
                .window(FixedWindows::of(seconds(1_000_000_000)))
                .key_by(|_| ())
                .combine_per_key((min(), count()));
            assert_that(&all.map(|((), (least, count))| (least, count > 0))).contains_in_any_order([(0, true)]);
            Ok(())
        });
        run.unwrap();
    }
}

#[test]
fn what_waits_for_ever_is_told() {
    let waits = |answer, told: &str| {
        let run = DirectRunner::new().seed(1).run(|root| {
            let side = root.read(answer).window(FixedWindows::of(seconds(1))).as_iterable();
            root.create([1u64]).map_with(side, |x, side| x + side.len() as u64).named("Look").discard();
            Ok(())
        });
        let error = run.unwrap_err().to_string();
        assert!(
            error.contains(told)
                && error.contains("`Look`")
                && error.contains("1 of them for the side inputs that `Window`"),
            "{error}"
        );
    };
    waits(Answer::Later(Duration::MAX), "work is left and nothing can run:");
    waits(Answer::Later(seconds(10)), "work is left and nothing comes any more: at 1970-01-01T");
}

#[test]
fn a_trigger_in_processing_time_fires_when_it_has_passed() {
    let run = DirectRunner::new().drain_after(seconds(9)).run(|root| {
        let trigger = repeatedly(after_delay(seconds(4)));
        let numbers = root.read(Ticks).window(GlobalWindows::new().trigger(trigger).discarding());
        let sums = numbers.key_by(|_| ()).combine_per_key(sum()).map(|((), sum)| sum);
        // After 0 s the first element waits till 4 s. How the elements of one moment fall is left open.
        assert_that(&sums).satisfies(|sums| {
            let total: u64 = sums.iter().sum();
            if total == 45 && sums.len() >= 2 { Ok(()) } else { Err(format!("{sums:?}").into()) }
        });
        Ok(())
    });
    run.unwrap();
}
