//! Beam's standard transforms: one family of verbs, one file; inherent methods, so users import nothing.

mod approximate_distinct;
mod batches_step;
mod co_group_by_key;
mod combine;
mod concurrent_step;
mod count;
mod create;
mod distinct;
mod filter;
mod flat_map;
pub mod flatten;
mod frequent;
pub mod group_by_key;
mod join;
mod key_by;
mod late_output;
mod latest;
mod map;
mod map_concurrent;
mod max;
mod mean;
mod min;
mod pairs;
mod par_do;
mod par_do_splittable;
mod par_do_stateful;
mod partition;
mod quantiles;
mod read;
mod reshuffle;
mod sample;
pub mod side_inputs;
mod sum;
#[cfg(test)]
pub(crate) mod test_steps;
mod to_list;
mod top;
mod try_map;
mod window;
mod with_fanout;
mod with_sides;
mod with_timestamps;

pub use co_group_by_key::{CoGrouped, CoGrouped3};
pub use join::OuterJoined;
pub use par_do::{TaggedOutputs, Tags};
pub use par_do_stateful::Keyed;

use crate::PCollection;
use crate::graph::Spec;
use std::panic::Location;

impl<T> PCollection<T> {
    /// Adds a verb that is made of other steps, as one composite; `.named(..)` names all of it.
    #[track_caller]
    pub(crate) fn composite<U>(&self, verb: &str, expand: impl FnOnce() -> PCollection<U>) -> PCollection<U> {
        let (out, node) = self.root.scope(verb, Spec::Scope, Location::caller(), expand);
        out.made_by(node)
    }
}

#[cfg(test)]
mod tests {
    use super::test_steps::graph;
    use crate::combiners::{Ordered, count, max, mean, min, sum};
    use crate::{Element, Key, PCollection};

    fn repeated<K: Key>(elements: PCollection<K>) -> PCollection<(K, u64)> {
        elements.count_per_element().filter(|(_, n)| *n > 1)
    }

    fn sizes<K: Key, V: Element>(pairs: PCollection<(K, V)>) -> PCollection<(K, usize)> {
        pairs.group_by_key().map(|(key, values)| (key, values.len()))
    }

    fn range<K: Key, V: Element + Ord>(pairs: PCollection<(K, V)>) -> PCollection<(K, (V, V))> {
        pairs.combine_per_key((min(), max()))
    }

    fn best<K: Key, V: Element + Ordered<By>, By: 'static>(pairs: PCollection<(K, V)>) -> PCollection<(K, V)> {
        pairs.max_per_key()
    }

    /// No verb needs its types spelled out, in chains and in composites of the user's.
    #[test]
    fn types_are_inferred() {
        let _ = graph(|root| {
            let pairs = root.create([("a".to_owned(), 1u64)]);
            let summed = pairs.group_by_key().map(|(key, values)| (key, values.iter().sum::<u64>())).sum_per_key();
            summed
                .map(|(key, n)| format!("{key}{n}"))
                .apply(repeated)
                .map(|(word, n)| (n, word))
                .apply(sizes)
                .discard();
            pairs.combine_per_key(sum()).map(|(_, n)| n + 1).discard();
            pairs
                .combine_per_key((count(), mean(), max()))
                .map(|(_, (n, mean, max))| n as f64 + mean + max as f64)
                .discard();
            pairs.apply(range).map(|(_, (min, max))| max - min).max_globally().map(|n| n + 1).discard();
            let prices = pairs.map(|(key, n)| (key, n as f64 / 2.0));
            prices.apply(best).top_per_key_by(3, |price| *price).map(|(_, best)| best.len()).discard();
            prices.swap().keys().quantiles_globally(3).map(|q| q[1] + 0.5).discard();
        });
    }
}
