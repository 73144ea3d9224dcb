//! Fusion: whatever the graph, every step is somewhere, once, and no stage waits for itself.

use ferrobeam_conformance::generated::pipelines;
use ferrobeam_core::graph::{Graph, StepCode};
use ferrobeam_core::prelude::*;
use ferrobeam_core::runner::Runner;
use ferrobeam_direct::DirectRunner;
use ferrobeam_model::urns::transforms as urns;
use ferrobeam_runner_core::fuse::{Plan, fuse, fuse_but, inputs, urn};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The steps that a runner must run, found without the help of fusion: the leaves, and what stands for its parts.
fn steps(graph: &Graph) -> BTreeSet<String> {
    let (mut found, mut todo) = (BTreeSet::new(), graph.proto().root_transform_ids.clone());
    while let Some(id) = todo.pop() {
        let transform = graph.transform(&id).unwrap();
        let is_grouping = matches!(graph.code(transform).unwrap(), Some(StepCode::Grouping(_)));
        if transform.subtransforms.is_empty() || is_grouping || urn(transform) == urns::RESHUFFLE {
            // A composite of nothing is no step.
            found.extend(transform.spec.is_some().then_some(id));
        } else {
            todo.extend(transform.subtransforms.iter().cloned());
        }
    }
    found
}

/// How often each step occurs in the plan; a flatten between stages occurs once for all of its inputs.
fn places(graph: &Graph, plan: &Plan) -> BTreeMap<String, usize> {
    let staged = plan.stages.iter().flat_map(|stage| stage.transforms.iter().cloned());
    let junctions = plan.groupings.iter().chain(&plan.reshuffles).map(|junction| junction.transform.clone());
    let flattens: BTreeSet<String> = plan.flattens.iter().map(|junction| junction.transform.clone()).collect();
    let is_impulse = |id: &&String| urn(graph.transform(id).unwrap()) == urns::IMPULSE;
    let begun = plan.impulses.iter().flat_map(|collection| {
        let makes = |id: &&String| graph.transform(id).unwrap().outputs.values().any(|output| output == collection);
        graph.components().transforms.keys().filter(is_impulse).filter(makes).cloned().collect::<Vec<_>>()
    });
    let mut places = BTreeMap::new();
    staged.chain(junctions).chain(flattens).chain(begun).for_each(|id| *places.entry(id).or_default() += 1);
    places
}

/// What must be done before what: collections and stages, each by name, to what they wait for.
fn waits(plan: &Plan) -> BTreeMap<String, Vec<String>> {
    let mut waits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (i, stage) in plan.stages.iter().enumerate() {
        let sides = stage.sides.iter().map(|side| side.collection.clone());
        waits.entry(format!("stage {i}")).or_default().extend(sides.chain([stage.input.clone()]));
        for output in &stage.outputs {
            waits.entry(output.clone()).or_default().push(format!("stage {i}"));
        }
    }
    for junction in plan.groupings.iter().chain(&plan.reshuffles).chain(&plan.flattens) {
        waits.entry(junction.output.clone()).or_default().push(junction.input.clone());
    }
    waits
}

/// What can be done, one after the other, until nothing more can.
fn doable(waits: &BTreeMap<String, Vec<String>>) -> BTreeSet<String> {
    let mut done: BTreeSet<String> = BTreeSet::new();
    loop {
        let ready = |name: &String| !waits.contains_key(name) || done.contains(name);
        let next = waits.iter().filter(|(name, before)| !done.contains(*name) && before.iter().all(ready));
        let next: Vec<String> = next.map(|(name, _)| name.clone()).collect();
        if next.is_empty() {
            return done;
        }
        done.extend(next);
    }
}

fn check(graph: &Graph, plan: &Plan) -> Result<(), TestCaseError> {
    let places = places(graph, plan);
    prop_assert_eq!(places.keys().cloned().collect::<BTreeSet<_>>(), steps(graph), "a step is missing or surplus");
    prop_assert!(places.values().all(|times| *times == 1), "a step is in two places: {places:?}");
    let waits = waits(plan);
    prop_assert_eq!(doable(&waits).len(), waits.len(), "something waits for itself: {:?}", waits);
    // Who makes a collection outside of stages, or in which stage it is made.
    let mut made: BTreeMap<&str, Option<usize>> = plan.impulses.iter().map(|c| (c.as_str(), None)).collect();
    let junctions: Vec<_> = plan.groupings.iter().chain(&plan.reshuffles).chain(&plan.flattens).collect();
    made.extend(junctions.iter().map(|junction| (junction.output.as_str(), None)));
    for (i, stage) in plan.stages.iter().enumerate() {
        let mut here = BTreeSet::from([stage.input.as_str()]);
        for id in &stage.transforms {
            let transform = graph.transform(id).unwrap();
            let main = inputs(id, transform).1;
            prop_assert!(main.iter().all(|input| here.contains(input.as_str())), "a step before its input: {id}");
            here.extend(transform.outputs.values().map(String::as_str));
            made.extend(transform.outputs.values().map(|output| (output.as_str(), Some(i))));
        }
        prop_assert!(!stage.transforms.is_empty(), "an empty stage");
        let first = stage.splittable.as_ref().or(stage.stateful.as_ref());
        prop_assert!(first.is_none_or(|first| stage.transforms.first() == Some(first)));
    }
    // What somebody outside of its stage takes leaves the stage, and nothing else does.
    let mut leaving: Vec<BTreeSet<String>> = vec![BTreeSet::new(); plan.stages.len()];
    let sides = plan.stages.iter().flat_map(|stage| stage.sides.iter().map(|side| &side.collection));
    let taken = sides.chain(plan.stages.iter().map(|stage| &stage.input)).chain(junctions.iter().map(|j| &j.input));
    for collection in taken {
        let home = made.get(collection.as_str());
        prop_assert!(home.is_some(), "nobody makes {collection}");
        if let Some(Some(stage)) = home {
            leaving[*stage].insert(collection.clone());
        }
    }
    let outputs: Vec<_> = plan.stages.iter().map(|stage| stage.outputs.clone()).collect();
    prop_assert_eq!(outputs, leaving);
    Ok(())
}

