//! Explanations: complete, the same every time, and in the forms that tools read.

use ferrobeam_conformance::generated::pipelines;
use ferrobeam_core::combiners::Sum;
use ferrobeam_core::dofn::splittable::estimator::Manual;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::prelude::*;
use ferrobeam_core::time::{hours, minutes};
use ferrobeam_model::pipeline as pb;
use ferrobeam_runner_core::explain::{Form, explain};
use ferrobeam_runner_core::fuse::fuse;
use proptest::prelude::*;
use prost::Message;
use serde_json::Value;
use std::collections::BTreeSet;

/// A bit of everything: a source, branches, both kinds of grouping, a reshuffle, side inputs, an output with a quote.
fn graph() -> Graph {
    let graph = Root::build(|root| {
        let words = root.create(["to be", "or not"].map(str::to_owned)).named("Lines \"quoted\"");
        let words = words.flat_map_into(|line, out| line.split(' ').for_each(|word| out.emit(word.to_owned())));
        let counts = words.map(|word| (word, 1u64)).combine_per_key(sum()).named("Count");
        let total = counts.map(|(_, n)| n).combine_globally(sum()).as_singleton();
        let shares = counts.map_with(total, |(word, n), total| (word, n as f64 / *total as f64)).named("Share");
        let (ok, bad) = words.reshuffle().try_map(|word| if word.len() > 2 { Ok(word) } else { Err(word) });
        flatten([&ok, &bad, &counts.map(|(word, _)| word)]).key_by(|word| word.len()).group_by_key().discard();
        shares.apply(named("Long", |c: PCollection<(String, f64)>| c.filter(|(word, _)| word.len() > 2))).discard();
        Ok(())
    });
    graph.unwrap()
}

fn text(graph: &Graph, form: Form) -> String {
    String::from_utf8(explain(graph, form).unwrap()).unwrap()
}

#[test]
fn the_same_pipeline_is_explained_the_same() {
    for form in [Form::Text, Form::Dot, Form::Json, Form::Proto] {
        assert!(explain(&graph(), form).unwrap() == explain(&graph(), form).unwrap(), "{form:?}");
    }
}

#[test]
fn the_text_names_every_step_once_in_the_tree_and_its_line() {
    let graph = graph();
    let text = text(&graph, Form::Text);
    let (tree, stages) = text.split_once("\nStages\n").unwrap();
    let lines: Vec<&str> = tree.lines().skip_while(|line| *line != "Steps").skip(1).collect();
    assert_eq!(lines.len(), graph.components().transforms.len());
    let here = format!("{}:", file!());
    assert!(lines.iter().all(|line| line.contains(&here)), "{tree}");
    assert!(tree.starts_with(&format!("Pipeline {:016x}\n", graph.fingerprint())));
    for stage in fuse(&graph).unwrap().stages {
        for id in stage.transforms {
            let name = format!("       {}", graph.transform(&id).unwrap().unique_name);
            assert_eq!(stages.lines().filter(|line| *line == name).count(), 1, "{name}\n{stages}");
        }
    }
    assert!(
        stages.contains("  Count groups `Map`\n     the global window, fires at the end of its window"),
        "{stages}"
    );
    assert!(stages.contains("  Reshuffle redistributes `FlatMap`\n"), "{stages}");
    assert!(stages.contains("  Flatten unites `TryMap`, `TryMap.errors`, `Map#4`\n"), "{stages}");
    assert!(stages.contains("waits for the side input"), "{stages}");
}

