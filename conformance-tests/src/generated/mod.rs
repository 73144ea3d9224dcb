//! Pipelines made up at random, with what each of their collections should hold.
//!
//! All elements are pairs of small numbers, so that any step fits behind any other and keys meet. What a collection
//! should hold is computed in memory, without any of the code that runs pipelines.

mod build;
mod interpret;
mod look;
mod streams;

pub use streams::{Stream, streams};

use proptest::collection::vec;
use proptest::prelude::*;

/// An element of all collections here.
pub type Pair = (u64, u64);

/// Keys are below this.
const KEYS: u64 = 6;
/// Values are below this.
const VALUES: u64 = 1000;
/// No collection holds more.
const MOST: usize = 150;

/// A collection that was made before, by any number; it is taken modulo how many there are.
type Earlier = usize;

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
enum Op {
    Create(Vec<Pair>),
    /// Reads the numbers below an end, in as many parts as the runner likes.
    Read(u64),
    Map(Earlier, u64),
    Filter(Earlier, u64),
    FlatMap(Earlier),
    /// A `DoFn` that emits only at the end of its bundle.
    Hold(Earlier),
    /// Makes two collections: a main output and an additional one.
    Split(Earlier),
    Flatten(Vec<Earlier>),
    Group(Earlier),
    CombinePerKey(Earlier),
    CombineGlobally(Earlier),
    CoGroup(Earlier, Earlier),
    Reshuffle(Earlier),
    /// A map that looks at up to three side inputs.
    Look(Earlier, Vec<(Earlier, View)>),
}

/// How a step looks at a side input.
#[derive(Clone, Copy, Debug, PartialEq)]
enum View {
    /// The sum of all values, summed beforehand.
    Singleton,
    /// The sum of all values, summed by whoever looks.
    Iterable,
    /// The sum of the values of the element's key, summed beforehand.
    Map,
    /// The sum of the values of the element's key, summed by whoever looks.
    Multimap,
}

/// A step.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    op: Op,
    /// Whether it stands in a composite of its own.
    in_composite: bool,
    /// Whether what it makes is checked even if other steps consume it.
    is_checked: bool,
}

/// A pipeline and what its collections should hold.
#[derive(Clone, PartialEq)]
pub struct Pipeline {
    steps: Vec<Step>,
    /// Of each collection, in the order in which they are made.
    expected: Vec<Vec<Pair>>,
}

/// Shows the steps, which say it all.
impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.steps).finish()
    }
}

/// Any pipeline of up to so many steps.
pub fn pipelines(steps: usize) -> impl Strategy<Value = Pipeline> {
    vec(step(), 1..=steps).prop_map(Pipeline::new)
}

fn step() -> impl Strategy<Value = Step> {
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (op(), flags).prop_map(|(op, (in_composite, is_checked))| Step { op, in_composite, is_checked })
}

fn op() -> impl Strategy<Value = Op> {
    let c = || 0..100usize;
    let view = prop_oneof![Just(View::Singleton), Just(View::Iterable), Just(View::Map), Just(View::Multimap)];
    prop_oneof![
        2 => vec((0..KEYS, 0..VALUES), 0..20).prop_map(Op::Create),
        1 => (0..60u64).prop_map(Op::Read),
        2 => (c(), 0..VALUES).prop_map(|(c, n)| Op::Map(c, n)),
        1 => (c(), 0..3u64).prop_map(|(c, n)| Op::Filter(c, n)),
        1 => c().prop_map(Op::FlatMap),
        1 => c().prop_map(Op::Hold),
        2 => c().prop_map(Op::Split),
        3 => vec(c(), 1..=4).prop_map(Op::Flatten),
        2 => c().prop_map(Op::Group),
        2 => c().prop_map(Op::CombinePerKey),
        1 => c().prop_map(Op::CombineGlobally),
        1 => (c(), c()).prop_map(|(a, b)| Op::CoGroup(a, b)),
        1 => c().prop_map(Op::Reshuffle),
        4 => (c(), vec((c(), view), 1..=3)).prop_map(|(c, views)| Op::Look(c, views)),
    ]
}

impl Pipeline {
    /// Puts a first collection before the steps, and leaves out steps that would make too much of it.
    fn new(steps: Vec<Step>) -> Self {
        let first =
            Step { op: Op::Create(vec![(0, 1), (1, 2), (1, 2), (2, 500)]), in_composite: false, is_checked: false };
        let mut pipeline = Pipeline { steps: Vec::new(), expected: Vec::new() };
        for step in [first].into_iter().chain(steps) {
            let made = interpret::made(&step.op, &pipeline.expected);
            if made.iter().all(|collection| collection.len() <= MOST) {
                pipeline.expected.extend(made);
                pipeline.steps.push(step);
            }
        }
        pipeline
    }
}

/// Small numbers stay small.
fn pair(key: u64, value: u64) -> Pair {
    (key % KEYS, value % VALUES)
}

impl Pipeline {
    /// Whether what is expected of every step is small, so that pipelines of many steps run fast.
    pub fn is_small(&self) -> bool {
        let is_small = |(key, value): &Pair| *key < KEYS && *value < VALUES;
        self.expected.iter().flatten().all(is_small) && self.expected.iter().all(|collection| collection.len() <= MOST)
    }
}

/// What a group comes to: it depends on all values, and not on their order.
fn digest(values: impl Iterator<Item = u64>) -> u64 {
    values.map(|value| value * value + 7).sum()
}
