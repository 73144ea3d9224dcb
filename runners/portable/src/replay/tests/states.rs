//! User state: reads and writes, and what is kept in bags in place of maps, sets and lists.

use super::{engine, run};
use crate::replay::{Engine, Stage};
use ferrobeam_core::combiners::Sum;
use ferrobeam_core::prelude::*;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::state_request::Request;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

type Output = Vec<String>;

/// Does what its elements say, and shows what is there if they say so.
#[derive(Clone)]
struct Does;

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Cells {
    value: Value<String>,
    bag: Bag<String>,
    sum: Combining<Sum<u64>>,
    map: Map<String, u64>,
    multimap: Multimap<String, u64>,
    set: Set<String>,
    list: OrderedList<u64>,
}

impl StatefulDoFn for Does {
    type Key = String;
    type In = (String, (String, u64));
    type Out = Output;
    type State = Cells;
    type Timer = ();

    fn process(
        &mut self,
        _: &String,
        (action, (word, n)): (String, (String, u64)),
        state: &mut Cells,
        ctx: &mut StatefulContext<'_, Output, ()>,
    ) -> Result<(), BoxError> {
        let at = |n: u64| Timestamp::from_millis(n.cast_signed());
        match &*action {
            "set value" => state.value.set(word),
            "clear value" => state.value.clear(),
            "add" => state.bag.add(word),
            "clear bag" => state.bag.clear(),
            "sum" => state.sum.add(n),
            "map" => state.map.insert(word, n),
            "unmap" => state.map.remove(&word),
            "clear map" => state.map.clear(),
            "multimap" => state.multimap.insert(word, n),
            "unmultimap" => state.multimap.remove(&word),
            "insert" => state.set.insert(word),
            "remove" => state.set.remove(&word),
            "list" => state.list.insert(at(n), n),
            "clear list" => state.list.clear_range(at(n)..at(n + 5)),
            "fail" => return Err("as asked".into()),
            "show bag" => ctx.emit(state.bag.iter().cloned().collect()),
            _ => ctx.emit(show(state)),
        }
        Ok(())
    }
}

fn show(state: &mut Cells) -> Output {
    let mut all = vec![format!("{:?} {}", state.value.get(), state.sum.get().unwrap_or_default())];
    all.push(state.bag.iter().cloned().collect::<Vec<_>>().join(","));
    all.push(format!("{:?}", state.map.iter().collect::<BTreeMap<_, _>>()));
    let mut multimap = BTreeMap::<_, Vec<u64>>::new();
    state.multimap.iter().for_each(|(key, value)| multimap.entry(key.clone()).or_default().push(*value));
    all.push(format!("{multimap:?}"));
    all.push(format!("{:?}", state.set.iter().collect::<BTreeSet<_>>()));
    all.push(format!("{:?}", state.list.iter().map(|(at, n)| (at.millis(), *n)).collect::<Vec<_>>()));
    all
}

type Action = (&'static str, &'static str, u64);

