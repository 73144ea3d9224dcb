use super::*;
use crate::engine::Engine::{Flink, Other, Prism, Spark};
use crate::job::environment::external;
use bytes::Bytes;
use ferrobeam_core::combiners::{CombineFn, sum};
use ferrobeam_core::graph::FnRef;
use ferrobeam_core::prelude::*;
use ferrobeam_core::time::seconds;
use ferrobeam_model::urns::{
    coders, environments, protocols, requirements, side_inputs, transforms as urns, window_fns,
};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

fn graph(construct: impl FnOnce(&Root)) -> Graph {
    let built = Root::build(|root| {
        construct(root);
        Ok(())
    });
    built.unwrap()
}

fn lowered(graph: &Graph, engine: Engine) -> pb::Components {
    lower(graph, engine, external("localhost:1")).unwrap().components.unwrap()
}

fn urn(transform: &pb::PTransform) -> &str {
    transform.spec.as_ref().map_or("", |spec| &spec.urn)
}

fn by_name<'a>(components: &'a pb::Components, name: &str) -> &'a pb::PTransform {
    let mut all = components.transforms.values();
    all.find(|t| t.unique_name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Words by length: a source, windows, a combine, a grouping, side inputs, state.
fn everything(root: &Root) {
    let words = root.create([(1u64, "a".to_owned()), (2, "bc".to_owned())]);
    let names = words.as_map();
    let windowed = words.window(Sessions::with_gap(seconds(9))).count_per_key();
    let grouped = windowed.group_by_key().map(|(k, all)| (k, all.len() as u64)).reshuffle();
    let seen = grouped.map_with(words.count_globally().as_singleton(), |x, n| (x, *n));
    seen.map_with(names, |x, names| (x, names.len() as u64)).discard();
    flatten([&grouped, &grouped.map(|x| x)]).discard();
}

/// Halves of a day, which may overlap and merge.
#[derive(Debug)]
struct Halves {
    overlap: bool,
    merge: bool,
}

impl WindowFn for Halves {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        Window::interval(at, at + seconds(43_200)).into()
    }

    fn assigns_to_one_window(&self) -> bool {
        !self.overlap
    }

    fn is_merging(&self) -> bool {
        self.merge
    }
}

#[test]
fn only_the_environment_changes_with_the_environment() {
    let graph = graph(everything);
    let real = external("localhost:50000");
    let (one, other) = (lower(&graph, Other, real).unwrap(), lower(&graph, Other, Default::default()).unwrap());
    let environment = &one.components.as_ref().unwrap().environments["rust"];
    assert_eq!(environment.urn, environments::EXTERNAL);
    let payload = pb::ExternalPayload::decode(&environment.payload[..]).unwrap();
    assert_eq!(payload.endpoint.unwrap().url, "localhost:50000");
    let announced: BTreeSet<_> = environment.capabilities.iter().cloned().collect();
    assert!(announced.contains(coders::KV) && announced.contains(protocols::CONTROL_REQUEST_ELEMENTS_EMBEDDING));
    let bare = |mut pipeline: pb::Pipeline| {
        pipeline.components.as_mut().unwrap().environments.clear();
        pipeline.encode_to_vec()
    };
    assert_eq!(bare(one), bare(other));
    let references = graph.components().transforms.values().filter_map(FnRef::of);
    assert!(references.map(|reference| reference.fingerprint).all(|found| found == graph.fingerprint()));
}

/// 7.
#[test]
fn steps_of_ours_have_an_environment_and_those_of_the_engine_none() {
    let graph = graph(everything);
    for engine in [Prism, Flink, Spark, Other] {
        let components = lowered(&graph, engine);
        for (id, transform) in &components.transforms {
            let is_ours = transform.subtransforms.is_empty()
                && ![urns::IMPULSE, urns::GROUP_BY_KEY, urns::FLATTEN, urns::RESHUFFLE].contains(&urn(transform));
            let lifts_itself = [Prism, Other].contains(&engine) && urn(transform) == urns::COMBINE_PER_KEY;
            assert_eq!(!transform.environment_id.is_empty(), is_ours || lifts_itself, "{engine}: {id} {transform:?}");
            assert!(["", "rust"].contains(&transform.environment_id.as_str()));
        }
        assert!(components.environments.keys().eq(["rust"]));
    }
}

