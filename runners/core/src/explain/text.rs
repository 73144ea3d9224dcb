//! For people: the tree of steps as they were written, then what runs together.

use super::facts::Facts;
use crate::fuse::{Plan, urn};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use std::fmt::Write;

pub(super) fn text(graph: &Graph, plan: &Plan) -> Result<String> {
    let mut out = format!("Pipeline {:016x}\n\nSteps\n", graph.fingerprint());
    let width = widest(graph, &graph.proto().root_transform_ids, 0)?;
    for id in &graph.proto().root_transform_ids {
        step(graph, id, 1, width, &mut out)?;
    }
    let name = |id: &str| graph.transform(id).map(|transform| transform.unique_name.as_str());
    out += "\nStages\n";
    for (i, stage) in plan.stages.iter().enumerate() {
        let kind = if stage.splittable.is_some() { "works in parts on" } else { "takes" };
        line(&mut out, format_args!("  {}. {kind} {}", i + 1, origin(graph, &stage.input)));
        for transform in &stage.transforms {
            line(&mut out, format_args!("       {}", name(transform)?));
            add_facts(graph, transform, "         ", &mut out)?;
        }
        for side in &stage.sides {
            line(&mut out, format_args!("     waits for the side input {}", origin(graph, &side.collection)));
        }
        for output in &stage.outputs {
            line(&mut out, format_args!("     makes {}", origin(graph, output)));
        }
    }
    if [&plan.groupings, &plan.reshuffles, &plan.flattens, &plan.late_outputs].iter().any(|kind| !kind.is_empty()) {
        out += "\nBetween the stages\n";
    }
    for grouping in &plan.groupings {
        let input = origin(graph, &grouping.input);
        line(&mut out, format_args!("  {} groups {input}", name(&grouping.transform)?));
        add_facts(graph, &grouping.transform, "     ", &mut out)?;
    }
    for reshuffle in &plan.reshuffles {
        let input = origin(graph, &reshuffle.input);
        line(&mut out, format_args!("  {} redistributes {input}", name(&reshuffle.transform)?));
    }
    for inputs in plan.flattens.chunk_by(|a, b| a.transform == b.transform) {
        if let Some(flatten) = inputs.first() {
            let inputs: Vec<_> = inputs.iter().map(|junction| origin(graph, &junction.input)).collect();
            line(&mut out, format_args!("  {} unites {}", name(&flatten.transform)?, inputs.join(", ")));
        }
    }
    for late in &plan.late_outputs {
        let input = origin(graph, &late.input);
        line(&mut out, format_args!("  {} keeps what groupings of {input} drop", name(&late.transform)?));
    }
    Ok(out)
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn add_facts(graph: &Graph, transform: &str, indent: &str, out: &mut String) -> Result<()> {
    let facts = Facts::of(graph, transform)?;
    facts.lines().iter().for_each(|fact| line(out, format_args!("{indent}{fact}")));
    Ok(())
}

/// A collection is called after the step that makes it.
pub(super) fn origin(graph: &Graph, collection: &str) -> String {
    let name = graph.components().pcollections.get(collection).map_or(collection, |c| &c.unique_name);
    format!("`{}`", name.strip_suffix(".out").unwrap_or(name))
}

fn local(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn widest(graph: &Graph, ids: &[String], depth: usize) -> Result<usize> {
    let mut widest = 0;
    for id in ids {
        let transform = graph.transform(id)?;
        let own = local(&transform.unique_name).chars().count() + 2 * depth;
        widest = widest.max(own).max(self::widest(graph, &transform.subtransforms, depth + 1)?);
    }
    Ok(widest)
}

fn step(graph: &Graph, id: &str, depth: usize, width: usize, out: &mut String) -> Result<()> {
    let transform = graph.transform(id)?;
    let indent = "  ".repeat(depth);
    let label = format!("{indent}{}", local(&transform.unique_name));
    let types: Vec<_> = transform
        .outputs
        .values()
        .map(|c| graph.coder(c).map(|coder| short(coder.type_name())))
        .collect::<Result<_>>()?;
    let kind = urn(transform).trim_start_matches("beam:transform:").trim_end_matches(":v1");
    let at =
        graph.step_name(transform).map(|name| format!("{}:{}", name.at.file(), name.at.line())).unwrap_or_default();
    let text = format!("{label:w$}  {kind:16}  {:40}  {at}", types.join(", "), w = width + 2);
    line(out, format_args!("{}", text.trim_end()));
    transform.subtransforms.iter().try_for_each(|part| step(graph, part, depth + 1, width, out))
}

/// `(alloc::string::String, u64)` is `(String, u64)`.
fn short(type_name: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in type_name.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' || c == ':' {
            word.push(c);
        } else {
            out += word.rsplit("::").next().unwrap_or(&word);
            word.clear();
            out.push(c);
        }
    }
    out.truncate(out.len() - 1);
    out
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn types_are_shown_without_paths() {
        assert_eq!(short("(alloc::string::String, core::option::Option<u64>)"), "(String, Option<u64>)");
    }
}
