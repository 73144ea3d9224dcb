//! Elements from a source.

use crate::dofn::source::{Source, SourceStep, SplitStep};
use crate::graph::{Spec, StepCode};
use crate::pcollection::par_do;
use crate::{PCollection, Root};
use ferrobeam_model::urns;
use std::panic::Location;
use std::sync::Arc;

impl Root {
    /// Reads a source: cut into restrictions when the pipeline runs, spread over workers, read in parallel.
    ///
    /// See [`Source`] for an example.
    #[track_caller]
    pub fn read<S: Source>(&self, source: S) -> PCollection<S::Out> {
        let (source, at) = (Arc::new(source), Location::caller());
        let (read, node) = self.scope("Read", Spec::Scope, at, || self.read_parts(source, at));
        read.made_by(node)
    }

    fn read_parts<S: Source>(&self, source: Arc<S>, at: &'static Location<'static>) -> PCollection<S::Out> {
        // A bare splittable DoFn would read on one worker of some engines; restrictions that were shuffled spread.
        let parts: PCollection<S::Restriction> = self.impulse().step("Split", SplitStep(source.clone()));
        let parts = parts.reshuffle();
        self.require(urns::requirements::REQUIRES_SPLITTABLE_DOFN);
        let restriction_coder = self.coder_id::<S::Restriction>();
        let spec = par_do(move |payload, _| payload.restriction_coder_id.clone_from(&restriction_coder));
        let code = Some(StepCode::Source(Arc::new(SourceStep(source))));
        let node = self.step("Read", spec, vec![parts.input("in")], code, at);
        self.output(node, None, self.windowing(parts.id), true)
    }
}
