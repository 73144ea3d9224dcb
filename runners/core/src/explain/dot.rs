//! For Graphviz: a cluster per stage, an edge per collection.

use super::facts::Facts;
use super::text::origin;
use crate::fuse::{Junction, Plan, inputs};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use std::fmt::Write;

pub(super) fn dot(graph: &Graph, plan: &Plan) -> Result<String> {
    let mut out = "digraph pipeline {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n".to_owned();
    for (i, stage) in plan.stages.iter().enumerate() {
        add(&mut out, format_args!("  subgraph cluster_{i} {{ label=\"stage {}\"; style=rounded;", i + 1));
        for id in &stage.transforms {
            node(graph, id, "", &mut out)?;
        }
        out += "  }\n";
    }
    let kinds = [&plan.groupings, &plan.reshuffles, &plan.flattens, &plan.late_outputs];
    let junctions: Vec<&Junction> = kinds.into_iter().flatten().collect();
    let mut shown: Vec<&str> = Vec::new();
    for junction in &junctions {
        if !shown.contains(&junction.transform.as_str()) {
            shown.push(&junction.transform);
            node(graph, &junction.transform, ", style=filled, fillcolor=\"#dde8f5\"", &mut out)?;
        }
    }
    shown.extend(plan.stages.iter().flat_map(|stage| stage.transforms.iter().map(String::as_str)));
    for (id, transform) in &graph.components().transforms {
        if transform.inputs.is_empty() && transform.subtransforms.is_empty() {
            shown.push(id);
            node(graph, id, ", shape=circle", &mut out)?;
        }
    }
    for &id in &shown {
        let (sides, main) = inputs(id, graph.transform(id)?);
        let main = main.iter().map(|collection| (collection, "solid"));
        for (collection, style) in main.chain(sides.iter().map(|side| (&side.collection, "dashed"))) {
            let makers = shown.iter().filter(|maker| makes(graph, maker, collection));
            for maker in makers {
                let label = escape(&origin(graph, collection));
                add(&mut out, format_args!("  \"{maker}\" -> \"{id}\" [style={style}, tooltip=\"{label}\"];"));
            }
        }
    }
    Ok(out + "}\n")
}

fn makes(graph: &Graph, id: &str, collection: &str) -> bool {
    graph.transform(id).is_ok_and(|transform| transform.outputs.values().any(|output| output == collection))
}

fn node(graph: &Graph, id: &str, more: &str, out: &mut String) -> Result<()> {
    let mut label = escape(&graph.transform(id)?.unique_name);
    for fact in Facts::of(graph, id)?.lines() {
        label += &format!("\\n{}", escape(&fact));
    }
    add(out, format_args!("    \"{id}\" [label=\"{label}\"{more}];"));
    Ok(())
}

fn add(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
