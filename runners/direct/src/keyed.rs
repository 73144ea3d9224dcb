//! A stage that begins with a stateful step: what waits for it by key, its state and its timers.

use crate::rows::Row;
use crate::schedule::{Fate, Schedule};
use bytes::Bytes;
use ferrobeam_core::coder;
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::dofn::stateful::operator::{
    AnyStateful, Place, StatefulEvent, StatefulOperator, TimeDomain, TimerChange, TimerId,
};
use ferrobeam_core::graph::{EdgeCoder, StepName};
use ferrobeam_core::metrics::Counter;
use ferrobeam_core::windowing::{Window, WindowingStrategy};
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::engine::{Due, Holds, Now, States, Timers};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Elements that came when the state of their window had gone.
const DROPPED_LATE: Counter = Counter::new("ferrobeam", "dropped_due_to_lateness");

/// A timer that fires more often than this after the end of the input does so for ever.
const MOST_FIRINGS: usize = 1_000_000;

/// What a stateful step remembers and what waits for it.
pub(crate) struct Keyed {
    step: StepName,
    code: Arc<dyn AnyStateful>,
    coder: Arc<dyn EdgeCoder>,
    windowing: Arc<WindowingStrategy>,
    /// The elements that wait, each in one window.
    rows: BTreeMap<Bytes, Vec<Row>>,
    memory: Memory,
}

/// What changes when a bundle is committed.
#[derive(Clone, Default)]
struct Memory {
    states: States,
    timers: Timers,
    /// The ends of windows whose expiration will be called for, which may emit at the end of its window.
    ends: Holds,
    ending: BTreeSet<(Bytes, Window)>,
    /// How often each timer has fired after the end of the input.
    firings: BTreeMap<(Bytes, Window, TimerId), usize>,
}

/// A bundle: keys with those of their elements that are in it, and those that are due or in it.
pub(crate) struct Bundle(Vec<(Bytes, Vec<Row>)>);

impl Bundle {
    /// The elements.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().flat_map(|(_, rows)| rows)
    }
}

impl Keyed {
    pub(crate) fn new(
        step: StepName,
        code: Arc<dyn AnyStateful>,
        coder: Arc<dyn EdgeCoder>,
        windowing: Arc<WindowingStrategy>,
    ) -> Self {
        Keyed { step, code, coder, windowing, rows: BTreeMap::new(), memory: Memory::default() }
    }

    /// Whether an element that comes now is too late to come in the order of time: then it is dropped.
    pub(crate) fn drops_on_arrival(&self, row: &Row, upstream: Timestamp) -> Result<bool> {
        let drops = self.code.facts().time_sorted && self.is_complete(row.time, upstream);
        if drops {
            self.count_dropped()?;
        }
        Ok(drops)
    }

    /// Takes an element in one window. Whether it waits now: one whose window has expired is dropped.
    pub(crate) fn accept(&mut self, row: Row, input_watermark: Timestamp) -> Result<bool> {
        if self.windowing.garbage_collection_time(row.window()) < input_watermark {
            self.count_dropped()?;
            return Ok(false);
        }
        let length = self.code.key_length(&self.step, &row.bytes)?;
        self.rows.entry(row.bytes.slice(..length.min(row.bytes.len()))).or_default().push(row);
        Ok(true)
    }

    /// Whether an element can be processed now: at once, or in the order of time when no earlier one can come.
    fn is_eligible(&self, row: &Row, upstream: Timestamp) -> bool {
        !self.code.facts().time_sorted || upstream == Timestamp::MAX || self.is_complete(row.time, upstream)
    }

    /// Whether nothing that is not too late can have this time or an earlier one any more.
    fn is_complete(&self, time: Timestamp, upstream: Timestamp) -> bool {
        time.saturating_add(self.windowing.allowed_lateness) < upstream
    }

    fn count_dropped(&self) -> Result<()> {
        guard(&self.step, || {
            DROPPED_LATE.inc();
            Ok(())
        })
    }

