//! Elements from a source.

use crate::dofn::source::Source;
use crate::dofn::source_step::{Read, SplitStep};
use crate::dofn::splittable::estimator::Manual;
use crate::dofn::splittable::step::SplittableStep;
use crate::graph::{Spec, StepCode};
use crate::pcollection::par_do;
use crate::{PCollection, Root};
use ferrobeam_model::urns;
use std::panic::Location;
use std::sync::Arc;

impl Root {
    /// Reads a source: cut into restrictions when the pipeline runs, spread over workers, read in parallel.
    ///
    /// [`Source`] says how to write one.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// struct Below(u64);
    ///
    /// impl Source for Below {
    ///     type Out = u64;
    ///     type Restriction = OffsetRange;
    ///     type Reader = ();
    ///
    ///     fn split(&self, parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
    ///         let size = self.0.div_ceil(parts.max(1) as u64).max(1);
    ///         Ok((0..self.0).step_by(size as usize).map(|at| OffsetRange::new(at, self.0.min(at + size))).collect())
    ///     }
    ///     fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
    ///         Ok(())
    ///     }
    ///     fn read(&self, _: &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
    ///         claims.emit_run(Timestamp::MIN, |offset| offset);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// assert_that(&root.read(Below(4))).contains_in_any_order([0, 1, 2, 3]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
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
        // Engines move a restriction together with the state of its watermark estimator.
        let restriction_coder = self.coder_id::<(S::Restriction, Manual)>();
        let spec = par_do(move |payload, _| payload.restriction_coder_id.clone_from(&restriction_coder));
        let code = Some(StepCode::Splittable(Arc::new(SplittableStep::new(Read::new(source), Vec::new()))));
        let node = self.step("Read", spec, vec![parts.input("in")], code, at);
        self.output(node, None, self.windowing(parts.id), S::BOUNDED)
    }
}

#[cfg(test)]
mod tests {
    use crate::BoxError;
    use crate::dofn::restriction::OffsetRange;
    use crate::dofn::source::{Claims, Source};
    use crate::graph::StepCode;
    use crate::transforms::test_steps::{graph, plain, rows, run, steps, transform};
    use ferrobeam_model::pipeline as pb;
    use ferrobeam_model::urns;
    use prost::Message;

    struct Three;

    impl Source for Three {
        type Out = u64;
        type Restriction = OffsetRange;
        type Reader = ();

        fn split(&self, parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
            assert_eq!(parts, 1);
            Ok(vec![OffsetRange::new(0, 1), OffsetRange::new(1, 3)])
        }
        fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
            Ok(())
        }
        fn read(&self, _: &mut (), _: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
            Ok(())
        }
    }

    #[test]
    fn a_source_is_a_splittable_step_behind_a_reshuffle() {
        let graph = graph(|root| root.read(Three).named("Three").discard());
        assert_eq!(graph.proto().requirements, [urns::requirements::REQUIRES_SPLITTABLE_DOFN]);
        assert_eq!(steps(&graph)[..4], ["Three", "Three/Impulse", "Three/Split", "Three/Reshuffle"]);
        let restrictions = run::<(), OffsetRange>(&graph, "Three/Split", plain(vec![()])).unwrap();
        assert_eq!(rows(&restrictions).len(), 2);

        let read = transform(&graph, "Three/Read");
        assert!(matches!(graph.code(read).unwrap(), Some(StepCode::Splittable(_))));
        let payload = pb::ParDoPayload::decode(&read.spec.as_ref().unwrap().payload[..]).unwrap();
        assert!(graph.components().coders.contains_key(&payload.restriction_coder_id));
    }
}