fn build(construct: impl Fn(&Root)) -> (Graph, Plan) {
    let graph = Root::build(|root| {
        construct(root);
        Ok(())
    });
    let graph = graph.unwrap();
    let plan = fuse(&graph).unwrap();
    (graph, plan)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_step_is_in_one_place_and_nothing_waits_for_itself(pipeline in pipelines(25)) {
        let graph = Root::build(|root| pipeline.construct(root)).unwrap();
        check(&graph, &fuse(&graph).unwrap())?;
    }

    #[test]
    fn stages_may_be_cut_before_any_step(pipeline in pipelines(25), cuts in prop::collection::vec(any::<bool>(), 1..25)) {
        let graph = Root::build(|root| pipeline.construct(root)).unwrap();
        let (mut cuts, mut asked, mut cut) = (cuts.iter().cycle(), BTreeSet::new(), BTreeSet::new());
        let is_cut_off = |id: &str| {
            assert!(asked.insert(id.to_owned()), "asked twice about {id}");
            let is_cut_off = cuts.next() == Some(&true);
            cut.extend(is_cut_off.then(|| id.to_owned()));
            is_cut_off
        };
        let plan = fuse_but(&graph, is_cut_off).unwrap();
        check(&graph, &plan)?;
        let first = plan.stages.iter().filter_map(|stage| stage.transforms.first().cloned()).collect::<BTreeSet<_>>();
        prop_assert!(cut.is_subset(&first), "{cut:?} do not all begin a stage: {first:?}");
    }

    #[test]
    fn a_fused_pipeline_computes_what_its_steps_do(pipeline in pipelines(20), seed in 0..1000u64) {
        let runner: &dyn Runner = &DirectRunner::new().seed(seed);
        let result = runner.run(|root| pipeline.construct(root));
        prop_assert!(result.is_ok(), "{}", result.unwrap_err());
    }
}

#[test]
fn a_chain_and_its_branches_are_one_stage() {
    let (graph, plan) = build(|root| {
        let numbers = root.create([1u64]).map(|x| x + 1);
        let (even, odd) = (numbers.filter(|x| x % 2 == 0), numbers.filter(|x| x % 2 == 1));
        flatten([&even, &odd, &even]).map(|x| x * 2).discard();
    });
    assert_eq!((plan.stages.len(), plan.flattens.len()), (1, 0));
    check(&graph, &plan).unwrap();
}

#[test]
fn consumers_of_one_collection_between_stages_share_a_stage() {
    let (graph, plan) = build(|root| {
        let groups = root.create([(1u64, 2u64)]).group_by_key();
        groups.map(|(key, _)| key).discard();
        groups.map(|(_, group)| group.iter().count()).discard();
    });
    assert_eq!(plan.stages.len(), 2);
    check(&graph, &plan).unwrap();
}

#[test]
fn a_side_input_out_of_the_same_stage_splits_it() {
    let (graph, plan) = build(|root| {
        let numbers = root.create([1u64, 2]);
        let largest = numbers.map(|x| x + 1);
        // By a detour through another stage as well.
        let detour = largest.map_with(numbers.as_iterable(), |x, all| x + all.len() as u64);
        numbers
            .map_with((largest.as_iterable(), detour.as_iterable()), |x, (a, b)| x + (a.len() + b.len()) as u64)
            .discard();
    });
    assert_eq!(plan.stages.len(), 3);
    check(&graph, &plan).unwrap();
}

#[test]
fn a_side_input_of_somebody_else_does_not_split() {
    let (graph, plan) = build(|root| {
        let other = root.create([1u64]).as_singleton();
        root.create([2u64]).map(|x| x + 1).map_with(other, |x, y| x + y).map(|x| x + 1).discard();
    });
    assert_eq!(plan.stages.len(), 2);
    check(&graph, &plan).unwrap();
}

#[test]
fn a_chain_too_long_for_the_stack_is_cut() {
    let (graph, plan) = build(|root| (0..1000).fold(root.create([1u64]), |c, _| c.map(|x| x + 1)).discard());
    assert!(plan.stages.len() > 1);
    check(&graph, &plan).unwrap();
    let runner: &dyn Runner = &DirectRunner::new().seed(1);
    assert!(runner.run_graph(&graph).is_ok());
}
