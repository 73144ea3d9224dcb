//! The laws of restrictions, for tests of your own ones.

use crate::coder;
use crate::dofn::restriction::Restriction;
use std::fmt::Debug;

/// A law that a restriction breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokenLaw(String);

/// After so many claims a runner moves what is left of work without an end.
const MANY: usize = 10_000;

/// Tries the laws of a [`Restriction`]: works it off as runners do, with splits in between, and compares with working it
/// off at once.
///
/// `next` is the position that is claimed next. Each of `splits` is a number of claims, after which the restriction is
/// split at a fraction; they are used one after the other by what is kept, and then by what was given away. Without an end
/// the fractions must be 0.0, for nobody gets to the end of what is kept.
///
/// # Errors
/// The law that does not hold: a split loses or repeats positions; progress goes back; what was refused is granted later;
/// there is something left when it is done; its coder changes it.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use ferrobeam_core::testing::check_splits;
///
/// check_splits(OffsetRange::new(3, 60), OffsetRange::next, &[(5, 0.5), (1, 0.0), (0, 0.3)])?;
/// # Ok::<(), ferrobeam_core::testing::BrokenLaw>(())
/// ```
pub fn check_splits<R>(whole: R, next: impl Fn(&R) -> R::Position, splits: &[(usize, f64)]) -> Result<(), BrokenLaw>
where
    R: Restriction<Position: Debug + PartialEq>,
{
    let mut run = Run { next, splits: splits.iter().copied(), claimed: Vec::new() };
    run.work_off(whole.clone())?;
    let cut = run.claimed;
    let mut run = Run { next: run.next, splits: [].iter().copied(), claimed: Vec::new() };
    run.claim(&mut whole.clone(), if whole.is_bounded() { usize::MAX } else { cut.len() })?;
    if run.claimed == cut {
        Ok(())
    } else {
        broken(format!("claimed at once: {:?}; with splits: {cut:?}", run.claimed))
    }
}

fn broken<T>(law: impl Into<String>) -> Result<T, BrokenLaw> {
    Err(BrokenLaw(law.into()))
}

struct Run<'a, R: Restriction, F> {
    next: F,
    splits: std::iter::Copied<std::slice::Iter<'a, (usize, f64)>>,
    claimed: Vec<R::Position>,
}

impl<R, F> Run<'_, R, F>
where
    R: Restriction<Position: Debug + PartialEq>,
    F: Fn(&R) -> R::Position,
{
    /// All that is claimed by a restriction and by what it gives away, in order.
    fn work_off(&mut self, mut kept: R) -> Result<(), BrokenLaw> {
        let mut given = Vec::new();
        while let Some((claims, fraction)) = self.splits.next() {
            let (is_bounded, granted) = (kept.is_bounded(), self.claim(&mut kept, claims)?);
            let was_done = kept.is_done();
            let (done, _) = kept.progress();
            let residual = kept.split(fraction);
            if was_done && residual.is_some() {
                return broken("a restriction that is done gave something away");
            }
            if kept.progress().0 < done {
                return broken("a split made undone what was done");
            }
            let gave = residual.is_some();
            given.extend(residual.as_ref().map(carried).transpose()?);
            if fraction <= 0.0 && gave {
                self.is_over(&mut kept)?;
            }
            // Refused or given away.
            if granted < claims || kept.is_done() || !is_bounded {
                break;
            }
        }
        if kept.is_bounded() {
            self.claim(&mut kept, usize::MAX)?;
        }
        // What was given away last lies before what was given away first.
        given.into_iter().rev().try_for_each(|residual| {
            if residual.is_bounded() || self.splits.len() > 0 { self.work_off(residual) } else { Ok(()) }
        })
    }

    /// Claims until it is refused; how many claims were granted.
    fn claim(&mut self, part: &mut R, claims: usize) -> Result<usize, BrokenLaw> {
        for granted in 0..claims.min(MANY * MANY) {
            let (position, before) = ((self.next)(part), part.progress());
            if !part.try_claim(position) {
                if part.try_claim(position) {
                    return broken(format!("{position:?} was refused at first and then granted"));
                }
                self.is_over(part)?;
                return Ok(granted);
            }
            let after = part.progress();
            // Not a number breaks this as well.
            if !(after.0 >= before.0 && after.1 <= before.1 && before.0 >= 0.0 && after.1 >= 0.0) {
                return broken(format!("claiming {position:?} took its progress from {before:?} to {after:?}"));
            }
            self.claimed.push(position);
        }
        Ok(claims)
    }

    fn is_over(&self, part: &mut R) -> Result<(), BrokenLaw> {
        if !part.is_done() {
            return broken("nothing is left to claim, and it is not done");
        }
        let position = (self.next)(part);
        if part.try_claim(position) {
            return broken(format!("{position:?} was granted when it was done"));
        }
        if part.split(0.0).is_some() {
            return broken("a restriction that is done gave something away");
        }
        Ok(())
    }
}

/// A restriction as it comes to another worker.
fn carried<R: Restriction>(part: &R) -> Result<R, BrokenLaw> {
    let mut bytes = Vec::new();
    let carried = coder::put(part, &mut bytes).and_then(|()| coder::take_as(&mut bytes.as_slice()));
    carried.map_err(|error| BrokenLaw(format!("it does not survive its coder: {error}")))
}
