//! The two steps that take the place of a grouping whose windows the engine would not merge as the model does.
//!
//! The second one keeps what comes as it is, and sets a timer at the end of each window as assigned. Only when one is due does
//! it put all that came since through the windowing core, which merges and fires; what is still open then is saved as one
//! value. A step does not see the watermark: that it is beyond a timer is all that is known.

use crate::merging::{ENDS, OPEN, ROWS};
use bytes::Bytes;
use ferrobeam_core::batch::{Batch, Column, Meta, MetaBuilder, WindowColumn, WindowSet};
use ferrobeam_core::coder::wire::{put_prefixed, put_sortable, put_varint, take_prefixed, take_sortable, take_varint};
use ferrobeam_core::coder::{Coder, CoderError, Decoded, IntervalWindowCoder};
use ferrobeam_core::dofn::erased::{Next, Parcel, Receiver, Wiring};
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::dofn::stateful::operator::{
    AnyStateful, CellChange, CellFacts, CellKind, Place, StateChange, StateReader, StatefulEvent, StatefulFacts,
    StatefulOperator, TimeDomain, TimerChange, TimerFacts, TimerId, TimerSet,
};
use ferrobeam_core::graph::{EdgeCoder, StepName, WireCoder, wire_before};
use ferrobeam_core::grouping::{AnyGrouping, Cells, Command, KeyId, ParcelSink, Rows};
use ferrobeam_core::time::millis;
use ferrobeam_core::windowing::{PaneInfo, Window, WindowingStrategy};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::engine::{Grouping, Now, Row};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Takes encoded pairs, and makes of each, for each of its windows, its key and bytes in the global window: time, window, value.
pub(super) struct Carry {
    pub(super) step: StepName,
    pub(super) keys: Arc<dyn WireCoder>,
    pub(super) next: Next<Bytes>,
}

impl Receiver<Bytes> for Carry {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<Bytes>) -> Result<()> {
        batch.explode(|Batch { values, meta }| {
            let carried = values.iter().enumerate().map(|(row, pair)| {
                let window = meta.windows.get(row).as_slice().first().copied().unwrap_or(Window::Global);
                let mut value = &pair[..];
                let key = self.keys.take(&mut value)?;
                let (mut carried, mut out) = (Vec::new(), key.to_vec());
                put_sortable(meta.time.get(row).millis(), &mut carried);
                IntervalWindowCoder.encode(&window, &mut carried)?;
                carried.extend_from_slice(value);
                put_prefixed(&carried, &mut out);
                Ok(out.into())
            });
            let values = carried.collect::<Decoded<_>>().map_err(|source| failed(&self.step, source))?;
            let (windows, pane) = (WindowColumn::All(WindowSet::GLOBAL), Column::All(PaneInfo::NO_FIRING));
            self.next.receive(Batch { values, meta: Meta { time: meta.time, windows, pane } })
        })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

fn failed(step: &StepName, source: CoderError) -> Error {
    Error::Coder { step: step.clone(), element: None, source }
}

/// The step behind it, which is stateful.
pub(super) struct Merging {
    pub(super) grouping: Arc<dyn AnyGrouping>,
    /// The coder of the pairs that are grouped.
    pub(super) pairs: Arc<dyn EdgeCoder>,
    pub(super) keys: Arc<dyn WireCoder>,
    pub(super) windowing: Arc<WindowingStrategy>,
    facts: StatefulFacts,
}

impl Merging {
    pub(super) fn new(
        grouping: Arc<dyn AnyGrouping>,
        pairs: Arc<dyn EdgeCoder>,
        keys: Arc<dyn WireCoder>,
        windowing: Arc<WindowingStrategy>,
    ) -> Merging {
        let cell = |name, form| CellFacts { name, kind: CellKind::Bag, form, ttl: None };
        let facts = StatefulFacts {
            cells: vec![cell(ROWS, "bag"), cell(OPEN, "value")],
            timers: vec![TimerFacts { name: ENDS, domain: TimeDomain::EventTime, is_family: true }],
            ..StatefulFacts::default()
        };
        Merging { grouping, pairs, keys, windowing, facts }
    }
}

impl AnyStateful for Merging {
    fn wire(&self, wiring: Wiring<'_>) -> Result<Box<dyn StatefulOperator>> {
        let (step, parcels) = (wiring.step.clone(), Parcels::default());
        let sink = self.grouping.sink(Box::new(parcels.clone()));
        Ok(Box::new(Operator {
            pairs: wire_before(&*self.pairs.decode(), &step, vec![sink])?.typed()?,
            parcels,
            cells: self.grouping.cells(&step, wiring.outputs)?,
            windowing: self.windowing.clone(),
            step,
            here: None,
        }))
    }

