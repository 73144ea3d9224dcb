//! A step made of a function from batch to batch: what `map`, `filter` and `flat_map` are.

use super::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use super::guard::guard;
use crate::Element;
use crate::batch::Batch;
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use std::marker::PhantomData;
use std::sync::Arc;

/// A step made of a function that all workers share, so user closures are `Send + Sync`.
pub struct BatchStep<T, U, F> {
    f: Arc<F>,
    types: PhantomData<fn(T) -> U>,
}

impl<T, U, F> BatchStep<T, U, F>
where
    F: Fn(Batch<T>) -> Result<Batch<U>, BoxError> + Send + Sync + 'static,
{
    /// Makes the step; the function must keep rows and metadata together.
    pub fn new(f: F) -> Self {
        BatchStep { f: Arc::new(f), types: PhantomData }
    }
}

impl<T, U, F> AnyStep for BatchStep<T, U, F>
where
    T: Send + 'static,
    U: Clone + Send + 'static,
    F: Fn(Batch<T>) -> Result<Batch<U>, BoxError> + Send + Sync + 'static,
{
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        Ok(AnyReceiver::new(BatchOperator {
            step: wiring.step.clone(),
            f: self.f.clone(),
            next: wiring.outputs.take::<U>(MAIN)?,
            of: PhantomData::<fn(T)>,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

struct BatchOperator<T, U, F> {
    step: StepName,
    f: Arc<F>,
    next: Next<U>,
    of: PhantomData<fn(T)>,
}

impl<T, U, F> Receiver<T> for BatchOperator<T, U, F>
where
    T: Send,
    F: Fn(Batch<T>) -> Result<Batch<U>, BoxError> + Send + Sync,
{
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
