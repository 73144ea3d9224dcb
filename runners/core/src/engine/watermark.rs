//! How far time has come at each node of a pipeline.
//!
//! A node is whatever takes elements and makes others: a stage, a grouping, a flatten. A watermark `W` says that nothing
//! with a timestamp before `W` will come. The law: the input watermark of a node is the least of its producers' output
//! watermarks and of the timestamps of elements that wait in front of it; its output watermark is the least of how far it
//! has come itself and of its holds. Neither ever goes back.
//!
//! An element in a running bundle still waits here: what a bundle changes, pending elements and holds among it, is told
//! when it is committed, after its output was told to the consumers. So no schedule makes an element late.
//!
//! ```
//! use ferrobeam_core::Timestamp;
//! use ferrobeam_runner_core::engine::{Passing, Watermarks};
//!
//! let (mut watermarks, at) = (Watermarks::default(), Timestamp::from_millis);
//! let source = watermarks.add(&[], Passing::AtOnce);
//! let grouping = watermarks.add(&[source], Passing::WhenTold);
//! watermarks.hold(source, None, Some(at(50)));
//! watermarks.pending(grouping, None, Some(at(30)));
//! watermarks.refresh(|_, _| false);
//! assert_eq!((watermarks.output(source), watermarks.input(grouping)), (at(50), at(30)));
//!
//! watermarks.pending(grouping, Some(at(30)), None);
//! watermarks.refresh(|_, _| false);
//! assert_eq!((watermarks.input(grouping), watermarks.output(grouping)), (at(50), Timestamp::MIN));
//! // What was due at the grouping is done.
//! watermarks.reached(grouping, at(50));
//! watermarks.refresh(|_, _| false);
//! assert_eq!(watermarks.output(grouping), at(50));
//! ```

use super::Holds;
use ferrobeam_core::Timestamp;

/// The number of a node. Producers have smaller ones than their consumers.
pub type NodeId = usize;

/// When a node has come as far as its input watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// At once: the watermark makes nothing due at it.
    AtOnce,
    /// When the runner says so, having done what was due: fired windows and timers.
    WhenTold,
}

/// The watermarks of all nodes.
#[derive(Clone, Debug, Default)]
pub struct Watermarks(Vec<Node>);

#[derive(Clone, Debug)]
struct Node {
    producers: Vec<NodeId>,
    passing: Passing,
    pending: Holds,
    holds: Holds,
    upstream: Timestamp,
    input: Timestamp,
    reached: Timestamp,
    output: Timestamp,
}

impl Watermarks {
    /// Adds a node behind nodes that were added before; one without producers is at the end of time unless it is held.
    pub fn add(&mut self, producers: &[NodeId], passing: Passing) -> NodeId {
        debug_assert!(producers.iter().all(|producer| *producer < self.0.len()), "producers come first");
        self.0.push(Node {
            producers: producers.to_vec(),
            passing,
            pending: Holds::default(),
            holds: Holds::default(),
            upstream: Timestamp::MIN,
            input: Timestamp::MIN,
            reached: Timestamp::MIN,
            output: Timestamp::MIN,
        });
        self.0.len() - 1
    }

    /// Replaces a timestamp of the elements that wait in front of a node, running bundles included.
    pub fn pending(&mut self, node: NodeId, old: Option<Timestamp>, new: Option<Timestamp>) {
        if let Some(node) = self.0.get_mut(node) {
            node.pending.replace(old, new);
        }
    }

    /// Replaces a hold of a node's output watermark: a timer's output timestamp, a residual's watermark.
    pub fn hold(&mut self, node: NodeId, old: Option<Timestamp>, new: Option<Timestamp>) {
        if let Some(node) = self.0.get_mut(node) {
            node.holds.replace(old, new);
        }
    }

    /// Says that a node has done all that was due at an input watermark.
    pub fn reached(&mut self, node: NodeId, input: Timestamp) {
        if let Some(node) = self.0.get_mut(node) {
            node.reached = node.reached.max(input);
        }
    }

    /// Moves all watermarks as far as they may go. `is_idle` tells whether at a node nothing is due at an input watermark,
    /// so that it has come as far without doing anything.
    pub fn refresh(&mut self, mut is_idle: impl FnMut(NodeId, Timestamp) -> bool) {
        for id in 0..self.0.len() {
            let (before, rest) = self.0.split_at_mut(id);
            let Some(node) = rest.first_mut() else { return };
            let outputs = node.producers.iter().filter_map(|producer| before.get(*producer)).map(|node| node.output);
            let upstream = outputs.min().unwrap_or(Timestamp::MAX);
            node.upstream = node.upstream.max(upstream);
            let input = node.pending.earliest().map_or(node.upstream, |earliest| node.upstream.min(earliest));
            node.input = node.input.max(input);
            if node.reached < node.input && (node.passing == Passing::AtOnce || is_idle(id, node.input)) {
                node.reached = node.input;
            }
            let output = node.holds.earliest().map_or(node.reached, |earliest| node.reached.min(earliest));
            node.output = node.output.max(output);
        }
    }

    /// The least of the output watermarks of a node's producers.
    #[must_use]
    pub fn upstream(&self, node: NodeId) -> Timestamp {
        self.0.get(node).map_or(Timestamp::MIN, |node| node.upstream)
    }

    /// The input watermark of a node.
    #[must_use]
    pub fn input(&self, node: NodeId) -> Timestamp {
        self.0.get(node).map_or(Timestamp::MIN, |node| node.input)
    }

    /// How far a node has come: what was due at this input watermark is done.
    #[must_use]
    pub fn has_reached(&self, node: NodeId) -> Timestamp {
        self.0.get(node).map_or(Timestamp::MIN, |node| node.reached)
    }

    /// The output watermark of a node.
    #[must_use]
    pub fn output(&self, node: NodeId) -> Timestamp {
        self.0.get(node).map_or(Timestamp::MIN, |node| node.output)
    }

    /// The earliest hold of a node's output watermark.
    #[must_use]
    pub fn held(&self, node: NodeId) -> Option<Timestamp> {
        self.0.get(node).and_then(|node| node.holds.earliest())
    }
}
