//! The coder of a collection as an engine exchanges it: whole windowed values on the data stream, with the length prefixes
//! that the engine has put in.
//!
//! What knows the type is one loop a batch; all else is compiled once.

use crate::Element;
use crate::batch::{Batch, MetaBuilder, WindowSet};
use crate::coder::wire::{finish, put_sortable, take_sortable};
use crate::coder::{self, Coder, CoderError, CoderProblem, Decoded, Encoded, Part, StrategyWindowCoder};
use crate::coder::{IterableCoder, put_pane, take_pane};
use crate::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, SharedRows, Wiring, share};
use crate::error::{Error, Result};
use crate::graph::StepName;
use crate::time::Timestamp;
use crate::windowing::Window;
use bytes::{Bytes, BytesMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The coder of a collection as an engine has changed it.
pub trait WireCoder: Send + Sync {
    /// Pieces of a data stream, `Bytes` of windowed values one after another, to values. An element may go on in the next piece.
    fn read(&self, windows: StrategyWindowCoder, position: Arc<ReadPosition>) -> Arc<dyn AnyStep>;

    /// Values to pieces of a data stream, each of whole windowed values; counts the values.
    fn write(&self, windows: StrategyWindowCoder, count: Arc<AtomicU64>) -> Arc<dyn AnyStep>;

    /// Reads one value from the front of `input` and gives it in our own nested encoding.
    ///
    /// # Errors
    /// As [`Coder::decode`].
    fn take(&self, input: &mut &[u8]) -> Decoded<Bytes>;

    /// Appends a value that is in our own nested encoding.
    ///
    /// # Errors
    /// As [`Coder::decode`] and [`Coder::encode`].
    fn put(&self, own: &[u8], out: &mut Vec<u8>) -> Encoded;

    /// The rows of a side input, of concatenated values.
    ///
    /// # Errors
    /// As [`Coder::decode`].
    fn rows(&self, values: &[u8]) -> Decoded<SharedRows>;
}

/// How far a data stream was read, and how far it will be: the one thing that a split changes while a bundle runs.
#[derive(Debug)]
pub struct ReadPosition(Mutex<Span>);

#[derive(Clone, Copy, Debug)]
struct Span {
    next: u64,
    stop: u64,
}

impl Default for ReadPosition {
    fn default() -> Self {
        ReadPosition(Mutex::new(Span { next: 0, stop: u64::MAX }))
    }
}

impl ReadPosition {
    fn span(&self) -> MutexGuard<'_, Span> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a bundle.
    pub fn start(&self) {
        *self.span() = Span { next: 0, stop: u64::MAX };
    }

    /// How many elements are or were processed.
    pub fn read(&self) -> u64 {
        self.span().next
    }

    /// Whether all that is left is somebody else's.
    pub fn is_over(&self) -> bool {
        let span = self.span();
        span.next >= span.stop
    }

    /// Takes up to so many elements; fewer before a split, none behind it.
    pub fn claim(&self, most: u64) -> u64 {
        let mut span = self.span();
        let claimed = most.min(span.stop - span.next);
        span.next += claimed;
        claimed
    }

    /// Leaves elements that were claimed and did not come.
    fn put_back(&self, unread: u64) {
        self.span().next -= unread;
    }

    /// Stops at one of the elements that `choose` sees: the first that is not claimed yet, and where it stops now. Returns
    /// the first element that is left to somebody else.
    pub fn split(&self, choose: impl FnOnce(u64, u64) -> Option<u64>) -> Option<u64> {
        let mut span = self.span();
        let stop = choose(span.next, span.stop).filter(|stop| (span.next..span.stop).contains(stop))?;
        span.stop = stop;
        Some(stop)
    }
}

/// The coder of `T` as an engine has changed it.
pub(crate) struct WireCoderOf<T: Element> {
    coder: Part<T::Coder>,
    /// Whether values are the same bytes as in our own encoding.
    is_own: bool,
}

impl<T: Element> WireCoderOf<T> {
    pub(crate) fn shared(spec: &coder::CoderSpec) -> Decoded<Arc<dyn WireCoder>> {
        let is_own = *spec == coder::spec_of::<T>();
        Ok(Arc::new(WireCoderOf::<T> { coder: coder::from_spec::<T>(spec)?, is_own }))
    }
}

impl<T: Element> WireCoder for WireCoderOf<T> {
    fn read(&self, windows: StrategyWindowCoder, position: Arc<ReadPosition>) -> Arc<dyn AnyStep> {
        Arc::new(Read::<T> { coder: self.coder.clone(), windows, position })
    }

    fn write(&self, windows: StrategyWindowCoder, count: Arc<AtomicU64>) -> Arc<dyn AnyStep> {
        Arc::new(Write::<T> { coder: self.coder.clone(), windows, count })
    }

    fn take(&self, input: &mut &[u8]) -> Decoded<Bytes> {
        let before = *input;
        let value: T = self.coder.decode(input)?;
        if self.is_own {
            return Ok(Bytes::copy_from_slice(&before[..before.len() - input.len()]));
        }
        let mut own = Vec::new();
        coder::put(&value, &mut own)?;
        Ok(own.into())
    }

    fn put(&self, mut own: &[u8], out: &mut Vec<u8>) -> Encoded {
        if self.is_own {
            out.extend_from_slice(own);
            return Ok(());
        }
        let value: T = coder::take_as(&mut own)?;
        self.coder.encode(&finish(value, own)?, out)
    }

    fn rows(&self, mut values: &[u8]) -> Decoded<SharedRows> {
        let mut rows: Vec<T> = Vec::new();
        while !values.is_empty() {
            rows.push(self.coder.decode(&mut values).map_err(|e| e.at_index(rows.len()))?);
        }
        Ok(SharedRows::new(rows))
    }
}

struct Read<T: Element> {
    coder: Part<T::Coder>,
    windows: StrategyWindowCoder,
    position: Arc<ReadPosition>,
}

impl<T: Element> AnyStep for Read<T> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        Ok(AnyReceiver::new::<Bytes>(Reader::<T> {
            step: wiring.step.clone(),
            coder: self.coder.clone(),
            windows: IterableCoder::of_windows(self.windows),
            position: self.position.clone(),
            rest: Bytes::new(),
            next: wiring.outputs.take(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<Bytes>()?, producers))
    }
}

struct Reader<T: Element> {
    step: StepName,
    coder: Part<T::Coder>,
    windows: IterableCoder<StrategyWindowCoder>,
    position: Arc<ReadPosition>,
    /// The beginning of an element whose end is in the next piece.
    rest: Bytes,
    next: Next<T>,
}

impl<T: Element> Receiver<Bytes> for Reader<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.rest.clear();
        self.next.start_bundle()
    }

    fn receive(&mut self, pieces: Batch<Bytes>) -> Result<()> {
        for piece in pieces.values {
            let piece = self.with_rest(piece);
            let mut input = &piece[..];
            while !input.is_empty() {
                let claimed = self.position.claim(Batch::<T>::ROWS as u64);
                if claimed == 0 {
                    // The rest is somebody else's.
                    return Ok(());
                }
                let batch = read_batch(&self.coder, &self.windows, &mut input, claimed as usize);
                let (batch, is_cut) = batch.map_err(|source| failed(&self.step, source))?;
                self.position.put_back(claimed - batch.values.len() as u64);
                if !batch.values.is_empty() {
                    self.next.receive(batch)?;
                }
                if is_cut {
                    self.rest = piece.slice(piece.len() - input.len()..);
                    break;
                }
            }
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        if !self.rest.is_empty() {
            return Err(failed(&self.step, CoderError::truncated("an element, where the data stream ends")));
        }
        self.next.finish_bundle()
    }
}