/// 7.
#[test]
fn requirements_are_those_of_the_steps() {
    let plain = graph(everything);
    assert_eq!(lower(&plain, Flink, external("x:1")).unwrap().requirements, [] as [&str; 0]);
    for (id, transform) in &plain.components().transforms {
        let Some(spec) = transform.spec.as_ref().filter(|spec| spec.urn == urns::PAR_DO) else { continue };
        let payload = pb::ParDoPayload::decode(&spec.payload[..]).unwrap();
        assert!(payload.restriction_coder_id.is_empty() && payload.state_specs.is_empty(), "{id}");
    }
}

/// 8.
#[test]
fn windowings_are_explicit_and_go_on_behind_a_grouping() {
    let graph = graph(|root| {
        let sessions = Sessions::with_gap(seconds(9))
            .trigger(repeatedly(after_all([after_count(2), after_delay(seconds(1))])))
            .accumulating()
            .allowed_lateness(seconds(3));
        let windowed = root.create([(1u64, 2u64)]).window(sessions).named("Windowed");
        windowed.group_by_key().named("Group").map(|(k, _)| k).discard();
    });
    let components = lowered(&graph, Other);
    let windowing =
        |collection: &str| &components.windowing_strategies[&components.pcollections[collection].windowing_strategy_id];
    let group = by_name(&components, "Group");
    let (before, after) = (windowing(&group.inputs["in"]), windowing(&group.outputs["out"]));
    assert_eq!(before.merge_status(), pb::merge_status::Enum::NeedsMerge);
    assert_eq!(after.merge_status(), pb::merge_status::Enum::AlreadyMerged);
    assert_ne!(before.trigger, after.trigger, "what goes on is what counts single elements");
    for strategy in components.windowing_strategies.values() {
        assert!(strategy.window_fn.is_some() && strategy.trigger.is_some());
        assert!(components.coders.contains_key(&strategy.window_coder_id));
        assert_eq!(strategy.environment_id, "rust");
        let numbers = [
            strategy.merge_status,
            strategy.accumulation_mode,
            strategy.output_time,
            strategy.closing_behavior,
            strategy.on_time_behavior,
        ];
        assert!(numbers.iter().all(|number| *number != 0), "{strategy:?}");
    }
    assert_eq!((before.allowed_lateness, before.assigns_to_one_window), (3000, true));
}

/// 14.
#[test]
fn windows_that_do_not_merge_have_the_name_of_beams() {
    let graph = graph(|root| {
        let pairs = root.create([(1u64, 2u64)]);
        pairs.window(CalendarWindows::days(1)).named("Days").group_by_key().named("ByDay").discard();
        pairs.window(Windowing::of(Halves { overlap: false, merge: false })).named("Halves").sum_per_key().discard();
        pairs.window(Windowing::of(Halves { overlap: true, merge: false })).named("Overlapping").discard();
    });
    let own = graph.components();
    for (engine, is_known) in [(Prism, true), (Flink, true), (Spark, true), (Other, false)] {
        let components = lowered(&graph, engine);
        let windowing = |of: &pb::Components, step: &str| {
            let made = &by_name(&components, step).outputs["out"];
            of.windowing_strategies[&of.pcollections[made].windowing_strategy_id].clone()
        };
        for (step, stand_in) in [
            ("Days", window_fns::FIXED),
            ("ByDay", window_fns::FIXED),
            ("Halves", window_fns::FIXED),
            ("Overlapping", window_fns::SLIDING),
        ] {
            let (before, after) = (windowing(own, step), windowing(&components, step));
            let function = after.window_fn.clone().unwrap();
            assert_eq!(function.urn == stand_in, is_known, "{engine}: {step}");
            assert_eq!(
                pb::WindowingStrategy { window_fn: before.window_fn.clone(), ..after },
                before,
                "all else stays"
            );
            // By this a worker knows what to call.
            assert_eq!(by_name(&components, step).spec, by_name(own, step).spec);
        }
    }
}

