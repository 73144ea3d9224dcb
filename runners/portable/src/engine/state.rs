//! State, timers, and what steps ask of the commit of a bundle.

use super::limits::{Job, Limit};
use super::steps::Step;
use super::{Engine, Feature};
use ferrobeam_core::Result;
use ferrobeam_model::pipeline as pb;

pub(super) fn limits(job: Job, step: &Step<'_>, limits: &mut Vec<Limit>) -> Result<()> {
    let Some(payload) = step.par_do()? else { return Ok(()) };
    let engine = job.engine;
    let is_java = matches!(engine, Engine::Flink | Engine::Spark);
    let expiration = &payload.on_window_expiration_timer_family_spec;
    if is_java && !expiration.is_empty() {
        let text = format!(
            "is called when a window expires, which {engine} does not do: set an event-time timer at the window's end"
        );
        limits.push(Limit::lacks(Feature::OnWindowExpiration, text));
    }
    if engine == Engine::Prism && !expiration.is_empty() {
        let text = "is called when a window expires, which Prism does for one window of a key and may forget for the others: set an \
                    event-time timer at the window's end";
        limits.push(Limit::differs(Feature::OnWindowExpiration, text));
    }
    if payload.requires_stable_input && (engine == Engine::Prism || engine == Engine::Spark) {
        let text = format!("needs input that stays the same when it is repeated, which {engine} does not promise");
        limits.push(Limit::lacks(Feature::StableInput, text + ": put a reshuffle before it and repeat nothing"));
    }
    let is_event_timer = |(name, spec): (&String, &pb::TimerFamilySpec)| {
        name != expiration && spec.time_domain() == pb::time_domain::Enum::EventTime
    };
    let event_timers = payload.timer_family_specs.iter().any(is_event_timer);
    if engine == Engine::Spark && event_timers {
        let text = "has event-time timers: on Spark one that is set when a timer fires fails: set all with elements";
        limits.push(Limit::differs(Feature::TimersInTimers, text));
    }
    if payload.requires_time_sorted_input {
        limits.extend(of_order(job, step.graph.is_bounded(), event_timers));
    }
    if payload.requests_finalization {
        limits.extend(of_finalization(job));
    }
    Ok(())
}

fn of_order(job: Job, is_bounded: bool, event_timers: bool) -> Option<Limit> {
    let what = "takes elements in the order of time";
    let instead = "keep them in state until a timer fires, and sort them there";
    let engine = job.engine;
    let limit = match engine {
        Engine::Spark => Limit::lacks(Feature::TimeSortedInput, format!("{what}, which Spark does not do: {instead}")),
        Engine::Flink if !job.is_batch => Limit::lacks(
            Feature::TimeSortedInput,
            format!("{what}, which Flink does not do when it streams: {instead}"),
        ),
        Engine::Prism if !is_bounded => Limit::differs(
            Feature::TimeSortedInput,
            format!("{what}, which Prism does with those only that come at once: {instead}"),
        ),
        Engine::Prism | Engine::Flink if event_timers => Limit::differs(
            Feature::TimeSortedInput,
            format!("{what}, and {engine} fires event-time timers behind all those that come at once: {instead}"),
        ),
        _ => return None,
    };
    Some(limit)
}

fn of_finalization(job: Job) -> Option<Limit> {
    let what = "is called back when a bundle is committed";
    let instead = "write what may be written twice";
    Some(match job.engine {
        Engine::Spark => {
            Limit::lacks(Feature::BundleFinalization, format!("{what}, which Spark does not do: {instead}"))
        }
        Engine::Flink if job.is_batch => Limit::lacks(
            Feature::BundleFinalization,
            format!(
                "{what}, which Flink does not do in a batch job: add `--engine-option streaming=true`, or {instead}"
            ),
        ),
        Engine::Flink if !job.facts.checkpoints => Limit::lacks(
            Feature::BundleFinalization,
            format!("{what}, which Flink does at a checkpoint: add `--engine-option checkpointing_interval=10000`"),
        ),
        Engine::Flink => Limit::differs(
            Feature::BundleFinalization,
            format!("{what}: a checkpoint of Flink's does it for bundles that began after it, too: {instead}"),
        ),
        Engine::Prism | Engine::Other => return None,
    })
}
