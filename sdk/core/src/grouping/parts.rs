//! A combine in the parts that engines take it apart into: each an ordinary step.

use super::lift::lift;
use crate::Key;
use crate::batch::Batch;
use crate::combiners::CombineFn;
use crate::dofn::batch_step::BatchStep;
use crate::dofn::erased::AnyStep;
use crate::graph::{CoderOf, EdgeCoder};
use crate::transforms::group_by_key::Grouped;
use std::sync::Arc;

/// A part of a combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CombinePart {
    /// Values to accumulators, several of a key and window to one.
    PreCombine,
    /// All accumulators of a key to one.
    MergeAccumulators,
    /// An accumulator to the result.
    ExtractOutputs,
    /// Each value to an accumulator of its own.
    ConvertToAccumulators,
    /// All values of a key to the result.
    CombineGroupedValues,
}

/// A step that is not in the graph, with the coders of its ends.
pub struct PartStep {
    /// The step.
    pub code: Arc<dyn AnyStep>,
    /// The coder of what it takes.
    pub input: Arc<dyn EdgeCoder>,
    /// The coder of what it makes.
    pub output: Arc<dyn EdgeCoder>,
}

/// Makes a part.
pub(super) fn part<K: Key, C: CombineFn>(combine: &C, part: CombinePart) -> PartStep {
    let combine = combine.clone();
    match part {
        CombinePart::PreCombine => PartStep {
            code: lift::<K, C>(&combine).pre_combine,
            input: CoderOf::<(K, C::In)>::shared(),
            output: CoderOf::<(K, C::Acc)>::shared(),
        },
        CombinePart::MergeAccumulators => values::<K, Grouped<C::Acc>, C::Acc>(move |accumulators| {
            let mut accumulators = accumulators.into_iter();
            let first = accumulators.next().unwrap_or_else(|| combine.create_accumulator());
            accumulators.fold(first, |mut into, from| {
                combine.merge_accumulators(&mut into, from);
                into
            })
        }),
        CombinePart::ExtractOutputs => {
            values::<K, C::Acc, C::Out>(move |accumulator| combine.extract_output(accumulator))
        }
        CombinePart::ConvertToAccumulators => values::<K, C::In, C::Acc>(move |value| {
            let mut accumulator = combine.create_accumulator();
            combine.add_input(&mut accumulator, value);
            accumulator
        }),
        CombinePart::CombineGroupedValues => values::<K, Grouped<C::In>, C::Out>(move |values| {
            let mut accumulator = combine.create_accumulator();
            values.into_iter().for_each(|value| combine.add_input(&mut accumulator, value));
            combine.extract_output(accumulator)
        }),
    }
}

/// A step over the values of pairs.
fn values<K: Key, V: crate::Element, U: crate::Element>(f: impl Fn(V) -> U + Send + Sync + 'static) -> PartStep {
    let step = BatchStep::new(move |batch: Batch<(K, V)>| {
        let values = batch.values.into_iter().map(|(key, value)| (key, f(value))).collect();
        Ok(Batch { values, meta: batch.meta })
    });
    PartStep { code: Arc::new(step), input: CoderOf::<(K, V)>::shared(), output: CoderOf::<(K, U)>::shared() }
}
