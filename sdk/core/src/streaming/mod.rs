//! Transforms that streaming jobs are made of: one transform, one file. [`apply`](crate::PCollection::apply) takes them.
//!
//! Others are verbs: [`latest_per_key`](crate::PCollection::latest_per_key),
//! [`top_per_key`](crate::PCollection::top_per_key), [`sample_per_key`](crate::PCollection::sample_per_key), and the joins by
//! window, such as [`inner_join`](crate::PCollection::inner_join), work on streams as they do on bounded data: by window.
//! [`with_timestamps`](crate::PCollection::with_timestamps) gives elements the event time that they carry.

mod count_windows;
mod deduplicate;
mod group_into_batches;
mod group_recent;
mod interval_join;
mod periodic;
mod processing_time;
mod rate_limit;
mod refreshed;
mod sample_fraction;
mod sliding_combine;
mod temporal_join;

pub use count_windows::CountWindows;
pub use deduplicate::{Deduplicate, DeduplicateBy};
pub use group_into_batches::GroupIntoBatches;
pub use group_recent::{GroupRecent, Recent};
pub use interval_join::{IntervalJoin, LeftIntervalJoin};
pub use periodic::{PeriodicImpulse, PeriodicSequence, SequenceDefinition};
pub use processing_time::WithProcessingTime;
pub use rate_limit::RateLimit;
pub use refreshed::{RELOADS_FAILED, Refreshed};
pub use sample_fraction::SampleFraction;
pub use sliding_combine::{CombineSliding, InverseCombineFn};
pub use temporal_join::TemporalJoin;

use crate::transforms::flatten::flatten;
use crate::windowing::WindowingStrategy;
use crate::{Element, Key, PCollection};

/// Two collections as one, in the global window: state that spans windows is kept there.
#[track_caller]
fn both_sides<K: Key, A: Element, B: Element>(
    left: &PCollection<(K, A)>,
    right: &PCollection<(K, B)>,
) -> PCollection<(K, Result<A, B>)> {
    let left = left.map(|(key, value)| (key, Ok::<A, B>(value))).named("Left");
    let right = right.map(|(key, value)| (key, Err::<A, B>(value))).named("Right");
    let sides = [left, right].map(|side| side.window_step("Rewindow", WindowingStrategy::default()));
    flatten([&sides[0], &sides[1]]).named("Sides")
}