#[test]
fn the_json_has_all_parts_and_no_dangling_reference() {
    let graph = graph();
    let json: Value = serde_json::from_str(&text(&graph, Form::Json)).unwrap();
    let keys = |part: &str| json[part].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let (transforms, collections) = (keys("transforms"), keys("collections"));
    assert!(transforms.iter().eq(graph.components().transforms.keys()));
    assert!(collections.iter().eq(graph.components().pcollections.keys()));
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    for transform in json["transforms"].as_object().unwrap().values() {
        let ends = [&transform["inputs"], &transform["outputs"]].map(|ends| ends.as_object().unwrap().values());
        assert!(ends.into_iter().flatten().all(|collection| collections.contains(&id(collection))));
        assert!(transform["parts"].as_array().unwrap().iter().all(|part| transforms.contains(&id(part))));
        assert!(id(&transform["at"]).starts_with(file!()));
    }
    let plan = fuse(&graph).unwrap();
    assert_eq!(json["stages"].as_array().unwrap().len(), plan.stages.len());
    assert_eq!(json["groupings"].as_array().unwrap().len(), plan.groupings.len());
    assert_eq!(json["reshuffles"].as_array().unwrap().len(), plan.reshuffles.len());
    assert_eq!(json["flattens"].as_array().unwrap().len(), plan.flattens.len());
    assert_eq!(json["fingerprint"], format!("{:016x}", graph.fingerprint()));
}

/// Every node of the drawing is declared, every quote is closed, every brace too.
fn check_dot(graph: &Graph) -> Result<(), TestCaseError> {
    let dot = text(graph, Form::Dot);
    prop_assert!(dot.starts_with("digraph pipeline {\n") && dot.ends_with("}\n"), "{dot}");
    // Without what stands in quotes; a quote in a name is escaped.
    let mut bare = String::new();
    for (i, piece) in dot.replace("\\\\", "").replace("\\\"", "").split('"').enumerate() {
        if i % 2 == 0 {
            bare += piece;
        }
    }
    prop_assert_eq!(dot.replace("\\\"", "").matches('"').count() % 2, 0);
    prop_assert_eq!(bare.matches('{').count(), bare.matches('}').count());
    let id = |text: &str| text.trim().trim_matches('"').to_owned();
    let declared: BTreeSet<String> = dot
        .lines()
        .filter(|line| line.contains("[label="))
        .filter_map(|line| line.split(" [").next())
        .map(id)
        .collect();
    let edges: Vec<(String, String)> = dot
        .lines()
        .filter_map(|line| line.split(" [").next()?.split_once(" -> "))
        .map(|(from, to)| (id(from), id(to)))
        .collect();
    prop_assert!(edges.iter().all(|(from, to)| declared.contains(from) && declared.contains(to)), "{dot}");
    // Whoever takes something has an edge from whoever makes it.
    let plan = fuse(graph).unwrap();
    let steps = plan.stages.iter().flat_map(|stage| &stage.transforms);
    let steps: BTreeSet<&String> = steps
        .chain(plan.groupings.iter().chain(&plan.reshuffles).chain(&plan.flattens).map(|j| &j.transform))
        .collect();
    for step in steps {
        let into: BTreeSet<&String> = graph.transform(step).unwrap().inputs.values().collect();
        let drawn = edges.iter().filter(|(_, to)| to == step).count();
        prop_assert!(drawn >= into.len(), "`{step}` takes {into:?}, and {drawn} edges lead to it:\n{dot}");
    }
    Ok(())
}

/// Windows, groupings that hold at several timestamps, a source, a side input.
fn windowed() -> Graph {
    let graph = Root::build(|root| {
        let numbers = root.read(Below::<true>).named("Numbers").window(
            FixedWindows::of(minutes(1))
                .trigger(AfterWatermark::new().late(after_count(1)))
                .accumulating()
                .allowed_lateness(hours(1))
                .closing_behavior(ClosingBehavior::EmitAlways)
                .on_time_behavior(OnTimeBehavior::FireIfNonempty)
                .timestamp_combiner(TimestampCombiner::Earliest),
        );
        let sums = numbers.key_by(|x| x % 2).combine_per_key(sum()).named("Sum");
        let latest = sums.window(FixedWindows::of(hours(1)).timestamp_combiner(TimestampCombiner::Latest));
        latest.group_by_key().named("Group").discard();
        let none = root.create([0u64]).as_iterable();
        numbers.map_with(none, |x, none| x + none[0]).named("Look").discard();
        Ok(())
    });
    graph.unwrap()
}

struct Below<const BOUNDED: bool = true>;

