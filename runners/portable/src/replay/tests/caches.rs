//! State that is kept between bundles, under tokens.

use super::{engine, values};
use crate::replay::{Engine, Stage};
use ferrobeam_core::prelude::*;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::process_bundle_request::CacheToken;
use ferrobeam_model::fn_execution::process_bundle_request::cache_token::{SideInput, Type, UserState};
use ferrobeam_model::fn_execution::state_request::Request;

/// Counts; fails at zero, and at the end of the bundle after a hundred.
#[derive(Clone, Default)]
struct Count {
    fails: bool,
}

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Counted {
    sum: Value<u64>,
    all: Bag<u64>,
}

impl StatefulDoFn for Count {
    type Key = String;
    type In = u64;
    type Out = (u64, u64);
    type State = Counted;
    type Timer = ();

    fn process(
        &mut self,
        _: &String,
        n: u64,
        state: &mut Counted,
        ctx: &mut StatefulContext<'_, (u64, u64), ()>,
    ) -> Result<(), BoxError> {
        let sum = state.sum.get().copied().unwrap_or_default() + n;
        state.sum.set(sum);
        state.all.add(n);
        ctx.emit((sum, state.all.iter().count() as u64));
        self.fails |= n == 100;
        if n == 0 { Err("zero".into()) } else { Ok(()) }
    }

    fn finish_bundle(&mut self, _: &mut BundleContext<'_, (u64, u64)>) -> Result<(), BoxError> {
        if self.fails { Err("a hundred".into()) } else { Ok(()) }
    }
}

fn user(token: &str) -> CacheToken {
    CacheToken { token: token.to_owned().into(), r#type: Some(Type::UserState(UserState {})) }
}

fn side(stage: &Stage, step: &str, name: &str, token: &str) -> CacheToken {
    let (transform_id, side_input_id) = (stage.id_of(step).unwrap(), name.to_owned());
    CacheToken {
        token: token.to_owned().into(),
        r#type: Some(Type::SideInput(SideInput { transform_id, side_input_id })),
    }
}

/// Runs a bundle; how often state was read.
fn run<T: Element>(
    engine: &Engine,
    id: &str,
    stage: &Stage,
    tokens: Vec<CacheToken>,
    input: Vec<T>,
) -> ferrobeam_core::Result<usize> {
    engine.state_requests();
    engine.begin_with(id, stage, tokens);
    engine.data(id, &stage.sources[0], stage.sources[0].values(input).unwrap(), true);
    engine.done(id)?;
    let is_get = |request: &pb::StateRequest| matches!(request.request, Some(Request::Get(_)));
    Ok(engine.state_requests().into_iter().filter(is_get).count())
}

#[test]
fn user_state_is_kept_under_its_token_alone() {
    let engine =
        engine(|root| root.create([(String::new(), 0u64)]).par_do_stateful(Count::default()).named("Count").discard());
    let stage = Stage::of(&engine, "stage", &["Count"]).unwrap();
    let add = |id: &str, token: Option<&str>, n: u64| {
        run(&engine, id, &stage, token.map(user).into_iter().collect(), vec![("a".to_owned(), n)])
    };
    let told = |id: &str| values::<(u64, u64)>(&engine, id, &stage.sinks[0]);
    for (id, token, reads, sum, count) in [
        ("1", Some("t"), 2, 1, 1),
        ("2", Some("t"), 0, 2, 2),
        ("3", Some("t"), 0, 3, 3),
        // Without a token nothing is believed; and what it has written nobody knows under the old one, so engines change it.
        ("4", None, 2, 4, 4),
        ("5", Some("u"), 2, 5, 5),
        ("6", Some("u"), 0, 6, 6),
    ] {
        assert_eq!(add(id, token, 1).unwrap(), reads, "{id}");
        assert_eq!(told(id), [(sum, count)]);
    }
    // A bundle that fails leaves nothing behind: it has written nothing, or what it has written is forgotten.
    for (id, fails, requests, reads, count) in [("7", 0, 2, 0, 7), ("8", 100, 5, 2, 8)] {
        let before = engine.states().clone();
        let input = vec![("a".to_owned(), 1u64), ("b".to_owned(), fails)];
        run(&engine, id, &stage, vec![user("u")], input).unwrap_err();
        // Nobody waits for the writes of a bundle that has failed.
        (0..requests).for_each(|_| drop(engine.state_request().unwrap()));
        engine.states().restore(before);
        let next = format!("{id} next");
        assert_eq!(add(&next, Some("u"), 1).unwrap(), reads);
        assert_eq!(told(&next), [(count, count)]);
    }
}

#[test]
fn side_inputs_are_kept_under_their_tokens() {
    let engine = engine(|root| {
        let more = root.create([1u64]);
        root.create([0u64]).map_with(more.as_iterable(), |x, more| x + more.len() as u64).named("Add").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Add"]).unwrap();
    let own = engine.graph().transform_of("Add").unwrap();
    let name = own.inputs.keys().find(|name| *name != "in").unwrap();
    let read = |id: &str, tokens| run(&engine, id, &stage, tokens, vec![1u64]).unwrap();
    assert_eq!(read("1", vec![side(&stage, "Add", name, "t")]), 1);
    assert_eq!(read("2", vec![side(&stage, "Add", name, "t")]), 0);
    assert_eq!(read("3", vec![side(&stage, "Add", name, "u")]), 1);
    assert_eq!(read("4", vec![user("t")]), 1);
    assert_eq!(read("5", Vec::new()), 1);
}