    fn facts(&self) -> &StatefulFacts {
        &self.facts
    }

    fn key_length(&self, step: &StepName, pair: &[u8]) -> Result<usize> {
        let mut rest = pair;
        self.keys.take(&mut rest).map_err(|source| failed(step, source.at("key")))?;
        Ok(pair.len() - rest.len())
    }

    fn key_coder(&self) -> Arc<dyn EdgeCoder> {
        self.grouping.key_coder()
    }
}

/// The pairs that come out of their decoder.
#[derive(Clone, Default)]
struct Parcels(Arc<Mutex<Vec<Parcel>>>);

impl ParcelSink for Parcels {
    fn send(&mut self, parcel: Parcel) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(parcel);
    }
}

impl Parcels {
    fn take(&self) -> Vec<Parcel> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Operator {
    step: StepName,
    windowing: Arc<WindowingStrategy>,
    /// Where encoded pairs become parcels.
    pairs: Next<Bytes>,
    parcels: Parcels,
    cells: Box<dyn Cells>,
    here: Option<Here>,
}

/// The key that the operator is at.
struct Here {
    key: Bytes,
    reader: Arc<dyn StateReader>,
    /// What came, each behind its length.
    rows: Vec<Bytes>,
    /// The timers that these have set: time and output timestamp.
    set: BTreeSet<(Timestamp, Timestamp)>,
    /// What a timer has read.
    read: Option<Read>,
}

/// The state of a key.
struct Read {
    /// Rows that were committed and not yet put through the windowing core.
    rows: Bytes,
    open: Bytes,
    /// Whether there is something to be cleared in the engine's state.
    had_rows: bool,
    had_open: bool,
    /// Whether it is another now.
    is_changed: bool,
}

/// A row as it was carried.
struct Carried<'a> {
    time: Timestamp,
    window: Window,
    value: &'a [u8],
}

impl<'a> Carried<'a> {
    fn take(input: &mut &'a [u8]) -> Decoded<Carried<'a>> {
        let mut row = take_prefixed(input, "a row that waits for its window")?;
        let time = take_timestamp(&mut row)?;
        let window = IntervalWindowCoder.decode(&mut row)?;
        Ok(Carried { time, window, value: row })
    }
}

fn take_timestamp(input: &mut &[u8]) -> Decoded<Timestamp> {
    take_sortable(input, "a timestamp").map(Timestamp::from_millis)
}

/// What is saved of a key with open windows, before the windows themselves.
struct Saved {
    /// When the next window is due.
    next: Timestamp,
    /// How far the watermark was known to be.
    watermark: Timestamp,
    /// The timers that rows have set and that are still to come.
    ends: BTreeSet<Timestamp>,
}

impl Saved {
    fn put(&self, out: &mut Vec<u8>) {
        put_sortable(self.next.millis(), out);
        put_sortable(self.watermark.millis(), out);
        put_varint(self.ends.len() as u64, out);
        self.ends.iter().for_each(|end| put_sortable(end.millis(), out));
    }

    /// Of no bytes, what is known of a key without windows.
    fn take(input: &mut &[u8]) -> Decoded<Saved> {
        if input.is_empty() {
            return Ok(Saved { next: Timestamp::MAX, watermark: Timestamp::MIN, ends: BTreeSet::new() });
        }
        let (next, watermark) = (take_timestamp(input)?, take_timestamp(input)?);
        let ends = (0..take_varint(input)?).map(|_| take_timestamp(input)).collect::<Decoded<_>>()?;
        Ok(Saved { next, watermark, ends })
    }
}

impl StatefulOperator for Operator {
    fn start_bundle(&mut self) -> Result<()> {
        self.pairs.start_bundle()?;
        self.cells.start_bundle()
    }

