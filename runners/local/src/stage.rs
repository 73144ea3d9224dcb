//! One worker's instance of a stage: what waits for it, and its bundles.

use crate::LocalRunner;
use crate::keyed::Keyed;
use crate::layout::Layout;
use crate::pace::Pacer;
use crate::shared::Shared;
use crate::wiring::Wirer;
use bytes::Bytes;
use ferrobeam_core::batch::{Batch, Column, Meta};
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::dofn::finalize;
use ferrobeam_core::dofn::splittable::operator::{Order, SplittableOperator};
use ferrobeam_core::dofn::stateful::operator::EncodedPair;
use ferrobeam_core::graph::{Feed, Parted, Transfer, TransferOf};
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Error, Result, Timestamp, coder};
use ferrobeam_runner_core::bundle::Head;
use ferrobeam_runner_core::bundle::keyed::KeyedStep;
use ferrobeam_runner_core::bundle::splits::{EncodedElement, OpenPart, cut, process, truncate};
use ferrobeam_runner_core::engine::{Holds, Now, Side};
use ferrobeam_runner_core::fuse::Stage;
use std::collections::VecDeque;
use std::sync::Arc;

/// So many elements of a step with state may have so many new keys that memory is worth a look.
const MANY_KEYED: usize = 512;

/// A stage while it runs.
pub(crate) struct StageNode {
    /// Its number in the plan.
    number: usize,
    work: Work,
    /// Of what comes in.
    transfer: Arc<dyn Transfer>,
    sides: Vec<Side>,
    ready: VecDeque<Parcel>,
    /// What waits for side inputs.
    waiting: Vec<Parcel>,
    /// The times of that.
    pending: Holds,
    /// Whether all that comes in is one empty element.
    starts: bool,
}

/// What a stage begins with.
pub(crate) enum Work {
    Values(Box<dyn Feed>),
    Splittable(Box<dyn SplittableOperator>),
    Keyed(Box<Keyed>),
}

impl StageNode {
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn new(layout: &Layout<'_>, number: usize, starts: bool, wirer: &Wirer<'_>) -> Result<Self> {
        let stage = &layout.plan.stages[number];
        let sides = stage.sides.iter().map(|side| layout.side(side)).collect::<Result<_>>()?;
        let coder = layout.graph.coder(&stage.input)?;
        let (work, transfer) = match wirer.stage(stage)? {
            Head::Values(next) => (Work::Values(coder.transfer().feed(next)?), coder.transfer()),
            Head::Splittable(operator) => (Work::Splittable(operator), TransferOf::<Bytes>::shared()),
            Head::Stateful(operator) => {
                let step = KeyedStep::new(layout.graph, stage, LocalRunner::NAME)?;
                let space = wirer.space(&step.step);
                (Work::Keyed(Box::new(Keyed::new(step, operator, space))), TransferOf::<EncodedPair>::shared())
            }
        };
        let (ready, waiting, pending) = (VecDeque::new(), Vec::new(), Holds::default());
        Ok(StageNode { number, work, transfer, sides, ready, waiting, pending, starts })
    }

    /// Takes elements.
    ///
    /// # Errors
    /// User code's: which window of a side input belongs to an element may be the user's choice.
    pub(crate) fn accept(&mut self, parcel: Parcel) -> Result<()> {
        if self.sides.is_empty() {
            self.ready.push_back(parcel);
            return Ok(());
        }
        let StageNode { transfer, sides, ready, waiting, pending, .. } = self;
        let Parted { inside, outside } = transfer.part(parcel, &mut |window| is_ready(sides, window))?;
        ready.extend(inside);
        for parcel in outside {
            pending.replace(None, Some(earliest(&parcel.meta)));
            waiting.push(parcel);
        }
        Ok(())
    }