    /// Whether there is something to do.
    pub(crate) fn has_work(&self, now: Now, upstream: Timestamp) -> bool {
        self.is_due(now) || self.rows.values().flatten().any(|row| self.is_eligible(row, upstream))
    }

    /// Whether timers are due, or windows have expired.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        self.memory.timers.due_keys(now).next().is_some()
    }

    /// How many elements wait.
    pub(crate) fn len(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    /// What the output watermark may not pass.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        self.memory.timers.hold().into_iter().chain(self.memory.ends.earliest()).min()
    }

    /// No window that has state or timers expires before this.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.memory.timers.next_event_time()
    }

    /// When processing time makes something due.
    pub(crate) fn next_processing_time(&self) -> Option<Timestamp> {
        self.memory.timers.next_processing_time()
    }

    /// Takes some of the keys for which there is something to do, and some of their elements.
    pub(crate) fn take(&mut self, schedule: &mut Schedule, now: Now, upstream: Timestamp) -> Bundle {
        let due: BTreeSet<Bytes> = self.memory.timers.due_keys(now).cloned().collect();
        let waits = |rows: &Vec<Row>| rows.iter().any(|row| self.is_eligible(row, upstream));
        let waiting = self.rows.iter().filter(|(_, rows)| waits(rows)).map(|(key, _)| key.clone());
        let mut keys: Vec<Bytes> = waiting.chain(due).collect::<BTreeSet<_>>().into_iter().collect();
        let keys = schedule.bundle(&mut keys, "keys");
        let mut bundle = Vec::new();
        for key in keys {
            let rows = self.rows.remove(&key).unwrap_or_default();
            let (mut rows, mut rest): (Vec<Row>, Vec<Row>) =
                rows.into_iter().partition(|row| self.is_eligible(row, upstream));
            let taken = if self.code.facts().time_sorted {
                rows.sort_by_key(|row| row.time);
                let size = schedule.size(rows.len(), "elements of a key");
                rest.extend(rows.drain(size..));
                rows
            } else {
                let taken = schedule.bundle(&mut rows, "elements of a key");
                rest.extend(rows);
                taken
            };
            if !rest.is_empty() {
                self.rows.insert(key.clone(), rest);
            }
            bundle.push((key, taken));
        }
        Bundle(bundle)
    }

    /// Puts the elements of a bundle back that failed.
    pub(crate) fn put_back(&mut self, bundle: Bundle) {
        for (key, rows) in bundle.0.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            self.rows.entry(key).or_default().extend(rows);
        }
    }

    /// Runs a bundle. Of one that is going to fail nothing is remembered.
    pub(crate) fn run(
        &mut self,
        operator: &mut dyn StatefulOperator,
        bundle: &Bundle,
        now: Now,
        fate: Fate,
    ) -> Result<()> {
        let before = (fate != Fate::Commits).then(|| self.memory.clone());
        let result = self.run_keys(operator, bundle, now, fate);
        if let Some(before) = before {
            self.memory = before;
        }
        result
    }

    fn run_keys(&mut self, operator: &mut dyn StatefulOperator, bundle: &Bundle, now: Now, fate: Fate) -> Result<()> {
        operator.start_bundle()?;
        let keys = if fate == Fate::FailsHalfWay { bundle.0.len().div_ceil(2) } else { bundle.0.len() };
        for (key, rows) in bundle.0.iter().take(keys) {
            let mut visit = Visit { keyed: self, operator, key, now, at: None, changes: Vec::new() };
            for row in rows {
                visit.fire()?;
                visit.element(row)?;
            }
            visit.fire()?;
            visit.leave()?;
        }
        if fate == Fate::FailsHalfWay { Ok(()) } else { operator.finish_bundle() }
    }
}

/// One key in a bundle.
struct Visit<'a> {
    keyed: &'a mut Keyed,
    operator: &'a mut dyn StatefulOperator,
    key: &'a Bytes,
    now: Now,
    /// The window whose state the operator has.
    at: Option<Window>,
    changes: Vec<TimerChange>,
}

