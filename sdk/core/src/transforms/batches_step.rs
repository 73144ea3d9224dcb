//! A step that makes any number of batches out of one, and each only when the one before it has been passed on: memory
//! does not grow with what a single element makes.

use crate::batch::Batch;
use crate::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use crate::dofn::guard::guard;
use crate::error::Result;
use crate::graph::StepName;
use std::marker::PhantomData;
use std::sync::Arc;

/// A step made of a function from a batch to an iterator of batches.
pub(super) struct BatchesStep<T, U, F> {
    f: Arc<F>,
    types: PhantomData<fn(T) -> U>,
}

impl<T, U, I, F> BatchesStep<T, U, F>
where
    I: Iterator<Item = Batch<U>>,
    F: Fn(Batch<T>) -> I + Send + Sync + 'static,
{
    pub(super) fn new(f: F) -> Self {
        BatchesStep { f: Arc::new(f), types: PhantomData }
    }
}

impl<T, U, I, F> AnyStep for BatchesStep<T, U, F>
where
    T: Send + 'static,
    U: Clone + Send + 'static,
    I: Iterator<Item = Batch<U>>,
    F: Fn(Batch<T>) -> I + Send + Sync + 'static,
{
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        let (step, f, next) = (wiring.step.clone(), self.f.clone(), wiring.outputs.take::<U>(MAIN)?);
        Ok(AnyReceiver::new(BatchesOperator { step, f, next, of: PhantomData::<fn(T)> }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

struct BatchesOperator<T, U, F> {
    step: StepName,
    f: Arc<F>,
    next: Next<U>,
    of: PhantomData<fn(T)>,
}

impl<T, U, I, F> Receiver<T> for BatchesOperator<T, U, F>
where
    I: Iterator<Item = Batch<U>>,
    F: Fn(Batch<T>) -> I + Send + Sync,
{
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        let mut batches = guard(&self.step, || Ok((self.f)(batch)))?;
        while let Some(batch) = guard(&self.step, || Ok(batches.next()))? {
            self.next.receive(batch)?;
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}
