//! A stage's operators, and what a bundle through them has done.

use crate::grouping::Parcels;
use crate::rows::{Buffer, Row, batches};
use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_core::dofn::erased::{Next, Parcel};
use ferrobeam_core::dofn::splittable::operator::SplittableOperator;
use ferrobeam_core::dofn::stateful::operator::StatefulOperator;
use ferrobeam_core::metrics::{self, Metrics};
use std::collections::BTreeMap;

/// The operators of a stage.
pub(crate) struct Processor {
    pub(crate) input: Input,
    pub(crate) buffers: BTreeMap<String, Buffer>,
    /// By the node of the grouping.
    pub(crate) parcels: BTreeMap<usize, Parcels>,
}

/// Where the stage begins.
pub(crate) enum Input {
    /// Encoded elements.
    Rows(Next<Bytes>),
    /// Elements whose work is cut.
    Splittable(Box<dyn SplittableOperator>),
    /// Elements with state.
    Stateful(Box<dyn StatefulOperator>),
}

/// What a bundle emitted and reported; it counts when it is committed, as a whole.
pub(crate) struct Outcome {
    pub(crate) rows: Vec<(String, Vec<Row>)>,
    pub(crate) parcels: Vec<(usize, Vec<Parcel>)>,
    pub(crate) metrics: Metrics,
}

impl Processor {
    /// Runs a bundle.
    pub(crate) fn run<R>(&mut self, bundle: impl FnOnce(&mut Input) -> Result<R>) -> Result<(R, Outcome)> {
        let (result, metrics) = metrics::collect(|| bundle(&mut self.input));
        let outcome = Outcome {
            rows: self.buffers.iter().map(|(collection, buffer)| (collection.clone(), buffer.take())).collect(),
            parcels: self.parcels.iter().map(|(grouping, parcels)| (*grouping, parcels.take())).collect(),
            metrics,
        };
        Ok((result?, outcome))
    }
}

/// Ordinary elements; a bundle that is cut off does not end.
pub(crate) fn elements(next: &mut Next<Bytes>, rows: &[Row], is_cut_off: bool) -> Result<()> {
    next.start_bundle()?;
    let rows = if is_cut_off { &rows[..rows.len().div_ceil(2)] } else { rows };
    batches(rows).try_for_each(|batch| next.receive(batch))?;
    if is_cut_off { Ok(()) } else { next.finish_bundle() }
}
