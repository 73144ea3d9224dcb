//! Beam's standard transforms: one family of verbs, one file; inherent methods, so users import nothing.

mod approximate_distinct;
mod batches_step;
mod co_group_by_key;
mod combine;
mod count;
mod create;
mod distinct;
mod filter;
mod flat_map;
pub mod flatten;
pub mod group_by_key;
mod join;
mod key_by;
mod latest;
mod map;
mod max;
mod mean;
mod min;
mod pairs;
mod par_do;
mod partition;
mod quantiles;
mod read;
mod reshuffle;
mod sample;
pub mod side_inputs;
mod sum;
#[cfg(test)]
mod test_steps;
mod to_list;
mod top;
mod try_map;
mod with_timestamps;

pub use co_group_by_key::{CoGrouped, CoGrouped3};
pub use par_do::{TaggedOutputs, Tags};

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
