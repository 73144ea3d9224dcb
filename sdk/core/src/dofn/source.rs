//! Where elements come from. No element is emitted without a claim: the claim is the only thing that can emit.

use super::erased::{AnyReceiver, AnyStep, MAIN, Next, Outputs, Receiver, Wiring, share};
use super::guard::guard;
use super::restriction::{OffsetRange, Restriction};
use crate::Element;
use crate::batch::{Batch, Collapsed, Meta, WindowColumn, WindowSet};
use crate::coder::{self, Coder};
use crate::error::{BoxError, Error, Result};
use crate::graph::StepName;
use crate::time::Timestamp;
use bytes::Bytes;
use std::sync::Arc;

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
pub trait Source: Send + Sync + 'static {
    /// What it emits.
    type Out: Element;
    /// A part of its work.
    type Restriction: Restriction;
    /// What stays open between two calls of `read`: a file, a connection.
    type Reader: Send + 'static;

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

    /// Reads on. Returns when a claim was refused, and may return when there is no more room: then it is called again.
    ///
    /// # Errors
    /// The input cannot be read; returning with room left before the restriction is done is one as well.
    fn read(
        &self,
        reader: &mut Self::Reader,
        claims: &mut Claims<'_, Self::Restriction, Self::Out>,
    ) -> Result<(), BoxError>;
}

/// What a source reads into.
pub struct Claims<'a, R, T> {
    restriction: &'a mut R,
    rows: &'a mut Rows<T>,
    room: usize,
}

struct Rows<T> {
    values: Vec<T>,
    times: Collapsed<Timestamp>,
}

impl<R: Restriction, T> Claims<'_, R, T> {
    /// Whether more is wanted now.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.rows.values.len() < self.room
    }

    /// What is read, with the claims made so far.
    pub fn restriction(&self) -> &R {
        self.restriction
    }

    /// Claims a position and with it the right to emit.
    #[inline]
    pub fn claim(&mut self, position: R::Position) -> Option<Claim<'_, T>> {
        self.restriction.try_claim(position).then_some(Claim { rows: self.rows })
    }
}

impl<T> Claims<'_, OffsetRange, T> {
    /// Claims the next run of offsets and emits a row for each: one check for many rows, because a check for each
    /// costs more than a cheap row. False when the range is done.
    pub fn emit_run(&mut self, at: Timestamp, row: impl FnMut(u64) -> T) -> bool {
        let room = self.room.saturating_sub(self.rows.values.len()) as u64;
        let start = self.restriction.next();
        let end = self.restriction.end().min(start.saturating_add(room));
        if start >= end {
            return !self.restriction.is_done();
        }
        let claimed = self.restriction.try_claim(end - 1);
        debug_assert!(claimed, "a run within the range is ours");
        let before = self.rows.values.len();
        self.rows.values.extend((start..end).map(row));
        (before..self.rows.values.len()).for_each(|row| self.rows.times.push(at, row));
        true
    }
}

/// The right to emit what was claimed.
pub struct Claim<'c, T> {
    rows: &'c mut Rows<T>,
}

impl<T> Claim<'_, T> {
    /// Emits an element that has no event time: bounded data before `with_timestamps`.
    #[inline]
    pub fn emit(&mut self, value: T) {
        self.emit_at(value, Timestamp::MIN);
    }

    /// Emits an element with its event time.
    #[inline]
    pub fn emit_at(&mut self, value: T, at: Timestamp) {
        self.rows.times.push(at, self.rows.values.len());
        self.rows.values.push(value);
    }
}

/// What a runner holds of a source: restrictions are encoded, for there is one per file and not one per element.
pub trait AnySource: Send + Sync {
    /// A reader in front of its consumers.
    ///
    /// # Errors
    /// [`Error::Wire`] if a consumer wants another type.
    fn wire(&self, step: &StepName, outputs: &mut Outputs) -> Result<Box<dyn Reader>>;
}

/// Whether a restriction goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more.
    More,
    /// All was claimed and emitted.
    Done,
}

/// The root of a stage that reads.
pub trait Reader: Send {
    /// Begins a bundle downstream.
    fn start_bundle(&mut self) -> Result<()>;

    /// Takes up a restriction; one that the last checkpoint gave back goes on where the input is open already.
    fn open(&mut self, restriction: &Bytes) -> Result<()>;

    /// Reads a batch of at most `rows` rows and sends it downstream.
    fn step(&mut self, rows: usize) -> Result<Progress>;