impl Visit<'_> {
    fn enter(&mut self, window: Window) -> Result<()> {
        if self.at == Some(window) {
            return Ok(());
        }
        self.leave()?;
        let expires = self.keyed.windowing.garbage_collection_time(window);
        let calls = self.keyed.code.facts().on_window_expiration;
        let Memory { states, timers, ends, ending, .. } = &mut self.keyed.memory;
        if calls && ending.insert((self.key.clone(), window)) {
            ends.replace(None, Some(window.max_timestamp()));
        }
        timers.expire_at(self.key, window, expires);
        self.operator.enter(self.key, Place { window, expires }, states.reader(self.key, window))?;
        self.at = Some(window);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        if let Some(window) = self.at.take() {
            let changes = self.operator.leave()?;
            self.keyed.memory.states.apply(self.key, window, changes);
        }
        Ok(())
    }

    fn call(&mut self, window: Window, event: StatefulEvent<'_>) -> Result<()> {
        self.enter(window)?;
        self.operator.call(event, self.now.processing_time, &mut self.changes)?;
        for change in self.changes.drain(..) {
            let timers = &self.keyed.code.facts().timers;
            let domain = timers.iter().find(|timer| timer.name == change.timer.name).map(|timer| timer.domain);
            let domain = domain.unwrap_or(TimeDomain::EventTime);
            self.keyed.memory.timers.change(self.key, window, domain, change);
        }
        Ok(())
    }

    fn element(&mut self, row: &Row) -> Result<()> {
        let event = StatefulEvent::Element { pair: &row.bytes, time: row.time, pane: row.pane };
        self.call(row.window(), event).map_err(|error| match &error {
            Error::User { step, .. } | Error::Panic { step, .. } if step.name == self.keyed.step.name => {
                error.on_element(|| coder::describe(&self.keyed.coder.spec(), &row.bytes))
            }
            _ => error,
        })
    }

    /// Does all that is due for the key, the earliest first; what a callback sets or clears takes part.
    fn fire(&mut self) -> Result<()> {
        while let Some(due) = self.keyed.memory.timers.due(self.key, self.now) {
            match due {
                Due::Timer(timer) => {
                    self.keyed.memory.timers.take(self.key, timer.window, &timer.timer);
                    self.count(timer.window, &timer.timer)?;
                    let (fire, output) = (timer.fire, timer.output);
                    self.call(timer.window, StatefulEvent::Timer { timer: &timer.timer, fire, output })?;
                }
                Due::Expire(window) => self.expire(window)?,
            }
        }
        Ok(())
    }

    /// A timer that sets itself again and again when nothing comes any more would run for ever.
    fn count(&mut self, window: Window, timer: &TimerId) -> Result<()> {
        if self.now.input_watermark < Timestamp::MAX {
            return Ok(());
        }
        let firings = self.keyed.memory.firings.entry((self.key.clone(), window, timer.clone())).or_default();
        *firings += 1;
        if *firings < MOST_FIRINGS {
            return Ok(());
        }
        let (name, step) = (timer.name, &self.keyed.step);
        let message = format!(
            "{step}: the timer `{name}` has set itself again {MOST_FIRINGS} times since the input ended, in {window}: \
             it must stop some time"
        );
        Err(Error::Runner { runner: "direct", message })
    }

    /// The end of a window's state.
    fn expire(&mut self, window: Window) -> Result<()> {
        if self.keyed.code.facts().on_window_expiration {
            self.call(window, StatefulEvent::WindowExpired)?;
        }
        if self.at == Some(window) {
            self.leave()?;
        }
        let Memory { states, timers, ends, ending, firings } = &mut self.keyed.memory;
        if ending.remove(&(self.key.clone(), window)) {
            ends.replace(Some(window.max_timestamp()), None);
        }
        states.remove(self.key, window);
        timers.expire(self.key, window);
        firings.retain(|(key, at, _), _| (key, *at) != (self.key, window));
        Ok(())
    }
}
