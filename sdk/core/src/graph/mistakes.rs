//! What is wrong with a pipeline, told when it is built: a step gets its name after it was added.

use super::StepName;
use super::builder::{Builder, Node, NodeId};
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::Arc;

/// The text of a mistake; none if it only follows from another.
type Telling = Box<dyn FnOnce(&Names<'_>) -> Option<String>>;

/// Mistakes in the order in which they were found.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<Telling>);

impl Mistakes {
    pub(crate) fn add(&mut self, telling: impl FnOnce(&Names<'_>) -> Option<String> + 'static) {
        self.0.push(Box::new(telling));
    }

    /// All of them, each once: several parts of one composite may have the same.
    pub(crate) fn tell(self, names: &Names<'_>) -> Vec<String> {
        let mut told = BTreeSet::new();
        let texts = self.0.into_iter().filter_map(|telling| telling(names));
        texts.filter(|text| told.insert(text.clone())).collect()
    }
}

/// How the user calls the steps.
pub(crate) struct Names<'a> {
    pub(crate) nodes: &'a [Node],
    pub(crate) names: &'a [Arc<str>],
}

impl Names<'_> {
    /// The name and place of the step that the user wrote: of a part of a built-in composite it is that composite.
    pub(crate) fn step(&self, node: NodeId) -> StepName {
        let written = self.written(node);
        StepName { name: self.names[written].clone(), at: self.nodes[written].at }
    }

    /// Tells whether two nodes are one step to the user.
    pub(crate) fn are_one(&self, one: NodeId, other: NodeId) -> bool {
        self.written(one) == self.written(other)
    }

    fn written(&self, node: NodeId) -> NodeId {
        let built_in = |&node: &NodeId| self.nodes[node].scope.filter(|&scope| !self.nodes[scope].is_users);
        std::iter::successors(Some(node), built_in).last().unwrap_or(node)
    }
}

impl Builder {
    /// A mistake at a place that is no step.
    pub(crate) fn mistake(&mut self, at: &Location<'_>, text: impl AsRef<str>) {
        let at = self.place.unwrap_or(at);
        let text = format!("{}:{}: {}", at.file(), at.line(), text.as_ref());
        self.mistakes.add(|_| Some(text));
    }

    /// A mistake of a step, which gets the name that it has in the end.
    pub(crate) fn mistake_of(&mut self, node: NodeId, text: impl Into<String>) {
        let text = text.into();
        self.mistakes.add(move |names| Some(format!("{}: {text}", names.step(node))));
    }

    /// A mistake at a place, about a step.
    pub(crate) fn mistake_about(&mut self, at: &Location<'_>, text: impl Into<String>, node: NodeId) {
        let (at, text) = (self.place.unwrap_or(at), text.into());
        let text = format!("{}:{}: {text}", at.file(), at.line());
        self.mistakes.add(move |names| Some(format!("{text} {}", names.step(node))));
    }

    /// A step cannot look at a side input. The parts of a built-in composite that look at each other are not the user's
    /// concern: what made the side input has a mistake of its own.
    pub(crate) fn mistake_of_side(&mut self, node: NodeId, maker: NodeId, why: impl Into<String>) {
        let why = why.into();
        self.mistakes.add(move |names| {
            let text =
                || format!("{}: it looks at a side input, made by {}, {why}", names.step(node), names.step(maker));
            (!names.are_one(node, maker)).then(text)
        });
    }
}