/// 14.
#[test]
fn windows_that_merge_are_carried_past_the_engine() {
    let graph = graph(|root| {
        let pairs = root.create([(1u64, 2u64)]);
        let merging = pairs.window(Windowing::of(Halves { overlap: false, merge: true }));
        merging.group_by_key().named("Group").discard();
        merging.sum_per_key().named("Sum").discard();
        pairs
            .window(Sessions::with_gap(seconds(1)))
            .group_by_key()
            .named("Sessions")
            .group_by_key()
            .named("Again")
            .discard();
    });
    let is_standard = |target| move |step: &&str| *step == "Sessions" && target != Prism;
    for engine in [Prism, Flink, Spark] {
        let pipeline = lower(&graph, engine, external("x:1")).unwrap();
        assert_eq!(pipeline.requirements, [requirements::REQUIRES_STATEFUL_PROCESSING]);
        let components = pipeline.components.unwrap();
        let windowing =
            |id: &String| &components.windowing_strategies[&components.pcollections[id].windowing_strategy_id];
        let function = |id: &String| windowing(id).window_fn.as_ref().unwrap().urn.clone();
        for step in ["Group", "Sum", "Sessions"] {
            let whole = by_name(&components, step);
            if is_standard(engine)(&step) {
                assert_eq!(urn(whole), urns::GROUP_BY_KEY);
                continue;
            }
            assert_eq!((urn(whole), whole.subtransforms.len()), ("", 2));
            let [carry, group] = [0, 1].map(|part: usize| &components.transforms[&whole.subtransforms[part]]);
            assert_eq!((&carry.inputs, &group.outputs), (&whole.inputs, &whole.outputs));
            let carried = &carry.outputs["out"];
            assert_eq!((carried, function(carried).as_str()), (&group.inputs["in"], window_fns::GLOBAL));
            for part in [carry, group] {
                assert_eq!(FnRef::of(part).unwrap().step, step);
            }
            let payload = pb::ParDoPayload::decode(&group.spec.as_ref().unwrap().payload[..]).unwrap();
            assert_eq!((payload.state_specs.len(), payload.timer_family_specs.len()), (2, 1));
            let timer = &components.coders[&payload.timer_family_specs.values().next().unwrap().timer_family_coder_id];
            let pair = &components.coders[&components.pcollections[carried].coder_id];
            assert_eq!(timer.component_coder_ids[0], pair.component_coder_ids[0]);
            assert_eq!(function(&whole.outputs["out"]), window_fns::FIXED, "{engine}: {step} has merged them");
        }
        let again = &by_name(&components, "Again").inputs["in"];
        assert_eq!(function(again), window_fns::FIXED, "engines would merge again what has merged");
        assert!(
            components
                .transforms
                .values()
                .all(|t| t.subtransforms.iter().all(|id| components.transforms.contains_key(id)))
        );
    }
    let other = lower(&graph, Other, external("x:1")).unwrap();
    assert_eq!(other.requirements, [] as [&str; 0]);
}

/// 9, and what Java's validator looks at besides.
#[test]
fn names_are_unique_and_all_that_is_named_exists() {
    let graph = graph(everything);
    for engine in [Prism, Flink, Spark, Other] {
        let components = lowered(&graph, engine);
        let all = |names: Vec<&String>| {
            assert!(names.iter().all(|name| !name.is_empty()));
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{engine}: {names:?}");
        };
        all(components.transforms.values().map(|t| &t.unique_name).collect());
        all(components.pcollections.values().map(|c| &c.unique_name).collect());
        let mut producers: BTreeMap<&String, usize> = BTreeMap::new();
        for (id, transform) in &components.transforms {
            assert!(transform.subtransforms.iter().all(|part| components.transforms.contains_key(part)), "{id}");
            let mut collections = transform.inputs.values().chain(transform.outputs.values());
            assert!(collections.all(|id| components.pcollections.contains_key(id)), "{engine}: {transform:?}");
            if transform.subtransforms.is_empty() {
                transform.outputs.values().for_each(|id| *producers.entry(id).or_default() += 1);
            }
        }
        assert!(components.pcollections.keys().all(|id| producers.get(id) == Some(&1)), "{engine}: {producers:?}");
        for collection in components.pcollections.values() {
            assert!(components.coders.contains_key(&collection.coder_id));
            assert!(components.windowing_strategies.contains_key(&collection.windowing_strategy_id));
        }
        let mut parts = components.coders.values().flat_map(|coder| &coder.component_coder_ids);
        assert!(parts.all(|id| components.coders.contains_key(id)));
    }
}

fn combine(graph: &Graph, engine: Engine) -> (pb::Components, pb::PTransform) {
    let components = lowered(graph, engine);
    let combine = by_name(&components, "Sum").clone();
    (components, combine)
}

