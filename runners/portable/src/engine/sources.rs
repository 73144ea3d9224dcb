//! Sources, and pipelines as a whole.

use super::limits::{Job, Limit};
use super::steps::Step;
use super::{Engine, Feature};
use ferrobeam_core::Result;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{coders, transforms as urns};
use pb::test_stream_payload::event::Event;

/// Coders that Java's job servers decode, of those that the SDK has.
const JAVA: [&str; 12] = [
    coders::BOOL,
    coders::BYTES,
    coders::DOUBLE,
    coders::GLOBAL_WINDOW,
    coders::INTERVAL_WINDOW,
    coders::ITERABLE,
    coders::KV,
    coders::LENGTH_PREFIX,
    coders::ROW,
    coders::STRING_UTF8,
    coders::VARINT,
    coders::NULLABLE,
];

pub(super) fn limits(job: Job, step: &Step<'_>, limits: &mut Vec<Limit>) -> Result<()> {
    let makes_unbounded = !step.transform.outputs.is_empty() && !step.graph.makes_bounded(step.transform);
    let takes_unbounded = step.transform.inputs.values().any(|id| {
        let collection = step.graph.components().pcollections.get(id);
        collection.is_some_and(|collection| collection.is_bounded() == pb::is_bounded::Enum::Unbounded)
    });
    if step.urn() == urns::TEST_STREAM {
        if job.engine == Engine::Spark {
            limits.push(Limit::lacks(
                Feature::TestStream,
                "is a test stream, which Spark does not have: use another runner",
            ));
            return Ok(());
        }
        if job.engine == Engine::Flink {
            test_stream_on_flink(step, limits)?;
        }
    } else if job.engine == Engine::Spark && makes_unbounded && !takes_unbounded {
        let text =
            "makes a collection without an end: on Spark streaming lacks state, side inputs and most else: use Flink";
        limits.push(Limit::lacks(Feature::Unbounded, text));
    }
    Ok(())
}

fn test_stream_on_flink(step: &Step<'_>, limits: &mut Vec<Limit>) -> Result<()> {
    let payload = step.transform.spec.as_ref().map_or(&[][..], |spec| &spec.payload);
    let script: pb::TestStreamPayload = step.decoded(payload)?;
    if script.events.iter().any(|event| matches!(event.event, Some(Event::ProcessingTimeEvent(_)))) {
        let text = "is a test stream that advances processing time, which Flink does not do: use another runner";
        limits.push(Limit::lacks(Feature::TestStream, text));
    }
    if let Some(coder) = unknown_to_java(step, &script.coder_id) {
        let text =
            format!("is a test stream of elements in `{coder}`, which Flink does not decode: let a step make them");
        limits.push(Limit::lacks(Feature::TestStream, text));
    }
    Ok(())
}

fn unknown_to_java<'a>(step: &Step<'a>, id: &str) -> Option<&'a str> {
    let coder = step.graph.components().coders.get(id)?;
    let urn = coder.spec.as_ref().map_or("", |spec| spec.urn.as_str());
    if !JAVA.contains(&urn) {
        return Some(urn);
    }
    coder.component_coder_ids.iter().find_map(|id| unknown_to_java(step, id))
}

/// What is wrong with a pipeline, and with no step of it.
pub(super) fn of_all(job: Job, steps: &[Step<'_>]) -> Vec<Limit> {
    let mut limits = Vec::new();
    let scripts: Vec<_> = steps.iter().filter(|step| step.urn() == urns::TEST_STREAM).collect();
    if let (Engine::Prism, [first, second, ..]) = (job.engine, &scripts[..]) {
        let text =
            format!("{} and {} are test streams, and Prism takes one: use the direct runner", first.name, second.name);
        limits.push(Limit::lacks(Feature::TestStream, text));
    }
    if job.engine == Engine::Flink && !steps.iter().any(Step::is_ours) {
        // Its job server looks for metrics of workers, finds none, and never learns that the job is done.
        let text = "Flink runs all steps of this pipeline itself, and its job server would never say that it is done: add a \
                    step of your own";
        limits.push(Limit::lacks(Feature::OnlyEngineSteps, text));
    }
    limits
}
