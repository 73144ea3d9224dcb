//! Side inputs that engines give at another time, or not at all.

use super::limits::{Job, Limit};
use super::steps::Step;
use super::windows::fires_early;
use super::{Engine, Feature};
use ferrobeam_core::Result;
use ferrobeam_core::windowing::{Trigger, WindowingStrategy, Windows};
use ferrobeam_model::pipeline as pb;

pub(super) fn limits(job: Job, step: &Step<'_>, limits: &mut Vec<Limit>) -> Result<()> {
    let Some(payload) = step.par_do()? else { return Ok(()) };
    for name in payload.side_inputs.keys() {
        let Some(id) = step.transform.inputs.get(name) else { continue };
        let windowing = step.graph.windowing(id)?;
        let side = step.graph.components().pcollections.get(id);
        let is_bounded = side.is_none_or(|side| side.is_bounded() == pb::is_bounded::Enum::Bounded);
        if job.engine == Engine::Prism && !is_bounded {
            if windowing.windows == Windows::Global && !fires_only_at_the_end(windowing) {
                let text = "looks at a side input without an end that fires in the global window, which Prism refuses: give \
                            it other windows, or another trigger";
                limits.push(Limit::lacks(Feature::TriggeredSideInputs, text));
            } else if fires_early(&windowing.trigger) {
                let text = "looks at a side input that fires more than once: Prism shows it at the end of its window only: \
                            use another engine";
                limits.push(Limit::differs(Feature::TriggeredSideInputs, text));
            }
        }
        if job.engine == Engine::Flink
            && !job.is_batch
            && matches!(windowing.windows, Windows::Calendar(_) | Windows::Custom(_))
        {
            let text = format!(
                "looks at a side input with {}, and Flink, when it streams, waits for a window that it works out itself: give \
                 the side input windows of Beam's own",
                windowing.windows
            );
            limits.push(Limit::lacks(Feature::SideInputWindows, text));
        }
        let waits_by_window = match job.engine {
            Engine::Flink => !job.is_batch,
            Engine::Prism => true,
            Engine::Spark | Engine::Other => false,
        };
        if waits_by_window && step.graph.side_mapping(step.id, name).is_some() {
            let text = format!(
                "looks at windows of a side input that the pipeline chooses, of which {} does not know: it may not wait for \
                 them: look only at windows before the element's own",
                job.engine
            );
            limits.push(Limit::differs(Feature::SideInputWindows, text));
        }
    }
    Ok(())
}

/// Prism's own rule for what it takes.
fn fires_only_at_the_end(windowing: &WindowingStrategy) -> bool {
    let silent = |part: &Option<Box<Trigger>>| part.as_deref().is_none_or(|part| *part == Trigger::Never);
    match &windowing.trigger {
        Trigger::Default | Trigger::Never => true,
        Trigger::AfterWatermark { early, late } => {
            silent(early) && (windowing.allowed_lateness.is_zero() || silent(late))
        }
        _ => false,
    }
}
