//! Steps whose work on one element can be cut and moved.

use super::TaggedOutputs;
use super::par_do::{Tags, with_sides};
use crate::dofn::side::{SideDeclaration, SideInputs};
use crate::dofn::splittable::SplittableDoFn;
use crate::dofn::splittable::step::SplittableStep;
use crate::graph::StepCode;
use crate::{Element, PCollection};
use ferrobeam_model::urns;
use std::sync::Arc;

impl<T: Element> PCollection<T> {
    /// Processes each element with a [`SplittableDoFn`]: the work on one element runs in parts, on several workers, and is
    /// interrupted and resumed.
    ///
    /// The output is unbounded if the input is, or if the function says that its work does not end.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// /// The multiples of each number, up to a hundred.
    /// #[derive(Clone)]
    /// struct Multiples;
    /// impl SplittableDoFn for Multiples {
    ///     type In = u64;
    ///     type Out = u64;
    ///     type Restriction = OffsetRange;
    ///     type Estimator = ();
    ///
    ///     fn initial_restriction(&self, n: &u64) -> Result<OffsetRange, BoxError> {
    ///         Ok(OffsetRange::new(1, 100 / n + 1))
    ///     }
    ///     fn process(
    ///         &mut self,
    ///         n: &u64,
    ///         tracker: &mut Tracker<'_, OffsetRange, u64>,
    ///         ctx: &mut ElementContext<'_>,
    ///     ) -> Result<Continuation, BoxError> {
    ///         tracker.emit_run(ctx.timestamp(), |factor| factor * n);
    ///         Ok(Continuation::Done)
    ///     }
    /// }
    ///
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let multiples = root.create([30u64, 45]).par_do_splittable(Multiples);
    /// assert_that(&multiples).contains_in_any_order([30, 60, 90, 45, 90]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn par_do_splittable<D: SplittableDoFn<In = T>>(&self, dofn: D) -> PCollection<D::Out> {
        self.splittable("ParDo", dofn, (), Vec::new()).main()
    }

    /// Processes each element with a [`SplittableDoFn`] that has additional outputs: see
    /// [`par_do_tagged`](PCollection::par_do_tagged).
    #[track_caller]
    pub fn par_do_splittable_tagged<D: SplittableDoFn<In = T>>(
        &self,
        dofn: D,
        tags: impl Tags,
    ) -> TaggedOutputs<D::Out> {
        self.splittable("ParDo", dofn, tags, Vec::new())
    }

    /// Processes each element with a [`SplittableDoFn`] that reads side inputs: see
    /// [`par_do_with`](PCollection::par_do_with).
    #[track_caller]
    pub fn par_do_splittable_with<D: SplittableDoFn<In = T>>(
        &self,
        sides: impl SideInputs,
        dofn: D,
    ) -> PCollection<D::Out> {
        self.splittable("ParDo", dofn, (), sides.declarations()).main()
    }

    #[track_caller]
    pub(crate) fn splittable<D: SplittableDoFn<In = T>>(
        &self,
        verb: &str,
        dofn: D,
        tags: impl Tags,
        sides: Vec<SideDeclaration>,
    ) -> TaggedOutputs<D::Out> {
        self.root.require(urns::requirements::REQUIRES_SPLITTABLE_DOFN);
        // Engines move a restriction together with the state of its watermark estimator.
        let restriction_coder = self.root.coder_id::<(D::Restriction, D::Estimator)>();
        if D::FINALIZES {
            self.root.require(urns::requirements::REQUIRES_BUNDLE_FINALIZATION);
        }
        let spec = with_sides(&sides, move |payload, _| {
            payload.restriction_coder_id.clone_from(&restriction_coder);
            payload.requests_finalization = D::FINALIZES;
        });
        let code = |tags| StepCode::Splittable(Arc::new(SplittableStep::new(dofn, tags)));
        self.tagged_step(verb, spec, tags, sides, D::BOUNDED && self.root.is_bounded(self.id), code)
    }
}

#[cfg(test)]
mod tests {
    use crate::BoxError;
    use crate::dofn::Tag;
    use crate::dofn::restriction::OffsetRange;
    use crate::dofn::splittable::estimator::WallTime;
    use crate::dofn::splittable::tracker::Tracker;
    use crate::dofn::splittable::{Continuation, ElementContext, SplittableDoFn};
    use crate::graph::StepCode;
    use crate::transforms::test_steps::{graph, transform};
    use ferrobeam_model::pipeline as pb;
    use ferrobeam_model::urns;
    use prost::Message;

    const ODD: Tag<u64> = Tag::new("odd");

    #[derive(Clone)]
    struct Ticks<const BOUNDED: bool>;

    impl<const BOUNDED: bool> SplittableDoFn for Ticks<BOUNDED> {
        type In = u64;
        type Out = u64;
        type Restriction = OffsetRange;
        type Estimator = WallTime;
        const BOUNDED: bool = BOUNDED;

        fn initial_restriction(&self, start: &u64) -> Result<OffsetRange, BoxError> {
            Ok(OffsetRange::unbounded(*start))
        }
        fn process(
            &mut self,
            _: &u64,
            _: &mut Tracker<'_, OffsetRange, u64, WallTime>,
            _: &mut ElementContext<'_>,
        ) -> Result<Continuation, BoxError> {
            Ok(Continuation::Done)
        }
    }

    #[test]
    fn the_graph_says_what_engines_must_know() {
        let graph = graph(|root| {
            let input = root.create([0u64]);
            let unbounded = input.par_do_splittable(Ticks::<false>).named("Unbounded");
            unbounded.par_do_splittable(Ticks::<true>).named("Behind").discard();
            input.par_do_splittable_tagged(Ticks::<true>, &ODD).get(&ODD).named("Bounded").discard();
            input.par_do_splittable_with(input.as_iterable(), Ticks::<true>).named("Sides").discard();
        });
        assert_eq!(graph.proto().requirements, [urns::requirements::REQUIRES_SPLITTABLE_DOFN]);
        let components = graph.components();
        for (name, is_bounded, sides) in
            [("Unbounded", false, 0), ("Behind", false, 0), ("Bounded", true, 0), ("Sides", true, 1)]
        {
            let step = transform(&graph, name);
            assert!(matches!(graph.code(step).unwrap(), Some(StepCode::Splittable(_))));
            let payload = pb::ParDoPayload::decode(&step.spec.as_ref().unwrap().payload[..]).unwrap();
            assert_eq!(payload.side_inputs.len(), sides);
            let coder = &components.coders[&payload.restriction_coder_id];
            assert_eq!(coder.spec.as_ref().unwrap().urn, "beam:coder:kv:v1");
            for output in step.outputs.values() {
                let expected = if is_bounded { pb::is_bounded::Enum::Bounded } else { pb::is_bounded::Enum::Unbounded };
                assert_eq!(components.pcollections[output].is_bounded, i32::from(expected), "{name}");
            }
        }
    }
}