    /// Lets the elements go on whose side inputs are ready.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub(crate) fn admit(&mut self) -> Result<()> {
        for parcel in std::mem::take(&mut self.waiting) {
            let before = earliest(&parcel.meta);
            self.accept(parcel)?;
            self.pending.replace(Some(before), None);
        }
        Ok(())
    }

    /// Whether elements can be processed.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The earliest of the elements that wait, but for those in the order of time.
    pub(crate) fn pending(&self) -> Option<Timestamp> {
        let sorted = if let Work::Keyed(keyed) = &self.work { keyed.pending() } else { None };
        self.pending.earliest().into_iter().chain(sorted).min()
    }

    /// How many rows can be processed.
    pub(crate) fn ready_rows(&self) -> usize {
        self.ready.iter().map(|parcel| parcel.len).sum()
    }

    /// How many elements can be processed, and how many wait for side inputs.
    pub(crate) fn waits(&self) -> (usize, usize) {
        let sorted = if let Work::Keyed(keyed) = &self.work { keyed.len() } else { 0 };
        (self.ready_rows() + sorted, self.waiting.iter().map(|parcel| parcel.len).sum())
    }

    /// What it has of keys and state.
    pub(crate) fn keyed(&mut self) -> Option<&mut Keyed> {
        if let Work::Keyed(keyed) = &mut self.work { Some(keyed) } else { None }
    }

    /// Whether it is worth a look at memory what it makes of the elements that are ready: it may bring a side input back, as a
    /// whole, and a step with state keeps what it knows of each of their keys.
    pub(crate) fn may_fill_memory(&self) -> bool {
        self.has_sides() || (matches!(self.work, Work::Keyed(_)) && self.ready_rows() >= MANY_KEYED)
    }

    /// About how many bytes of elements it holds, if an element takes so many where nobody knows better.
    pub(crate) fn kept(&self, row: usize) -> usize {
        let waiting = self.waiting.iter().map(|parcel| parcel.len).sum::<usize>() * row;
        waiting + if let Work::Keyed(keyed) = &self.work { keyed.kept() } else { 0 }
    }

    /// What the output watermark may not pass.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        if let Work::Keyed(keyed) = &self.work { keyed.hold() } else { None }
    }

    /// When the first window expires in which there is work that does not hold the input watermark.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        if let Work::Keyed(keyed) = &self.work { keyed.expires() } else { None }
    }

    /// Whether it looks at side inputs.
    pub(crate) fn has_sides(&self) -> bool {
        !self.sides.is_empty()
    }

    pub(crate) fn next_processing_time(&self) -> Option<Timestamp> {
        if let Work::Keyed(keyed) = &self.work { keyed.next_processing_time() } else { None }
    }

    /// [`process`](Self::process) for a worker that has nothing else to do: an error names its element.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn bundle(&mut self, wirer: &Wirer<'_>, now: Now, upstream: Timestamp) -> Result<Vec<OpenPart>> {
        match self.process(wirer.outbox.shared(), now, upstream) {
            Err(error) if self.starts && error.lacks_element() => {
                Err(find_element(wirer, &wirer.layout.plan.stages[self.number], error))
            }
            result => result,
        }
    }

    /// Processes all that is ready, as one bundle. Gives the parts that the work of elements was cut into.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn process(&mut self, shared: &Shared, now: Now, upstream: Timestamp) -> Result<Vec<OpenPart>> {
        let parcels = std::mem::take(&mut self.ready);
        let (result, finalizers) = finalize::collect(|| match &mut self.work {
            Work::Values(feed) => {
                feed.start_bundle()?;
                for parcel in parcels {
                    shared.go_on()?;
                    feed.receive(parcel)?;
                }
                feed.finish_bundle()?;
                Ok(Vec::new())
            }
            Work::Splittable(operator) => cut(&mut **operator, elements(parcels)?, now.processing_time),
            Work::Keyed(keyed) => {
                keyed.accept(parcels, now, upstream)?;
                keyed.bundle(shared, now, upstream)?;
                Ok(Vec::new())
            }
        });
        let parts = result?;
        shared.committed(finalizers)?;
        Ok(parts)
    }

    /// Whether time has made something due.
    pub(crate) fn is_due(&self, now: Now, upstream: Timestamp) -> bool {
        matches!(&self.work, Work::Keyed(keyed) if keyed.has_work(now, upstream))
    }

    /// Does what is due by time.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn advance(&mut self, shared: &Shared, now: Now, upstream: Timestamp) -> Result<()> {
        let Work::Keyed(keyed) = &mut self.work else { return Ok(()) };
        let (result, finalizers) = finalize::collect(|| keyed.bundle(shared, now, upstream));
        result?;
        shared.committed(finalizers)
    }

    /// Works on a part; what is left of it.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn work_on(
        &mut self,
        wirer: &Wirer<'_>,
        open: &OpenPart,
        pacer: &Arc<Pacer>,
        now: Timestamp,
    ) -> Result<Vec<OpenPart>> {
        let Work::Splittable(operator) = &mut self.work else { return Err(misfit()) };
        let (result, finalizers) = finalize::collect(|| process(&mut **operator, open, &pacer.order(now), false));
        let parts = match result {
            Err(error) if error.lacks_element() => {
                let stage = &wirer.layout.plan.stages[self.number];
                return Err(find_element_of(wirer, stage, open, &pacer.again(now), error));
            }
            result => result?,
        };
        wirer.outbox.shared().committed(finalizers)?;
        Ok(parts)
    }

    /// What of a part is still to be done when the pipeline drains.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn truncate(&mut self, open: &OpenPart) -> Result<Vec<OpenPart>> {
        let Work::Splittable(operator) = &mut self.work else { return Err(misfit()) };
        truncate(&mut **operator, std::slice::from_ref(open))
    }
}