/// 10.
#[test]
fn combines_are_lifted_for_those_who_do_not() {
    let graph = graph(|root| root.create([(1u64, 2u64)]).combine_per_key(sum()).named("Sum").discard());
    for engine in [Flink, Spark] {
        let (components, combine) = combine(&graph, engine);
        let parts: Vec<_> = combine.subtransforms.iter().map(|id| &components.transforms[id]).collect();
        let expected = [
            urns::COMBINE_PER_KEY_PRECOMBINE,
            urns::GROUP_BY_KEY,
            urns::COMBINE_PER_KEY_MERGE_ACCUMULATORS,
            urns::COMBINE_PER_KEY_EXTRACT_OUTPUTS,
        ];
        assert!(parts.iter().map(|part| urn(part)).eq(expected));
        for part in parts.iter().filter(|part| urn(part) != urns::GROUP_BY_KEY) {
            assert_eq!(part.spec.as_ref().unwrap().payload, combine.spec.as_ref().unwrap().payload);
            let payload = pb::CombinePayload::decode(&part.spec.as_ref().unwrap().payload[..]).unwrap();
            assert_eq!(FnRef::decode(&payload.combine_fn.unwrap().payload[..]).unwrap().step, "Sum");
        }
        assert!(
            parts[0].inputs.values().eq(combine.inputs.values())
                && parts[3].outputs.values().eq(combine.outputs.values())
        );
        let shape = |collection: &String| {
            let coder = |id: &String| &components.coders[id];
            let urn = |id: &String| coder(id).spec.as_ref().unwrap().urn.clone();
            let pair = &components.pcollections[collection].coder_id;
            let value = &coder(pair).component_coder_ids[1];
            (urn(pair), urn(value), coder(value).component_coder_ids.iter().map(urn).collect::<Vec<_>>())
        };
        let (kv, varint, none) = (coders::KV.to_owned(), coders::VARINT.to_owned(), Vec::new());
        assert_eq!(shape(&parts[0].outputs["out"]), (kv.clone(), varint.clone(), none.clone()));
        assert_eq!(shape(&parts[1].outputs["out"]), (kv.clone(), coders::ITERABLE.to_owned(), vec![varint.clone()]));
        assert_eq!(shape(&parts[2].outputs["out"]), (kv, varint, none));
    }
}

/// 10.
#[test]
fn prism_gets_the_composite_and_the_place_where_its_parts_run() {
    let graph = graph(|root| root.create([(1u64, 2u64)]).combine_per_key(sum()).named("Sum").discard());
    let (components, combine) = combine(&graph, Prism);
    assert_eq!((urn(&combine), combine.environment_id.as_str()), (urns::COMBINE_PER_KEY, "rust"));
    let parts: Vec<_> = combine.subtransforms.iter().map(|id| urn(&components.transforms[id])).collect();
    assert_eq!(parts, [urns::GROUP_BY_KEY, urns::PAR_DO]);
}

/// Collects all: nothing is gained before the shuffle.
#[derive(Clone)]
struct All;

impl CombineFn for All {
    type In = u64;
    type Acc = Vec<u64>;
    type Out = Vec<u64>;
    const LIFTS: bool = false;

    fn create_accumulator(&self) -> Vec<u64> {
        Vec::new()
    }
    fn add_input(&self, all: &mut Vec<u64>, x: u64) {
        all.push(x);
    }
    fn merge_accumulators(&self, all: &mut Vec<u64>, more: Vec<u64>) {
        all.extend(more);
    }
    fn extract_output(&self, all: Vec<u64>) -> Vec<u64> {
        all
    }
}

/// 10: elements that are counted, or keep their times, must not be combined before; nor where it gains nothing.
#[test]
fn what_must_not_be_lifted_is_a_grouping_and_a_step() {
    let counted = graph(|root| {
        let windows = FixedWindows::of(seconds(1)).trigger(repeatedly(after_count(2))).accumulating();
        root.create([(1u64, 2u64)]).window(windows).combine_per_key(sum()).named("Sum").discard();
    });
    let timed = graph(|root| {
        let windows = FixedWindows::of(seconds(1)).timestamp_combiner(TimestampCombiner::Latest);
        root.create([(1u64, 2u64)]).window(windows).combine_per_key(sum()).named("Sum").discard();
    });
    let all = graph(|root| root.create([(1u64, 2u64)]).combine_per_key(All).named("Sum").discard());
    for graph in [counted, timed, all] {
        for engine in [Prism, Flink, Spark, Other] {
            let (components, combine) = combine(&graph, engine);
            let parts: Vec<_> = combine.subtransforms.iter().map(|id| urn(&components.transforms[id])).collect();
            assert_eq!(parts, [urns::GROUP_BY_KEY, urns::PAR_DO]);
            assert_eq!((combine.spec, combine.environment_id.as_str()), (None, ""));
        }
    }
}

