//! Where elements come from: a splittable step whose elements are its restrictions.

use super::finalize;
use super::restriction::{OffsetRange, Restriction};
use super::splittable::estimator::Manual;
use super::splittable::tracker::{Claim, Tracker};
use crate::Element;
use crate::error::BoxError;
use crate::time::Timestamp;
use std::time::Duration;

/// A source of elements, cut into restrictions that are read independently of each other.
///
/// In the graph it is Beam's splittable DoFn: an impulse, a step that calls [`Source::split`], a reshuffle, and the
/// step that reads. All methods run when the pipeline runs, on any worker; nothing is looked at while it is built.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// struct Squares(u64);
///
/// impl Source for Squares {
///     type Out = u64;
///     type Restriction = OffsetRange;
///     type Reader = ();
///
///     fn split(&self, _parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
///         Ok(vec![OffsetRange::new(0, self.0)])
///     }
///     fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
///         Ok(())
///     }
///     fn read(&self, _: &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
///         while claims.has_room() {
///             let next = claims.restriction().next();
///             let Some(mut claim) = claims.claim(next) else { return Ok(()) };
///             claim.emit(next * next);
///         }
///         Ok(())
///     }
/// }
///
/// let graph = Root::build(|root| {
///     root.read(Squares(10)).discard();
///     Ok(())
/// });
/// assert!(graph.is_ok());
/// ```
///
/// An unbounded source says so, moves its watermark, and when there is nothing to read it says when to ask again:
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use std::time::Duration;
/// # struct Queue;
/// # impl Queue {
/// #     fn connect(_: u64) -> Result<Queue, BoxError> { Ok(Queue) }
/// #     fn poll(&mut self) -> Result<Option<(String, Timestamp)>, BoxError> { Ok(None) }
/// # }
///
/// struct Messages;
///
/// impl Source for Messages {
///     type Out = String;
///     type Restriction = OffsetRange;
///     type Reader = Queue;
///     const BOUNDED: bool = false;
///
///     fn split(&self, _parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
///         Ok(vec![OffsetRange::unbounded(0)])
///     }
///     fn open(&self, range: &OffsetRange) -> Result<Queue, BoxError> {
///         Queue::connect(range.next())
///     }
///     fn read(&self, queue: &mut Queue, claims: &mut Claims<'_, OffsetRange, String>) -> Result<(), BoxError> {
///         while claims.has_room() {
///             let Some((message, at)) = queue.poll()? else {
///                 claims.resume_after(Duration::from_millis(100));
///                 return Ok(());
///             };
///             let next = claims.restriction().next();
///             let Some(mut claim) = claims.claim(next) else { return Ok(()) };
///             claim.emit_at(message, at);
///             claims.set_watermark(at);
///         }
///         Ok(())
///     }
/// }
/// # let graph = Root::build(|root| {
/// #     root.read(Messages).discard();
/// #     Ok(())
/// # });
/// # assert!(graph.is_ok());
/// ```
pub trait Source: Send + Sync + 'static {
    /// What it emits.
    type Out: Element;
    /// A part of its work.
    type Restriction: Restriction;
    /// What stays open between two calls of `read`: a file, a connection.
    type Reader: Send + 'static;

    /// Whether it ends. The watermark of a source that does stays at the beginning of time until all of it is read.
    const BOUNDED: bool = true;

    /// Whether it calls [`after_commit`](Claims::after_commit): engines must know beforehand.
    const FINALIZES: bool = false;

    /// Cuts all of the work, if possible into about `parts` parts.
    ///
    /// # Errors
    /// The input does not exist or cannot be looked at.
    fn split(&self, parts: usize) -> Result<Vec<Self::Restriction>, BoxError>;

    /// Opens a restriction, fresh or half-read.
    ///
    /// # Errors
    /// The input cannot be opened.
    fn open(&self, restriction: &Self::Restriction) -> Result<Self::Reader, BoxError>;

    /// Reads on. Returns when a claim was refused, and may return when there is no more room: then it is called again, or
    /// later on what is left. A reader that returns at that moment stays open; one that had a claim refused is dropped.
    ///
    /// # Errors
    /// The input cannot be read; returning with room left before the restriction is done is one as well, unless the source
    /// has said when to ask again.
    fn read(
        &self,
        reader: &mut Self::Reader,
        claims: &mut Claims<'_, Self::Restriction, Self::Out>,
    ) -> Result<(), BoxError>;

    /// What of a restriction is still read when the pipeline drains; by default what the restriction itself says.
    ///
    /// # Errors
    /// The input cannot be looked at.
    fn truncate(&self, restriction: Self::Restriction) -> Result<Option<Self::Restriction>, BoxError> {
        Ok(restriction.truncate())
    }
}

