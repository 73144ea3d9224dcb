//! Groupings by encoded key: the chain before the store, the store, and the chain behind it.

use crate::rows::{Buffer, Row, batches};
use bytes::Bytes;
use ferrobeam_core::batch::{Column, Meta, WindowColumn, WindowSet};
use ferrobeam_core::dofn::erased::{AnyReceiver, AnyStep, Outputs, Parcel};
use ferrobeam_core::graph::{Graph, StepCode, StepName, wire_before};
use ferrobeam_core::grouping::{AnyGrouping, Cells, OnBytes, Panes, ParcelSink, Rows, Slot};
use ferrobeam_core::windowing::{PaneInfo, Timing, Window, WindowingStrategy};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::bundle::intake::take_in;
use ferrobeam_runner_core::engine::{self, Now};
use ferrobeam_runner_core::fuse::Junction;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A grouping while it runs.
pub(crate) struct Grouping {
    pub(crate) input: String,
    pub(crate) output: String,
    step: StepName,
    /// The first half of the combine, if it is lifted.
    pre_combine: Option<Arc<dyn AnyStep>>,
    /// The first half of the combine, if there is one.
    probe: Option<Arc<dyn AnyStep>>,
    on_bytes: OnBytes,
    store: Store,
    windowing: Arc<WindowingStrategy>,
    out: Buffer,
}

