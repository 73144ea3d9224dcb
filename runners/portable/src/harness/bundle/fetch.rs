//! Elements with lists that go on in the engine's state, which an engine does where groups are large: what follows gets them
//! whole, one such element at a time.

use super::current::Current;
use bytes::Bytes;
use ferrobeam_core::batch::{Batch, Meta};
use ferrobeam_core::coder::{Coder, CoderError, CoderProblem, CoderSpec, Decoded, DynCoder, StrategyWindowCoder};
use ferrobeam_core::dofn::erased::{Next, Receiver};
use ferrobeam_core::graph::{ReadPosition, StepName};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::urns::coders;
use std::cell::Cell;
use std::sync::Arc;

/// The coder of elements whose lists are all here.
pub(super) fn whole(spec: &CoderSpec) -> CoderSpec {
    let urn = if spec.urn == coders::STATE_BACKED_ITERABLE { coders::ITERABLE.into() } else { spec.urn.clone() };
    let components = spec.components.iter().map(whole).collect();
    CoderSpec::of(urn, components).with_payload(spec.payload.clone())
}

/// Takes pieces of a data stream, and passes on pieces of whole elements.
pub(super) struct Fetch {
    step: StepName,
    current: Arc<Current>,
    /// The coder of the stream, and of what is passed on.
    parts: DynCoder,
    whole: DynCoder,
    /// How far `next` has read.
    position: Arc<ReadPosition>,
    /// The beginning of an element whose end is in the next piece.
    rest: Bytes,
    next: Next<Bytes>,
}

impl Fetch {
    /// In front of `next`, which reads elements of the coder [`whole`].
    pub(super) fn new(
        step: StepName,
        current: Arc<Current>,
        (value, windows): (&CoderSpec, StrategyWindowCoder),
        position: Arc<ReadPosition>,
        next: Next<Bytes>,
    ) -> Decoded<Self> {
        let windowed = |value| CoderSpec::of(coders::WINDOWED_VALUE, vec![value, windows.spec()]);
        let (parts, whole) = (windowed(value.clone()), windowed(whole(value)));
        let (parts, whole) = (DynCoder::from_spec(&parts)?, DynCoder::from_spec(&whole)?);
        Ok(Fetch { step, current, parts, whole, position, rest: Bytes::new(), next })
    }

    fn pass(&mut self, piece: Bytes) -> Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        self.next.receive(Batch { values: vec![piece], meta: Meta::at(Timestamp::MIN) })
    }

    /// An element with all that the engine has of its lists.
    fn fetch(&self, mut input: &[u8]) -> Decoded<Bytes> {
        let rest_of = |token: &[u8]| {
            let runner = pb::state_key::Runner { key: Bytes::copy_from_slice(token) };
            let key = pb::StateKey { r#type: Some(pb::state_key::Type::Runner(runner)) };
            self.current.read(&key).map_err(|error| CoderProblem::State(error.to_string()).into())
        };
        let (value, mut whole) = (self.parts.decode_with(&mut input, &rest_of)?, Vec::new());
        self.whole.encode(&value, &mut whole)?;
        Ok(whole.into())
    }

    fn failed(&self, source: CoderError) -> Error {
        Error::Coder { step: self.step.clone(), element: None, source: source.at("what the engine sent") }
    }
}

impl Receiver<Bytes> for Fetch {
    fn start_bundle(&mut self) -> Result<()> {
        self.rest.clear();
        self.next.start_bundle()
    }

    fn receive(&mut self, pieces: Batch<Bytes>) -> Result<()> {
        for piece in pieces.values {
            let all = match std::mem::take(&mut self.rest) {
                rest if rest.is_empty() => piece,
                rest => [rest, piece].concat().into(),
            };
            // Elements up to here have gone on; those up to there can go as they are.
            let (mut passed, mut input) = (0, &all[..]);
            while !input.is_empty() {
                let here = all.len() - input.len();
                // Nothing is fetched before the element is here to its end.
                let goes_on = Cell::new(false);
                let note = |_: &[u8]| {
                    goes_on.set(true);
                    Ok(Bytes::new())
                };
                match self.parts.decode_with(&mut input, &note) {
                    Ok(_) if goes_on.get() => {
                        let there = all.len() - input.len();
                        self.pass(all.slice(passed..here))?;
                        if self.position.is_over() {
                            // After a split.
                            return Ok(());
                        }
                        let whole = self.fetch(&all[here..there]).map_err(|source| self.failed(source))?;
                        self.pass(whole)?;
                        passed = there;
                    }
                    Ok(_) => {}
                    Err(error) if matches!(error.problem(), CoderProblem::Truncated { .. }) => {
                        self.rest = all.slice(here..);
                        break;
                    }
                    Err(source) => return Err(self.failed(source)),
                }
            }
            self.pass(all.slice(passed..all.len() - self.rest.len()))?;
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        if !self.rest.is_empty() {
            return Err(self.failed(CoderError::truncated("an element, where the data stream ends")));
        }
        self.next.finish_bundle()
    }
}