    /// Gives back what was not read, as a restriction of its own.
    fn checkpoint(&mut self) -> Result<Option<Bytes>>;

    /// Ends the bundle downstream.
    fn finish_bundle(&mut self) -> Result<()>;
}

/// The step that cuts a source into restrictions, at run time.
pub(crate) struct SplitStep<S>(pub(crate) Arc<S>);

impl<S: Source> AnyStep for SplitStep<S> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        Ok(AnyReceiver::new(Splitter {
            step: wiring.step.clone(),
            source: self.0.clone(),
            parts: wiring.parts,
            next: wiring.outputs.take::<S::Restriction>(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<()>()?, producers))
    }
}

struct Splitter<S: Source> {
    step: StepName,
    source: Arc<S>,
    parts: usize,
    next: Next<S::Restriction>,
}

impl<S: Source> Receiver<()> for Splitter<S> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<()>) -> Result<()> {
        for _ in batch.values {
            let values = guard(&self.step, || self.source.split(self.parts))?;
            if !values.is_empty() {
                self.next.receive(Batch { values, meta: Meta::at(Timestamp::MIN) })?;
            }
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

pub(crate) struct SourceStep<S>(pub(crate) Arc<S>);

impl<S: Source> AnySource for SourceStep<S> {
    fn wire(&self, step: &StepName, outputs: &mut Outputs) -> Result<Box<dyn Reader>> {
        Ok(Box::new(SourceReader {
            step: step.clone(),
            source: self.0.clone(),
            current: None,
            next: outputs.take::<S::Out>(MAIN)?,
        }))
    }
}

fn encode<R: Restriction>(step: &StepName, restriction: &R) -> Result<Bytes> {
    let mut bytes = Vec::new();
    match coder::of::<R>().encode(restriction, &mut bytes) {
        Ok(()) => Ok(bytes.into()),
        Err(source) => Err(Error::Coder { step: step.clone(), element: None, source }),
    }
}

struct SourceReader<S: Source> {
    step: StepName,
    source: Arc<S>,
    current: Option<Open<S>>,
    next: Next<S::Out>,
}

struct Open<S: Source> {
    restriction: S::Restriction,
    reader: S::Reader,
    /// The residual as it was given back; taking it up again needs no opening.
    encoded: Bytes,
}

impl<S: Source> Reader for SourceReader<S> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn open(&mut self, encoded: &Bytes) -> Result<()> {
        if self.current.as_ref().is_some_and(|open| open.encoded == *encoded) {
            return Ok(());
        }
        self.current = None;
        let restriction: S::Restriction = coder::take_as(&mut &encoded[..]).map_err(|source| Error::Coder {
            step: self.step.clone(),
            element: None,
            source,
        })?;
        let reader = guard(&self.step, || self.source.open(&restriction))?;
        self.current = Some(Open { restriction, reader, encoded: encoded.clone() });
        Ok(())
    }

    fn step(&mut self, rows: usize) -> Result<Progress> {
        let Some(Open { restriction, reader, .. }) = &mut self.current else { return Ok(Progress::Done) };
        let mut out = Rows { values: Vec::with_capacity(rows.min(Batch::<S::Out>::ROWS)), times: Collapsed::default() };
        let progress = guard(&self.step, || {
            let mut claims = Claims { restriction, rows: &mut out, room: rows };
            self.source.read(reader, &mut claims)?;
            if !claims.has_room() {
                return Ok(Progress::More);
            }
            if claims.restriction.is_done() {
                return Ok(Progress::Done);
            }
            Err("`read` returned before all of its restriction was claimed".into())
        })?;
        let Rows { values, times } = out;
        if !values.is_empty() {
            let meta = Meta {
                time: times.finish(Timestamp::MIN),
                windows: WindowColumn::All(WindowSet::GLOBAL),
                ..Meta::at(Timestamp::MIN)
            };
            self.next.receive(Batch { values, meta })?;
        }
        if progress == Progress::Done {
            self.current = None;
        }
        Ok(progress)
    }

    fn checkpoint(&mut self) -> Result<Option<Bytes>> {
        let Some(open) = &mut self.current else { return Ok(None) };
        match open.restriction.split(0.0) {
            None => {
                self.current = None;
                Ok(None)
            }
            Some(residual) => {
                open.encoded = encode(&self.step, &residual)?;
                open.restriction = residual;
                Ok(Some(open.encoded.clone()))
            }
        }
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}