/// What holds the values until they fire.
enum Store {
    /// Each window fires once, when all of the input has come.
    AtTheEnd { panes: Box<dyn Panes>, windows: BTreeMap<Window, Slot>, fired: bool },
    /// Windows fire as their trigger says.
    ByTrigger { cells: Box<dyn Cells>, driver: Box<engine::Grouping> },
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
        let windowing = graph.windowing(&junction.input)?.clone();
        let at_the_end = is_bounded(graph, &junction.input) && engine::fires_once(&windowing);
        let halves = code.lifted();
        let lifted = lift && at_the_end && halves.is_some();
        let (merge, probe) = halves.map(|halves| (halves.merge, halves.pre_combine)).unzip();
        let code: Arc<dyn AnyGrouping> = merge.filter(|_| lifted).unwrap_or_else(|| code.clone());
        let on_bytes = code.on_bytes();
        let out = Buffer::default();
        let encode = wire_before(&*graph.coder(&junction.output)?.encode(), &step, vec![out.receiver()])?;
        let decode = vec![wire_before(&*on_bytes.decode, &step, vec![encode])?];
        let store = if at_the_end {
            let panes = on_bytes.grouping.panes(&step, decode)?;
            Store::AtTheEnd { panes, windows: BTreeMap::new(), fired: false }
        } else {
            let cells = on_bytes.grouping.cells(&step, &mut Outputs::main(decode))?;
            Store::ByTrigger { cells, driver: Box::new(engine::Grouping::new(WindowingStrategy::clone(&windowing))) }
        };
        let (input, output) = (junction.input.clone(), junction.output.clone());
        let pre_combine = probe.clone().filter(|_| lifted);
        Ok(Grouping { input, output, step, pre_combine, probe, on_bytes, store, windowing, out })
    }

    /// The receiver of typed pairs that fills `parcels`.
    pub(crate) fn receiver(&self, parcels: &Parcels) -> Result<AnyReceiver> {
        let sink = self.on_bytes.grouping.sink(Box::new(parcels.clone()));
        let encode = wire_before(&*self.on_bytes.encode, &self.step, vec![sink])?;
        match &self.pre_combine {
            Some(pre_combine) => wire_before(&**pre_combine, &self.step, vec![encode]),
            None => Ok(encode),
        }
    }

    /// A receiver of typed pairs that combines them and forgets the result: for a combine function that fails when a
    /// bundle is committed, it fails on the same element inside the bundle.
    pub(crate) fn probe(&self) -> Result<Option<AnyReceiver>> {
        self.probe.as_ref().map(|pre_combine| wire_before(&**pre_combine, &self.step, Vec::new())).transpose()
    }

    /// Takes the pairs of a committed bundle, which come at `now`, and gives what fires.
    pub(crate) fn add(&mut self, parcels: Vec<Parcel>, now: Now) -> Result<Vec<Row>> {
        for parcel in parcels {
            self.add_parcel(parcel, now)?;
        }
        Ok(self.out.take())
    }

    fn add_parcel(&mut self, parcel: Parcel, now: Now) -> Result<()> {
        if parcel.meta.windows.table().iter().any(|set| set.as_slice().len() != 1) {
            let message = format!("{}: a pair in several windows reached a grouping", self.step);
            return Err(Error::Runner { runner: "direct", message });
        }
        match &mut self.store {
            Store::AtTheEnd { panes, windows, .. } => {
                let mut slots = Vec::new();
                for window in parcel.meta.windows.table().iter().flat_map(WindowSet::as_slice) {
                    let next = windows.len() as Slot;
                    slots.push(*windows.entry(*window).or_insert(next));
                }
                panes.add(parcel, &slots)
            }
            Store::ByTrigger { cells, driver } => take_in(&self.step, driver, &mut **cells, parcel, now),
        }
    }

    /// Takes encoded pairs that come from another junction.
    pub(crate) fn add_rows(&mut self, graph: &Graph, rows: &[Row], now: Now) -> Result<Vec<Row>> {
        let parcels = Parcels::default();
        let input = self.receiver(&parcels)?;
        let mut input = wire_before(&*graph.coder(&self.input)?.decode(), &self.step, vec![input])?.typed::<Bytes>()?;
        input.start_bundle()?;
        batches(rows).try_for_each(|batch| input.receive(batch))?;
        input.finish_bundle()?;
        self.add(parcels.take(), now)
    }

    /// Whether something is due at this time.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        match &self.store {
            Store::AtTheEnd { fired, .. } => !fired && now.input_watermark == Timestamp::MAX,
            Store::ByTrigger { driver, .. } => driver.is_due(now),
        }
    }

    /// Whether an input watermark makes nothing due, so that it can be passed on.
    pub(crate) fn lets_pass(&self, now: Now) -> bool {
        match &self.store {
            Store::AtTheEnd { fired, .. } => *fired,
            Store::ByTrigger { driver, .. } => !driver.is_due(now),
        }
    }

    /// Does what is due, and gives what fires.
    pub(crate) fn advance(&mut self, now: Now) -> Result<Vec<Row>> {
        match &mut self.store {
            Store::AtTheEnd { panes, windows, fired } => {
                *fired = true;
                for (window, slot) in std::mem::take(windows) {
                    let (timing, is_last) = (Timing::OnTime, self.windowing.allowed_lateness.is_zero());
                    let pane = PaneInfo { timing, index: 0, nonspeculative_index: 0, is_first: true, is_last };
                    let (time, windows) = (Column::All(window.max_timestamp()), WindowSet::One(window));
                    let meta = Meta { time, windows: WindowColumn::All(windows), pane: Column::All(pane) };
                    panes.fire(slot, &meta, usize::MAX)?;
                }
            }
            Store::ByTrigger { cells, driver } => {
                let mut commands = Vec::new();
                driver.advance(now, &mut commands);
                cells.apply(Rows::NONE, &commands)?;
            }
        }
        Ok(self.out.take())
    }

    /// What the output watermark may not pass.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        match &self.store {
            Store::AtTheEnd { .. } => None,
            Store::ByTrigger { driver, .. } => driver.hold(),
        }
    }

    /// The processing time at which something is due.
    pub(crate) fn next_processing_time(&self) -> Option<Timestamp> {
        match &self.store {
            Store::AtTheEnd { .. } => None,
            Store::ByTrigger { driver, .. } => driver.next_time(),
        }
    }

    /// For people: how much it holds.
    pub(crate) fn name(&self) -> &StepName {
        &self.step
    }
}

fn is_bounded(graph: &Graph, collection: &str) -> bool {
    let bounded = i32::from(ferrobeam_model::pipeline::is_bounded::Enum::Bounded);
    graph.components().pcollections.get(collection).is_some_and(|collection| collection.is_bounded == bounded)
}