    fn enter(&mut self, key: &Bytes, _: Place, reader: Arc<dyn StateReader>) -> Result<()> {
        let (key, rows, set) = (key.clone(), Vec::new(), BTreeSet::new());
        self.here = Some(Here { key, reader, rows, set, read: None });
        Ok(())
    }

    fn call(&mut self, event: StatefulEvent<'_>, now: Timestamp, timers: &mut Vec<TimerChange>) -> Result<()> {
        match event {
            StatefulEvent::Element { pair, .. } => self.element(pair, timers),
            StatefulEvent::Timer { fire, .. } => self.due(fire, now, timers),
            StatefulEvent::WindowExpired => Ok(()),
        }
    }

    fn leave(&mut self) -> Result<Vec<StateChange>> {
        let Some(here) = self.here.take() else { return Ok(Vec::new()) };
        let append = |cell, value| StateChange { cell, change: CellChange::Append { key: Bytes::new(), value } };
        let clear = |cell| StateChange { cell, change: CellChange::Clear };
        let mut changes = Vec::new();
        if let Some(read) = here.read.filter(|read| read.is_changed) {
            changes.extend(read.had_rows.then(|| clear(ROWS)));
            changes.extend(read.had_open.then(|| clear(OPEN)));
            if !read.open.is_empty() {
                let mut value = Vec::new();
                put_prefixed(&read.open, &mut value);
                changes.push(append(OPEN, value.into()));
            }
        }
        changes.extend(here.rows.into_iter().map(|row| append(ROWS, row)));
        Ok(changes)
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.pairs.finish_bundle()?;
        self.cells.finish_bundle()
    }
}

impl Operator {
    /// Keeps an element, unseen, until the end of its window.
    fn element(&mut self, pair: &Bytes, timers: &mut Vec<TimerChange>) -> Result<()> {
        let Some(here) = &mut self.here else { return Ok(()) };
        let row = pair.slice(here.key.len()..);
        let Carried { time, window, .. } = Carried::take(&mut &row[..]).map_err(|source| failed(&self.step, source))?;
        here.rows.push(row);
        let fire = window.max_timestamp();
        // What is emitted may be as early as this; the watermark must not pass it before.
        let output = self.windowing.timestamp_combiner.assign(window, time);
        if here.set.insert((fire, output)) {
            timers.push(set_timer(format!("{fire} {output}"), fire, output));
        }
        Ok(())
    }

    /// The watermark has passed `at`: merges and fires.
    fn due(&mut self, at: Timestamp, now: Timestamp, timers: &mut Vec<TimerChange>) -> Result<()> {
        let Some(mut here) = self.here.take() else { return Ok(()) };
        let done = self.fire(&mut here, at, now, timers);
        self.here = Some(here);
        done
    }

