//! What construction writes into Beam's proto.

use super::{FnRef, Graph};
use crate::prelude::*;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;
use std::collections::BTreeSet;

fn built(construct: impl FnOnce(&Root)) -> Graph {
    Root::build(|root| {
        construct(root);
        Ok(())
    })
    .unwrap()
}

fn refused(construct: impl FnOnce(&Root)) -> String {
    let result = Root::build(|root| {
        construct(root);
        Ok(())
    });
    result.map(drop).unwrap_err().to_string()
}

fn named<'a>(graph: &'a Graph, name: &str) -> &'a pb::PTransform {
    graph.components().transforms.values().find(|transform| transform.unique_name == name).unwrap()
}

fn words(root: &Root) -> PCollection<(String, u64)> {
    root.create([("a".to_owned(), 1u64)]).combine_per_key(sum())
}

#[test]
fn the_same_construction_has_the_same_bytes_wherever_it_stands() {
    let one = built(|root| words(root).map(|(word, _)| word).discard());
    let other = built(|root| {
        words(root) //
            .map(|(word, _)| word)
            .discard();
    });
    assert_eq!(one.fingerprint(), other.fingerprint());
    assert_ne!(one.proto(), other.proto(), "lines are shown");
    let renamed = built(|root| words(root).map(|(word, _)| word).named("Word").discard());
    assert_ne!(one.fingerprint(), renamed.fingerprint());
}

#[test]
fn names_are_paths_with_positions() {
    let graph = built(|root| {
        let a = root.create([1u64]).map(|x| x).map(|x| x);
        a.then(|a| a.filter(|_| true).named("Keep")).discard();
    });
    let names: BTreeSet<_> = graph.components().transforms.values().map(|t| t.unique_name.as_str()).collect();
    let expected = ["Create", "Create/Elements", "Create/Impulse", "Map", "Map#2", "Then", "Then/Keep"];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn every_function_carries_its_step_and_the_fingerprint() {
    let graph = built(|root| {
        let total = words(root).map(|(_, n)| n).combine_globally(sum()).as_singleton();
        let words = words(root).window(FixedWindows::of(crate::time::hours(1))).reshuffle();
        words.map_with(total, |(_, n), total| n + total).discard();
    });
    for transform in graph.components().transforms.values() {
        let urn = transform.spec.as_ref().map_or("", |spec| &spec.urn);
        let sdk = [urns::transforms::PAR_DO, urns::transforms::ASSIGN_WINDOWS].contains(&urn);
        assert_eq!(transform.environment_id.is_empty(), !sdk, "{}", transform.unique_name);
        if sdk || urn == urns::transforms::COMBINE_PER_KEY {
            let expected = FnRef { step: transform.unique_name.clone(), fingerprint: graph.fingerprint() };
            assert_eq!(FnRef::of(transform), Some(expected));
        }
    }
    let spec = named(&graph, "Map#2").spec.clone().unwrap();
    let payload: pb::ParDoPayload = prost::Message::decode(spec.payload).unwrap();
    let side = payload.side_inputs.values().next().unwrap();
    assert_eq!(side.access_pattern.as_ref().unwrap().urn, urns::side_inputs::ITERABLE);
    assert!(side.view_fn.is_some() && side.window_mapping_fn.is_some());
}

#[test]
fn coders_and_windowings_are_there_once() {
    let graph = built(|root| {
        let (a, b) = (root.create([(1u64, 2u64)]), root.create([(3u64, 4u64)]));
        flatten([&a, &b]).group_by_key().discard();
    });
    let components = graph.components();
    let bytes: BTreeSet<_> = components.coders.values().map(prost::Message::encode_to_vec).collect();
    assert_eq!(bytes.len(), components.coders.len());
    let flatten = named(&graph, "Flatten");
    let coders: BTreeSet<_> = flatten.inputs.values().map(|id| &components.pcollections[id].coder_id).collect();
    assert_eq!(coders.len(), 1, "engines fail if the inputs of a Flatten have several");
    let [strategy] = components.windowing_strategies.values().collect::<Vec<_>>()[..] else { panic!("one windowing") };
    assert!(strategy.window_fn.is_some() && strategy.trigger.is_some() && !strategy.window_coder_id.is_empty());
    let enums = [strategy.merge_status, strategy.accumulation_mode, strategy.output_time, strategy.closing_behavior];
    assert!(enums.iter().all(|value| *value != 0) && strategy.on_time_behavior != 0, "nothing is left unspecified");
}

#[test]
fn composites_know_what_crosses_their_border() {
    let graph = built(|root| words(root).map(|(_, n)| n).discard());
    let combine = named(&graph, "CombinePerKey");
    assert_eq!(combine.inputs["in"], named(&graph, "Create").outputs["out"]);
    assert_eq!(combine.outputs["out"], named(&graph, "CombinePerKey/CombineValues").outputs["out"]);
    assert_eq!(combine.outputs["out"], named(&graph, "Map").inputs["in"]);
    assert_eq!(combine.subtransforms.len(), 2);
}

#[test]
fn a_source_is_a_splittable_do_fn_behind_a_reshuffle() {
    struct Empty;
    impl Source for Empty {
        type Out = u64;
        type Restriction = OffsetRange;
        type Reader = ();
        fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
            Ok(Vec::new())
        }
        fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
            Ok(())
        }
        fn read(&self, (): &mut (), _: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
            Ok(())
        }
    }
    let graph = built(|root| root.read(Empty).discard());
    assert_eq!(graph.proto().requirements, [urns::requirements::REQUIRES_SPLITTABLE_DOFN]);
    let read = named(&graph, "Read/Read").spec.clone().unwrap();
    let payload: pb::ParDoPayload = prost::Message::decode(read.payload).unwrap();
    assert!(graph.components().coders.contains_key(&payload.restriction_coder_id));
    assert_eq!(named(&graph, "Read/Reshuffle").outputs["out"], named(&graph, "Read/Read").inputs["in"]);
}

