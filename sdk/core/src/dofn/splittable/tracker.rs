//! The one place where claims are made and restrictions split. No element is emitted without a claim: the claim is the
//! only thing that can emit, and there is none after a refusal.
//!
//! Work on a restriction has one owner, the thread that claims, so a claim takes no lock: it counts down to the next thing
//! to do, and only then looks what that is (`Tracker::goes_on`). A split that another thread asks for belongs there, too.

use super::estimator::{Manual, WatermarkEstimator};
use super::operator::{Pace, Part, Residual, Turn};
use super::output::{Halt, Output};
use super::step::put;
use crate::Element;
use crate::coder::CoderError;
use crate::dofn::Tag;
use crate::dofn::restriction::{OffsetRange, Restriction};
use crate::time::Timestamp;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// What a splittable step works with: it claims positions of its restriction, and each claim can emit.
pub struct Tracker<'a, R, T, E = ()> {
    pub(crate) work: &'a mut Work<R, E>,
    pub(crate) out: &'a mut Output<T>,
}

/// A restriction that is worked on.
pub(crate) struct Work<R, E> {
    pub(crate) restriction: R,
    pub(crate) estimator: E,
    /// The watermark of the part, which that of no residual lies before.
    pub(crate) watermark: Timestamp,
    /// Which part is kept when the ordered number of claims was made.
    pub(crate) keep: f64,
    /// After how many claims more the rest of it is given away.
    pub(crate) further: usize,
    pub(crate) now: Timestamp,
    /// Who decides in place of `keep` and `further`.
    pub(crate) pace: Option<Arc<dyn Pace>>,
    pub(crate) given: Vec<Given<R, E>>,
}

/// What was given away.
pub(crate) struct Given<R, E> {
    pub(crate) restriction: R,
    pub(crate) estimator: E,
    pub(crate) watermark: Timestamp,
    pub(crate) resume_after: Duration,
}

impl<R: Restriction, E: WatermarkEstimator> Given<R, E> {
    pub(crate) fn residual(&self) -> Result<Residual, CoderError> {
        let work = put(&(self.restriction.clone(), self.estimator.clone()))?;
        let (part, size) = (Part { work, watermark: self.watermark }, self.restriction.progress().1);
        Ok(Residual { part, size, resume_after: self.resume_after })
    }
}

impl<R: Restriction, E: WatermarkEstimator> Work<R, E> {
    /// Splits the restriction; false if there was nothing to give. The watermark is that of this very moment.
    pub(crate) fn give_away(&mut self, keep: f64, resume_after: Duration) -> bool {
        let Some(restriction) = self.restriction.split(keep) else { return false };
        let watermark = self.estimator.watermark(self.now).max(self.watermark);
        self.given.push(Given { restriction, estimator: self.estimator.clone(), watermark, resume_after });
        true
    }
}

impl<R: Restriction, T: Element, E: WatermarkEstimator> Tracker<'_, R, T, E> {
    /// Claims a position and with it the right to emit. `None` when it is not, or no longer, ours: then return.
    #[inline]
    pub fn claim(&mut self, position: R::Position) -> Option<Claim<'_, T, E>> {
        if self.out.left == 0 && !self.goes_on() {
            return None;
        }
        if !self.work.restriction.try_claim(position) {
            self.refuse(position);
            return None;
        }
        self.out.left -= 1;
        Some(Claim { out: self.out, estimator: &mut self.work.estimator })
    }

    /// What is worked on, with the claims made so far.
    pub fn restriction(&self) -> &R {
        &self.work.restriction
    }

    /// The processing time when this call began.
    pub fn now(&self) -> Timestamp {
        self.work.now
    }

    /// Whether claims may go on now that the ordered number was made: then the restriction is split.
    #[cold]
    pub(crate) fn goes_on(&mut self) -> bool {
        if self.out.halt.is_some() {
            return false;
        }
        if let Some(pace) = self.work.pace.clone() {
            return self.follows(&*pace);
        }
        let Work { restriction, keep, further, .. } = &mut *self.work;
        let is_bounded = restriction.is_bounded();
        // Something is kept only once, and nothing of what has no end.
        let keep = if is_bounded { std::mem::take(keep) } else { 0.0 };
        self.out.left = if keep > 0.0 { *further } else { usize::MAX };
        if !self.work.give_away(keep, Duration::ZERO) && !is_bounded {
            self.out.halt(Halt::Mistake("its unbounded restriction gave nothing away".to_owned()));
            return false;
        }
        true
    }

    /// Does what the pace says. An unbounded restriction keeps nothing of what has no end.
    fn follows(&mut self, pace: &dyn Pace) -> bool {
        let (keep, claims) = match pace.turn(self.work.restriction.progress()) {
            Turn::GoOn { claims } => {
                self.out.left = claims.max(1);
                return true;
            }
            Turn::GiveAway { keep, claims } => (keep, claims),
        };
        self.out.left = claims.max(1);
        let keep = if self.work.restriction.is_bounded() { keep } else { 0.0 };
        if !self.work.give_away(keep, Duration::ZERO) {
            return true;
        }
        let primary = put(&(self.work.restriction.clone(), self.work.estimator.clone()));
        let primary = primary.map(|work| Part { work, watermark: self.work.watermark });
        let split = self.work.given.last().map(Given::residual).transpose();
        match (primary, split) {
            (Ok(primary), Ok(Some(residual))) => {
                if pace.takes(&primary, &residual) {
                    self.work.given.pop();
                }
                true
            }
            (Err(error), _) | (_, Err(error)) => {
                self.out.halt(Halt::Mistake(format!("its restriction has no encoding: {error}")));
                false
            }
            (_, Ok(None)) => true,
        }
    }

    #[cold]
    fn refuse(&mut self, position: R::Position) {
        let mistake = self.work.restriction.mistake(position);
        self.out.halt(mistake.map_or(Halt::Refused, Halt::Mistake));
    }
}

