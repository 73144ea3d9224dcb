//! Types of every kind, with strategies that make values of them.

use bytes::Bytes;
use ferrobeam_core::windowing::{PaneInfo, Timing, Window};
use ferrobeam_core::{Element, Key, Timestamp};
use proptest::collection::{btree_map, btree_set, hash_map, hash_set, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Something that is done with every type.
pub(crate) trait Visitor {
    fn element<S: Strategy<Value: Element + PartialEq>>(&mut self, values: S);

    /// A type with one encoding per value, that is no key.
    fn stable<S: Strategy<Value: Element + PartialEq>>(&mut self, values: S) {
        self.element(values);
    }

    fn key<S: Strategy<Value: Key>>(&mut self, values: S) {
        self.stable(values);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Element)]
pub(crate) struct Point {
    pub(crate) x: i64,
    pub(crate) y: Option<i16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
pub(crate) struct Pair(pub(crate) String, pub(crate) Vec<u8>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
pub(crate) struct Nothing;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
pub(crate) enum Level {
    Low = -3,
    Middle,
    #[element(rename = "top")]
    High = 7,
}

#[derive(Clone, Debug, PartialEq, Element)]
pub(crate) enum Shape {
    Dot,
    Circle(f64),
    Rectangle { width: f32, height: Option<f32>, at: Point },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
pub(crate) enum Event {
    Login(String),
    Move { to: Point, level: Level },
    Logout,
}

#[derive(Clone, Debug, PartialEq, Element)]
pub(crate) struct Generic<T: PartialEq> {
    pub(crate) first: T,
    pub(crate) rest: Vec<T>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
pub(crate) struct Grid<T, const N: usize>
where
    T: Debug,
{
    cells: [T; N],
    corner: Option<(T, u8)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Element)]
#[element(opaque)]
pub(crate) struct Tagged<T>(T, BTreeMap<String, ()>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Element)]
#[element(opaque)]
pub(crate) enum Tree {
    Leaf(String),
    Node(Vec<Tree>),
    Unit,
}

/// Every kind of field.
#[derive(Clone, Debug, PartialEq, Element)]
pub(crate) struct Everything {
    pub(crate) bytes: Bytes,
    pub(crate) byte: i8,
    pub(crate) small: (u8, i16, u16),
    pub(crate) medium: (i32, u32, Option<i32>),
    pub(crate) wide: (u64, usize, isize),
    pub(crate) huge: (i128, u128),
    pub(crate) floats: [f32; 3],
    pub(crate) r#type: char,
    pub(crate) unit: (),
    pub(crate) names: BTreeMap<String, Option<Point>>,
    pub(crate) levels: BTreeSet<u16>,
    pub(crate) points: Vec<Option<Point>>,
    pub(crate) raw: Vec<u8>,
    pub(crate) id: [u8; 4],
    pub(crate) at: Timestamp,
    pub(crate) wait: Duration,
    pub(crate) window: Window,
    pub(crate) result: Result<Option<i64>, String>,
    pub(crate) twice: Option<Option<bool>>,
    pub(crate) level: Level,
    pub(crate) shape: Option<Box<Shape>>,
    pub(crate) tree: Tree,
    pub(crate) pair: (String, Option<f64>),
    #[element(rename = "generic")]
    pub(crate) any: Generic<Pair>,
    pub(crate) shared: Arc<str>,
}

pub(crate) fn timestamps() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>(), -2_000_000_000_000..2_000_000_000_000i64].prop_map(Timestamp::from_millis)
}

pub(crate) fn intervals() -> impl Strategy<Value = Window> {
    (timestamps(), timestamps()).prop_map(|(a, b)| Window::Interval { start: a.min(b), end: a.max(b) })
}

pub(crate) fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![Just(Window::Global), intervals()]
}

pub(crate) fn strings() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", any::<String>()]
}

pub(crate) fn panes() -> impl Strategy<Value = PaneInfo> {
    let timing = prop::sample::select(vec![Timing::Early, Timing::OnTime, Timing::Late, Timing::Unknown]);
    (timing, any::<u32>(), any::<(bool, bool)>()).prop_map(|(timing, index, (is_first, is_last))| PaneInfo {
        timing,
        index: index.into(),
        nonspeculative_index: if timing == Timing::Early { -1 } else { i64::from(index) / 2 },
        is_first,
        is_last,
    })
}

fn blobs() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

pub(crate) fn points() -> impl Strategy<Value = Point> {
    any::<(i64, Option<i16>)>().prop_map(|(x, y)| Point { x, y })
}

fn pairs() -> impl Strategy<Value = Pair> {
    (strings(), any::<[u8; 3]>()).prop_map(|(name, raw)| Pair(name, raw.to_vec()))
}

fn levels() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::Low), Just(Level::Middle), Just(Level::High)]
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Dot),
        any::<f64>().prop_map(Shape::Circle),
        (any::<(f32, Option<f32>)>(), points()).prop_map(|((width, height), at)| Shape::Rectangle {
            width,
            height,
            at
        }),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        strings().prop_map(Event::Login),
        (points(), levels()).prop_map(|(to, level)| Event::Move { to, level }),
        Just(Event::Logout),
    ]
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![strings().prop_map(Tree::Leaf), Just(Tree::Unit)];
    leaf.prop_recursive(4, 20, 4, |inner| vec(inner, 0..4).prop_map(Tree::Node))
}