#[test]
fn mistakes_are_told_with_their_lines() {
    const LOST: Tag<u64> = Tag::new("lost");
    #[derive(Clone)]
    struct Nothing;
    impl DoFn for Nothing {
        type In = u64;
        type Out = u64;
        fn process(&mut self, _: u64, _: &mut Context<'_, u64>) -> Result<(), BoxError> {
            Ok(())
        }
    }
    let error = refused(|root| {
        let a = root.create([1u64]);
        a.map(|x| x).named("Same").discard();
        a.map(|x| x).named("Same").discard();
        a.par_do_tagged(Nothing, &LOST).main().discard();
        a.par_do(Nothing).named("").discard();
    });
    assert!(error.contains("two steps are named `Same`; the other is at sdk/core/src/graph/tests.rs:"), "{error}");
    assert!(error.contains("`ParDo` (sdk/core/src/graph/tests.rs:"), "{error}");
    assert!(error.contains("the name of a step is empty; its verb is `ParDo`"), "{error}");
    assert_eq!(error.matches("\n  - sdk/core/src/graph/tests.rs:").count(), 2, "{error}");
}

#[test]
fn outputs_are_fetched_as_they_were_declared() {
    const NUMBERS: Tag<u64> = Tag::new("numbers");
    const WORDS: Tag<String> = Tag::new("numbers");
    #[derive(Clone)]
    struct Nothing;
    impl DoFn for Nothing {
        type In = u64;
        type Out = u64;
        fn process(&mut self, _: u64, _: &mut Context<'_, u64>) -> Result<(), BoxError> {
            Ok(())
        }
    }
    let error = refused(|root| {
        let outputs = root.create([1u64]).par_do_tagged(Nothing, &NUMBERS);
        outputs.get(&NUMBERS).discard();
        outputs.get(&WORDS).discard();
    });
    assert!(
        error.contains("graph/tests.rs:")
            && error.contains("`numbers` of this step was declared with another type, at `ParDo` ("),
        "{error}"
    );
}

#[test]
fn what_is_reserved_has_one_owner() {
    let error = refused(|root| {
        root.reserve("the files `a-*`");
        root.reserve("the files `b-*`");
        root.reserve("the files `a-*`");
    });
    assert_eq!(error.matches("belong to another step, sdk/core/src/graph/tests.rs:").count(), 1, "{error}");
    let error = refused(|root| {
        let write = |root: &Root| root.reserve("the files `a-*`");
        root.apply(crate::prelude::named("First", write));
        root.apply(crate::prelude::named("Second", write));
    });
    let line = line!();
    let (first, second) = (format!("tests.rs:{})", line - 3), format!("tests.rs:{})", line - 2));
    assert!(error.contains("- `Second` (") && error.contains(&format!("{second}: the files `a-*`")), "{error}");
    assert!(error.contains("another step, `First` (") && error.contains(&first), "{error}");
}

#[test]
fn collections_of_two_pipelines_do_not_meet() {
    let mut kept = None;
    built(|root| kept = Some(root.create([1u64])));
    let kept = kept.unwrap();
    let error = refused(|root| {
        let mine = root.create([2u64]);
        flatten([&mine, &kept]).discard();
        mine.map_with(kept.as_iterable(), |x, _| x).discard();
    });
    assert_eq!(error.matches("is a collection of another pipeline").count(), 2, "{error}");
    let error = refused(|_| kept.map(|x| x).discard());
    assert!(error.contains("graph/tests.rs:"), "{error}");
    assert!(error.contains("the input of `Map` is a collection of another pipeline"), "{error}");
}

#[test]
fn a_panic_of_the_construction_is_an_error() {
    let error = refused(|_| panic!("no pipeline today"));
    assert!(error.contains("no pipeline today (sdk/core/src/graph/tests.rs:"), "{error}");
}
