//! Elements that are made of their numbers, in parts that can be split anywhere.

use ferrobeam::prelude::*;
use std::marker::PhantomData;

/// An element for each number below an end.
pub struct Numbered<T, F> {
    end: u64,
    element: F,
    of: PhantomData<fn() -> T>,
}

impl<T: Element, F: Fn(u64) -> T + Send + Sync + 'static> Numbered<T, F> {
    /// The elements that `element` makes of the numbers below `end`.
    pub fn below(end: u64, element: F) -> Self {
        Numbered { end, element, of: PhantomData }
    }
}

impl<T: Element, F: Fn(u64) -> T + Send + Sync + 'static> Source for Numbered<T, F> {
    type Out = T;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let size = self.end.div_ceil(parts.max(1) as u64).max(1);
        Ok((0..self.end).step_by(size as usize).map(|at| OffsetRange::new(at, self.end.min(at + size))).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, T>) -> Result<(), BoxError> {
        claims.emit_run(Timestamp::MIN, &self.element);
        Ok(())
    }
}
