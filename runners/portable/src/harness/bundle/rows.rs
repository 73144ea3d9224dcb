//! Elements that are read and written one at a time: those that are long work, and those of no type of the user's.

use bytes::Bytes;
use ferrobeam_core::batch::{Batch, Meta, MetaBuilder};
use ferrobeam_core::coder::wire::{put_sortable, take_sortable};
use ferrobeam_core::coder::{
    Coder, CoderError, CoderProblem, Decoded, DynCoder, Encoded, IterableCoder, StrategyWindowCoder, Value, put_pane,
    take_pane,
};
use ferrobeam_core::dofn::erased::{Next, Receiver};
use ferrobeam_core::graph::{ReadPosition, StepName};
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Error, Result, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The coder of such elements.
pub(super) trait RowCoder: Send + Sync + 'static {
    type Row: Send + 'static;

    /// Reads one from the front of `input`.
    fn take(&self, input: &mut &[u8]) -> Decoded<Self::Row>;

    /// Appends one.
    fn put(&self, row: &Self::Row, out: &mut Vec<u8>) -> Encoded;
}

impl RowCoder for DynCoder {
    type Row = Value;

    fn take(&self, input: &mut &[u8]) -> Decoded<Value> {
        self.decode(input)
    }

    fn put(&self, value: &Value, out: &mut Vec<u8>) -> Encoded {
        self.encode(value, out)
    }
}

/// Reads pieces of a data stream, one element at a time: each may be long work, and what was not begun may be split off.
pub(super) struct RowReader<C: RowCoder> {
    pub(super) step: StepName,
    pub(super) coder: Arc<C>,
    pub(super) windows: StrategyWindowCoder,
    pub(super) position: Arc<ReadPosition>,
    pub(super) rest: Vec<u8>,
    pub(super) next: Next<C::Row>,
}

impl<C: RowCoder> Receiver<Bytes> for RowReader<C> {
    fn start_bundle(&mut self) -> Result<()> {
        self.rest.clear();
        self.next.start_bundle()
    }

    fn receive(&mut self, pieces: Batch<Bytes>) -> Result<()> {
        let windows = IterableCoder::of_windows(self.windows);
        for piece in pieces.values {
            self.rest.extend_from_slice(&piece);
            let all = std::mem::take(&mut self.rest);
            let mut input = &all[..];
            while !input.is_empty() {
                let before = input;
                match self.one(&windows, &mut input) {
                    Ok(Some(batch)) => self.next.receive(batch)?,
                    // The rest is somebody else's.
                    Ok(None) => return Ok(()),
                    Err(error) if matches!(error.problem(), CoderProblem::Truncated { .. }) => {
                        self.rest = before.to_vec();
                        break;
                    }
                    Err(source) => return Err(self.failed(source)),
                }
            }
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        if !self.rest.is_empty() {
            return Err(self.failed(CoderError::truncated("an element, where the data stream ends")));
        }
        self.next.finish_bundle()
    }
}

impl<C: RowCoder> RowReader<C> {
    fn one(&self, coder: &IterableCoder<StrategyWindowCoder>, input: &mut &[u8]) -> Decoded<Option<Batch<C::Row>>> {
        let time = Timestamp::from_millis(take_sortable(input, "a timestamp")?);
        let windows: Vec<Window> = coder.decode(input)?;
        let pane = take_pane(input)?;
        let row = self.coder.take(input)?;
        if self.position.claim(1) == 0 {
            return Ok(None);
        }
        let mut meta = MetaBuilder::default();
        meta.push(time, &windows.into(), pane);
        Ok(Some(Batch { values: vec![row], meta: meta.finish() }))
    }

    fn failed(&self, source: CoderError) -> Error {
        Error::Coder { step: self.step.clone(), element: None, source: source.at("what the engine sent") }
    }
}

/// Writes pieces of a data stream.
pub(super) struct RowWriter<C> {
    pub(super) step: StepName,
    pub(super) coder: Arc<C>,
    pub(super) windows: StrategyWindowCoder,
    pub(super) count: Arc<AtomicU64>,
    pub(super) next: Next<Bytes>,
}

impl<C: RowCoder> Receiver<C::Row> for RowWriter<C> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<C::Row>) -> Result<()> {
        let mut piece = Vec::new();
        let windows = IterableCoder::of_windows(self.windows);
        for (i, row) in batch.values.iter().enumerate() {
            put_sortable(batch.meta.time.get(i).millis(), &mut piece);
            let encoded = windows.encode(&batch.meta.windows.get(i).as_slice().to_vec(), &mut piece).and_then(|()| {
                put_pane(batch.meta.pane.get(i), &mut piece);
                self.coder.put(row, &mut piece)
            });
            encoded.map_err(|source| Error::Coder { step: self.step.clone(), element: None, source })?;
        }
        self.count.fetch_add(batch.values.len() as u64, Ordering::Relaxed);
        let meta = Meta::at(Timestamp::MIN);
        self.next.receive(Batch { values: vec![piece.into()], meta })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}
