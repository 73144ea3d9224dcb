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
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([("a".to_owned(), 1u64), ("a".to_owned(), 2)]).combine_per_key(sum()).discard();
    ///     Ok(())
    /// })?;
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
            self.group_by_key::<K, C::In>().map_step("CombineValues", move |(key, values): (K, Grouped<C::In>)| {
                let mut accumulator = combine.create_accumulator();
                values.iter().for_each(|value| combine.add_input(&mut accumulator, value));
                (key, combine.extract_output(accumulator))
            })
        });
        root.set_code(node, code);
        combined.made_by(node)
    }

    /// Combines all elements of each window into one; of no element in the global window, into the output of an empty
    /// accumulator.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([1u64, 2]).combine_globally(sum()).discard();
    ///     Ok(())
    /// })?;
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
            let default = combine.clone();
            let combined =
                self.map_step("NoKey", |x| ((), x)).combine_per_key(combine).map_step("Value", |((), out)| out);
            if root.windowing(self.id).windows != Windows::Global {
                return combined;
            }
            let default = root.impulse().flat_map_with(combined.as_iterable(), move |(), combined, out| {
                if combined.is_empty() {
                    out.emit(default.extract_output(default.create_accumulator()));
                }
            });
            root.set_windowing(default.id, root.windowing(combined.id));
            super::flatten::flatten([&combined, &default.named("IfEmpty")])
        });
        out.made_by(node)
    }
}
