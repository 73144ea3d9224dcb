//! Beam's standard transforms: one verb, one file; inherent methods, so users import nothing.

mod co_group_by_key;
mod combine;
mod create;
mod filter;
mod flat_map;
pub mod flatten;
pub mod group_by_key;
mod key_by;
mod map;
mod par_do;
mod read;
mod reshuffle;
pub mod side_inputs;
mod try_map;
mod window;

pub use co_group_by_key::CoGrouped;
pub use par_do::TaggedOutputs;
