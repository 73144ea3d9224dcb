//! Functions that travel as bytes.

use super::{engine, run};
use crate::replay::{Engine, Stage};
use ferrobeam_core::prelude::*;
use ferrobeam_model::pipeline as pb;
use prost::Message;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Scale {
    by: u64,
}

impl DoFn for Scale {
    type In = u64;
    type Out = u64;

    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        ctx.emit(x * self.by);
        Ok(())
    }
}

#[typetag::serde]
impl PortableDoFn for Scale {}

fn construct(root: &Root, by: u64) {
    root.create([0u64]).par_do_portable(Scale { by }).named("Scale").map(|x| x + 1).named("Next").discard();
}

/// A worker whose own graph has another value in its function than the one that was submitted.
fn worker() -> (Engine, Stage) {
    let engine = engine(|root| construct(root, 0));
    let launcher = Root::build(|root| {
        construct(root, 100);
        Ok(())
    });
    let mut stage = Stage::of(&engine, "submitted", &["Scale", "Next"]).unwrap();
    let submitted = launcher.unwrap().transform_of("Scale").unwrap().spec.clone();
    let step = stage.id_of("Scale").unwrap();
    stage.descriptor.transforms.get_mut(&step).unwrap().spec = submitted;
    (engine, stage)
}

/// The same stage with something else in place of a piece of the function.
fn damaged(stage: &Stage, piece: &str, by: &str) -> Stage {
    let mut stage = stage.clone();
    stage.descriptor.id = format!("with {by}");
    let step = stage.id_of("Scale").unwrap();
    let spec = stage.descriptor.transforms.get_mut(&step).unwrap().spec.as_mut().unwrap();
    let mut payload = pb::ParDoPayload::decode(&spec.payload[..]).unwrap();
    let function = payload.do_fn.as_mut().unwrap();
    let at = function.payload.windows(piece.len()).position(|bytes| bytes == piece.as_bytes()).unwrap();
    let mut bytes = function.payload.to_vec();
    bytes.splice(at..at + piece.len(), by.bytes());
    function.payload = bytes.into();
    spec.payload = payload.encode_to_vec().into();
    stage
}

#[test]
fn a_function_comes_with_the_graph() {
    let (engine, stage) = worker();
    assert_eq!(run::<u64, u64>(&engine, "1", &stage, [1, 2]).unwrap(), [101, 201]);
    engine.end().unwrap();
}

#[test]
fn a_function_that_cannot_be_read_is_an_error_of_its_step() {
    let (engine, stage) = worker();
    for (piece, by, why) in [
        ("100", "1.5", "invalid type: floating point `1.5`, expected u64"),
        ("Scale\":", "Scalf\":", "unknown variant `Scalf`"),
        ("{\"", "\0\"", "expected value at line 1 column 1"),
    ] {
        let id = format!("{by:?}");
        let error = run::<u64, u64>(&engine, &id, &damaged(&stage, piece, by), [1]).unwrap_err().to_string();
        assert!(error.contains("`Scale` (") && error.contains("functions.rs:"), "{error}");
        assert!(error.contains("the function in its payload cannot be read: ") && error.contains(why), "{error}");
    }
    assert_eq!(run::<u64, u64>(&engine, "after", &stage, [1]).unwrap(), [101]);
    engine.end().unwrap();
}
