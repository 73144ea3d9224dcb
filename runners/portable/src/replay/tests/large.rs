//! Messages of more than 4 MiB, which is gRPC's own limit, on each stream and both ways.

use super::{engine, process, run, values};
use crate::replay::Stage;
use bytes::Bytes;
use ferrobeam_core::prelude::*;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_request::Request;
use ferrobeam_model::fn_execution::instruction_response::Response;
use ferrobeam_model::fn_execution::state_request::Request as StateRequest;
use ferrobeam_model::pipeline::{Coder, FunctionSpec};
use prost::Message;

const LARGE: usize = 5 << 20;

const NAMES: StringSet = StringSet::new("test", "names");

fn large(letter: &str) -> String {
    letter.repeat(LARGE)
}

#[test]
fn an_element_may_be_large() {
    let engine = engine(|root| root.create([String::new()]).map(|line| line + "!").named("Shout").discard());
    let stage = Stage::of(&engine, "stage", &["Shout"]).unwrap();
    let (source, sink) = (&stage.sources[0], &stage.sinks[0]);
    let data = source.values([large("a")]).unwrap();
    engine.run("1", &stage, data.clone()).unwrap();
    let (piece, _) = engine.piece("1", sink).unwrap();
    assert!(piece.len() > LARGE);
    assert_eq!(sink.decode::<String>(&piece).unwrap()[0].value, large("a") + "!");
    // .. and come with the request.
    let (instruction_id, transform_id) = ("2".to_owned(), source.transform.clone());
    let data = vec![pb::elements::Data { instruction_id, transform_id, data, is_last: true }];
    let elements = Some(pb::Elements { data, timers: Vec::new() });
    let process_bundle_descriptor_id = "stage".to_owned();
    let request = pb::ProcessBundleRequest { process_bundle_descriptor_id, elements, ..Default::default() };
    engine.instruct("2", Some(Request::ProcessBundle(request)));
    engine.done("2").unwrap();
    assert_eq!(values::<String>(&engine, "2", sink), [large("a") + "!"]);
    engine.end().unwrap();
}

/// Gives what was kept before.
#[derive(Clone)]
struct Keep;

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Kept {
    last: Value<String>,
}

impl StatefulDoFn for Keep {
    type Key = u64;
    type In = String;
    type Out = String;
    type State = Kept;
    type Timer = ();

    fn process(
        &mut self,
        _: &u64,
        line: String,
        state: &mut Kept,
        ctx: &mut StatefulContext<'_, String, ()>,
    ) -> Result<(), BoxError> {
        ctx.emit(state.last.get().cloned().unwrap_or_default());
        state.last.set(line);
        Ok(())
    }
}

#[test]
fn a_value_in_state_may_be_large() {
    let engine = engine(|root| root.create([(0u64, String::new())]).par_do_stateful(Keep).named("Keep").discard());
    let stage = Stage::of(&engine, "stage", &["Keep"]).unwrap();
    for (id, line, before) in [("1", large("a"), String::new()), ("2", String::new(), large("a"))] {
        assert_eq!(run::<_, String>(&engine, id, &stage, [(0u64, line)]).unwrap(), [before]);
    }
    // It was not cut.
    let size = |request: &pb::StateRequest| match &request.request {
        Some(StateRequest::Append(append)) => append.data.len(),
        _ => 0,
    };
    let requests = engine.state_requests();
    assert!(requests.iter().any(|request| size(request) > LARGE));
    let gets = requests.iter().filter(|request| matches!(request.request, Some(StateRequest::Get(_))));
    assert_eq!(gets.count(), 2);
}

#[test]
fn descriptors_and_reports_may_be_large() {
    let engine = engine(|root| {
        let names = root.create([0u64]).map(|x| {
            NAMES.add(&large("n"));
            x
        });
        names.named("Name").discard();
    });
    let mut stage = Stage::of(&engine, "fetched", &["Name"]).unwrap();
    let spec = FunctionSpec { urn: "nobody:looks".to_owned(), payload: vec![7; LARGE].into() };
    let coder = Coder { spec: Some(spec), component_coder_ids: Vec::new() };
    stage.descriptor.coders.insert("large".to_owned(), coder);
    let response = engine.run("1", &stage, stage.sources[0].values([1u64]).unwrap()).unwrap();
    assert!(response.encoded_len() > LARGE);

    let descriptor = pb::ProcessBundleDescriptor { id: "told".to_owned(), ..stage.descriptor.clone() };
    let register = pb::RegisterRequest { process_bundle_descriptor: vec![descriptor] };
    assert!(register.encoded_len() > LARGE);
    engine.instruct("told", Some(Request::Register(register)));
    assert!(matches!(engine.answer("told").unwrap(), Response::Register(_)));
    engine.instruct("2", Some(process("told")));
    engine.data("2", &stage.sources[0], Bytes::new(), true);
    engine.done("2").unwrap();
    engine.end().unwrap();
}
