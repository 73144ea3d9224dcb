//! One value for each key, or for a whole collection.

use super::group_by_key::Grouped;
use crate::combiners::CombineFn;
use crate::graph::{COMBINE_FN, FnRef, Spec, StepCode};
use crate::grouping::Grouping;
use crate::windowing::Windows;
use crate::{Element, Key, PCollection, Pair};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;
use prost::Message;
use std::panic::Location;
use std::sync::Arc;

/// Beam's composite: engines know its URN and may lift it; for those that do not it is a grouping and a step.
fn spec(urn: &'static str, accumulator_coder_id: String) -> Spec {
    Spec::Composite(Box::new(move |reference: &FnRef| {
        let combine_fn = Some(reference.function(COMBINE_FN));
        let payload = pb::CombinePayload { combine_fn, accumulator_coder_id: accumulator_coder_id.clone() };
        pb::FunctionSpec { urn: urn.to_owned(), payload: payload.encode_to_vec().into() }
    }))
}

impl<T: Element> PCollection<T> {
    /// Combines the values of each key and window into one.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let sums = root.create([('a', 1), ('b', 5), ('a', 2)]).combine_per_key((count(), sum()));
    /// assert_that(&sums).contains_in_any_order([('a', (2, 3)), ('b', (1, 5))]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn combine_per_key<K: Key, C: CombineFn>(&self, combine: C) -> PCollection<(K, C::Out)>
    where
        T: Pair<K, C::In>,
    {
        self.combine_step("CombinePerKey", combine)
    }

    #[track_caller]
    pub(crate) fn combine_step<K: Key, C: CombineFn>(&self, verb: &str, combine: C) -> PCollection<(K, C::Out)>
    where
        T: Pair<K, C::In>,
    {
        let (root, at) = (&self.root, Location::caller());
        let code = StepCode::Grouping(Arc::new(Grouping::<K, C>::new(combine.clone())));
        let spec = spec(urns::transforms::COMBINE_PER_KEY, root.coder_id::<C::Acc>());
        let (combined, node) = root.scope(verb, spec, at, || {
            // The parts are for engines that do not know combines; ours do, so the grouping needs no code here.
            self.group_step::<K, C::In>(None).map_step("CombineValues", move |(key, values): (K, Grouped<C::In>)| {
                let mut accumulator = combine.create_accumulator();
                values.iter().for_each(|value| combine.add_input(&mut accumulator, value));
                (key, combine.extract_output(accumulator))
            })
        });
        root.set_code(node, code);
        combined.made_by(node)
    }

    /// Combines all elements of each window into one; of no element in the global window, into what the function says
    /// of none ([`CombineFn::default_output`]), if anything.
    ///
    /// Other windows without elements have no output: nobody knows which ones there are. Who wants none in the global
    /// window either makes `()` the key of all, and uses [`combine_per_key`](PCollection::combine_per_key).
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let range = root.create([3, 1, 2]).combine_globally((min(), max()));
    /// assert_that(&range).is_singleton((1, 3));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn combine_globally<C: CombineFn<In = T>>(&self, combine: C) -> PCollection<C::Out> {
        self.combine_globally_step("CombineGlobally", combine)
    }

    #[track_caller]
    pub(crate) fn combine_globally_step<C: CombineFn<In = T>>(&self, verb: &str, combine: C) -> PCollection<C::Out> {
        let (root, at) = (&self.root, Location::caller());
        let spec = spec(urns::transforms::COMBINE_GLOBALLY, root.coder_id::<C::Acc>());
        let (out, node) = root.scope(verb, spec, at, || {
            let default = combine.default_output();
            let combined =
                self.map_step("NoKey", |x| ((), x)).combine_per_key(combine).map_step("Value", |((), out)| out);
            // Windows without an element have no key and so no default: which ones there are, only elements say.
            let is_global = root.windowing(self.id).windows == Windows::Global;
            let Some(default) = default.filter(|_| is_global) else { return combined };
            let default = root.impulse().flat_map_with(combined.as_iterable(), move |(), combined, out| {
                if combined.is_empty() {
                    out.emit(default.clone());
                }
            });
            root.set_windowing(default.id, root.windowing(combined.id));
            super::flatten::flatten([&combined, &default.named("IfEmpty")])
        });
        out.made_by(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::{max, sum};
    use crate::graph::DO_FN;
    use crate::transforms::test_steps::{graph, is_lifted, plain, rows, run, steps, transform};

    #[test]
    fn a_combine_is_one_step_and_its_parts_mean_the_same() {
        let graph = graph(|root| root.create([('a', 1u64)]).combine_per_key(sum()).discard());
        let combine = transform(&graph, "CombinePerKey");
        assert_eq!(combine.spec.as_ref().unwrap().urn, urns::transforms::COMBINE_PER_KEY);
        let payload = pb::CombinePayload::decode(&combine.spec.as_ref().unwrap().payload[..]).unwrap();
        assert_eq!(payload.combine_fn.unwrap().urn, COMBINE_FN);
        assert!(graph.components().coders.contains_key(&payload.accumulator_coder_id));
        assert!(is_lifted(&graph, "CombinePerKey"));
        let parts = ["CombinePerKey/GroupByKey", "CombinePerKey/CombineValues"].map(|part| transform(&graph, part));
        assert_eq!(parts[1].outputs.values().collect::<Vec<_>>(), combine.outputs.values().collect::<Vec<_>>());
        let payload = pb::ParDoPayload::decode(&parts[1].spec.as_ref().unwrap().payload[..]).unwrap();
        assert_eq!(payload.do_fn.unwrap().urn, DO_FN);
        let values = plain(vec![('a', Grouped::new(vec![1u64, 2]))]);
        let sums = run::<_, (char, u64)>(&graph, "CombinePerKey/CombineValues", values).unwrap();
        assert_eq!(rows(&sums).remove(0).1, ('a', 3));
    }

    #[test]
    fn only_a_function_with_a_default_looks_whether_there_was_any_element() {
        let graph = graph(|root| {
            root.create([1u64]).combine_globally(sum()).named("Sum").discard();
            root.create([1u64]).combine_globally(max()).named("Max").discard();
        });
        assert!(steps(&graph).contains(&"Sum/IfEmpty"));
        assert!(!steps(&graph).contains(&"Max/IfEmpty"));
    }
}
