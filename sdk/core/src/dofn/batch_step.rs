//! A step made of a function from batch to batch: what `map`, `filter` and `flat_map` are.

use super::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use super::guard::guard;
use crate::Element;
use crate::batch::Batch;
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use std::sync::Arc;

/// A function from batch to batch. One that is not known by its type: the call costs nothing beside a batch, and an
/// operator is compiled once for its two types and not for every closure.
type BatchFn<T, U> = dyn Fn(Batch<T>) -> Result<Batch<U>, BoxError> + Send + Sync;

/// A step made of a function that all workers share, so user closures are `Send + Sync`.
pub struct BatchStep<T, U>(Arc<BatchFn<T, U>>);

impl<T, U> BatchStep<T, U> {
    /// Makes the step; the function must keep rows and metadata together.
    pub fn new(f: impl Fn(Batch<T>) -> Result<Batch<U>, BoxError> + Send + Sync + 'static) -> Self {
        BatchStep(Arc::new(f))
    }
}

impl<T, U> AnyStep for BatchStep<T, U>
where
    T: Send + 'static,
    U: Clone + Send + 'static,
{
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        Ok(AnyReceiver::new(BatchOperator {
            step: wiring.step.clone(),
            f: self.0.clone(),
            next: wiring.outputs.take::<U>(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

struct BatchOperator<T, U> {
    step: StepName,
    f: Arc<BatchFn<T, U>>,
    next: Next<U>,
}

impl<T, U> Receiver<T> for BatchOperator<T, U> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        let out = guard(&self.step, || (self.f)(batch))?;
        if out.values.is_empty() { Ok(()) } else { self.next.receive(out) }
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

/// The step that passes everything on: a Flatten inside a stage.
pub fn identity<T: Element>() -> impl AnyStep {
    BatchStep::new(|batch: Batch<T>| Ok(batch))
}
