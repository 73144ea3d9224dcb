//! A stage's operators and one bundle through them.

use crate::grouping::Parcels;
use crate::rows::{Buffer, Row, batches};
use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_core::batch::Batch;
use ferrobeam_core::dofn::erased::{Next, Parcel};
use ferrobeam_core::dofn::source::{Progress, Reader};
use ferrobeam_core::metrics::{self, Metrics};
use std::collections::BTreeMap;

/// The operators of a stage.
pub(crate) struct Processor {
    pub(crate) input: Input,
    pub(crate) buffers: BTreeMap<String, Buffer>,
    pub(crate) parcels: BTreeMap<usize, Parcels>,
}

/// Where the stage begins.
pub(crate) enum Input {
    /// Encoded elements.
    Rows(Next<Bytes>),
    /// Encoded restrictions.
    Source(Box<dyn Reader>),
}

/// All that a bundle did; it counts when it is committed, as a whole.
pub(crate) struct Outcome {
    pub(crate) rows: Vec<(String, Vec<Row>)>,
    pub(crate) parcels: Vec<(usize, Vec<Parcel>)>,
    /// What a source has left of its restriction.
    pub(crate) residual: Option<Row>,
    pub(crate) metrics: Metrics,
}

impl Processor {
    /// Runs a bundle: elements, or one restriction from which at most `size` rows are read.
    pub(crate) fn process(&mut self, rows: &[Row], size: usize, one_by_one: bool) -> Result<Outcome> {
        let (residual, metrics) = metrics::collect(|| match &mut self.input {
            Input::Rows(next) => elements(&mut **next, rows),
            Input::Source(reader) => restriction(&mut **reader, rows, size, one_by_one),
        });
        let outcome = Outcome {
            rows: self.buffers.iter().map(|(collection, buffer)| (collection.clone(), buffer.take())).collect(),
            parcels: self.parcels.iter().map(|(grouping, parcels)| (*grouping, parcels.take())).collect(),
            residual: residual?,
            metrics,
        };
        Ok(outcome)
    }
}

fn elements(next: &mut dyn ferrobeam_core::dofn::erased::Receiver<Bytes>, rows: &[Row]) -> Result<Option<Row>> {
    next.start_bundle()?;
    batches(rows).try_for_each(|batch| next.receive(batch))?;
    next.finish_bundle()?;
    Ok(None)
}

fn restriction(reader: &mut dyn Reader, rows: &[Row], size: usize, one_by_one: bool) -> Result<Option<Row>> {
    let Some(row) = rows.first() else { return Ok(None) };
    reader.start_bundle()?;
    reader.open(&row.bytes)?;
    let mut left = size;
    let mut progress = Progress::More;
    while left > 0 && progress == Progress::More {
        let room = if one_by_one { 1 } else { left.min(Batch::<Bytes>::ROWS) };
        progress = reader.step(room)?;
        left -= room;
    }
    let residual = if progress == Progress::More { reader.checkpoint()? } else { None };
    reader.finish_bundle()?;
    Ok(residual.map(|bytes| Row { bytes, ..row.clone() }))
}
