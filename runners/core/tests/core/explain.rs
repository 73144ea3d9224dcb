//! Explanations: complete, the same every time, and in the forms that tools read.

use ferrobeam_conformance::generated::pipelines;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::prelude::*;
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
    assert!(stages.contains("  Count groups `Map`;"), "{stages}");
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
    assert_eq!(error, "--explain=yaml: expected text, dot, json or proto");
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
