//! The coder of a collection for whoever does not know its type: ordinary steps between values and bytes.

use crate::Element;
use crate::batch::Batch;
use crate::coder::{self, Coder, CoderError, CoderProblem, CoderSpec};
use crate::dofn::batch_step::BatchStep;
use crate::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Outputs, Receiver, SharedRows, Wiring, share};
use crate::dofn::guard::guard;
use crate::error::{Error, Result};
use crate::graph::StepName;
use crate::graph::transfer::{Transfer, TransferOf};
use crate::graph::wire_coder::{WireCoder, WireCoderOf};
use crate::grouping::{SideRows, SideRowsOf};
use crate::windowing::Window;
use bytes::Bytes;
use std::any::type_name;
use std::marker::PhantomData;
use std::sync::Arc;

/// The coder of a collection.
pub trait EdgeCoder: Send + Sync {
    /// What stands in the graph.
    fn spec(&self) -> CoderSpec;

    /// The Rust type, for people.
    fn type_name(&self) -> &'static str;

    /// Values to encoded values, `Bytes`, in the nested context.
    fn encode(&self) -> Arc<dyn AnyStep>;

    /// Encoded values to values.
    fn decode(&self) -> Arc<dyn AnyStep>;

    /// Values to what their coder makes of them, which should be the same. A failure of the steps behind gets the
    /// element on which it happened, if `one_by_one`.
    fn check(&self, one_by_one: bool) -> Arc<dyn AnyStep>;

    /// The rows of a side input.
    ///
    /// # Errors
    /// The coder's.
    fn rows(&self, encoded: &[Bytes]) -> Result<SharedRows, CoderError>;

    /// Keeps the rows of a side input.
    fn side_rows(&self) -> Box<dyn SideRows>;

    /// How values travel as they are, within a process.
    fn transfer(&self) -> Arc<dyn Transfer>;

    /// The coder as an engine has changed it.
    ///
    /// # Errors
    /// `spec` is not one of this coder's type.
    fn on_wire(&self, spec: &CoderSpec) -> Result<Arc<dyn WireCoder>, CoderError>;
}

/// The coder of collections of `T`.
pub(crate) struct CoderOf<T>(PhantomData<fn() -> T>);

impl<T: Element> CoderOf<T> {
    pub(crate) fn shared() -> Arc<dyn EdgeCoder> {
        Arc::new(CoderOf::<T>(PhantomData))
    }
}

impl<T: Element> EdgeCoder for CoderOf<T> {
    fn spec(&self) -> CoderSpec {
        coder::of::<T>().spec()
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn encode(&self) -> Arc<dyn AnyStep> {
        Arc::new(BatchStep::new(|batch: Batch<T>| {
            let coder = coder::of::<T>();
            let (mut buffer, mut ends) = (Vec::new(), Vec::with_capacity(batch.values.len()));
            for value in &batch.values {
                coder.encode(value, &mut buffer)?;
                ends.push(buffer.len());
            }
            // One allocation for the batch; each row is a slice of it.
            let (all, mut start) = (Bytes::from(buffer), 0);
            let row = |end| all.slice(std::mem::replace(&mut start, end)..end);
            Ok(Batch { values: ends.into_iter().map(row).collect(), meta: batch.meta })
        }))
    }

    fn decode(&self) -> Arc<dyn AnyStep> {
        Arc::new(BatchStep::new(|batch: Batch<Bytes>| {
            let coder = coder::of::<T>();
            let values = batch.values.iter().map(|bytes| decode_all(&coder, bytes)).collect::<Result<_, _>>()?;
            Ok(Batch::<T> { values, meta: batch.meta })
        }))
    }

    fn check(&self, one_by_one: bool) -> Arc<dyn AnyStep> {
        Arc::new(Check::<T> { one_by_one, of: PhantomData })
    }

    fn rows(&self, encoded: &[Bytes]) -> Result<SharedRows, CoderError> {
        let coder = coder::of::<T>();
        let rows = encoded.iter().map(|bytes| decode_all(&coder, bytes)).collect::<Result<Vec<T>, _>>()?;
        Ok(SharedRows::new(rows))
    }

    fn side_rows(&self) -> Box<dyn SideRows> {
        SideRowsOf::<T>::boxed()
    }

    fn transfer(&self) -> Arc<dyn Transfer> {
        TransferOf::<T>::shared()
    }

    fn on_wire(&self, spec: &CoderSpec) -> Result<Arc<dyn WireCoder>, CoderError> {
        WireCoderOf::<T>::shared(spec)
    }
}

fn decode_all<T, C: Coder<T>>(coder: &C, mut bytes: &[u8]) -> Result<T, CoderError> {
    let value = coder.decode(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(CoderError::from(CoderProblem::Trailing { bytes: bytes.len() })) }
}

struct Check<T> {
    one_by_one: bool,
    of: PhantomData<fn() -> T>,
}

impl<T: Element> AnyStep for Check<T> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        Ok(AnyReceiver::new(Checker::<T> {
            step: wiring.step.clone(),
            coder: coder::of::<T>(),
            one_by_one: self.one_by_one,
            scratch: Vec::new(),
            next: wiring.outputs.take(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

struct Checker<T: Element> {
    step: StepName,
    coder: T::Coder,
    one_by_one: bool,
    scratch: Vec<u8>,
    next: Next<T>,
}

impl<T: Element> Checker<T> {
    /// Values as their coder gives them back. Its errors, and panics of a user's `Serialize`, name the step that made them.
    fn round_trip(&mut self, values: Vec<T>) -> Result<Vec<T>> {
        let Checker { step, coder, scratch, .. } = self;
        guard(step, || {
            let one = |value: T| {
                scratch.clear();
                let result = coder.encode(&value, scratch).and_then(|()| decode_all(coder, scratch));
                result.map_err(|source| {
                    let element = (!scratch.is_empty()).then(|| coder::describe(&coder.spec(), scratch));
                    Error::Coder { step: step.clone(), element, source }.into()
                })
            };
            values.into_iter().map(one).collect()
        })
    }
}

impl<T: Element> Receiver<T> for Checker<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        if !self.one_by_one {
            let values = self.round_trip(batch.values)?;
            return self.next.receive(Batch { values, meta: batch.meta });
        }
        for (row, value) in batch.values.into_iter().enumerate() {
            let values = self.round_trip(vec![value])?;
            let meta = batch.meta.select(&[row as u32]);
            let (time, windows) = (*meta.time.get(0), meta.windows.get(0).clone());
            let sent = self.next.receive(Batch { values, meta });
            // What an element without content is, is no help.
            sent.map_err(|error| match size_of::<T>() {
                0 => error,
                _ => error.on_element(|| {
                    let element = coder::describe(&self.coder.spec(), &self.scratch);
                    let windows: Vec<String> = windows.as_slice().iter().map(Window::to_string).collect();
                    format!("{element} at {time} in {}", windows.join(" and "))
                }),
            })?;
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

/// Wires a step that is not in the graph before its consumers.
///
/// # Errors
/// [`Error::Wire`] if the types differ.
pub fn wire_before(code: &dyn AnyStep, step: &StepName, next: Vec<AnyReceiver>) -> Result<AnyReceiver> {
    let mut outputs = Outputs::main(next);
    code.wire(Wiring { step, outputs: &mut outputs, sides: Arc::new(crate::dofn::side::NoSides), parts: 1 })
}
