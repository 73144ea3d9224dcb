//! A stage's operators and one bundle through them.

use crate::grouping::Parcels;
use crate::rows::{Buffer, Row, batches};
use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_core::dofn::erased::{Next, Parcel};
use ferrobeam_core::dofn::splittable::operator::{Element, Order, SplittableOperator};
use ferrobeam_core::metrics::{self, Metrics};
use ferrobeam_core::time::Timestamp;
use ferrobeam_core::windowing::Window;
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
    /// Encoded elements, the work on each of which comes in parts.
    Splittable(Box<dyn SplittableOperator>),
}

/// All that a bundle did; it counts when it is committed, as a whole.
pub(crate) struct Outcome {
    pub(crate) rows: Vec<(String, Vec<Row>)>,
    pub(crate) parcels: Vec<(usize, Vec<Parcel>)>,
    /// What is left of the work on an element.
    pub(crate) residuals: Vec<Row>,
    pub(crate) metrics: Metrics,
}

impl Processor {
    /// Runs a bundle: elements, or one part of the work on one, with at most `size` claims.
    pub(crate) fn process(&mut self, rows: &[Row], size: usize, one_by_one: bool) -> Result<Outcome> {
        let (residuals, metrics) = metrics::collect(|| match &mut self.input {
            Input::Rows(next) => elements(&mut **next, rows),
            Input::Splittable(operator) => part(&mut **operator, rows, size, one_by_one),
        });
        let outcome = Outcome {
            rows: self.buffers.iter().map(|(collection, buffer)| (collection.clone(), buffer.take())).collect(),
            parcels: self.parcels.iter().map(|(grouping, parcels)| (*grouping, parcels.take())).collect(),
            residuals: residuals?,
            metrics,
        };
        Ok(outcome)
    }
}

fn elements(next: &mut dyn ferrobeam_core::dofn::erased::Receiver<Bytes>, rows: &[Row]) -> Result<Vec<Row>> {
    next.start_bundle()?;
    batches(rows).try_for_each(|batch| next.receive(batch))?;
    next.finish_bundle()?;
    Ok(Vec::new())
}

/// Works on one part of the work on one element, in its first window.
fn part(operator: &mut dyn SplittableOperator, rows: &[Row], size: usize, one_by_one: bool) -> Result<Vec<Row>> {
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let window = row.windows.as_slice().first().copied().unwrap_or(Window::Global);
    let element = Element { bytes: &row.bytes, time: row.time, window, pane: row.pane };
    operator.start_bundle()?;
    let mut parts = match &row.part {
        Some(part) => vec![part.clone()],
        None => operator.split(&element)?,
    };
    if let Some(first) = parts.pop() {
        let order = Order { claims: size, keep: 0.0, now: Timestamp::EPOCH, one_by_one };
        let processed = operator.process(&element, &first, &order)?;
        parts.extend(processed.residuals.into_iter().map(|residual| residual.part));
    }
    operator.finish_bundle()?;
    Ok(parts.into_iter().map(|part| Row { part: Some(part), ..row.clone() }).collect())
}
