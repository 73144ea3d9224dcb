//! Groupings by encoded key: the chain before the store, the store, and the chain behind it.

use crate::rows::{Buffer, Row, batches};
use bytes::Bytes;
use ferrobeam_core::batch::{Column, Meta, WindowColumn, WindowSet};
use ferrobeam_core::dofn::erased::{AnyReceiver, AnyStep, Parcel};
use ferrobeam_core::graph::{Graph, StepCode, StepName, wire_before};
use ferrobeam_core::grouping::{AnyGrouping, OnBytes, Panes, ParcelSink, Slot};
use ferrobeam_core::windowing::{PaneInfo, Timing, Window, WindowingStrategy};
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::fuse::Junction;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A grouping while it runs.
pub(crate) struct Grouping {
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) fired: bool,
    step: StepName,
    /// The first half of the combine, if it can be lifted.
    pre_combine: Option<Arc<dyn AnyStep>>,
    /// Whether this run lifts it.
    lifted: bool,
    on_bytes: OnBytes,
    panes: Box<dyn Panes>,
    windowing: Arc<WindowingStrategy>,
    windows: BTreeMap<Window, Slot>,
    out: Buffer,
}

/// Pairs on their way into a grouping, until the bundle is committed.
#[derive(Clone, Default)]
pub(crate) struct Parcels(Arc<Mutex<Vec<Parcel>>>);

impl ParcelSink for Parcels {
    fn send(&mut self, parcel: Parcel) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(parcel);
    }
}

impl Parcels {
    pub(crate) fn take(&self) -> Vec<Parcel> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Grouping {
    pub(crate) fn new(graph: &Graph, junction: &Junction, lift: bool) -> Result<Self> {
        let transform = graph.transform(&junction.transform)?;
        let step = graph.step_name(transform)?.clone();
        let Some(StepCode::Grouping(code)) = graph.code(transform)? else {
            return Err(Error::Graph(vec![format!("{step} is no grouping")]));
        };
        let halves = code.lifted();
        let lifted = lift && halves.is_some();
        let (merge, pre_combine) = halves.map(|halves| (halves.merge, halves.pre_combine)).unzip();
        let code: Arc<dyn AnyGrouping> = merge.filter(|_| lifted).unwrap_or_else(|| code.clone());
        let on_bytes = code.on_bytes();
        let out = Buffer::default();
        let encode = wire_before(&*graph.coder(&junction.output)?.encode(), &step, vec![out.receiver()])?;
        let decode = wire_before(&*on_bytes.decode, &step, vec![encode])?;
        let panes = on_bytes.grouping.panes(&step, vec![decode])?;
        let (input, output) = (junction.input.clone(), junction.output.clone());
        Ok(Grouping {
            input,
            output,
            fired: false,
            step,
            pre_combine,
            lifted,
            on_bytes,
            panes,
            windowing: graph.windowing(&junction.input)?.clone(),
            windows: BTreeMap::new(),
            out,
        })
    }

    /// The receiver of typed pairs that fills `parcels`.
    pub(crate) fn receiver(&self, parcels: &Parcels) -> Result<AnyReceiver> {
        let sink = self.on_bytes.grouping.sink(Box::new(parcels.clone()));
        let encode = wire_before(&*self.on_bytes.encode, &self.step, vec![sink])?;
        match &self.pre_combine {
            Some(pre_combine) if self.lifted => wire_before(&**pre_combine, &self.step, vec![encode]),
            _ => Ok(encode),
        }
    }

    /// A receiver of typed pairs that combines them and forgets the result: for a combine function that fails when a
    /// bundle is committed, it fails on the same element inside the bundle.
    pub(crate) fn probe(&self) -> Result<Option<AnyReceiver>> {
        self.pre_combine.as_ref().map(|pre_combine| wire_before(&**pre_combine, &self.step, Vec::new())).transpose()
    }

    /// Folds the pairs of a committed bundle in.
    pub(crate) fn add(&mut self, parcels: Vec<Parcel>) -> Result<()> {
        for parcel in parcels {
            let mut slots = Vec::new();
            for set in parcel.meta.windows.table() {
                let [window] = set.as_slice() else {
                    let message = format!("{}: a pair in several windows reached a grouping", self.step);
                    return Err(Error::Runner { runner: "direct", message });
                };
                let next = self.windows.len() as Slot;
                slots.push(*self.windows.entry(*window).or_insert(next));
            }
            self.panes.add(parcel, &slots)?;
        }
        Ok(())
    }

    /// Folds encoded pairs in that come from another junction.
    pub(crate) fn add_rows(&mut self, graph: &Graph, rows: &[Row]) -> Result<()> {
        let parcels = Parcels::default();
        let input = self.receiver(&parcels)?;
        let mut input = wire_before(&*graph.coder(&self.input)?.decode(), &self.step, vec![input])?.typed::<Bytes>()?;
        input.start_bundle()?;
        batches(rows).try_for_each(|batch| input.receive(batch))?;
        input.finish_bundle()?;
        self.add(parcels.take())
    }

    /// Fires every window once, for the input has ended.
    pub(crate) fn fire(&mut self) -> Result<Vec<Row>> {
        self.fired = true;
        for (window, slot) in std::mem::take(&mut self.windows) {
            let (timing, is_last) = (Timing::OnTime, self.windowing.allowed_lateness.is_zero());
            let pane = PaneInfo { timing, index: 0, nonspeculative_index: 0, is_first: true, is_last };
            self.panes.fire(
                slot,
                Meta {
                    time: Column::All(window.max_timestamp()),
                    windows: WindowColumn::All(WindowSet::One(window)),
                    pane: Column::All(pane),
                },
            )?;
        }
        Ok(self.out.take())
    }
}