fn is_ready(sides: &[Side], window: Window) -> Result<bool> {
    for side in sides {
        if !side.is_ready(window)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The earliest time of some rows.
fn earliest(meta: &Meta) -> Timestamp {
    match &meta.time {
        Column::All(time) => *time,
        Column::Each(times) => times.iter().min().copied().unwrap_or(Timestamp::MAX),
    }
}

/// Encoded elements, each in one window.
fn elements(parcels: impl IntoIterator<Item = Parcel>) -> Result<Vec<EncodedElement>> {
    let mut elements = Vec::new();
    for parcel in parcels {
        let Batch { values, meta } = parcel.open::<Bytes>()?;
        for (row, bytes) in values.into_iter().enumerate() {
            let (time, pane) = (*meta.time.get(row), *meta.pane.get(row));
            let windows = meta.windows.get(row).as_slice().iter();
            elements.extend(windows.map(|window| EncodedElement { bytes: bytes.clone(), time, window: *window, pane }));
        }
    }
    Ok(elements)
}

/// Runs the stage that begins with the one empty element once more, to see on which element behind it fails.
fn find_element(wirer: &Wirer<'_>, stage: &Stage, error: Error) -> Error {
    let again = || {
        let Head::Values(next) = wirer.probe(stage)? else { return Ok(()) };
        let mut feed = TransferOf::<()>::shared().feed(next)?;
        feed.start_bundle()?;
        feed.receive(impulse())?;
        feed.finish_bundle()
    };
    let (again, _) = finalize::collect(again);
    again.err().filter(Error::is_user_code).unwrap_or(error)
}

/// Works on a part once more, to see on which row a step behind fails.
fn find_element_of(wirer: &Wirer<'_>, stage: &Stage, open: &OpenPart, again: &Order, error: Error) -> Error {
    let graph = wirer.layout.graph;
    let again = || {
        let Head::Splittable(mut operator) = wirer.probe(stage)? else { return Ok(()) };
        process(&mut *operator, open, again, false).map(drop)
    };
    let (again, _) = finalize::collect(again);
    let error = again.err().filter(Error::is_user_code).unwrap_or(error);
    let source = stage.splittable.as_deref().and_then(|id| graph.step_name(graph.transform(id).ok()?).ok());
    match (&error, graph.coder(&stage.input)) {
        // A source that panics had no element yet, but it had work.
        (Error::Panic { step, .. }, Ok(coder)) if source.is_some_and(|source| source.name == step.name) => {
            error.on_element(|| coder::describe(&coder.spec(), &open.element.bytes))
        }
        _ => error,
    }
}

/// The one empty element that everything begins with.
pub(crate) fn impulse() -> Parcel {
    Parcel::new(Batch { values: vec![()], meta: Meta::at(Timestamp::MIN) })
}

/// A plan and its operators that do not fit are a defect of this runner.
pub(crate) fn misfit() -> Error {
    Error::Runner { runner: LocalRunner::NAME, message: "a stage is wired with the operators of another".to_owned() }
}
