//! The values of each key.

use crate::coder::{Coder, CoderSpec, Decoded, Encoded, FieldCoder, IterableCoder, is_estimate};
use crate::combiners::CombineFn;
use crate::graph::StepCode;
use crate::grouping::{Collects, Grouping, Spilled, SpilledIter};
use crate::pcollection::primitive;
use crate::{Element, Key, PCollection, Pair};
use ferrobeam_model::urns;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// The values of one key and window: cheap to clone, and read any number of times.
///
/// They are in memory, or on the local runner under a memory limit in a file. Reading panics if a file cannot be read back;
/// the panic becomes the error of the step that reads.
#[derive(Clone)]
pub struct Grouped<V>(Values<V>);

enum Values<V> {
    Memory(Arc<Vec<V>>),
    File(Spilled<V>),
}

impl<V> Clone for Values<V> {
    fn clone(&self) -> Self {
        match self {
            Values::Memory(values) => Values::Memory(values.clone()),
            Values::File(values) => Values::File(values.clone()),
        }
    }
}

impl<V: Element> Grouped<V> {
    /// The values, in no particular order.
    pub fn iter(&self) -> GroupedIter<V> {
        self.clone().into_iter()
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        match &self.0 {
            Values::Memory(values) => values.len(),
            Values::File(values) => values.len(),
        }
    }

    /// Whether there is no value, as there may be after [`co_group_by_key`](PCollection::co_group_by_key).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn new(values: Vec<V>) -> Self {
        Grouped(Values::Memory(Arc::new(values)))
    }

    pub(crate) fn in_file(values: Spilled<V>) -> Self {
        Grouped(Values::File(values))
    }

    /// All values in memory, without a copy where nobody else holds them; or the file that they are in.
    pub(crate) fn into_vec(self) -> Result<Vec<V>, Spilled<V>> {
        match self.0 {
            Values::Memory(values) => Ok(Arc::unwrap_or_clone(values)),
            Values::File(values) => Err(values),
        }
    }
}

impl<V: Element + PartialEq> PartialEq for Grouped<V> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Values::Memory(these), Values::Memory(those)) => these == those,
            _ => self.len() == other.len() && self.iter().eq(other),
        }
    }
}

impl<V: Element + fmt::Debug> fmt::Debug for Grouped<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// Reads the values of a key.
#[derive(Clone)]
pub struct GroupedIter<V>(Reading<V>);

#[derive(Clone)]
enum Reading<V> {
    Memory { values: Arc<Vec<V>>, next: usize },
    File(SpilledIter<V>),
}

impl<V> fmt::Debug for GroupedIter<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupedIter").finish_non_exhaustive()
    }
}

impl<V: Element> Iterator for GroupedIter<V> {
    type Item = V;

    #[inline]
    fn next(&mut self) -> Option<V> {
        match &mut self.0 {
            Reading::Memory { values, next } => {
                let value = values.get(*next)?.clone();
                *next += 1;
                Some(value)
            }
            Reading::File(values) => values.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Reading::Memory { values, next } => values.len() - next,
            Reading::File(values) => values.left(),
        };
        (left, Some(left))
    }
}

impl<V: Element> ExactSizeIterator for GroupedIter<V> {}

impl<V: Element> IntoIterator for Grouped<V> {
    type Item = V;
    type IntoIter = GroupedIter<V>;

    fn into_iter(self) -> GroupedIter<V> {
        GroupedIter(match self.0 {
            Values::Memory(values) => Reading::Memory { values, next: 0 },
            Values::File(values) => Reading::File(values.iter()),
        })
    }
}

impl<V: Element> IntoIterator for &Grouped<V> {
    type Item = V;
    type IntoIter = GroupedIter<V>;

    fn into_iter(self) -> GroupedIter<V> {
        self.iter()
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
        /// So many values are enough for an estimate, which need not be longer than this.
        const SAMPLE: usize = 16;
        const LONG: usize = 8 << 20;
        match &value.0 {
            Values::File(_) if is_estimate() => Ok(()),
            Values::Memory(values) if is_estimate() && values.len() > SAMPLE => {
                let start = out.len();
                self.0.encode(&values[..SAMPLE].to_vec(), out)?;
                let all = (out.len() - start) / SAMPLE * values.len();
                out.resize(start + all.min(LONG), 0);
                Ok(())
            }
            Values::Memory(values) => self.0.encode(values, out),
            Values::File(values) => self.0.encode(&values.iter().collect(), out),
        }
    }
    fn decode(&self, input: &mut &[u8]) -> Decoded<Grouped<V>> {
        self.0.decode(input).map(Grouped::new)
    }
}

