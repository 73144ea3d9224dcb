//! Window functions that are not Beam's, under the name of one that is.
//!
//! An engine calls no window function that does not merge: workers assign windows, and of each the engine wants to know its
//! end only. So a function of Beam's stands for every other whose windows are intervals, which all are; it is never called.

use crate::engine::{Engine, merges_here};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::windowing::Windows;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::window_fns;
use pb::merge_status::Enum::NonMerging;
use prost::Message;

/// With a period as long as this, Flink and Spark move the time of no element to where its window is the only one.
const LONG: prost_types::Duration = prost_types::Duration { seconds: 1_000_000 * 86_400, nanos: 0 };

pub(super) fn lower(graph: &Graph, target: Engine, components: &mut pb::Components) -> Result<()> {
    if !target.is_known() {
        return Ok(());
    }
    for (id, collection) in &graph.components().pcollections {
        let own = graph.windowing(id)?;
        let hides = match own.windows {
            Windows::Calendar(_) | Windows::Custom(_) => true,
            // Prism and Flink would merge again what has merged. Prism refuses triggers that it need not know where windows merge here.
            Windows::Sessions(_) => own.already_merged || merges_here(target, own),
            _ => false,
        };
        if let Some(windowing) = components.windowing_strategies.get_mut(&collection.windowing_strategy_id)
            && hides
        {
            windowing.window_fn = Some(stand_in(own.windows.assigns_to_one_window()));
            // Those that merge do so in a step of ours.
            windowing.merge_status = NonMerging.into();
        }
    }
    Ok(())
}

/// A function of which engines believe that it makes such windows.
fn stand_in(one: bool) -> pb::FunctionSpec {
    let (urn, payload) = if one {
        (window_fns::FIXED, pb::FixedWindowsPayload { size: Some(LONG), offset: None }.encode_to_vec())
    } else {
        let size = Some(prost_types::Duration { seconds: 2 * LONG.seconds, ..LONG });
        let payload = pb::SlidingWindowsPayload { size, period: Some(LONG), offset: None };
        (window_fns::SLIDING, payload.encode_to_vec())
    };
    pb::FunctionSpec { urn: urn.to_owned(), payload: payload.into() }
}
