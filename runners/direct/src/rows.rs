//! Elements between stages: encoded, each with its own metadata, so that bundles can be cut anywhere and run again.

use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_core::batch::{Batch, MetaBuilder, WindowSet};
use ferrobeam_core::dofn::erased::{AnyReceiver, Receiver};
use ferrobeam_core::time::Timestamp;
use ferrobeam_core::windowing::{PaneInfo, Window};
use std::sync::{Arc, Mutex, PoisonError};

/// An encoded element.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its nested encoding.
    pub bytes: Bytes,
    /// Its timestamp.
    pub time: Timestamp,
    /// The windows that it is in.
    pub windows: WindowSet,
    /// The pane that it came with.
    pub pane: PaneInfo,
}

impl Row {
    /// One empty element at the beginning of time.
    pub(crate) fn impulse() -> Row {
        // The nested encoding of no bytes: their number.
        let bytes = Bytes::from_static(&[0]);
        Row { bytes, time: Timestamp::MIN, windows: WindowSet::GLOBAL, pane: PaneInfo::NO_FIRING }
    }

    /// The element once for each of its windows.
    pub(crate) fn explode(self) -> impl Iterator<Item = Row> {
        let windows = self.windows.as_slice().to_vec();
        windows.into_iter().map(move |window| Row { windows: WindowSet::One(window), ..self.clone() })
    }

    /// The first of its windows, which is the only one of a row that was exploded.
    pub(crate) fn window(&self) -> Window {
        self.windows.as_slice().first().copied().unwrap_or(Window::Global)
    }

    fn of(batch: Batch<Bytes>) -> impl Iterator<Item = Row> {
        let Batch { values, meta } = batch;
        values.into_iter().enumerate().map(move |(row, bytes)| Row {
            bytes,
            time: *meta.time.get(row),
            windows: meta.windows.get(row).clone(),
            pane: *meta.pane.get(row),
        })
    }
}

/// Rows as the batches that operators take.
pub(crate) fn batches(rows: &[Row]) -> impl Iterator<Item = Batch<Bytes>> + '_ {
    rows.chunks(Batch::<Bytes>::ROWS).map(|chunk| {
        let mut meta = MetaBuilder::default();
        chunk.iter().for_each(|row| meta.push(row.time, &row.windows, row.pane));
        Batch { values: chunk.iter().map(|row| row.bytes.clone()).collect(), meta: meta.finish() }
    })
}

/// Where the encoded elements of an edge gather while a bundle runs.
#[derive(Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<Row>>>);

impl Buffer {
    /// The receiving end.
    pub(crate) fn receiver(&self) -> AnyReceiver {
        AnyReceiver::new::<Bytes>(Collector(self.clone()))
    }

    /// What has come.
    pub(crate) fn take(&self) -> Vec<Row> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Collector(Buffer);

impl Receiver<Bytes> for Collector {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }

    fn receive(&mut self, batch: Batch<Bytes>) -> Result<()> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).extend(Row::of(batch));
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}
