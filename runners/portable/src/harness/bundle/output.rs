//! Where elements leave a bundle: buffers that are sent when they are full, and at the end.

use super::waits::{For, Waits};
use crate::harness::data::DataSender;
use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_core::batch::Batch;
use ferrobeam_core::dofn::erased::Receiver;
use ferrobeam_model::fn_execution as pb;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that are sent together: large enough for the stream, small enough to go on early.
const FULL: usize = 1 << 20;

/// What one output has gathered.
pub(super) struct Output {
    transform: String,
    /// Of a timer family, not of elements.
    family: Option<String>,
    sender: DataSender,
    /// How many elements have gone out.
    pub(super) count: Arc<AtomicU64>,
    /// How many bytes went out of this worker's bundle: checkpoints go by it.
    bytes: Arc<AtomicU64>,
    waits: Arc<Waits>,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    instruction: String,
    pieces: Vec<Bytes>,
    size: usize,
}

impl Output {
    pub(super) fn new(
        transform: &str,
        family: Option<String>,
        sender: DataSender,
        bytes: Arc<AtomicU64>,
        waits: Arc<Waits>,
    ) -> Arc<Self> {
        let (transform, count, buffer) = (transform.to_owned(), Arc::default(), Mutex::default());
        Arc::new(Output { transform, family, sender, count, bytes, waits, buffer })
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a bundle.
    pub(super) fn start(&self, instruction: &str) {
        self.count.store(0, Ordering::Relaxed);
        *self.buffer() = Buffer { instruction: instruction.to_owned(), ..Buffer::default() };
    }

    /// Takes a piece of whole elements.
    pub(super) fn push(&self, piece: Bytes) -> Result<()> {
        self.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        let mut buffer = self.buffer();
        buffer.size += piece.len();
        buffer.pieces.push(piece);
        if buffer.size >= FULL { self.send(&mut buffer, false) } else { Ok(()) }
    }

    /// Sends what is left and says that it was the last.
    pub(super) fn finish(&self) -> Result<()> {
        self.send(&mut self.buffer(), true)
    }

    fn send(&self, buffer: &mut Buffer, is_last: bool) -> Result<()> {
        let mut pieces = std::mem::take(&mut buffer.pieces);
        buffer.size = 0;
        if pieces.is_empty() && is_last {
            pieces.push(Bytes::new());
        }
        let last = pieces.len().saturating_sub(1);
        let mut elements = pb::Elements::default();
        for (i, piece) in pieces.into_iter().enumerate() {
            let (instruction_id, transform_id) = (buffer.instruction.clone(), self.transform.clone());
            let is_last = is_last && i == last;
            match &self.family {
                None => {
                    let data = piece;
                    elements.data.push(pb::elements::Data { instruction_id, transform_id, data, is_last });
                }
                Some(family) => elements.timers.push(pb::elements::Timers {
                    instruction_id,
                    transform_id,
                    timer_family_id: family.clone(),
                    timers: piece,
                    is_last,
                }),
            }
        }
        self.waits.during(For::Room, || self.sender.send(elements))
    }
}

/// The receiving end of an output.
pub(super) struct OutputEnd(pub(super) Arc<Output>);

impl Receiver<Bytes> for OutputEnd {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }

    fn receive(&mut self, batch: Batch<Bytes>) -> Result<()> {
        batch.values.into_iter().try_for_each(|piece| self.0.push(piece))
    }

    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}
