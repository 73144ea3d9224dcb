//! Bundles: what an engine's descriptor makes of this process' steps, and the running of one bundle.

mod cells;
mod current;
mod desk;
mod fetch;
mod infos;
mod keyed;
mod merging;
mod output;
mod paired;
mod plan;
mod questions;
mod rows;
mod shape;
mod sides;
mod split;
mod splittable;
mod waits;

pub(crate) use plan::Connect;
pub(crate) use split::Splitter;
pub(crate) use waits::Waits;

use super::cache::{Cache, Tokens};
use super::data::{Arrivals, Incoming};
use super::state::StateClient;
use crate::failure;
use bytes::Bytes;
use current::Current;
use desk::Desk;
use ferrobeam_core::Result;
use ferrobeam_core::Timestamp;
use ferrobeam_core::batch::{Batch, Meta};
use ferrobeam_core::dofn::erased::Next;
use ferrobeam_core::dofn::finalize::{self, Finalizers};
use ferrobeam_core::graph::{Graph, ReadPosition};
use ferrobeam_core::metrics::Reported;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::pipeline::MonitoringInfo;
use keyed::Keyed;
use output::Output;
use shape::Shape;
use sides::Sides;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use waits::For;

/// The operators of a descriptor: for one bundle at a time, and for one after the other.
pub(crate) struct Processor {
    sources: BTreeMap<String, Source>,
    /// By transform.
    outputs: Vec<(String, Arc<Output>)>,
    /// By transform and family.
    families: Vec<(String, String, Arc<Output>)>,
    keyed: BTreeMap<String, Keyed>,
    sides: Vec<Arc<Sides>>,
    /// How many elements were made, by collection.
    counts: BTreeMap<String, Arc<AtomicU64>>,
    desk: Arc<Desk>,
    current: Arc<Current>,
    /// The descriptor's transforms by the names of their steps.
    steps: Arc<BTreeMap<String, String>>,
    reported: Reported,
}

/// What others may see of a bundle that runs.
pub(crate) struct Seen {
    pub(crate) splitter: Option<Splitter>,
    /// What it waits for.
    pub(crate) waits: Arc<Waits>,
    reported: Reported,
    steps: Arc<BTreeMap<String, String>>,
}

impl Seen {
    /// How far the bundle is, and what its user code has reported.
    pub(crate) fn progress(&self) -> Vec<MonitoringInfo> {
        let mut infos = infos::user_metrics(&self.reported.so_far(), &self.steps);
        infos.extend(self.splitter.iter().map(|splitter| infos::read_index(&splitter.source, splitter.read())));
        infos
    }
}

/// Where elements come in.
struct Source {
    collection: String,
    next: Next<Bytes>,
    position: Arc<ReadPosition>,
    /// Whether its elements are work that can be cut.
    is_splittable: bool,
}

/// What came of a bundle.
pub(crate) struct Processed {
    pub(crate) response: pb::ProcessBundleResponse,
    pub(crate) finalizers: Finalizers,
}

impl Processor {
    /// Wires the operators of a descriptor.
    pub(crate) fn new(
        graphs: &[Graph],
        descriptor: &pb::ProcessBundleDescriptor,
        state: Option<StateClient>,
        cache: Arc<Cache>,
        connect: Connect<'_>,
    ) -> Result<Self> {
        plan::wire(&Shape::new(graphs, descriptor)?, Arc::new(Current::new(state, cache)), connect)
    }

    /// Begins a bundle: who asks how far it is, or for a part of it, asks for this one from now on.
    pub(crate) fn start(&mut self, instruction: &str, tokens: Tokens) -> Seen {
        // Who still looks at the bundle before sees no metrics of this one.
        self.reported = Reported::default();
        self.current.start(instruction, tokens);
        self.sides.iter().for_each(|sides| sides.start());
        self.counts.values().for_each(|count| count.store(0, Ordering::Relaxed));
        self.sources.values().for_each(|source| source.position.start());
        self.all_outputs().for_each(|output| output.start(instruction));
        let splitter = self.sources.iter().next().map(|(id, source)| Splitter {
            source: id.clone(),
            position: source.position.clone(),
            desk: self.desk.clone(),
            is_splittable: source.is_splittable,
        });
        let (waits, reported, steps) = (self.current.waits.clone(), self.reported.clone(), self.steps.clone());
        Seen { splitter, waits, reported, steps }
    }

    /// The descriptor's transforms by the names of their steps.
    pub(crate) fn transforms(&self) -> Arc<BTreeMap<String, String>> {
        self.steps.clone()
    }

    fn all_outputs(&self) -> impl Iterator<Item = &Arc<Output>> {
        let families = self.families.iter().map(|(_, _, output)| output);
        self.outputs.iter().map(|(_, output)| output).chain(families)
    }

    /// Runs the bundle that was started, to its end.
    pub(crate) fn process(&mut self, inbox: &Arrivals) -> Result<Processed> {
        let (result, finalizers) = self.reported.clone().during(|| finalize::collect(|| self.run(inbox)));
        result?;
        let mut monitoring_infos = infos::user_metrics(&self.reported.so_far(), &self.steps);
        monitoring_infos.extend(self.progress());
        let response = pb::ProcessBundleResponse {
            residual_roots: self.current.take_residuals(),
            monitoring_infos,
            requires_finalization: !finalizers.is_empty(),
            ..Default::default()
        };
        Ok(Processed { response, finalizers })
    }

    fn progress(&self) -> Vec<MonitoringInfo> {
        let mut all = Vec::new();
        for (id, source) in &self.sources {
            let read = source.position.read();
            all.push(infos::element_count(&source.collection, read));
            all.push(infos::read_index(id, read));
        }
        let counts = self.counts.iter().map(|(collection, count)| (collection, count.load(Ordering::Relaxed)));
        all.extend(counts.map(|(collection, count)| infos::element_count(collection, count)));
        all
    }

    fn run(&mut self, inbox: &Arrivals) -> Result<()> {
        let mut open: BTreeSet<(String, String)> =
            self.sources.keys().map(|source| (source.clone(), String::new())).collect();
        open.extend(self.families.iter().map(|(transform, family, _)| (transform.clone(), family.clone())));
        self.sources.values_mut().try_for_each(|source| source.next.start_bundle())?;
        let waits = self.current.waits.clone();
        while !open.is_empty() {
            let gone = || failure("the data of a bundle ended before it was complete".to_owned());
            match waits.during(For::Data, || inbox.next()).ok_or_else(gone)? {
                Incoming::Data { transform, data, is_last } => {
                    let unknown = || failure(format!("data came for `{transform}`, which is no source of this bundle"));
                    let source = self.sources.get_mut(&transform).ok_or_else(unknown)?;
                    if !data.is_empty() {
                        let meta = Meta::at(Timestamp::MIN);
                        source.next.receive(Batch { values: vec![data], meta })?;
                    }
                    if is_last {
                        open.remove(&(transform, String::new()));
                    }
                }
                Incoming::Timers { transform, family, timers, is_last } => {
                    let unknown = || failure(format!("timers came for `{transform}`, which has none in this bundle"));
                    self.keyed.get(&transform).ok_or_else(unknown)?.timers(&family, &timers, is_last)?;
                    if is_last {
                        open.remove(&(transform, family));
                    }
                }
                Incoming::Broken(why) => return Err(failure(why)),
            }
        }
        self.sources.values_mut().try_for_each(|source| source.next.finish_bundle())?;
        self.all_outputs().try_for_each(|output| output.finish())?;
        self.current.confirm_writes()
    }
}
