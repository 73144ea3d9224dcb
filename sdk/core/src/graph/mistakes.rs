//! What is wrong with a pipeline, told when it is built: a step gets its name after it was added.

use super::StepName;
use super::builder::{Builder, Node, NodeId};
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::Arc;

/// The text of a mistake.
type Telling = Box<dyn FnOnce(&Names<'_>) -> String>;

/// Mistakes in the order in which they were found.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<Telling>);

impl Mistakes {
    pub(crate) fn add(&mut self, telling: impl FnOnce(&Names<'_>) -> String + 'static) {
        self.0.push(Box::new(telling));
    }

    /// All of them, each once: several parts of one composite may have the same.
    pub(crate) fn tell(self, names: &Names<'_>) -> Vec<String> {
        let mut told = BTreeSet::new();
        let texts = self.0.into_iter().map(|telling| telling(names));
        texts.filter(|text| told.insert(text.clone())).collect()
    }
}

/// Who has reserved something: a composite, or what stands at a place.
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    composite: Option<NodeId>,
    at: &'static Location<'static>,
}

/// How the user calls the steps.
pub(crate) struct Names<'a> {
    pub(crate) nodes: &'a [Node],
    pub(crate) names: &'a [Arc<str>],
}

impl Names<'_> {
    /// The name and place of the step that the user wrote: of a part of a built-in composite it is that composite.
    pub(crate) fn step(&self, node: NodeId) -> StepName {
        let built_in = |&node: &NodeId| self.nodes[node].scope.filter(|&scope| !self.nodes[scope].is_users);
        let written = std::iter::successors(Some(node), built_in).last().unwrap_or(node);
        StepName { name: self.names[written].clone(), at: self.nodes[written].at }
    }

    fn owner(&self, Owner { composite, at }: Owner) -> String {
        let place = || format!("{}:{}", at.file(), at.line());
        composite.map_or_else(place, |composite| self.step(composite).to_string())
    }
}

impl Builder {
    /// A mistake at a place that is no step.
    pub(crate) fn mistake(&mut self, at: &Location<'_>, text: impl AsRef<str>) {
        let at = self.place.unwrap_or(at);
        let text = format!("{}:{}: {}", at.file(), at.line(), text.as_ref());
        self.mistakes.add(|_| text);
    }

    /// A mistake of a step, which gets the name that it has in the end.
    pub(crate) fn mistake_of(&mut self, node: NodeId, text: impl Into<String>) {
        let text = text.into();
        self.mistakes.add(move |names| format!("{}: {text}", names.step(node)));
    }

    /// A mistake at a place, about a step.
    pub(crate) fn mistake_about(&mut self, at: &Location<'_>, text: impl Into<String>, node: NodeId) {
        let (at, text) = (self.place.unwrap_or(at), text.into());
        let text = format!("{}:{}: {text}", at.file(), at.line());
        self.mistakes.add(move |names| format!("{text} {}", names.step(node)));
    }

    /// A step cannot look at a side input.
    pub(crate) fn mistake_of_side(&mut self, node: NodeId, maker: NodeId, why: impl Into<String>) {
        let why = why.into();
        self.mistakes.add(move |names| {
            let (step, maker) = (names.step(node), names.step(maker));
            format!("{step}: it looks at a side input, made by {maker}, {why}")
        });
    }

    /// A grouping would never emit anything.
    pub(crate) fn mistake_of_grouping(&mut self, node: NodeId, why: &'static str) {
        self.mistake_of(node, why);
        self.never_emit.insert(node);
    }

    /// Reserves something for the composite that is open, or for what stands at a place.
    pub(crate) fn reserve(&mut self, what: String, at: &'static Location<'static>) {
        let owner = Owner { composite: self.scope, at: self.place.unwrap_or(at) };
        if let Some(earlier) = self.reserved.insert(what.clone(), owner) {
            self.mistakes.add(move |names| {
                format!("{}: {what} belong to another step, {}", names.owner(owner), names.owner(earlier))
            });
        }
    }
}
