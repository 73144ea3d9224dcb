//! What a step may do in its callbacks, and what comes of it.

use super::*;
use crate::batch::Batch;
use crate::coder;
use crate::dofn::erased::{AnyReceiver, MAIN, Outputs, Receiver, Wiring};
use crate::dofn::finalize;
use crate::dofn::side::NoSides;
use crate::graph::{Graph, StepCode, StepName};
use crate::prelude::*;
use crate::windowing::PaneInfo;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

#[derive(State)]
struct Notes {
    count: Value<u64>,
    texts: Bag<Refusing>,
}

/// A type whose serde implementation may refuse to encode it.
#[derive(Clone, Debug, serde::Deserialize, Element)]
#[element(opaque)]
struct Refusing(bool);

impl serde::Serialize for Refusing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = "this one refuses";
        if self.0 { Err(serde::ser::Error::custom(text)) } else { serializer.serialize_newtype_struct("R", &self.0) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Timers)]
enum Due {
    #[timer(event_time)]
    End,
    #[timer(processing_time)]
    Debounce,
    #[timer(event_time)]
    Per(u32),
}

type Ctx<'a> = StatefulContext<'a, String, Due>;

/// Why the step is called.
enum What {
    Element(u64),
    Timer(Due),
    Expiration,
}

impl What {
    fn text(&self) -> String {
        match self {
            What::Element(x) => format!("element {x}"),
            What::Timer(due) => format!("timer {due:?}"),
            What::Expiration => "expiration".to_owned(),
        }
    }
}

type Script = dyn Fn(What, &mut Notes, &mut Ctx<'_>) -> Result<(), BoxError> + Send + Sync;

#[derive(Clone)]
struct Scripted(Arc<Script>);

impl StatefulDoFn for Scripted {
    type Key = u64;
    type In = u64;
    type Out = String;
    type State = Notes;
    type Timer = Due;
    const ON_WINDOW_EXPIRATION: bool = true;
    const FINALIZES: bool = true;

    fn process(&mut self, _: &u64, x: u64, state: &mut Notes, ctx: &mut Ctx<'_>) -> Result<(), BoxError> {
        (self.0)(What::Element(x), state, ctx)
    }
    fn on_timer(&mut self, _: &u64, due: Due, state: &mut Notes, ctx: &mut Ctx<'_>) -> Result<(), BoxError> {
        (self.0)(What::Timer(due), state, ctx)
    }
    fn on_window_expiration(&mut self, _: &u64, state: &mut Notes, ctx: &mut Ctx<'_>) -> Result<(), BoxError> {
        (self.0)(What::Expiration, state, ctx)
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, String>) -> Result<(), BoxError> {
        ctx.emit("finished".to_owned(), at(0), Window::Global);
        Ok(())
    }
}

const OTHER: Tag<String> = Tag::new("other");

type Row = (i64, Window, PaneInfo, String);

#[derive(Clone, Default)]
struct Rows(Arc<Mutex<Vec<Row>>>);

impl Receiver<String> for Rows {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }
    fn receive(&mut self, batch: Batch<String>) -> Result<()> {
        assert!(!batch.values.is_empty() && batch.values.len() <= Batch::<String>::ROWS);
        let Batch { values, meta } = batch;
        let row = |(row, value)| {
            let window = meta.windows.get(row).as_slice()[0];
            (meta.time.get(row).millis(), window, *meta.pane.get(row), value)
        };
        self.0.lock().unwrap().extend(values.into_iter().enumerate().map(row));
        Ok(())
    }
    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A step, its committed state and what it emitted.
struct Runner {
    operator: Box<dyn StatefulOperator>,
    state: BTreeMap<u64, Arc<Store>>,
    main: Rows,
    other: Rows,
}

fn graph(dofn: impl StatefulDoFn<Key = u64, In = u64>) -> Graph {
    let built = Root::build(|root| {
        let step = root.create([(0u64, 0u64)]).par_do_stateful_tagged(dofn, &OTHER);
        step.main().discard();
        step.get(&OTHER).discard();
        Ok(())
    });
    built.unwrap()
}

fn code(graph: &Graph) -> (Arc<dyn AnyStateful>, StepName) {
    let transform = graph.components().transforms.values().find(|t| t.unique_name == "ParDoStateful").unwrap();
    let Some(StepCode::Stateful(code)) = graph.code(transform).unwrap() else { panic!("no stateful step") };
    (code.clone(), graph.step_name(transform).unwrap().clone())
}

fn interval(start: i64, end: i64) -> Window {
    Window::interval(at(start), at(end))
}

/// `[0, 10)`, with lateness.
fn place() -> Place {
    Place { window: interval(0, 10), expires: at(14) }
}

fn pair(key: u64, x: u64) -> (Bytes, Bytes) {
    let (mut bytes, mut key_bytes) = (Vec::new(), Vec::new());
    coder::put(&key, &mut key_bytes).unwrap();
    coder::put(&(key, x), &mut bytes).unwrap();
    (key_bytes.into(), bytes.into())
}

fn element(pair: &Bytes, time: i64) -> StatefulEvent<'_> {
    StatefulEvent::Element { pair, time: at(time), pane: PaneInfo::NO_FIRING }
}

