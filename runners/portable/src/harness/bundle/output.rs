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

/// Bytes that are sent together at least: large enough for the stream, small enough to go on early.
const FULL: u64 = 1 << 20;

/// Bytes that are sent together by a bundle that has made so many.
///
/// More and more of them: Flink and Spark with Beam 2.62 take a hundred messages of a bundle, and no more before they know that
/// it is done (<https://github.com/apache/beam/issues/38570>). With a share of what went before, 2 GiB are less than that.
fn full(made: u64) -> u64 {
    FULL.max(made / 16)
}

/// What one output has gathered.
pub(super) struct Output {
    transform: String,
    /// Of a timer family, not of elements.
    family: Option<String>,
    sender: DataSender,
    /// How many elements have gone out.
    pub(super) count: Arc<AtomicU64>,
    /// How many bytes went out of this processor's bundles: checkpoints go by it.
    bytes: Arc<AtomicU64>,
    waits: Arc<Waits>,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    instruction: String,
    pieces: Vec<Bytes>,
    size: u64,
    /// What went out of bundles before this one.
    bytes_before: u64,
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
        let (instruction, bytes_before) = (instruction.to_owned(), self.bytes.load(Ordering::Relaxed));
        *self.buffer() = Buffer { instruction, bytes_before, ..Buffer::default() };
    }

    /// Takes a piece of whole elements.
    pub(super) fn push(&self, piece: Bytes) -> Result<()> {
        let size = piece.len() as u64;
        let bytes = self.bytes.fetch_add(size, Ordering::Relaxed) + size;
        let mut buffer = self.buffer();
        buffer.size += size;
        buffer.pieces.push(piece);
        if buffer.size >= full(bytes - buffer.bytes_before) { self.send(&mut buffer, false) } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use super::full;

    #[test]
    fn two_gibibytes_are_less_than_a_hundred_messages() {
        let (mut made, mut waiting, mut messages) = (0, 0, 1);
        while made < 2 << 30 {
            made += 50_000;
            waiting += 50_000;
            if waiting >= full(made) {
                (waiting, messages) = (0, messages + 1);
            }
        }
        assert!((80..100).contains(&messages), "{messages}");
    }
}
