//! A new distribution of the same elements.

use super::batches_step::BatchesStep;
use super::group_by_key::Grouped;
use crate::batch::{Batch, MetaBuilder};
use crate::coder::{Coder, FieldCoder, IterableCoder, Metadata, WindowedValue, WindowedValueCoder};
use crate::dofn::batch_step::BatchStep;
use crate::graph::Spec;
use crate::windowing::{Window, WindowingStrategy};
use crate::{Element, PCollection};
use ferrobeam_model::urns;
use std::panic::Location;

impl<T: Element> PCollection<T> {
    /// Distributes the elements anew and keeps the steps before and after it apart.
    ///
    /// Elements keep their time, windows and pane. It helps where few elements make much work.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let seeds = root.create([1u64, 2]);
    /// let costly = seeds.reshuffle().map(|x| x.pow(20) % 1_000_003);
    /// assert_that(&costly).contains_in_any_order([1, 48_573]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn reshuffle(&self) -> PCollection<T> {
        let (root, at) = (&self.root, Location::caller());
        let spec = Spec::Composite(Box::new(|_| ferrobeam_model::pipeline::FunctionSpec {
            urn: urns::transforms::RESHUFFLE.to_owned(),
            payload: bytes::Bytes::new(),
        }));
        // Engines that know the URN replace the parts. For the others the metadata moves into the value, and a
        // grouping that fires at once moves the elements.
        let (out, node) = root.scope("Reshuffle", spec, at, || {
            let pairs: PCollection<(u64, WindowedValue<T>)> =
                self.step("Reify", BatchStep::new(|b: Batch<T>| Ok(reify(b))));
            let always = pairs.window_step("Rewindow", WindowingStrategy::always());
            let restored = always.group_by_key().step("Restore", BatchesStep::new(restore::<T>));
            restored.with_windowing_of(self)
        });
        out.made_by(node)
    }

    /// The same collection, known to have the windowing of another.
    fn with_windowing_of<U>(self, other: &PCollection<U>) -> Self {
        self.root.set_windowing(self.id, self.root.windowing(other.id));
        self
    }
}

fn reify<T: Element>(batch: Batch<T>) -> Batch<(u64, WindowedValue<T>)> {
    let Batch { values, meta } = batch;
    let row = |(row, value): (usize, T)| {
        let windows = meta.windows.get(row).as_slice().to_vec();
        let metadata = Metadata { timestamp: *meta.time.get(row), windows, pane: *meta.pane.get(row) };
        // Any number serves as key if it spreads; the row's makes the same keys in a bundle that is repeated.
        (row as u64 % 1024, WindowedValue { value, metadata })
    };
    let values = values.into_iter().enumerate().map(row).collect();
    Batch { values, meta }
}

/// In batches of the usual size: a group may hold any number of elements, each with metadata of its own.
fn restore<T: Element>(batch: Batch<(u64, Grouped<WindowedValue<T>>)>) -> impl Iterator<Item = Batch<T>> {
    let mut elements = batch.values.into_iter().flat_map(|(_, group)| group);
    std::iter::from_fn(move || {
        let (mut values, mut meta) = (Vec::new(), MetaBuilder::default());
        for WindowedValue { value, metadata } in elements.by_ref().take(Batch::<T>::ROWS) {
            meta.push(metadata.timestamp, &metadata.windows.into(), metadata.pane);
            values.push(value);
        }
        (!values.is_empty()).then(|| Batch { values, meta: meta.finish() })
    })
}

impl<T: Element> Element for WindowedValue<T> {
    type Coder = WindowedValueCoder<T::Coder, <Window as Element>::Coder>;
    type ListCoder = IterableCoder<Self::Coder>;
}

impl<T: 'static, C: Coder<T>, W: Coder<Window>> FieldCoder<WindowedValue<T>> for WindowedValueCoder<C, W> {}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Meta, WindowSet};
    use crate::time::Timestamp;
    use crate::transforms::test_steps::{graph, transform};
    use crate::windowing::{PaneInfo, Window};
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever group an element goes through.
        #[test]
        fn elements_keep_their_metadata(input in vec((0i64..4, 0i64..4), 0..3000)) {
            let (mut values, mut meta) = (Vec::new(), MetaBuilder::default());
            for (row, &(time, end)) in input.iter().enumerate() {
                let at = Timestamp::from_millis;
                let windows = (0..end).map(|start| Window::Interval { start: at(start), end: at(end) });
                let pane = PaneInfo { index: time.cast_unsigned(), ..PaneInfo::NO_FIRING };
                meta.push(at(time), &WindowSet::from(windows.collect::<Vec<_>>()), pane);
                values.push(row);
            }
            let batch = Batch { values, meta: meta.finish() };
            let mut groups: Vec<(u64, Vec<_>)> = (0..7).map(|key| (key, Vec::new())).collect();
            for (key, element) in reify(batch.clone()).values {
                groups[(key % 7) as usize].1.push(element);
            }
            let grouped = groups.into_iter().map(|(key, values)| (key, Grouped::new(values))).collect();
            let mut seen = 0;
            for part in restore(Batch { values: grouped, meta: Meta::at(Timestamp::MIN) }) {
                prop_assert!((1..=Batch::<usize>::ROWS).contains(&part.values.len()));
                for (row, &value) in part.values.iter().enumerate() {
                    prop_assert_eq!(part.meta.time.get(row), batch.meta.time.get(value));
                    prop_assert_eq!(part.meta.windows.get(row), batch.meta.windows.get(value));
                    prop_assert_eq!(part.meta.pane.get(row), batch.meta.pane.get(value));
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, input.len());
        }
    }

    #[test]
    fn engines_may_replace_it() {
        let graph = graph(|root| root.create([1u64]).reshuffle().discard());
        let reshuffle = transform(&graph, "Reshuffle");
        assert_eq!(reshuffle.spec.as_ref().unwrap().urn, urns::transforms::RESHUFFLE);
        assert_eq!((reshuffle.inputs.len(), reshuffle.outputs.len()), (1, 1));
        let windowing = |collections: &std::collections::BTreeMap<String, String>| {
            let collection = collections.values().next().unwrap();
            graph.components().pcollections[collection].windowing_strategy_id.clone()
        };
        assert_eq!(windowing(&reshuffle.inputs), windowing(&reshuffle.outputs));
        assert_ne!(windowing(&reshuffle.inputs), windowing(&transform(&graph, "Reshuffle/Rewindow").outputs));
    }
}