    fn fire(
        &mut self,
        here: &mut Here,
        at: Timestamp,
        processing_time: Timestamp,
        timers: &mut Vec<TimerChange>,
    ) -> Result<()> {
        let step = self.step.clone();
        let failed = |source: CoderError| failed(&step, source.at("windows that are open"));
        let Here { key, reader, rows, read, .. } = here;
        let read = match read {
            Some(read) => read,
            None => read.insert(Read::of(&**reader).map_err(|error| error.unwrap_or_else(failed))?),
        };
        let mut saved_bytes = &read.open[..];
        let mut saved = Saved::take(&mut saved_bytes).map_err(failed)?;
        if read.rows.is_empty() && rows.is_empty() && at < saved.next {
            return Ok(());
        }
        let mut grouping = Grouping::new(WindowingStrategy::clone(&self.windowing));
        let time = |input_watermark: Timestamp, hold: Option<Timestamp>| Now {
            input_watermark,
            // Timers have kept it there.
            output_watermark: hold.map_or(input_watermark, |hold| hold.min(input_watermark)),
            processing_time,
            synchronized_processing_time: processing_time,
        };
        let mut commands = Vec::new();
        let mut id = None;
        if !saved_bytes.is_empty() {
            // What holds the output watermark is not yet known.
            grouping.advance(time(saved.watermark, Some(Timestamp::MIN)), &mut commands);
            let windows = grouping.read(&mut saved_bytes).map_err(failed)?;
            let cells = grouping.reserve(windows.cells());
            let key = self.cells.load(&mut saved_bytes, &cells)?;
            grouping.restore(key, windows, &cells);
            id = Some(key);
        }

        let mut batch = Pairs::default();
        let all = [std::mem::take(&mut read.rows), rows.concat().into()];
        rows.clear();
        for mut input in all.iter().map(|bytes| &bytes[..]) {
            while !input.is_empty() {
                let row = Carried::take(&mut input).map_err(failed)?;
                saved.ends.insert(row.window.max_timestamp());
                batch.push(key, &row);
                if batch.values.len() == Batch::<Bytes>::ROWS {
                    self.pairs.receive(std::mem::take(&mut batch).finish())?;
                }
            }
        }
        if !batch.values.is_empty() {
            self.pairs.receive(batch.finish())?;
        }
        for parcel in self.parcels.take() {
            let mut ids = Vec::new();
            let rows = self.cells.intern(parcel, &mut ids)?;
            id = ids.first().copied().or(id);
            let now = time(saved.watermark, grouping.hold());
            // The user's own windows merge in here.
            guard(&step, || {
                let Some(meta) = rows.meta() else { return Ok(()) };
                let row = |(row, &key): (usize, &KeyId)| Row {
                    key,
                    timestamp: *meta.time.get(row),
                    windows: meta.windows.get(row).as_slice(),
                };
                grouping.add(ids.iter().enumerate().map(row), now, &mut commands)
            })?;
            self.cells.apply(rows, &commands)?;
            commands.clear();
        }
        saved.watermark = saved.watermark.max(at + millis(1));
        grouping.advance(time(saved.watermark, grouping.hold()), &mut commands);
        self.cells.apply(Rows::NONE, &commands)?;

        read.open = Bytes::new();
        read.is_changed = true;
        if let Some((id, next)) = id.zip(grouping.next_event_time()) {
            saved.ends = saved.ends.split_off(&saved.watermark);
            let output = grouping.hold().map_or(next, |hold| hold.min(next));
            if output < next || !saved.ends.contains(&next) {
                timers.push(set_timer("next".to_owned(), next, output));
            }
            saved.next = next;
            read.open = self.save(&grouping, id, &saved)?;
        }
        Ok(())
    }

    /// Takes a key out of the store.
    fn save(&mut self, grouping: &Grouping, key: KeyId, saved: &Saved) -> Result<Bytes> {
        let mut out = Vec::new();
        saved.put(&mut out);
        grouping.save(key, &mut out).map_err(|source| failed(&self.step, source))?;
        let cells: Vec<_> = grouping.open_windows(key).iter().map(|(_, cell)| *cell).collect();
        self.cells.save(key, &cells, &mut out)?;
        let clear = cells.into_iter().map(|cell| Command::Clear { cell });
        self.cells.apply(Rows::NONE, &clear.chain([Command::Forget { key }]).collect::<Vec<_>>())?;
        Ok(out.into())
    }
}

fn set_timer(tag: String, fire: Timestamp, output: Timestamp) -> TimerChange {
    TimerChange { timer: TimerId { name: ENDS, tag }, set: Some(TimerSet { fire, output }) }
}

impl Read {
    /// Reads both cells. An error is the reader's own, or of what it has read.
    fn of(reader: &dyn StateReader) -> Result<Read, Result<Error, CoderError>> {
        let values = |cell| reader.values(cell, &[]).map(|values| values.concat()).map_err(Ok);
        let (rows, value) = (Bytes::from(values(ROWS)?), values(OPEN)?);
        let mut input = &value[..];
        let open = match input.is_empty() {
            true => Bytes::new(),
            false => Bytes::copy_from_slice(take_prefixed(&mut input, "windows").map_err(Err)?),
        };
        let (had_rows, had_open) = (!rows.is_empty(), !value.is_empty());
        Ok(Read { rows, open, had_rows, had_open, is_changed: false })
    }
}

/// Pairs as they were before they were carried.
#[derive(Default)]
struct Pairs {
    values: Vec<Bytes>,
    meta: MetaBuilder,
}

impl Pairs {
    fn push(&mut self, key: &[u8], row: &Carried<'_>) {
        self.values.push([key, row.value].concat().into());
        self.meta.push(row.time, &WindowSet::One(row.window), PaneInfo::NO_FIRING);
    }

    fn finish(self) -> Batch<Bytes> {
        Batch { values: self.values, meta: self.meta.finish() }
    }
}