/// 12.
#[test]
fn side_inputs_say_how_they_are_looked_at() {
    let components = lowered(&graph(everything), Flink);
    let mut patterns = Vec::new();
    for transform in components.transforms.values().filter(|t| urn(t) == urns::PAR_DO) {
        let payload = pb::ParDoPayload::decode(&transform.spec.as_ref().unwrap().payload[..]).unwrap();
        for (name, side) in payload.side_inputs {
            assert!(side.view_fn.is_some() && side.window_mapping_fn.is_some());
            let pattern = side.access_pattern.unwrap().urn;
            let collection = &components.pcollections[&transform.inputs[&name]];
            let coder = components.coders[&collection.coder_id].spec.as_ref().unwrap();
            assert!(pattern != side_inputs::MULTIMAP || coder.urn == coders::KV);
            patterns.push(pattern);
        }
    }
    assert!([side_inputs::ITERABLE, side_inputs::MULTIMAP].iter().all(|p| patterns.iter().any(|found| found == p)));
}

/// 5: engines fail if the inputs of a Flatten have coders of different ids.
#[test]
fn the_inputs_of_a_flatten_have_one_coder() {
    let components = lowered(&graph(everything), Flink);
    let flattens = components.transforms.values().filter(|t| urn(t) == urns::FLATTEN);
    for flatten in flattens.filter(|t| t.inputs.len() > 1) {
        let coders = flatten.inputs.values().map(|id| &components.pcollections[id].coder_id);
        assert_eq!(coders.collect::<BTreeSet<_>>().len(), 1);
    }
}

/// 11 and 13: what spreads or keeps apart is there.
#[test]
fn a_source_spreads_its_restrictions() {
    struct Two;
    impl Source for Two {
        type Out = u64;
        type Restriction = OffsetRange;
        type Reader = ();

        fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
            Ok(vec![OffsetRange::new(0, 2)])
        }
        fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
            Ok(())
        }
        fn read(&self, _: &mut (), _: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
            Ok(())
        }
    }
    let graph = graph(|root| root.read(Two).named("Two").discard());
    let pipeline = lower(&graph, Flink, external("x:1")).unwrap();
    assert_eq!(pipeline.requirements, [requirements::REQUIRES_SPLITTABLE_DOFN]);
    let components = pipeline.components.unwrap();
    let parts = by_name(&components, "Two").subtransforms.iter().map(|id| urn(&components.transforms[id]));
    assert!(parts.eq([urns::IMPULSE, urns::PAR_DO, urns::RESHUFFLE, urns::PAR_DO]));
    let read = by_name(&components, "Two/Read").spec.as_ref().unwrap().payload.clone();
    let coder = pb::ParDoPayload::decode(Bytes::clone(&read)).unwrap().restriction_coder_id;
    assert_eq!(components.coders[&coder].spec.as_ref().unwrap().urn, coders::KV, "restriction and estimator");
}

#[test]
fn what_an_engine_would_misread_is_behind_a_length() {
    let nested = graph(|root| root.create([(1u64, Some(Some(1u64)))]).group_by_key().discard());
    let behind = |engine, outer: &str| {
        let components = lowered(&nested, engine);
        let of = |id: &str| components.coders[id].spec.as_ref().unwrap().urn.clone();
        let outer = components.coders.values().filter(|coder| coder.spec.as_ref().unwrap().urn == outer);
        let inner: BTreeSet<_> = outer.flat_map(|coder| &coder.component_coder_ids).map(|id| of(id)).collect();
        inner
    };
    for engine in [Flink, Spark] {
        for outer in [coders::NULLABLE, coders::KV] {
            assert!(!behind(engine, outer).contains(coders::NULLABLE));
            assert!(behind(engine, outer).contains(coders::LENGTH_PREFIX));
        }
    }
    assert!(behind(Prism, coders::NULLABLE).contains(coders::NULLABLE));
}

#[test]
fn nobody_else_takes_the_inputs_of_a_flatten_where_that_breaks_the_graph() {
    let graph = graph(|root| {
        let some = root.create([(1u64, 1u64)]);
        flatten([&some, &some, &some.reshuffle()]).named("Both").discard();
        some.group_by_key().discard();
    });
    for engine in [Flink, Spark] {
        let components = lowered(&graph, engine);
        let join = by_name(&components, "Both/Join");
        let takes = |id: &String| components.transforms.values().filter(|t| t.inputs.values().any(|i| i == id)).count();
        assert_eq!((urn(join), join.inputs.len()), (urns::FLATTEN, 3));
        assert!(join.inputs.values().all(|input| takes(input) == 1));
        let before = by_name(&components, "Both/in0");
        assert_eq!(FnRef::of(before).unwrap().step, "Both");
        assert_eq!(by_name(&components, "Both").subtransforms.len(), 4);
        assert!(components.pcollections.values().all(|c| components.coders.contains_key(&c.coder_id)));
    }
    assert_eq!(urn(by_name(&lowered(&graph, Prism), "Both")), urns::FLATTEN);
}
