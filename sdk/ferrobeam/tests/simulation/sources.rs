//! Bugs in work that is split.

use super::finds;
use ferrobeam::prelude::*;
use ferrobeam::testing::Simulation;
use ferrobeam::time::seconds;

/// Numbers that are left to be read. The wrong one loses one where it is split.
#[derive(Clone, Debug, Element)]
struct Left {
    next: u64,
    end: u64,
    is_right: bool,
}

impl Restriction for Left {
    type Position = u64;

    fn try_claim(&mut self, position: u64) -> bool {
        let is_ours = position < self.end;
        if is_ours {
            self.next = position + 1;
        }
        is_ours
    }
    fn split(&mut self, fraction: f64) -> Option<Self> {
        let at = self.next + ((self.end - self.next) as f64 * fraction) as u64;
        let start = if self.is_right { at } else { at + 1 };
        let residual = (start < self.end).then(|| Left { next: start, ..self.clone() });
        self.end = at;
        residual
    }
    fn is_done(&self) -> bool {
        self.next >= self.end
    }
    fn progress(&self) -> (f64, f64) {
        (0.0, (self.end - self.next) as f64)
    }
}

/// The numbers below an end.
struct Numbers {
    is_right: bool,
    end: u64,
}

impl Source for Numbers {
    type Out = u64;
    type Restriction = Left;
    type Reader = ();

    fn split(&self, _: usize) -> Result<Vec<Left>, BoxError> {
        Ok(vec![Left { next: 0, end: self.end, is_right: self.is_right }])
    }
    fn open(&self, _: &Left) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, Left, u64>) -> Result<(), BoxError> {
        while claims.has_room() {
            let next = claims.restriction().next;
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            claim.emit(next);
        }
        Ok(())
    }
}

#[test]
fn a_position_that_a_split_loses() {
    finds("missing: ", |root, is_right| {
        root.read(Numbers { is_right, end: 30 }).discard();
        Ok(())
    });
}

/// A queue that holds ten numbers and has nothing more, for ever.
struct Queue;

impl Source for Queue {
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
            if next == 10 {
                claims.resume_after(seconds(1));
                return Ok(());
            }
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            claim.emit(next);
        }
        Ok(())
    }
}

#[test]
fn unbounded_sources_are_drained() {
    let sums = |root: &Root| {
        let numbers = root.read(Queue).window(FixedWindows::of(seconds(60)));
        numbers.key_by(|_| ()).combine_per_key(sum()).discard();
        Ok(())
    };
    Simulation::new(0..100).drain_after(seconds(60)).run(sums).unwrap();
    let error = Simulation::new(0..100).run(sums).unwrap_err().to_string();
    assert!(error.contains("nothing comes any more") && error.contains("drain_after"), "{error}");
}