impl<T: Element> Reader<T> {
    fn with_rest(&mut self, piece: Bytes) -> Bytes {
        if self.rest.is_empty() {
            return piece;
        }
        let mut whole = BytesMut::with_capacity(self.rest.len() + piece.len());
        whole.extend_from_slice(&std::mem::take(&mut self.rest));
        whole.extend_from_slice(&piece);
        whole.freeze()
    }
}

#[cold]
fn failed(step: &StepName, source: CoderError) -> Error {
    Error::Coder { step: step.clone(), element: None, source: source.at("what the engine sent") }
}

/// Reads up to so many elements, and whether the input ends in the middle of one: then it stands at its beginning.
fn read_batch<T, C: Coder<T>>(
    coder: &Part<C>,
    windows: &IterableCoder<StrategyWindowCoder>,
    input: &mut &[u8],
    most: usize,
) -> Decoded<(Batch<T>, bool)> {
    let (mut values, mut meta, mut is_cut) = (Vec::with_capacity(most.min(input.len())), MetaBuilder::default(), false);
    while values.len() < most && !input.is_empty() {
        let before = *input;
        match read_meta(windows, input).and_then(|row| Ok((row, coder.decode(input)?))) {
            Ok(((time, windows, pane), value)) => {
                meta.push(time, &windows, pane);
                values.push(value);
            }
            Err(error) if matches!(error.problem(), CoderProblem::Truncated { .. }) => {
                (*input, is_cut) = (before, true);
                break;
            }
            Err(error) => return Err(error.at_index(values.len())),
        }
    }
    Ok((Batch { values, meta: meta.finish() }, is_cut))
}