impl<const BOUNDED: bool> Source for Below<BOUNDED> {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = BOUNDED;
    fn split(&self, _: usize) -> std::result::Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, 9)])
    }
    fn open(&self, _: &OffsetRange) -> std::result::Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, _: &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> std::result::Result<(), BoxError> {
        claims.emit_run(Timestamp::MIN, |offset| offset);
        Ok(())
    }
}

const WINDOW: &str = "fixed windows of 60s, fires by AfterWatermark(late = AfterCount(1)), accumulating, allowed \
                      lateness 3600s, closes with a pane also if it is empty, on time only if the pane is not empty";

#[test]
fn the_text_says_how_things_are_grouped_and_what_holds_the_watermark() {
    let text = text(&windowed(), Form::Text);
    let steps = [
        "       Numbers/Read\n         holds the watermark at the beginning of time until all is read\n".to_owned(),
        format!("       Window\n         {WINDOW}\n"),
        "       Look\n         elements that wait for a side input hold the watermark\n".to_owned(),
        format!(
            "  Sum groups `KeyBy`\n     {WINDOW}\n     holds the watermark at the earliest timestamp of a pane until it \
             fires\n"
        ),
        "  Group groups `Window#2`\n     fixed windows of 3600s, fires at the end of its window, discarding\n     holds \
         the watermark at the latest timestamp of a pane until it fires\n"
            .to_owned(),
    ];
    for step in steps {
        assert!(text.contains(&step), "{step}\n in\n{text}");
    }
    assert!(text.contains("waits for the side input"));
}

#[derive(Clone)]
struct Offsets;

impl SplittableDoFn for Offsets {
    type In = u64;
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = Manual;
    const BOUNDED: bool = false;
    const FINALIZES: bool = true;
    fn initial_restriction(&self, n: &u64) -> std::result::Result<OffsetRange, BoxError> {
        Ok(OffsetRange::unbounded(*n))
    }
    fn process(
        &mut self,
        _: &u64,
        _: &mut Tracker<'_, OffsetRange, u64, Manual>,
        _: &mut ElementContext<'_>,
    ) -> std::result::Result<Continuation, BoxError> {
        Ok(Continuation::Done)
    }
}

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Seen {
    seen: Set<u64>,
    #[state(ttl = "1h")]
    lately: Set<u64>,
    #[state(ttl = "2s")]
    sum: Combining<Sum<u64>>,
}

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum Due {
    #[timer(event_time)]
    End,
    #[timer(processing_time)]
    Each(String),
}

#[derive(Clone)]
struct Sorted;

impl StatefulDoFn for Sorted {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = Seen;
    type Timer = Due;
    const TIME_SORTED: bool = true;
    fn process(
        &mut self,
        _: &u64,
        _: u64,
        _: &mut Seen,
        _: &mut StatefulContext<'_, u64, Due>,
    ) -> std::result::Result<(), BoxError> {
        Ok(())
    }
    fn on_timer(
        &mut self,
        _: &u64,
        _: Due,
        _: &mut Seen,
        _: &mut StatefulContext<'_, u64, Due>,
    ) -> std::result::Result<(), BoxError> {
        Ok(())
    }
}

/// A source without end, a splittable step, and what is too late.
fn endless() -> Graph {
    let graph = Root::build(|root| {
        let numbers = root.read(Below::<false>).named("Numbers").window(FixedWindows::of(minutes(1)));
        numbers.late_output().discard();
        numbers.key_by(|x| x % 2).par_do_stateful(Sorted).named("Sorted").discard();
        root.create([1u64]).reshuffle().par_do_splittable(Offsets).named("Offsets").discard();
        Ok(())
    });
    graph.unwrap()
}

#[test]
fn only_a_bounded_source_holds_until_all_is_read() {
    let text = text(&endless(), Form::Text);
    let source = "       Numbers/Read\n         holds the watermark where its source has set it, and before that at the \
                  beginning of time\n       Window";
    assert!(text.contains(source), "{text}");
    let step = "       Offsets\n         is called back when a bundle is committed\n         holds the watermark at the \
                estimate for what is left of an element, without one at the element's time\n";
    assert!(text.contains(step), "{text}");
    assert!(!text.contains("until all is read"), "{text}");
}

