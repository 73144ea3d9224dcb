use super::*;
use crate::engine::Engine::{Flink, Other, Prism, Spark};
use crate::job::environment::external;
use bytes::Bytes;
use ferrobeam_core::combiners::{CombineFn, sum};
use ferrobeam_core::graph::FnRef;
use ferrobeam_core::prelude::*;
use ferrobeam_core::time::seconds;
use ferrobeam_model::urns::{coders, environments, requirements, side_inputs, transforms as urns};
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

#[test]
fn only_the_environment_changes_with_the_environment() {
    let graph = graph(everything);
    let mut real = external("localhost:50000");
    real.capabilities = vec!["beam:protocol:progress_reporting:v1".to_owned()];
    let (one, other) = (lower(&graph, Other, real).unwrap(), lower(&graph, Other, Default::default()).unwrap());
    let environment = &one.components.as_ref().unwrap().environments["rust"];
    assert_eq!(environment.urn, environments::EXTERNAL);
    let payload = pb::ExternalPayload::decode(&environment.payload[..]).unwrap();
    assert_eq!(payload.endpoint.unwrap().url, "localhost:50000");
    let announced: BTreeSet<_> = environment.capabilities.iter().cloned().collect();
    assert!(announced.contains(coders::KV) && announced.contains("beam:protocol:progress_reporting:v1"));
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
            let is_ours = is_ours || [Flink, Spark].contains(&engine) && urn(transform) == urns::FLATTEN;
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
    let components = lowered(&graph, Flink);
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