impl Runner {
    fn of(dofn: impl StatefulDoFn<Key = u64, In = u64>) -> Self {
        let (code, step) = code(&graph(dofn));
        let (main, other, mut outputs) = (Rows::default(), Rows::default(), Outputs::default());
        outputs.insert(MAIN, vec![AnyReceiver::new(main.clone())]);
        outputs.insert("other", vec![AnyReceiver::new(other.clone())]);
        let wiring = Wiring { step: &step, outputs: &mut outputs, sides: Arc::new(NoSides), parts: 1 };
        let mut operator = code.wire(wiring).unwrap();
        operator.start_bundle().unwrap();
        Runner { operator, state: BTreeMap::new(), main, other }
    }

    fn new(script: impl Fn(What, &mut Notes, &mut Ctx<'_>) -> Result<(), BoxError> + Send + Sync + 'static) -> Self {
        Runner::of(Scripted(Arc::new(script)))
    }

    fn enter(&mut self, key: u64) {
        let state = self.state.entry(key).or_default().clone();
        self.operator.enter(&pair(key, 0).0, place(), state).unwrap();
    }

    fn leave(&mut self, key: u64) -> Result<()> {
        self.operator.leave().map(|changes| self.state[&key].apply(changes))
    }

    /// Calls at processing time 100 and returns what became of timers.
    fn call(&mut self, event: StatefulEvent<'_>) -> Result<Vec<TimerChange>> {
        let mut timers = Vec::new();
        self.operator.call(event, at(100), &mut timers).map(|()| timers)
    }

    fn finish(mut self) -> (Vec<Row>, Vec<Row>) {
        self.operator.finish_bundle().unwrap();
        let take = |rows: &Rows| std::mem::take(&mut *rows.0.lock().unwrap());
        (take(&self.main), take(&self.other))
    }
}

fn timer(name: &'static str, tag: &str) -> TimerId {
    TimerId { name, tag: tag.to_owned() }
}

/// What one callback does to timers, or why it fails: of an element at 5, in `[0, 10)`, which expires at 14.
fn on_element(act: impl Fn(&mut Ctx<'_>) + Send + Sync + 'static) -> Result<Vec<TimerChange>, String> {
    one(element(&pair(1, 2).1, 5), act)
}

fn on_timer(
    id: &TimerId,
    fire: i64,
    output: i64,
    act: impl Fn(&mut Ctx<'_>) + Send + Sync + 'static,
) -> Result<Vec<TimerChange>, String> {
    one(StatefulEvent::Timer { timer: id, fire: at(fire), output: at(output) }, act)
}

fn one(
    event: StatefulEvent<'_>,
    act: impl Fn(&mut Ctx<'_>) + Send + Sync + 'static,
) -> Result<Vec<TimerChange>, String> {
    let mut runner = Runner::new(move |_, _, ctx| {
        act(ctx);
        Ok(())
    });
    runner.enter(1);
    runner.call(event).map_err(|error| error.to_string())
}

fn set(name: &'static str, fire: i64, output: i64) -> Result<Vec<TimerChange>, String> {
    Ok(vec![TimerChange { timer: timer(name, ""), set: Some(TimerSet { fire: at(fire), output: at(output) }) }])
}

fn fails(result: Result<Vec<TimerChange>, String>, text: &str) {
    let error = result.unwrap_err();
    assert!(error.starts_with("`ParDoStateful` (sdk/core/src/dofn/stateful/tests/steps.rs:"), "{error}");
    assert!(error.contains(text), "{error}");
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_timer_holds_the_watermark_where_it_will_emit() {
    assert_eq!(on_element(|ctx| ctx.set(Due::End, at(9))), set("End", 9, 9));
    assert_eq!(on_element(|ctx| ctx.set_after(Due::End, MS * 3)), set("End", 8, 8));
    // Due at once, but the watermark may have passed that time; due behind the window, but what it emits is inside.
    assert_eq!(on_element(|ctx| ctx.set(Due::End, at(3))), set("End", 3, 5));
    assert_eq!(on_element(|ctx| ctx.set(Due::End, at(14))), set("End", 14, 9));
    assert_eq!(on_element(|ctx| ctx.set(Due::Debounce, at(1000))), set("Debounce", 1000, 5));
    assert_eq!(on_element(|ctx| ctx.set_after(Due::Debounce, MS * 7)), set("Debounce", 107, 5));
    assert_eq!(on_element(|ctx| ctx.set_with_output(Due::End, at(9), at(6))), set("End", 9, 6));
    assert_eq!(on_element(|ctx| ctx.set_with_output(Due::Debounce, at(900), at(9))), set("Debounce", 900, 9));

    let (event, processing) = (timer("End", ""), timer("Debounce", ""));
    assert_eq!(on_timer(&event, 8, 6, |ctx| ctx.set_after(Due::End, MS)), set("End", 9, 9));
    assert_eq!(on_timer(&event, 8, 6, |ctx| ctx.set_after(Due::Debounce, MS)), set("Debounce", 101, 6));
    assert_eq!(on_timer(&processing, 99, 6, |ctx| ctx.set_after(Due::End, MS)), set("End", 7, 7));
    assert_eq!(on_timer(&processing, 99, 6, |ctx| ctx.set_after(Due::Debounce, MS)), set("Debounce", 101, 6));
    // An element may lie behind its window.
    let late = one(element(&pair(1, 2).1, 20), |ctx| ctx.set(Due::End, at(9)));
    assert_eq!(late, set("End", 9, 20));
}

#[test]
fn timers_that_cannot_be_fail_the_step() {
    fails(
        on_element(|ctx| ctx.set(Due::Per(7), at(15))),
        r#"the timer `Per` of "7" is set to 1970-01-01T00:00:00.015Z"#,
    );
    let expired = "behind its window [1970-01-01T00:00:00Z, 1970-01-01T00:00:00.010Z), which expires at";
    fails(on_element(|ctx| ctx.set_after(Due::End, MS * 10)), expired);
    fails(one(StatefulEvent::WindowExpired, |ctx| ctx.set(Due::End, at(9))), "the timer `End` is set to");
    let expiration =
        "failed on the expiration of the key 1 in [1970-01-01T00:00:00Z, 1970-01-01T00:00:00.010Z): the timer";
    fails(one(StatefulEvent::WindowExpired, |ctx| ctx.set(Due::End, at(9))), expiration);
    fails(one(StatefulEvent::WindowExpired, |ctx| ctx.set(Due::Debounce, at(9))), "in an expired window, [");
    let beyond = |ctx: &mut Ctx<'_>| ctx.set_after(Due::Debounce, Duration::MAX);
    fails(on_element(beyond), "the timer `Debounce` is set to the end of time, behind the end of the global window");

    let output = |due: Due, fire, output| on_element(move |ctx| ctx.set_with_output(due, at(fire), at(output)));
    fails(output(Due::End, 9, 4), "00.004Z, before the time of what sets it, 1970-01-01T00:00:00.005Z");
    fails(output(Due::End, 8, 9), "00.009Z, behind the time that it is set to, 1970-01-01T00:00:00.008Z");
    fails(output(Due::End, 12, 10), "00.010Z, behind the end of its window [");
    fails(output(Due::Debounce, 900, 10), "00.010Z, behind the end of its window [");
    let before = |ctx: &mut Ctx<'_>| ctx.set_with_output(Due::End, at(9), at(5));
    fails(on_timer(&timer("End", ""), 8, 6, before), "00.005Z, before the");
    fails(
        on_timer(&timer("End", ""), 8, 6, before),
        "on the timer `End` at 1970-01-01T00:00:00.008Z of the key 1 in [",
    );
}

#[test]
fn timers_are_set_and_cleared_in_order() {
    let changes = on_element(|ctx| {
        ctx.set(Due::Per(1), at(7));
        ctx.clear(Due::Per(2));
        ctx.set(Due::Per(1), at(8));
        ctx.clear(Due::End);
    });
    let set = |fire| Some(TimerSet { fire: at(fire), output: at(fire) });
    let change = |name, tag, set| TimerChange { timer: timer(name, tag), set };
    let expected =
        [change("Per", "1", set(7)), change("Per", "2", None), change("Per", "1", set(8)), change("End", "", None)];
    assert_eq!(changes.unwrap(), expected);
}

#[test]
fn a_timer_comes_back_as_what_was_set() {
    for due in [Due::End, Due::Debounce, Due::Per(7)] {
        assert_eq!(Due::of(&due.id()).unwrap(), due);
        assert!(Due::FACTS.iter().any(|facts| facts.name == due.id().name));
    }
    let facts: Vec<_> = Due::FACTS.iter().map(|facts| (facts.domain, facts.is_family)).collect();
    let (event, processing) = (TimeDomain::EventTime, TimeDomain::ProcessingTime);
    assert_eq!(facts, [(event, false), (processing, false), (event, true)]);
    fails(
        on_timer(&timer("Per", "x"), 8, 8, |_| ()),
        "the tag \"x\" of the timer `Per` is not read back: invalid digit",
    );
    fails(on_timer(&timer("Other", ""), 8, 8, |_| ()), "the step has no timer `Other`");
}

#[test]
fn outputs_have_the_time_of_their_callback() {
    let mut runner = Runner::new(|what, _, ctx| {
        ctx.emit(format!("{}, {:?}", what.text(), ctx.fire_timestamp().map(Timestamp::millis)));
        ctx.emit_to(&OTHER, "other".to_owned());
        ctx.emit_at("later".to_owned(), ctx.timestamp() + MS);
        assert_eq!(ctx.processing_time(), at(100));
        Ok(())
    });
    let early = PaneInfo { index: 3, ..PaneInfo::NO_FIRING };
    runner.enter(1);
    runner.call(StatefulEvent::Element { pair: &pair(1, 2).1, time: at(5), pane: early }).unwrap();
    let per = timer("Per", "4");
    runner.call(StatefulEvent::Timer { timer: &per, fire: at(8), output: at(6) }).unwrap();
    runner.call(StatefulEvent::WindowExpired).unwrap();
    runner.leave(1).unwrap();
    let (main, other) = runner.finish();
    let (window, none) = (interval(0, 10), PaneInfo::NO_FIRING);
    let row = |time, pane, text: &str| (time, window, pane, text.to_owned());
    let expected = [
        row(5, early, "element 2, None"),
        row(6, early, "later"),
        row(6, none, "timer Per(4), Some(8)"),
        row(7, none, "later"),
        row(9, none, "expiration, None"),
        row(10, none, "later"),
        (0, Window::Global, none, "finished".to_owned()),
    ];
    assert_eq!(main, expected);
    assert_eq!(other, [row(5, early, "other"), row(6, none, "other"), row(9, none, "other")]);
}

#[test]
fn any_number_of_outputs_passes() {
    let mut runner = Runner::new(|_, _, ctx| {
        (0..70_000).for_each(|n| ctx.emit_at(String::new(), at(5 + n)));
        Ok(())
    });
    runner.enter(1);
    runner.call(element(&pair(1, 2).1, 5)).unwrap();
    assert_eq!(runner.main.0.lock().unwrap().len(), 70_000);
}

#[test]
fn outputs_that_cannot_be_fail_the_step() {
    fails(on_element(|ctx| ctx.emit_at(String::new(), at(4))), "is before its input at 1970-01-01T00:00:00.005Z");
    let back = |ctx: &mut Ctx<'_>| ctx.emit_at(String::new(), at(5));
    fails(
        on_timer(&timer("End", ""), 8, 6, back),
        "is before the output timestamp of its timer at 1970-01-01T00:00:00.006Z",
    );
    const UNKNOWN: Tag<u64> = Tag::new("other");
    fails(on_element(|ctx| ctx.emit_to(&UNKNOWN, 1)), "no output `other` of this type was declared");
}

proptest! {
    /// Counting elements by key, in visits of any length, is counting.
    #[test]
    fn state_belongs_to_its_key(visits in vec((0u64..3, 0usize..4), 0..20)) {
        let mut runner = Runner::new(|_, state, ctx| {
            let n = state.count.get().copied().unwrap_or_default() + 1;
            state.count.set(n);
            ctx.emit(n.to_string());
            Ok(())
        });
        let (mut counts, mut expected) = (BTreeMap::<u64, usize>::new(), Vec::new());
        for (key, elements) in visits {
            runner.enter(key);
            for _ in 0..elements {
                runner.call(element(&pair(key, 0).1, 5)).unwrap();
                let count = counts.entry(key).or_default();
                *count += 1;
                expected.push(count.to_string());
            }
            runner.leave(key).unwrap();
        }
        let texts: Vec<_> = runner.finish().0.into_iter().map(|row| row.3).collect();
        expected.push("finished".to_owned());
        prop_assert_eq!(texts, expected);
    }
}

#[test]
fn state_that_cannot_be_read_fails_the_callback_whatever_it_returns() {
    let ends: [fn() -> Result<(), BoxError>; 3] = [|| Ok(()), || Err("no count".into()), || panic!("no count")];
    for end in ends {
        let mut runner = Runner::new(move |_, state, _| {
            assert_eq!(state.count.get(), None);
            end()
        });
        runner.enter(1);
        runner.state[&1].is_broken.store(true, Ordering::Relaxed);
        let error = runner.call(element(&pair(1, 2).1, 5)).unwrap_err().to_string();
        assert_eq!(error, "the test runner stopped: the disk is full");
    }
}

#[test]
fn state_that_cannot_be_encoded_fails_the_step() {
    let mut runner = Runner::new(|_, state, _| {
        state.texts.add(Refusing(true));
        Ok(())
    });
    runner.enter(1);
    runner.call(element(&pair(1, 2).1, 5)).unwrap();
    let error = runner.leave(1).unwrap_err().to_string();
    assert!(error.starts_with("`ParDoStateful` (sdk/core/src/dofn/stateful/tests/steps.rs:"), "{error}");
    assert!(
        error.contains("Refusing`: Serde Serialization Error") && error.ends_with("at the state `texts`"),
        "{error}"
    );
}

#[test]
fn bytes_that_are_no_pair_fail_the_step() {
    let (code, step) = code(&graph(Scripted(Arc::new(|_, _, _| Ok(())))));
    let (key, bytes) = pair(300, 2);
    assert_eq!(code.key_length(&step, &bytes).unwrap(), key.len());
    let error = code.key_length(&step, &[0x80]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{step}: the input ends inside a varint")), "{error}");
    // Zero, in two bytes instead of one.
    let error = code.key_length(&step, &[0x80, 0, 1]).unwrap_err().to_string();
    assert!(error.contains("a key has one encoding only"), "{error}");

    let mut runner = Runner::new(|_, _, _| Ok(()));
    runner.enter(1);
    let error = runner.call(element(&Bytes::from_static(&[1, 2, 3]), 5)).unwrap_err().to_string();
    assert!(error.contains("1 bytes are left after the value"), "{error}");
    let error = runner.operator.enter(&Bytes::from_static(&[1, 2]), place(), Arc::new(Store::default())).unwrap_err();
    assert!(error.to_string().contains("1 bytes are left after the value at key"), "{error}");
}

#[test]
fn user_code_is_told_of_the_commit() {
    let committed = Arc::new(AtomicUsize::new(0));
    let count = committed.clone();
    let mut runner = Runner::new(move |_, _, ctx| {
        let count = count.clone();
        ctx.after_commit(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        Ok(())
    });
    runner.enter(1);
    let (result, finalizers) = finalize::collect(|| runner.call(element(&pair(1, 2).1, 5)));
    assert_eq!((result.unwrap(), committed.load(Ordering::Relaxed)), (vec![], 0));
    finalizers.run().unwrap();
    assert_eq!(committed.load(Ordering::Relaxed), 1);
}

/// Without state and timers; counts how often it is set up and torn down.
#[derive(Clone)]
struct Bare(Arc<Mutex<Vec<&'static str>>>);

impl StatefulDoFn for Bare {
    type Key = u64;
    type In = u64;
    type Out = String;
    type State = ();
    type Timer = ();
    const TIME_SORTED: bool = true;

    fn setup(&mut self) -> Result<(), BoxError> {
        self.0.lock().unwrap().push("setup");
        Ok(())
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.0.lock().unwrap().push("start");
        Ok(())
    }
    fn process(
        &mut self,
        _: &u64,
        x: u64,
        (): &mut (),
        ctx: &mut StatefulContext<'_, String, ()>,
    ) -> Result<(), BoxError> {
        match x {
            0 => ctx.set((), at(9)),
            _ => ctx.after_commit(|| Ok(())),
        }
        Ok(())
    }
    fn teardown(&mut self) {
        self.0.lock().unwrap().push("teardown");
    }
}

#[test]
fn a_step_without_timers_has_none_to_set() {
    let mut runner = Runner::of(Bare(Arc::default()));
    runner.enter(1);
    fails(runner.call(element(&pair(1, 0).1, 5)).map_err(|e| e.to_string()), "a step whose timers are `()` has none");
    fails(runner.call(element(&pair(1, 1).1, 5)).map_err(|e| e.to_string()), "need `const FINALIZES");
}

#[test]
fn an_instance_lives_through_bundles() {
    let log = Arc::default();
    let mut runner = Runner::of(Bare(Arc::clone(&log)));
    runner.operator.finish_bundle().unwrap();
    runner.operator.start_bundle().unwrap();
    runner.finish();
    assert_eq!(*log.lock().unwrap(), ["setup", "start", "start", "teardown"]);
}

#[derive(Timers)]
enum Never {}

#[test]
fn an_enum_without_variants_is_no_timers() {
    assert!(Never::FACTS.is_empty() && Never::of(&timer("End", "")).is_err() && <()>::of(&timer("()", "")).is_err());
}

#[test]
fn facts_are_what_is_declared() {
    let (step, _) = code(&graph(Scripted(Arc::new(|_, _, _| Ok(())))));
    let names: Vec<_> = step.facts().cells.iter().map(|cell| (cell.name, cell.kind)).collect();
    assert_eq!(names, [("count", CellKind::Bag), ("texts", CellKind::Bag)]);
    assert_eq!(step.facts().timers, Due::FACTS);
    assert_eq!((step.facts().time_sorted, step.facts().on_window_expiration), (false, true));
    let (bare, _) = code(&graph(Bare(Arc::default())));
    assert_eq!(*bare.facts(), StatefulFacts { time_sorted: true, ..StatefulFacts::default() });
}