impl<R, T> Tracker<'_, R, T, Manual> {
    /// Says that nothing earlier than `at` is expected any more. It never goes back.
    pub fn set_watermark(&mut self, at: Timestamp) {
        let watermark = &mut self.work.estimator.watermark;
        *watermark = at.max(*watermark);
    }
}

impl<T: Element, E: WatermarkEstimator> Tracker<'_, OffsetRange, T, E> {
    /// Claims all offsets that are left, one by one as long as they are ours, and emits a row for each: a check for many
    /// rows, because a check for each costs more than a cheap row.
    ///
    /// A timestamp before the element's own fails the step: the watermark may have passed it.
    pub fn emit_run(&mut self, at: Timestamp, mut row: impl FnMut(u64) -> T) {
        while self.emit_some(at, &mut row) {}
    }

    /// The same as far as there is room; false when the range is done.
    pub(crate) fn emit_some(&mut self, at: Timestamp, row: &mut impl FnMut(u64) -> T) -> bool {
        if at < self.out.time {
            self.out.halt(Halt::Mistake(too_early(at, self.out.time)));
        }
        self.some(|offsets, out, estimator| {
            estimator.observe(at);
            out.extend(offsets.map(&mut *row), at);
        })
    }

    /// The same for rows that have a time each.
    pub(crate) fn emit_some_at(&mut self, row: &mut impl FnMut(u64) -> (T, Timestamp)) -> bool {
        let earliest = self.out.time;
        self.some(|offsets, out, estimator| {
            // Both are written without asking whether there is room in them.
            let (rows, times): (Vec<T>, Vec<Timestamp>) = offsets.map(&mut *row).unzip();
            times.iter().for_each(|at| estimator.observe(*at));
            let early = times.iter().min().filter(|at| **at < earliest).copied();
            out.extend_at(rows, times);
            if let Some(at) = early {
                out.halt(Halt::Mistake(too_early(at, earliest)));
            }
        })
    }

    /// Claims offsets as long as there is room, and hands them on; false when the range is done.
    fn some(&mut self, mut emit: impl FnMut(Range<u64>, &mut Output<T>, &mut E)) -> bool {
        if self.out.left == 0 && !self.goes_on() {
            return false;
        }
        while self.out.left > 0 {
            let room = self.out.room().min(self.out.left);
            let start = self.work.restriction.next();
            let end = self.work.restriction.end().min(start.saturating_add(room as u64));
            if start >= end || !self.work.restriction.try_claim(end - 1) {
                return false;
            }
            // A step behind that fails leaves nothing.
            self.out.left -= (end - start) as usize;
            emit(start..end, self.out, &mut self.work.estimator);
        }
        self.out.halt.is_none() && !self.work.restriction.is_done()
    }
}

/// The right to emit what was claimed.
pub struct Claim<'c, T, E = ()> {
    out: &'c mut Output<T>,
    estimator: &'c mut E,
}

impl<T: Element, E: WatermarkEstimator> Claim<'_, T, E> {
    /// Emits with the timestamp of the element. What a source reads has none then: bounded data before `with_timestamps`.
    #[inline]
    pub fn emit(&mut self, value: T) {
        self.estimator.observe(self.out.time);
        self.out.push(value, self.out.time);
    }

    /// Emits with another timestamp.
    ///
    /// A timestamp before the element's own fails the step: the watermark may have passed it.
    #[inline]
    pub fn emit_at(&mut self, value: T, at: Timestamp) {
        if self.is_in_time(at) {
            self.out.push(value, at);
        }
    }

    /// Emits by an additional output.
    ///
    /// The output must have been declared where the step was added; otherwise the step fails, as it does if the timestamp
    /// lies before the element's.
    pub fn emit_to<V: Element>(&mut self, tag: &Tag<V>, value: V, at: Timestamp) {
        if self.is_in_time(at) {
            self.out.push_to(tag, value, at);
        }
    }

    #[inline]
    fn is_in_time(&mut self, at: Timestamp) -> bool {
        if at < self.out.time {
            self.out.halt(Halt::Mistake(too_early(at, self.out.time)));
            return false;
        }
        self.estimator.observe(at);
        true
    }
}

#[cold]
fn too_early(at: Timestamp, element: Timestamp) -> String {
    format!("output at {at} is before its input at {element}")
}