/// What a source reads into.
pub struct Claims<'a, R, T> {
    pub(crate) tracker: Tracker<'a, R, T, Manual>,
    /// Whether the watermark is the source's to move.
    pub(crate) moves_watermark: bool,
    pub(crate) resume_after: Option<Duration>,
}

impl<R: Restriction, T: Element> Claims<'_, R, T> {
    /// Whether more is wanted now.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.tracker.out.left > 0
    }

    /// What is read, with the claims made so far.
    pub fn restriction(&self) -> &R {
        self.tracker.restriction()
    }

    /// Claims a position and with it the right to emit.
    #[inline]
    pub fn claim(&mut self, position: R::Position) -> Option<Claim<'_, T, Manual>> {
        self.tracker.claim(position)
    }

    /// Says that nothing earlier than `at` is expected of this restriction any more. It never goes back, and without
    /// effect it is for a bounded source.
    pub fn set_watermark(&mut self, at: Timestamp) {
        if self.moves_watermark {
            self.tracker.set_watermark(at);
        }
    }

    /// Says that there is nothing to read now, or that this is enough for now: when the source returns, what is unclaimed
    /// is put aside for so much processing time at least.
    pub fn resume_after(&mut self, delay: Duration) {
        self.resume_after = Some(delay);
    }

    /// Calls back once what was claimed is committed: the moment to acknowledge it. See
    /// [`Context::after_commit`](crate::dofn::Context::after_commit).
    pub fn after_commit(&mut self, callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static) {
        finalize::after_commit(Box::new(callback));
    }

    /// Calls back once what was read cannot be lost any more: see
    /// [`Context::when_durable`](crate::dofn::Context::when_durable).
    pub fn when_durable(&mut self, callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static) {
        finalize::when_durable(Box::new(callback));
    }

    /// The processing time when this call began.
    pub fn now(&self) -> Timestamp {
        self.tracker.now()
    }
}

impl<T: Element> Claims<'_, OffsetRange, T> {
    /// Claims offsets one by one and emits a row for each, as far as there is room: one check for many rows, because a
    /// check for each costs more than a cheap row. False when the range is done.
    pub fn emit_run(&mut self, at: Timestamp, mut row: impl FnMut(u64) -> T) -> bool {
        self.tracker.emit_some(at, &mut row)
    }

    /// As [`emit_run`](Self::emit_run), with a timestamp for each row.
    ///
    /// ```
    /// # use ferrobeam_core::prelude::*;
    /// struct Ticks;
    ///
    /// impl Source for Ticks {
    ///     type Out = u64;
    ///     type Restriction = OffsetRange;
    ///     type Reader = ();
    ///
    ///     fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
    ///         Ok(vec![OffsetRange::new(0, 60)])
    ///     }
    ///     fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
    ///         Ok(())
    ///     }
    ///     fn read(&self, _: &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
    ///         claims.emit_run_at(|offset| (offset, Timestamp::from_millis(1000 * offset as i64)));
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn emit_run_at(&mut self, mut row: impl FnMut(u64) -> (T, Timestamp)) -> bool {
        self.tracker.emit_some_at(&mut row)
    }
}
