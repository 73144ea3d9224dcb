//! Engines that break off, and descriptors that make no sense: an error, never a worker that hangs.

use super::{engine, run};
use crate::replay::{Engine, Stage};
use bytes::Bytes;
use ferrobeam_core::graph::FnRef;
use ferrobeam_core::prelude::*;
use ferrobeam_model::pipeline as pb;
use prost::Message;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Tells that it has begun to work, and that it has gone.
#[derive(Clone)]
struct Tell(Sender<&'static str>);

impl DoFn for Tell {
    type In = u64;
    type Out = u64;
    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        self.0.send("begun")?;
        ctx.emit(x);
        Ok(())
    }
    fn teardown(&mut self) {
        let _ = self.0.send("gone");
    }
}

/// A stage that tells, and looks at a side input then.
fn telling() -> (Engine, Stage, Receiver<&'static str>) {
    let (sender, receiver) = channel();
    let engine = engine(|root| {
        let more = root.create([1u64]);
        let told = root.create([0u64]).par_do(Tell(sender)).named("Tell");
        told.map_with(more.as_iterable(), |x, more| x + more.len() as u64).named("Add").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Tell", "Add"]).unwrap();
    (engine, stage, receiver)
}

/// What is told until the step goes.
fn until_gone(told: &Receiver<&'static str>) -> Vec<&'static str> {
    let mut all = Vec::new();
    while all.last() != Some(&"gone") {
        all.push(told.recv().unwrap());
    }
    all
}

/// Begins a bundle that waits for data.
fn waits_for_data(engine: &Engine, stage: &Stage, told: &Receiver<&'static str>) {
    engine.begin("1", stage);
    engine.data("1", &stage.sources[0], stage.sources[0].values([1u64]).unwrap(), false);
    assert_eq!(told.recv().unwrap(), "begun");
    engine.state_request().unwrap();
}

/// Begins a bundle that waits for state.
fn waits_for_state(engine: &Engine, stage: &Stage) {
    engine.states().fall_silent();
    engine.begin("1", stage);
    engine.data("1", &stage.sources[0], stage.sources[0].values([1u64]).unwrap(), false);
    engine.state_request().unwrap();
}

#[test]
fn a_broken_control_stream_ends_the_worker_and_its_bundles() {
    let (engine, stage, told) = telling();
    waits_for_data(&engine, &stage, &told);
    engine.break_control("out of order");
    let error = engine.end().unwrap_err().to_string();
    assert!(error.contains("the control stream broke: out of order"), "{error}");
    assert_eq!(until_gone(&told), ["gone"]);
}

#[test]
fn the_end_of_the_worker_is_that_of_waiting_bundles() {
    let (engine, stage, told) = telling();
    waits_for_state(&engine, &stage);
    engine.end().unwrap();
    assert_eq!(until_gone(&told), ["begun", "gone"]);
    let (engine, stage, told) = telling();
    waits_for_data(&engine, &stage, &told);
    engine.stop();
    assert_eq!(until_gone(&told), ["gone"]);
    let (engine, stage, told) = telling();
    waits_for_state(&engine, &stage);
    engine.stop();
    assert_eq!(until_gone(&told), ["begun", "gone"]);
}

#[test]
fn a_broken_data_stream_fails_the_bundles_that_wait_for_it() {
    let (engine, stage, told) = telling();
    waits_for_data(&engine, &stage, &told);
    engine.break_data("no more");
    let error = engine.done("1").unwrap_err().to_string();
    assert!(error.contains("the data stream at ") && error.contains("broke: no more"), "{error}");
    engine.begin("2", &stage);
    let error = engine.done("2").unwrap_err().to_string();
    assert!(error.contains("no more"), "{error}");
    engine.end().unwrap();
}

#[test]
fn a_broken_state_stream_fails_the_bundles_that_wait_for_it() {
    let (engine, stage, _told) = telling();
    waits_for_state(&engine, &stage);
    engine.break_states("no more");
    let error = engine.done("1").unwrap_err().to_string();
    assert!(error.contains("the state stream at ") && error.contains("broke: no more"), "{error}");
    let error = run::<u64, u64>(&engine, "2", &stage, [1]).unwrap_err().to_string();
    assert!(error.contains("no more"), "{error}");
    engine.end().unwrap();
}

#[test]
fn unknown_instructions_and_descriptors_are_refused() {
    let (engine, stage, _told) = telling();
    engine.instruct("0", None);
    let error = engine.answer("0").unwrap_err().to_string();
    assert!(error.contains("an instruction that this worker does not know"), "{error}");
    let (known, mut unknown) = (stage.clone(), stage);
    unknown.descriptor.id = "unknown".to_owned();
    engine.instruct("1", Some(super::process("unknown")));
    let error = engine.done("1").unwrap_err().to_string();
    assert!(error.contains("no descriptor `unknown`"), "{error}");
    assert_eq!(run::<u64, u64>(&engine, "2", &known, [1]).unwrap(), [1]);
}

/// What the worker says of a descriptor that was changed.
fn refusal(change: impl FnOnce(&mut Stage)) -> String {
    let (engine, mut stage, _told) = telling();
    change(&mut stage);
    let error = engine.run("1", &stage, Bytes::new()).unwrap_err().to_string();
    // The worker lives on.
    engine.end().unwrap();
    error
}

fn set_urn(stage: &mut Stage, step: &str, urn: &str) {
    let id = stage.id_of(step).unwrap();
    stage.descriptor.transforms.get_mut(&id).unwrap().spec.as_mut().unwrap().urn = urn.to_owned();
}

#[test]
fn descriptors_that_make_no_sense_are_refused_with_the_reason() {
    let missing = |urn| move |stage: &mut Stage| set_urn(stage, "Add", urn);
    for urn in ["beam:transform:read:v1", "x:y:v7"] {
        let error = refusal(missing(urn));
        assert!(error.contains(&format!("the engine asks for `{urn}`")), "{urn}: {error}");
        assert!(error.contains("which this worker cannot do"), "{urn}: {error}");
    }
    // Questions about functions that are none, and about what is no pair.
    for (urn, why) in [
        ("beam:transform:map_windows:v1", "the payload of `renamed-"),
        ("beam:transform:merge_windows:v1", "the payload of `renamed-"),
        ("beam:transform:to_string:v1", "does not take pairs"),
    ] {
        let error = refusal(missing(urn));
        assert!(error.contains(why), "{urn}: {error}");
    }
    let error = refusal(|stage| stage.descriptor.coders.clear());
    assert!(error.contains("the bundle descriptor has no coder `c"), "{error}");
    let error = refusal(|stage| stage.descriptor.windowing_strategies.clear());
    assert!(error.contains("has no windowing of `n"), "{error}");
    let error = refusal(|stage| stage.descriptor.pcollections.clear());
    assert!(error.contains("has no description of `n"), "{error}");
}

#[test]
fn state_without_a_service_is_refused() {
    let (engine, mut stage, _told) = telling();
    stage.descriptor.state_api_service_descriptor = None;
    let error = run::<u64, u64>(&engine, "1", &stage, [1]).unwrap_err().to_string();
    assert!(error.contains("the engine named no state service"), "{error}");
}

#[test]
fn another_pipeline_is_refused() {
    let error = refusal(|stage| {
        let id = stage.id_of("Tell").unwrap();
        let spec = stage.descriptor.transforms.get_mut(&id).unwrap().spec.as_mut().unwrap();
        let mut payload = pb::ParDoPayload::decode(&spec.payload[..]).unwrap();
        let function = payload.do_fn.as_mut().unwrap();
        let mut reference = FnRef::decode(&function.payload[..]).unwrap();
        reference.fingerprint += 1;
        function.payload = reference.encode_to_vec().into();
        spec.payload = payload.encode_to_vec().into();
    });
    assert!(error.contains("built another pipeline than the one that was submitted (at the step `Tell`)"), "{error}");
}

#[test]
fn a_stage_may_throw_away_what_it_makes() {
    let (engine, _, _told) = telling();
    let mut stage = Stage::new(&engine, "empty");
    let own = engine.graph().transform_of("Tell").unwrap().inputs["in"].clone();
    let collection = stage.collection(&own).unwrap();
    stage.source(&collection).unwrap();
    stage.step("Tell").unwrap();
    engine.run("1", &stage, Bytes::new()).unwrap();
}

/// A value whose encoder panics.
#[derive(Clone, Debug, Element)]
#[element(crate = "ferrobeam_core", opaque)]
struct Mine(bool);

impl serde::Serialize for Mine {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        assert!(!self.0, "a mine");
        to.serialize_bool(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Mine {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        bool::deserialize(from).map(Mine)
    }
}

#[test]
fn a_panic_of_a_users_encoder_is_an_answer() {
    let engine = engine(|root| root.create([0u64]).map(|x| Mine(x > 0)).named("Mine").discard());
    let stage = Stage::of(&engine, "stage", &["Mine"]).unwrap();
    let error = run::<u64, Mine>(&engine, "1", &stage, [1]).unwrap_err().to_string();
    assert!(error.contains("a mine"), "{error}");
    assert_eq!(run::<u64, Mine>(&engine, "2", &stage, [0]).unwrap().len(), 1);
}