impl<V: Element, C: Coder<Vec<V>>> FieldCoder<Grouped<V>> for GroupedCoder<C> {}

/// Collects all values.
#[derive(Clone)]
pub(crate) struct ToGrouped<V>(pub(crate) PhantomData<fn() -> V>);

impl<V: Element> ToGrouped<V> {
    pub(crate) const COLLECTS: Collects<V, Vec<V>, Grouped<V>> = Collects {
        count: |values| values.len(),
        values: |values| values,
        from_values: |values| values,
        from_file: Grouped::in_file,
    };
}

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
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let most = root
    ///     .create([('a', 1), ('b', 5), ('a', 3)])
    ///     .group_by_key()
    ///     .map(|(key, values)| (key, values.iter().max()));
    /// assert_that(&most).contains_in_any_order([('a', Some(3)), ('b', Some(5))]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by_key<K: Key, V: Element>(&self) -> PCollection<(K, Grouped<V>)>
    where
        T: Pair<K, V>,
    {
        let grouping = Grouping::<K, _>::plain(ToGrouped::<V>(PhantomData), ToGrouped::COLLECTS);
        self.group_step(Some(StepCode::Grouping(Arc::new(grouping))))
    }

    /// The primitive; without code only an engine can run it, one that groups bytes.
    #[track_caller]
    pub(crate) fn group_step<K: Key, V: Element>(&self, code: Option<StepCode>) -> PCollection<(K, Grouped<V>)>
    where
        T: Pair<K, V>,
    {
        let (root, spec) = (&self.root, primitive(urns::transforms::GROUP_BY_KEY));
        let (windowing, bounded, at) = (root.windowing(self.id), root.is_bounded(self.id), Location::caller());
        let node = root.step("GroupByKey", spec, vec![self.input("in")], code, at);
        root.check_grouping(node, self.id);
        root.output(node, None, windowing.after_grouping(), bounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::{self, decode_all};
    use crate::combiners::laws::laws;
    use crate::transforms::test_steps::{graph, transform};
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn laws_hold() {
        laws(ToGrouped(PhantomData), vec(0u8..9, 0..20), |inputs: &[u8], grouped| {
            let (mut expected, mut found) = (inputs.to_vec(), grouped.iter().collect::<Vec<_>>());
            expected.sort_unstable();
            found.sort_unstable();
            if expected == found { Ok(()) } else { Err("not the same values".to_owned()) }
        });
    }

    proptest! {
        #[test]
        fn values_are_read_any_number_of_times(values in vec("[a-c]{0,2}", 0..5)) {
            let grouped = Grouped::new(values.clone());
            prop_assert_eq!(grouped.iter().collect::<Vec<_>>(), values.clone());
            prop_assert_eq!((&grouped).into_iter().len(), values.len());
            let (coder, mut bytes) = (coder::of::<Grouped<String>>(), Vec::new());
            coder.encode(&grouped, &mut bytes).unwrap();
            prop_assert_eq!(decode_all(&coder, &bytes), Ok(grouped.clone()));
            prop_assert_eq!(grouped.into_vec().ok(), Some(values));
        }
    }

    #[test]
    fn an_estimate_looks_at_a_few_values() {
        let (mut encoding, mut scratch) = (Vec::new(), Vec::new());
        for count in [0, 5, 1000] {
            let pair = ("key".to_owned(), Grouped::new(vec!["value".to_owned(); count]));
            encoding.clear();
            coder::put(&pair, &mut encoding).unwrap();
            let estimate = coder::estimate(&pair, &mut scratch);
            let about = encoding.len() * 9 / 10..=encoding.len() * 11 / 10;
            assert!(about.contains(&estimate), "{estimate}, {about:?}");
        }
        assert!(!is_estimate());
    }

    #[test]
    fn it_is_a_primitive_of_the_engine() {
        let graph = graph(|root| root.create([('a', 1u64)]).group_by_key().discard());
        let spec = transform(&graph, "GroupByKey").spec.clone().unwrap();
        assert_eq!((spec.urn.as_str(), spec.payload.len()), (urns::transforms::GROUP_BY_KEY, 0));
    }
}
