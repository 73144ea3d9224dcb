//! The values of each key.

use crate::coder::{Coder, CoderSpec, Decoded, Encoded, FieldCoder, IterableCoder};
use crate::combiners::CombineFn;
use crate::graph::StepCode;
use crate::grouping::Grouping;
use crate::pcollection::primitive;
use crate::{Element, Key, PCollection, Pair};
use ferrobeam_model::urns;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// The values of one key and window: cheap to clone, and read any number of times.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped<V>(Arc<Vec<V>>);

impl<V: Element> Grouped<V> {
    /// The values, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = V> + '_ {
        self.0.iter().cloned()
    }

    pub(crate) fn new(values: Vec<V>) -> Self {
        Grouped(Arc::new(values))
    }
}

impl<V: Element> Element for Grouped<V> {
    type Coder = GroupedCoder<V::ListCoder>;
    type ListCoder = IterableCoder<Self::Coder>;
}

/// Beam's iterable of the values.
#[derive(Clone)]
pub struct GroupedCoder<C>(C);

impl<V: Element, C: Coder<Vec<V>>> Coder<Grouped<V>> for GroupedCoder<C> {
    fn new() -> Self {
        GroupedCoder(C::new())
    }
    fn spec(&self) -> CoderSpec {
        self.0.spec()
    }
    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        C::from_spec(spec).map(GroupedCoder)
    }
    fn encode(&self, value: &Grouped<V>, out: &mut Vec<u8>) -> Encoded {
        self.0.encode(&value.0, out)
    }
    fn decode(&self, input: &mut &[u8]) -> Decoded<Grouped<V>> {
        self.0.decode(input).map(Grouped::new)
    }
}

impl<V: Element, C: Coder<Vec<V>>> FieldCoder<Grouped<V>> for GroupedCoder<C> {}

/// Collects all values.
#[derive(Clone)]
pub(crate) struct ToGrouped<V>(pub(crate) PhantomData<fn() -> V>);

impl<V: Element> CombineFn for ToGrouped<V> {
    type In = V;
    type Acc = Vec<V>;
    type Out = Grouped<V>;
    const LIFTS: bool = false;

    fn create_accumulator(&self) -> Vec<V> {
        Vec::new()
    }
    fn add_input(&self, values: &mut Vec<V>, value: V) {
        values.push(value);
    }
    fn merge_accumulators(&self, into: &mut Vec<V>, mut from: Vec<V>) {
        into.append(&mut from);
    }
    fn extract_output(&self, values: Vec<V>) -> Grouped<V> {
        Grouped::new(values)
    }
}

impl<T: Element> PCollection<T> {
    /// Groups pairs by key and window.
    ///
    /// To reduce the values to one, a combine is faster and needs less memory:
    /// [`combine_per_key`](PCollection::combine_per_key).
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([("a".to_owned(), 1u64), ("a".to_owned(), 2)])
    ///         .group_by_key()
    ///         .map(|(key, values)| (key, values.iter().max()))
    ///         .discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by_key<K: Key, V: Element>(&self) -> PCollection<(K, Grouped<V>)>
    where
        T: Pair<K, V>,
    {
        let grouping = Grouping::<K, _>::new(ToGrouped::<V>(PhantomData));
        let (root, code) = (&self.root, StepCode::Grouping(Arc::new(grouping)));
        let spec = primitive(urns::transforms::GROUP_BY_KEY);
        let node = root.step("GroupByKey", spec, vec![self.input("in")], Some(code), Location::caller());
        root.output(node, None, root.windowing(self.id), root.is_bounded(self.id))
    }
}