#[test]
fn what_a_stateful_step_asks_for_is_said() {
    let text = text(&endless(), Form::Text);
    let step = "         state lately (set, for 3600s), seen (set), sum (combining, for 2s)\n         timers Each (processing time, one for each tag), End (event time)\n         takes the elements of \
                a key in the order of their timestamps\n         holds";
    assert!(text.contains(step), "{text}");
}

#[test]
fn what_keeps_late_elements_is_between_the_stages() {
    let graph = endless();
    let all = text(&graph, Form::Text);
    let (_, between) = all.split_once("\nBetween the stages\n").unwrap();
    assert!(between.contains("  LateOutput keeps what groupings of `Window` drop\n"), "{between}");
    let json: Value = serde_json::from_str(&text(&graph, Form::Json)).unwrap();
    assert_eq!(json["late_outputs"].as_array().unwrap().len(), 1);
    check_dot(&graph).unwrap();
    assert!(text(&graph, Form::Dot).contains("[label=\"LateOutput\""));
    let late = Root::build(|root| {
        root.create([1u64]).late_output().discard();
        Ok(())
    });
    assert!(text(&late.unwrap(), Form::Text).contains("\nBetween the stages\n  LateOutput keeps"));
}

#[test]
fn the_json_says_the_same() {
    let json: Value = serde_json::from_str(&text(&windowed(), Form::Json)).unwrap();
    let step = |name: &str| json["transforms"].as_object().unwrap().values().find(|step| step["name"] == name).unwrap();
    let windowing = |name: &str| &json["windowings"][step(name)["windowing"].as_str().unwrap()];
    let expected = serde_json::json!({
        "windows": "fixed windows of 60s",
        "already_merged": false,
        "trigger": "AfterWatermark(late = AfterCount(1))",
        "accumulation_mode": "Accumulating",
        "timestamp_combiner": "Earliest",
        "closing_behavior": "EmitAlways",
        "on_time_behavior": "FireIfNonempty",
        "allowed_lateness_ms": 3_600_000,
    });
    assert_eq!((windowing("Window"), windowing("Sum")), (&expected, &expected));
    assert_eq!(windowing("Group")["windows"], "fixed windows of 3600s");
    let holds = |name: &str| step(name)["holds"].as_array().unwrap().len();
    assert_eq!(["Window", "Sum", "Numbers/Read", "Look", "KeyBy"].map(holds), [0, 1, 1, 1, 0]);
    assert_eq!((&step("KeyBy")["windowing"], &step("Sum")["state"]), (&Value::Null, &serde_json::json!({})));
}

#[test]
fn the_drawing_says_the_same() {
    let graph = windowed();
    check_dot(&graph).unwrap();
    let dot = text(&graph, Form::Dot);
    let sum = dot.lines().find(|line| line.contains("[label=\"Sum\\n")).unwrap();
    let label = format!("Sum\\n{WINDOW}\\nholds the watermark at the earliest timestamp of a pane until it fires\"");
    assert!(sum.contains(&label), "{sum}");
}

#[test]
fn the_drawing_is_complete() {
    check_dot(&graph()).unwrap();
}

#[test]
fn the_proto_is_beams() {
    let graph = graph();
    let proto = pb::Pipeline::decode(&explain(&graph, Form::Proto).unwrap()[..]).unwrap();
    assert_eq!(proto, *graph.proto());
}

#[test]
fn a_form_is_known_by_its_name() {
    let forms = ["text", "dot", "json", "proto"].map(|name| name.parse::<Form>().unwrap());
    assert_eq!(forms, [Form::Text, Form::Dot, Form::Json, Form::Proto]);
    let error = "yaml".parse::<Form>().unwrap_err().to_string();
    assert_eq!(error, "--explain=yaml: expected text, dot, json, proto, or run on the local runner");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_pipeline_can_be_explained(pipeline in pipelines(12)) {
        let graph = Root::build(|root| pipeline.construct(root)).unwrap();
        check_dot(&graph)?;
        prop_assert!(serde_json::from_str::<Value>(&text(&graph, Form::Json)).is_ok());
        prop_assert!(text(&graph, Form::Text).lines().count() > graph.components().transforms.len());
    }
}
