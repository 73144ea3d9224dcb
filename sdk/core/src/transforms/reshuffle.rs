//! A new distribution of the same elements.

use super::group_by_key::Grouped;
use crate::batch::{Batch, MetaBuilder};
use crate::coder::{Coder, FieldCoder, IterableCoder, Metadata, WindowedValue, WindowedValueCoder};
use crate::dofn::batch_step::BatchStep;
use crate::graph::Spec;
use crate::pcollection::primitive;
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
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([1u64, 2]).reshuffle().map(|x| x + 1).discard();
    ///     Ok(())
    /// })?;
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
            let window = root.step("Rewindow", assign_global(), vec![pairs.input("in")], None, at);
            let always: PCollection<(u64, WindowedValue<T>)> =
                root.output(window, None, WindowingStrategy::ALWAYS, root.is_bounded(self.id));
            let restored = always
                .group_by_key()
                .step("Restore", BatchStep::new(|b: Batch<(u64, Grouped<WindowedValue<T>>)>| Ok(restore(b))));
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

fn assign_global() -> Spec {
    primitive(urns::transforms::ASSIGN_WINDOWS)
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

fn restore<T: Element>(batch: Batch<(u64, Grouped<WindowedValue<T>>)>) -> Batch<T> {
    let (mut values, mut meta) = (Vec::new(), MetaBuilder::default());
    for (_, group) in batch.values {
        for WindowedValue { value, metadata } in group.iter() {
            meta.push(metadata.timestamp, &metadata.windows.into(), metadata.pane);
            values.push(value);
        }
    }
    Batch { values, meta: meta.finish() }
}

impl<T: Element> Element for WindowedValue<T> {
    type Coder = WindowedValueCoder<T::Coder, <Window as Element>::Coder>;
    type ListCoder = IterableCoder<Self::Coder>;
}

impl<T: 'static, C: Coder<T>, W: Coder<Window>> FieldCoder<WindowedValue<T>> for WindowedValueCoder<C, W> {}
