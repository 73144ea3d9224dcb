//! Groups whose rest lies in the engine's state.

use super::{engine, values};
use crate::replay::{Engine, Port, Stage};
use bytes::Bytes;
use ferrobeam_core::coder::wire::{put_prefixed, put_varint};
use ferrobeam_core::coder::{self, CoderSpec};
use ferrobeam_model::fn_execution::instruction_response::Response;
use ferrobeam_model::fn_execution::state_request::Request;
use ferrobeam_model::fn_execution::{StateKey, state_key};
use ferrobeam_model::urns::coders;

/// Words in lists.
type Lists = Vec<Vec<String>>;

fn list(of: CoderSpec) -> CoderSpec {
    CoderSpec::of(coders::STATE_BACKED_ITERABLE, vec![of])
}

/// A stage that shows groups of lists, where both kinds of lists may go on in the state.
fn showing() -> (Engine, Stage) {
    let engine = engine(|root| {
        let groups = root.create([(String::new(), vec![String::new()])]).group_by_key();
        groups.map(|(key, lists)| (key, lists.iter().collect::<Lists>())).named("Show").discard();
    });
    let mut stage = Stage::new(&engine, "stage");
    let own = engine.graph().transform_of("Show").unwrap().inputs["in"].clone();
    let word = coder::spec_of::<String>();
    stage.recode(&own, &CoderSpec::of(coders::KV, vec![word.clone(), list(list(word))])).unwrap();
    stage.step("Show").unwrap();
    let stage = stage.close().unwrap();
    (engine, stage)
}

/// A list of items that are encoded, in chunks of one, and its end: 0, or a token.
fn chunks(items: &[Vec<u8>], token: Option<&str>) -> Vec<u8> {
    let mut out = vec![0xff; 4];
    for item in items {
        put_varint(1, &mut out);
        out.extend_from_slice(item);
    }
    match token {
        None => put_varint(0, &mut out),
        Some(token) => {
            put_varint((-1i64).cast_unsigned(), &mut out);
            put_prefixed(token.as_bytes(), &mut out);
        }
    }
    out
}

fn word(word: &str) -> Vec<u8> {
    let mut out = Vec::new();
    coder::put(&word.to_owned(), &mut out).unwrap();
    out
}

/// An element with a list that is encoded.
fn element(source: &Port, key: &str, list: &[u8]) -> Vec<u8> {
    let none = source.values([(key.to_owned(), Lists::new())]).unwrap();
    [&none[..none.len() - 4], list].concat()
}

fn runner(token: &str) -> StateKey {
    let runner = state_key::Runner { key: Bytes::copy_from_slice(token.as_bytes()) };
    StateKey { r#type: Some(state_key::Type::Runner(runner)) }
}

#[test]
fn a_list_that_goes_on_in_the_state_is_read_to_its_end() {
    let (engine, stage) = showing();
    let (source, sink) = (&stage.sources[0], &stage.sinks[0]);
    let (ab, long) = (chunks(&[word("a"), word("b")], None), "long ".repeat(50));
    engine.states().set(&runner("more"), [ab.clone(), chunks(&[], Some("inner")), chunks(&[], None)].concat());
    engine.states().set(&runner("inner"), [word("c"), word(&long)].concat());
    // Every page ends in the middle of a word.
    engine.states().page_by(3);
    let whole = source.values([("whole".to_owned(), vec![vec!["w".to_owned()]])]).unwrap();
    let data = [
        element(source, "goes on", &chunks(std::slice::from_ref(&ab), Some("more"))),
        whole.to_vec(),
        element(source, "chunks", &chunks(&[ab.clone(), ab.clone()], None)),
        element(source, "inside", &chunks(&[chunks(&[word("x")], Some("inner")), ab], None)),
        element(source, "nothing", &chunks(&[], Some("nothing"))),
    ]
    .concat();
    let lists = |all: &[&[&str]]| -> Lists {
        all.iter().map(|list| list.iter().map(|word| (*word).to_owned()).collect()).collect()
    };
    let expected = [
        ("goes on", lists(&[&["a", "b"], &["a", "b"], &["c", &long], &[]])),
        ("whole", lists(&[&["w"]])),
        ("chunks", lists(&[&["a", "b"], &["a", "b"]])),
        ("inside", lists(&[&["x", "c", &long], &["a", "b"]])),
        ("nothing", lists(&[])),
    ];
    for (id, piece) in [("1", data.len()), ("2", 7), ("3", 1)] {
        engine.begin(id, &stage);
        data.chunks(piece).for_each(|piece| engine.data(id, source, Bytes::copy_from_slice(piece), false));
        engine.data(id, source, Bytes::new(), true);
        engine.done(id).unwrap();
        let told: Vec<(String, Lists)> = values(&engine, id, sink);
        assert_eq!(told, expected.clone().map(|(key, lists)| (key.to_owned(), lists)));
        // However an element is cut, its rest is asked for once.
        let first =
            |request: &Option<Request>| matches!(request, Some(Request::Get(get)) if get.continuation_token.is_empty());
        let asked = engine.state_requests().into_iter().filter(|request| first(&request.request));
        let asked: Vec<_> = asked.map(|request| request.state_key.unwrap()).collect();
        assert_eq!(asked, ["more", "inner", "inner", "nothing"].map(runner));
    }
}

#[test]
fn what_was_split_off_is_not_fetched() {
    let (engine, stage) = showing();
    let (source, sink) = (&stage.sources[0], &stage.sinks[0]);
    engine.states().set(&runner("more"), chunks(&[word("c")], None));
    let goes_on: Bytes = element(source, "goes on", &chunks(&[], Some("more"))).into();
    engine.begin("1", &stage);
    engine.data("1", source, goes_on.clone(), false);
    assert_eq!(engine.state_request().unwrap().state_key, Some(runner("more")));
    engine.ask_split("split", "1", &source.transform, 0.0, 3, &[1]);
    let Response::ProcessBundleSplit(split) = engine.answer("split").unwrap() else { panic!("not a split") };
    assert_eq!(split.channel_splits[0].first_residual_element, 1);
    engine.data("1", source, [goes_on.clone(), goes_on].concat().into(), true);
    engine.done("1").unwrap();
    let told: Vec<(String, Lists)> = values(&engine, "1", sink);
    assert_eq!((told.len(), engine.state_requests().len()), (1, 0));
}

#[test]
fn a_list_whose_rest_cannot_be_had_fails_the_bundle() {
    let (engine, stage) = showing();
    let data: Bytes = element(&stage.sources[0], "a", &chunks(&[], Some("gone"))).into();
    let error = engine.run("cut", &stage, data.slice(..data.len() - 1)).unwrap_err().to_string();
    assert!(error.contains("where the data stream ends"), "{error}");
    engine.states().set(&runner("gone"), [0, 0, 0, 9]);
    let error = engine.run("broken", &stage, data.clone()).unwrap_err().to_string();
    assert!(error.contains("what the engine sent"), "{error}");
    engine.states().refuse(Some("it is gone"));
    let error = engine.run("refused", &stage, data).unwrap_err().to_string();
    assert!(error.contains("it is gone"), "{error}");
}
