//! What this runner cannot do: it fires every key and window once, when its input has ended.

use ferrobeam_core::graph::Graph;
use ferrobeam_core::windowing::{ClosingBehavior, TimestampCombiner, Trigger, WindowingStrategy};
use ferrobeam_runner_core::fuse::fuse;

/// What a pipeline uses and this runner lacks.
pub(crate) fn features(graph: &Graph) -> Vec<String> {
    let unbounded = i32::from(ferrobeam_model::pipeline::is_bounded::Enum::Unbounded);
    let collections = graph.components().pcollections.values().filter(|c| c.is_bounded == unbounded);
    let mut features: Vec<_> = collections.map(|c| format!("`{}` is unbounded", c.unique_name)).collect();
    // A graph that cannot be cut into stages is an error when it is run.
    for grouping in fuse(graph).map(|plan| plan.groupings).unwrap_or_default() {
        if let (Ok(transform), Ok(windowing)) = (graph.transform(&grouping.transform), graph.windowing(&grouping.input))
        {
            features.extend(lacks(windowing).map(|lack| format!("`{}` groups {lack}", transform.unique_name)));
        }
    }
    features
}

/// What a grouping needs beyond one pane at the end of each window.
fn lacks(windowing: &WindowingStrategy) -> Option<String> {
    let closes_later = !windowing.allowed_lateness.is_zero();
    if windowing.needs_merge() {
        Some(format!("windows that merge: {}", windowing.windows))
    } else if windowing.trigger != Trigger::Default {
        Some(format!("by the trigger {}", windowing.trigger))
    } else if windowing.timestamp_combiner != TimestampCombiner::EndOfWindow {
        Some(format!("by the timestamp combiner {:?}", windowing.timestamp_combiner))
    } else if closes_later && windowing.closing_behavior == ClosingBehavior::EmitAlways {
        Some("with a last pane that may be empty".to_owned())
    } else {
        None
    }
}
