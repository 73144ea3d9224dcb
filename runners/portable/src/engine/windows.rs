//! Windows and triggers that engines lack or take differently.

use super::limits::{Job, Limit};
use super::steps::Step;
use super::{Engine, Feature};
use ferrobeam_core::Result;
use ferrobeam_core::graph::LATE_OUTPUT;
use ferrobeam_core::windowing::{
    AccumulationMode, ClosingBehavior, TimestampCombiner, Trigger, WindowingStrategy, Windows,
};

pub(super) fn limits(job: Job, step: &Step<'_>, limits: &mut Vec<Limit>) -> Result<()> {
    if step.urn() == LATE_OUTPUT {
        let text =
            "keeps the elements that groupings drop, which no engine gives away: leave it out, or allow more lateness";
        limits.push(Limit::lacks(Feature::LateOutput, text));
    }
    let Some(windowing) = step.grouped()? else { return Ok(()) };
    if merges_here(job.engine, windowing) {
        of_ours(job, step, windowing, limits);
        return Ok(());
    }
    match job.engine {
        Engine::Prism => of_prism(windowing, limits),
        Engine::Flink | Engine::Spark if job.is_batch && fires_early(&windowing.trigger) => {
            let text = format!(
                "fires by {}, and {} runs a bounded pipeline as a batch job, in which each window fires once, at its end: \
                 look only at last panes of an accumulating window{}",
                windowing.trigger,
                job.engine,
                if job.engine == Engine::Flink { ", or add `--engine-option streaming=true`" } else { "" }
            );
            limits.push(Limit::differs(Feature::BatchTriggers, text));
        }
        _ => {}
    }
    Ok(())
}

/// Whether a grouping becomes steps of ours, because the engine would not merge its windows, or not as the model does.
pub(crate) fn merges_here(engine: Engine, windowing: &WindowingStrategy) -> bool {
    windowing.needs_merge()
        && match windowing.windows {
            Windows::Custom(_) => engine.is_known(),
            _ => engine == Engine::Prism && fires_at_the_end(windowing),
        }
}

/// Whether windows fire once, at their end, if nothing is late.
fn fires_at_the_end(windowing: &WindowingStrategy) -> bool {
    let closes = windowing.closing_behavior == ClosingBehavior::EmitAlways && !windowing.allowed_lateness.is_zero();
    matches!(windowing.trigger, Trigger::Default | Trigger::AfterWatermark { .. })
        && !fires_early(&windowing.trigger)
        && !closes
}

/// What a step of ours does otherwise, because it does not see the watermark: it learns that windows have ended by its timers.
fn of_ours(job: Job, step: &Step<'_>, windowing: &WindowingStrategy, limits: &mut Vec<Limit>) {
    let feature =
        if matches!(windowing.windows, Windows::Custom(_)) { Feature::CustomWindows } else { Feature::Sessions };
    let (windows, engine) = (&windowing.windows, job.engine);
    let what = format!("groups by {windows}, which merge in a step of ours because {engine} would not merge them so");
    if !fires_at_the_end(windowing) {
        let trigger = &windowing.trigger;
        let text = format!("{what}: it fires when windows end, and not when {trigger} does: use the default trigger");
        limits.push(Limit::differs(feature, text));
    } else if !step.graph.makes_bounded(step.transform) {
        let text = format!("{what}: it does not know what is late, and drops none of it: look at what is on time only");
        limits.push(Limit::differs(feature, text));
    }
    let sets_anew =
        windowing.timestamp_combiner != TimestampCombiner::EndOfWindow || !windowing.allowed_lateness.is_zero();
    if engine == Engine::Spark && sets_anew {
        let text = format!(
            "{what}: it sets timers when timers fire, which fails on Spark: allow no lateness, and let panes have the time \
             of the end of their window"
        );
        limits.push(Limit::differs(Feature::TimersInTimers, text));
    }
}

fn of_prism(windowing: &WindowingStrategy, limits: &mut Vec<Limit>) {
    let trigger = &windowing.trigger;
    let counts = any(trigger, &|t| matches!(t, Trigger::AfterCount(_)));
    let waits =
        any(trigger, &|t| matches!(t, Trigger::AfterProcessingTime(_) | Trigger::AfterSynchronizedProcessingTime));
    if windowing.needs_merge() {
        if counts || waits {
            let text =
                "groups sessions by a trigger that counts or waits, which Prism refuses: use the default trigger";
            limits.push(Limit::lacks(Feature::Sessions, text));
            return;
        }
        let text = "groups sessions: Prism merges those that only touch, and may fire one in parts: use another engine";
        limits.push(Limit::differs(Feature::Sessions, text));
    }
    if counts {
        let text = "fires by a trigger that counts elements, which Prism counts differently: use another engine";
        limits.push(Limit::differs(Feature::CountTriggers, text));
    }
    if !windowing.allowed_lateness.is_zero() {
        let mut text = "allows lateness: Prism drops late elements by another watermark".to_owned();
        if windowing.accumulation_mode == AccumulationMode::Accumulating {
            text += ", and fires once more when the window closes";
        }
        limits.push(Limit::differs(Feature::Lateness, text + ": use another engine"));
    }
}

/// Whether a trigger may fire at another time than once at the end of its window.
pub(super) fn fires_early(trigger: &Trigger) -> bool {
    match trigger {
        Trigger::Default | Trigger::Never => false,
        Trigger::AfterWatermark { early, .. } => early.as_deref().is_some_and(|early| *early != Trigger::Never),
        _ => true,
    }
}

fn any(trigger: &Trigger, is: &dyn Fn(&Trigger) -> bool) -> bool {
    is(trigger)
        || match trigger {
            Trigger::AfterWatermark { early, late } => [early, late].into_iter().flatten().any(|part| any(part, is)),
            Trigger::AfterEach(all) | Trigger::AfterAll(all) | Trigger::AfterAny(all) => all.iter().any(|t| any(t, is)),
            Trigger::Repeatedly(trigger) => any(trigger, is),
            Trigger::OrFinally(main, finally) => any(main, is) || any(finally, is),
            _ => false,
        }
}