fn does() -> (Engine, Stage) {
    let engine = engine(|root| {
        let actions = root.create([(String::new(), (String::new(), (String::new(), 0u64)))]);
        actions.par_do_stateful(Does).named("Does").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Does"]).unwrap();
    (engine, stage)
}

fn act(engine: &Engine, id: &str, stage: &Stage, actions: &[Action]) -> ferrobeam_core::Result<Vec<Output>> {
    let input =
        actions.iter().map(|(action, word, n)| ("key".to_owned(), ((*action).to_owned(), ((*word).to_owned(), *n))));
    run(engine, id, stage, input.collect::<Vec<_>>())
}

/// The cells and kinds of the requests that came.
fn requests(engine: &Engine) -> Vec<(String, &'static str)> {
    let told = |request: pb::StateRequest| {
        let cell = match request.state_key.and_then(|key| key.r#type) {
            Some(pb::state_key::Type::BagUserState(bag)) => bag.user_state_id,
            other => panic!("{other:?}"),
        };
        let kind = match request.request {
            Some(Request::Get(_)) => "get",
            Some(Request::Append(_)) => "append",
            Some(Request::Clear(_)) => "clear",
            None => "nothing",
        };
        (cell, kind)
    };
    engine.state_requests().into_iter().map(told).collect()
}

fn of<'a>(requests: &'a [(String, &'static str)]) -> Vec<(&'a str, &'static str)> {
    requests.iter().map(|(cell, kind)| (&**cell, *kind)).collect()
}

#[test]
fn a_value_is_cleared_and_appended_and_own_writes_are_seen() {
    let (engine, stage) = does();
    let told = act(&engine, "1", &stage, &[("set value", "a", 0), ("show", "", 0), ("set value", "b", 0)]).unwrap();
    assert_eq!(told[0][0], "Some(\"a\") 0");
    let all = requests(&engine);
    let value: Vec<_> = of(&all).into_iter().filter(|(cell, _)| *cell == "value").collect();
    assert_eq!(value, [("value", "clear"), ("value", "append")]);
    assert_eq!(act(&engine, "2", &stage, &[("show", "", 0)]).unwrap()[0][0], "Some(\"b\") 0");
    act(&engine, "3", &stage, &[("clear value", "", 0)]).unwrap();
    assert_eq!(act(&engine, "4", &stage, &[("show", "", 0)]).unwrap()[0][0], "None 0");
}

#[test]
fn what_is_only_written_is_not_read() {
    let (engine, stage) = does();
    act(&engine, "1", &stage, &[("add", "a", 0), ("add", "b", 0), ("map", "c", 1)]).unwrap();
    let all = requests(&engine);
    assert_eq!(of(&all), [("bag", "append"), ("map", "append")]);
    act(&engine, "2", &stage, &[("clear bag", "", 0), ("add", "c", 0)]).unwrap();
    let all = requests(&engine);
    assert_eq!(of(&all), [("bag", "clear"), ("bag", "append")]);
    assert_eq!(act(&engine, "3", &stage, &[("show bag", "", 0)]).unwrap(), [["c"]]);
}

/// Whatever the order of keys, the engine is asked once for each key and cell, and told once.
#[test]
fn keys_that_alternate_are_read_and_written_once() {
    let (engine, stage) = does();
    let key = |n: u64| format!("key {}", n % 10);
    for (id, before) in [("1", 0), ("2", 20)] {
        let sums = (0..200).map(|n| (key(n), ("sum".to_owned(), (String::new(), 1u64))));
        let words = (0..200).map(|n| (key(n), ("map".to_owned(), (n.to_string(), n))));
        let shown = (0..10).map(|n| (key(n), ("show".to_owned(), (String::new(), 0))));
        let shown = run::<_, Output>(&engine, id, &stage, sums.chain(words).chain(shown).collect::<Vec<_>>()).unwrap();
        for of_key in &shown {
            assert_eq!(of_key[0], format!("None {}", before + 20));
            assert_eq!(of_key[2].matches(':').count(), 20);
        }
        let mut counts = BTreeMap::new();
        requests(&engine).into_iter().for_each(|request| *counts.entry(request).or_insert(0) += 1);
        let count = |cell: &str, kind| counts.get(&(cell.to_owned(), kind)).copied().unwrap_or_default();
        for cell in ["value", "bag", "sum", "map", "multimap", "set", "list"] {
            let written = if ["sum", "map"].contains(&cell) { 10 } else { 0 };
            assert_eq!((count(cell, "get"), count(cell, "append")), (10, written), "{cell} in bundle {id}");
        }
    }
}

/// What is beyond the bound is written before the end, and read again.
#[test]
fn large_cells_are_not_all_kept_until_the_end() {
    let (engine, stage) = does();
    let (large, keys) = ("x".repeat(5 << 20), ["a", "b", "c", "d"]);
    let action = |key: &str, action: &str, word: &str| (key.to_owned(), (action.to_owned(), (word.to_owned(), 1u64)));
    let sets = keys.iter().map(|key| action(key, "set value", &format!("{key}{large}")));
    let shows = keys.iter().map(|key| action(key, "show", ""));
    let shown = run::<_, Output>(&engine, "1", &stage, sets.chain(shows).collect::<Vec<_>>()).unwrap();
    for (key, shown) in keys.iter().zip(&shown) {
        assert_eq!(shown[0], format!("Some(\"{key}{large}\") 0"));
    }
    let all = requests(&engine);
    let of_value: Vec<_> = of(&all).into_iter().filter(|(cell, _)| *cell == "value").map(|(_, kind)| kind).collect();
    // Three fit: the first is written for the fourth, and read again when that one has gone.
    assert!(of_value.starts_with(&["clear", "append"]) && of_value.contains(&"get"), "{of_value:?}");
    assert_eq!(of_value.iter().filter(|kind| **kind == "append").count(), 4);
}

#[test]
fn pages_end_anywhere() {
    let (engine, stage) = does();
    engine.states().page_by(1);
    let words: Vec<Action> = ["long words", "that are", "cut"].map(|word| ("add", word, 0)).to_vec();
    act(&engine, "1", &stage, &words).unwrap();
    assert_eq!(act(&engine, "2", &stage, &[("show bag", "", 0)]).unwrap(), [["long words", "that are", "cut"]]);
}

#[test]
fn errors_of_state_fail_the_bundle_alone() {
    let (engine, stage) = does();
    act(&engine, "1", &stage, &[("add", "a", 0)]).unwrap();
    engine.states().refuse(Some("out of order"));
    for (id, action) in [("2", "show bag"), ("3", "add")] {
        let error = act(&engine, id, &stage, &[(action, "b", 0)]).unwrap_err().to_string();
        assert!(error.contains("the engine refused a state request: out of order"), "{error}");
    }
    engine.states().refuse(None);
    assert_eq!(act(&engine, "4", &stage, &[("show bag", "", 0)]).unwrap(), [["a"]]);
}

#[test]
fn state_that_makes_no_sense_is_refused() {
    let (engine, stage) = does();
    act(&engine, "1", &stage, &[("map", "a", 1)]).unwrap();
    let key = engine.state_requests().remove(0).state_key.unwrap();
    engine.states().set(&key, [9, 9, 9]);
    let error = act(&engine, "2", &stage, &[("show", "", 0)]).unwrap_err().to_string();
    assert!(error.contains("the state `map`") && error.contains("`Does`"), "{error}");
}

/// What [`Does`] should show.
#[derive(Clone, Default)]
struct Model {
    value: Option<String>,
    sum: u64,
    bag: Vec<String>,
    map: BTreeMap<String, u64>,
    multimap: BTreeMap<String, Vec<u64>>,
    set: BTreeSet<String>,
    list: Vec<(i64, u64)>,
}

impl Model {
    fn act(&mut self, (action, word, n): Action) {
        let word = word.to_owned();
        match action {
            "set value" => self.value = Some(word),
            "clear value" => self.value = None,
            "add" => self.bag.push(word),
            "clear bag" => self.bag.clear(),
            "sum" => self.sum += n,
            "map" => drop(self.map.insert(word, n)),
            "unmap" => drop(self.map.remove(&word)),
            "clear map" => self.map.clear(),
            "multimap" => self.multimap.entry(word).or_default().push(n),
            "unmultimap" => drop(self.multimap.remove(&word)),
            "insert" => drop(self.set.insert(word)),
            "remove" => drop(self.set.remove(&word)),
            "list" => {
                self.list.push((n.cast_signed(), n));
                self.list.sort();
            }
            "clear list" => self.list.retain(|(_, at)| !(n..n + 5).contains(at)),
            _ => {}
        }
    }

    fn show(&self) -> Output {
        vec![
            format!("{:?} {}", self.value.as_ref(), self.sum),
            self.bag.join(","),
            format!("{:?}", self.map),
            format!("{:?}", self.multimap),
            format!("{:?}", self.set),
            format!("{:?}", self.list),
        ]
    }
}

fn action() -> impl Strategy<Value = Action> {
    const ACTIONS: [&str; 20] = [
        "set value",
        "clear value",
        "add",
        "clear bag",
        "sum",
        "map",
        "map",
        "unmap",
        "clear map",
        "multimap",
        "unmultimap",
        "insert",
        "insert",
        "remove",
        "list",
        "list",
        "clear list",
        "show",
        "show",
        "fail",
    ];
    (prop::sample::select(&ACTIONS[..]), prop::sample::select(&["a", "bb", "ccc", "d"][..]), 0u64..20)
}

#[test]
fn all_cells_are_as_a_model_says() {
    let (engine, stage) = does();
    let (cases, bundles) = (AtomicU64::new(0), AtomicU64::new(0));
    // Long enough that logs are written anew.
    let script = prop::collection::vec(prop::collection::vec((0..3usize, action()), 0..60), 1..8);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&script, |script| {
        let case = cases.fetch_add(1, Ordering::Relaxed);
        engine.states().page_by(1 + script.len());
        let mut models = <[Model; 3]>::default();
        for actions in script {
            let id = bundles.fetch_add(1, Ordering::Relaxed).to_string();
            let fails = actions.iter().any(|(_, (action, ..))| *action == "fail");
            let snapshot = engine.states().clone();
            let (before, mut expected) = (models.clone(), Vec::new());
            for (key, action) in &actions {
                models[*key].act(*action);
                if action.0 == "show" {
                    expected.push(models[*key].show());
                }
            }
            let input = actions.iter().map(|(key, (action, word, n))| {
                (format!("{case} {key}"), ((*action).to_owned(), ((*word).to_owned(), *n)))
            });
            let told = run::<_, Output>(&engine, &id, &stage, input.collect::<Vec<_>>());
            if fails {
                prop_assert!(told.is_err());
                // An engine forgets what a failed bundle wrote.
                engine.states().restore(snapshot);
                models = before;
            } else {
                prop_assert_eq!(told.unwrap(), expected);
            }
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn logs_of_maps_are_written_anew_when_they_are_history() {
    let (engine, stage) = does();
    for round in 0..40 {
        let actions =
            [("map", "a", round), ("insert", "b", 0), ("list", "", 3), ("clear list", "", 0), ("show", "", 0)];
        let shown = act(&engine, &round.to_string(), &stage, &actions).unwrap().remove(0);
        assert_eq!(shown[2..], [format!("{{\"a\": {round}}}"), "{}".to_owned(), "{\"b\"}".to_owned(), "[]".to_owned()]);
    }
    let largest = engine.states().sizes().into_iter().max().unwrap();
    assert!(largest < 2000, "{largest} bytes");
}