pub(crate) fn everything() -> impl Strategy<Value = Everything> {
    let numbers = any::<((u8, i16, u16), (i32, u32, Option<i32>), (u64, usize, isize), (i128, u128), [f32; 3], i8)>();
    let lists = (
        btree_map(strings(), prop::option::of(points()), 0..3),
        btree_set(any::<u16>(), 0..4),
        vec(prop::option::of(points()), 0..4),
        vec(any::<u8>(), 0..9),
    );
    let times = (timestamps(), any::<Duration>(), windows());
    let own = (levels(), prop::option::of(shapes()), trees(), vec(pairs(), 1..3));
    let rest = (blobs(), any::<char>(), any::<[u8; 4]>(), any::<Option<Option<bool>>>());
    let sums = (any::<Result<Option<i64>, String>>(), (strings(), any::<Option<f64>>()), strings());
    (numbers, lists, times, own, rest, sums).prop_map(
        |(
            (small, medium, wide, huge, floats, byte),
            (names, set, points, raw),
            (at, wait, window),
            (level, shape, tree, pairs),
            (bytes, letter, id, twice),
            (result, pair, shared),
        )| Everything {
            bytes,
            byte,
            small,
            medium,
            wide,
            huge,
            floats,
            r#type: letter,
            unit: (),
            names,
            levels: set,
            points,
            raw,
            id,
            at,
            wait,
            window,
            result,
            twice,
            level,
            shape: shape.map(Box::new),
            tree,
            pair,
            any: Generic { first: pairs[0].clone(), rest: pairs },
            shared: shared.into(),
        },
    )
}

/// Hands a strategy for each type to `visitor`.
pub(crate) fn visit(visitor: &mut impl Visitor) {
    visitor.key(any::<i8>());
    visitor.key(any::<i16>());
    visitor.key(any::<i32>());
    visitor.key(any::<i64>());
    visitor.key(any::<isize>());
    visitor.key(any::<i128>());
    visitor.key(any::<u8>());
    visitor.key(any::<u16>());
    visitor.key(any::<u32>());
    visitor.key(any::<u64>());
    visitor.key(any::<usize>());
    visitor.key(any::<u128>());
    visitor.stable(any::<f32>());
    visitor.stable(any::<f64>());
    visitor.key(any::<bool>());
    visitor.key(any::<char>());
    visitor.key(Just(()));
    visitor.key(strings());
    visitor.key(strings().prop_map(Box::<str>::from));
    visitor.key(strings().prop_map(Arc::<str>::from));
    visitor.key(blobs());
    visitor.key(vec(any::<u8>(), 0..200));
    visitor.key(any::<[u8; 16]>());
    visitor.key(any::<[Option<String>; 2]>());
    visitor.key(vec(any::<i64>(), 0..5));
    visitor.key(vec(Just(()), 0..100));
    visitor.key(vec(vec(strings(), 0..3), 0..3));
    visitor.key(any::<Option<i64>>());
    visitor.key(any::<Option<Option<String>>>());
    visitor.key(strings().prop_map(Box::new));
    visitor.key(any::<Option<Box<Option<i64>>>>());
    visitor.key(any::<Result<String, (u8, bool)>>());
    visitor.key(btree_set(strings(), 0..4));
    visitor.key(btree_map(any::<i64>(), strings(), 0..4));
    visitor.element(hash_set(any::<i64>(), 0..4));
    visitor.element(hash_map(strings(), any::<f64>(), 0..4));
    visitor.element(hash_map(any::<u8>(), vec(any::<Option<bool>>(), 0..4), 0..4));
    visitor.key((strings(), any::<i64>()));
    visitor.key((any::<i64>(), blobs()));
    visitor.key(((strings(), blobs()), (any::<()>(), strings())));
    visitor.key(any::<(i64,)>());
    visitor.key(any::<(i64, Option<String>, u8)>());
    visitor.stable(any::<(i64, String, f64, bool)>());
    visitor.key(any::<(i64, String, Option<u32>, bool, Vec<u8>)>());
    visitor.key(any::<(i8, u8, i16, u16, i32, u32)>());
    visitor.key(timestamps());
    visitor.key(any::<Duration>());
    visitor.key(windows());
    visitor.key(panes());
    visitor.key(points());
    visitor.key(pairs());
    visitor.key(Just(Nothing));
    visitor.key(levels());
    visitor.stable(shapes());
    visitor.key(events());
    visitor.key((events(), vec(points(), 0..3)));
    visitor.stable((any::<f64>(), vec(any::<f64>(), 0..3)).prop_map(|(first, rest)| Generic { first, rest }));
    visitor.key(any::<([String; 2], Option<(String, u8)>)>().prop_map(|(cells, corner)| Grid { cells, corner }));
    visitor.stable(any::<(Option<u16>, BTreeMap<String, ()>)>().prop_map(|(value, tags)| Tagged(value, tags)));
    visitor.stable(trees());
    visitor.stable(prop::option::of(trees()));
    visitor.stable(everything());
}