type MetaRow = (Timestamp, WindowSet, crate::windowing::PaneInfo);

fn read_meta(windows: &IterableCoder<StrategyWindowCoder>, input: &mut &[u8]) -> Decoded<MetaRow> {
    let time = Timestamp::from_millis(take_sortable(input, "a timestamp")?);
    let set = match input.strip_prefix(&[0, 0, 0, 1]) {
        Some(mut rest) => {
            let one = windows.item().decode(&mut rest)?;
            *input = rest;
            WindowSet::One(one)
        }
        None => WindowSet::from(Coder::<Vec<Window>>::decode(windows, input)?),
    };
    Ok((time, set, take_pane(input)?))
}

struct Write<T: Element> {
    coder: Part<T::Coder>,
    windows: StrategyWindowCoder,
    count: Arc<AtomicU64>,
}

impl<T: Element> AnyStep for Write<T> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        Ok(AnyReceiver::new::<T>(Writer {
            step: wiring.step.clone(),
            coder: self.coder.clone(),
            windows: IterableCoder::of_windows(self.windows),
            count: self.count.clone(),
            next: wiring.outputs.take::<Bytes>(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

struct Writer<T: Element> {
    step: StepName,
    coder: Part<T::Coder>,
    windows: IterableCoder<StrategyWindowCoder>,
    count: Arc<AtomicU64>,
    next: Next<Bytes>,
}

impl<T: Element> Receiver<T> for Writer<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        let mut piece = Vec::with_capacity(32 * batch.values.len());
        let Writer { step, coder, windows, .. } = self;
        let failed = |source: CoderError| Error::Coder { step: step.clone(), element: None, source };
        let mut head = MetaWriter::default();
        for (row, value) in batch.values.iter().enumerate() {
            let meta = &batch.meta;
            head.write(windows, *meta.time.get(row), meta.windows.get(row), *meta.pane.get(row), &mut piece)
                .map_err(failed)?;
            coder.encode(value, &mut piece).map_err(failed)?;
        }
        self.count.fetch_add(batch.values.len() as u64, Ordering::Relaxed);
        self.next.receive(Batch { values: vec![piece.into()], meta: crate::batch::Meta::at(Timestamp::MIN) })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

/// Writes metadata; windows and pane of a row like the one before are copied.
#[derive(Default)]
struct MetaWriter {
    last: Option<(WindowSet, crate::windowing::PaneInfo)>,
    encoded: Vec<u8>,
}

impl MetaWriter {
    fn write(
        &mut self,
        coder: &IterableCoder<StrategyWindowCoder>,
        time: Timestamp,
        windows: &WindowSet,
        pane: crate::windowing::PaneInfo,
        out: &mut Vec<u8>,
    ) -> Encoded {
        if self.last.as_ref().is_none_or(|(last, of)| last != windows || *of != pane) {
            self.encoded.clear();
            coder.encode(&windows.as_slice().to_vec(), &mut self.encoded)?;
            put_pane(&pane, &mut self.encoded);
            self.last = Some((windows.clone(), pane));
        }
        put_sortable(time.millis(), out);
        out.extend_from_slice(&self.encoded);
        Ok(())
    }
}
