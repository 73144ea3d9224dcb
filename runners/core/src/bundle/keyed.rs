//! A stateful step at work: its state and timers, and the visit of its operator to one key after the other.

use bytes::Bytes;
use ferrobeam_core::coder;
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::dofn::splittable::operator::Element;
use ferrobeam_core::dofn::stateful::operator::{
    AnyStateful, Place, StatefulEvent, StatefulOperator, TimeDomain, TimerChange, TimerId,
};
use ferrobeam_core::graph::{EdgeCoder, Graph, StepCode, StepName};
use ferrobeam_core::metrics::Counter;
use ferrobeam_core::windowing::{Window, WindowingStrategy};
use ferrobeam_core::{Error, Result, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::{Due, Holds, Now, States, Timers};
use crate::fuse::Stage;

/// Elements that came when the state of their window had gone.
const DROPPED_LATE: Counter = Counter::new("ferrobeam", "dropped_due_to_lateness");

/// A timer that fires more often than this after the end of the input does so for ever.
const MOST_FIRINGS: usize = 1_000_000;

/// A stateful step: what there is to know of it.
pub struct KeyedStep {
    /// For errors.
    runner: &'static str,
    /// The step.
    pub step: StepName,
    /// Its code.
    pub code: Arc<dyn AnyStateful>,
    coder: Arc<dyn EdgeCoder>,
    windowing: Arc<WindowingStrategy>,
}

impl KeyedStep {
    /// The step that a stage begins with.
    ///
    /// # Errors
    /// [`Error::Graph`] if it begins with none that is stateful.
    pub fn new(graph: &Graph, stage: &Stage, runner: &'static str) -> Result<Self> {
        let id = stage.stateful.as_deref().unwrap_or_default();
        let transform = graph.transform(id)?;
        let Some(StepCode::Stateful(code)) = graph.code(transform)? else {
            return Err(Error::Graph(vec![format!("`{id}` has no state")]));
        };
        let (step, coder) = (graph.step_name(transform)?.clone(), graph.coder(&stage.input)?.clone());
        let windowing = graph.windowing(&stage.input)?.clone();
        Ok(KeyedStep { runner, step, code: code.clone(), coder, windowing })
    }

    /// Whether an element that comes now is too late to come in the order of time: then it is dropped, and counted.
    ///
    /// # Errors
    /// None but those of [`guard`].
    pub fn drops_on_arrival(&self, time: Timestamp, upstream: Timestamp) -> Result<bool> {
        let drops = self.code.facts().time_sorted && self.is_complete(time, upstream);
        if drops {
            self.count_dropped()?;
        }
        Ok(drops)
    }

    /// Whether the window of an element that comes now has expired: then it is dropped, and counted.
    ///
    /// # Errors
    /// None but those of [`guard`].
    pub fn drops_as_late(&self, window: Window, input_watermark: Timestamp) -> Result<bool> {
        let drops = self.windowing.garbage_collection_time(window) < input_watermark;
        if drops {
            self.count_dropped()?;
        }
        Ok(drops)
    }

    /// Whether an element can be processed now: at once, or in the order of time when no earlier one can come.
    #[must_use]
    pub fn is_eligible(&self, time: Timestamp, upstream: Timestamp) -> bool {
        !self.code.facts().time_sorted || upstream == Timestamp::MAX || self.is_complete(time, upstream)
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
}

/// What a stateful step remembers: it changes when a bundle is committed.
#[derive(Clone, Default)]
pub struct Memory {
    pub(super) states: States,
    pub(super) timers: Timers,
    /// The ends of windows whose expiration will be called for, which may emit at the end of its window.
    ends: Holds,
    /// How often each timer has fired after the end of the input.
    firings: BTreeMap<(Bytes, Window, TimerId), usize>,
}

impl Memory {
    /// The keys for which timers are due, or windows have expired.
    pub fn due_keys(&self, now: Now) -> impl Iterator<Item = &Bytes> {
        self.timers.due_keys(now)
    }

    /// What the output watermark may not pass.
    #[must_use]
    pub fn hold(&self) -> Option<Timestamp> {
        self.timers.hold().into_iter().chain(self.ends.earliest()).min()
    }

    /// No window that has state or timers expires before this.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.timers.next_event_time()
    }

    /// When processing time makes something due.
    #[must_use]
    pub fn next_processing_time(&self) -> Option<Timestamp> {
        self.timers.next_processing_time()
    }
}

/// A visit to one key in a bundle.
pub struct Visit<'a> {
    keyed: &'a KeyedStep,
    memory: &'a mut Memory,
    operator: &'a mut dyn StatefulOperator,
    key: &'a Bytes,
    now: Now,
    /// The window whose state the operator has.
    at: Option<Window>,
    /// Whether there is state of that window.
    has_state: bool,
    changes: Vec<TimerChange>,
}

impl<'a> Visit<'a> {
    /// Comes to a key, within a bundle of the operator's.
    pub fn new(
        keyed: &'a KeyedStep,
        memory: &'a mut Memory,
        operator: &'a mut dyn StatefulOperator,
        key: &'a Bytes,
        now: Now,
    ) -> Self {
        Visit { keyed, memory, operator, key, now, at: None, has_state: false, changes: Vec::new() }
    }

    fn enter(&mut self, window: Window) -> Result<()> {
        if self.at == Some(window) {
            return Ok(());
        }
        self.leave()?;
        let expires = self.keyed.windowing.garbage_collection_time(window);
        let calls = self.keyed.code.facts().on_window_expiration;
        let Memory { states, timers, ends, .. } = &mut self.memory;
        let state = states.reader(self.key, window);
        self.has_state = state.is_some();
        // What has state has been entered before, and was not forgotten.
        if !self.has_state && timers.expire_at(self.key, window, expires) && calls {
            ends.replace(None, Some(window.max_timestamp()));
        }
        self.operator.enter(self.key, Place { window, expires }, state.unwrap_or_else(States::nothing))?;
        self.at = Some(window);
        Ok(())
    }

    /// Ends the visit.
    ///
    /// # Errors
    /// State that has no encoding.
    pub fn leave(&mut self) -> Result<()> {
        if let Some(window) = self.at.take() {
            let changes = self.operator.leave()?;
            if !changes.is_empty() {
                self.has_state = self.memory.states.apply(self.key, window, changes)?;
            }
            // A key that comes and goes leaves nothing behind, however long its window is.
            if !self.has_state && !self.keyed.code.facts().on_window_expiration {
                self.memory.timers.forget(self.key, window);
            }
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
            self.memory.timers.change(self.key, window, domain, change);
        }
        Ok(())
    }

    /// Processes an element of the key, a pair, behind all that is due before it.
    ///
    /// Nothing earlier than an element in the order of time can come for its key, so all timers before it are due, even if
    /// elements of other keys are earlier: what comes of a key does not depend on how the watermark comes.
    ///
    /// # Errors
    /// Those of [`fire`](Self::fire); user code's, on this element.
    pub fn element(&mut self, row: Element<'_>, go_on: &dyn Fn() -> Result<()>) -> Result<()> {
        if self.keyed.code.facts().time_sorted {
            self.now.input_watermark = self.now.input_watermark.max(row.time);
        }
        self.fire(go_on)?;
        let event = StatefulEvent::Element { pair: row.bytes, time: row.time, pane: row.pane };
        self.call(row.window, event).map_err(|error| match &error {
            Error::User { step, .. } | Error::Panic { step, .. } if step.name == self.keyed.step.name => {
                error.on_element(|| coder::describe(&self.keyed.coder.spec(), row.bytes))
            }
            _ => error,
        })
    }

    /// Does all that is due for the key, the earliest first, as long as it may go on; what a callback sets or clears takes part.
    ///
    /// # Errors
    /// User code's; that a timer sets itself again and again to a time that has passed; the one that `go_on` gives.
    pub fn fire(&mut self, go_on: &dyn Fn() -> Result<()>) -> Result<()> {
        let (mut last, mut firings) = (None, 0);
        while let Some(due) = self.memory.timers.due(self.key, self.now) {
            go_on()?;
            match due {
                Due::Timer(timer) => {
                    // The same timer, and time has not moved on.
                    let stands = last.replace((timer.window, timer.timer.clone(), timer.fire));
                    let stands = stands.is_some_and(|(window, id, fire)| {
                        (window, &id) == (timer.window, &timer.timer) && timer.fire <= fire
                    });
                    firings = if stands { firings + 1 } else { 0 };
                    if firings >= MOST_FIRINGS {
                        return Err(self.endless(&timer.timer, timer.window, "to a time that had passed"));
                    }
                    self.memory.timers.take(self.key, timer.window, &timer.timer);
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
        let firings = self.memory.firings.entry((self.key.clone(), window, timer.clone())).or_default();
        *firings += 1;
        if *firings < MOST_FIRINGS {
            return Ok(());
        }
        Err(self.endless(timer, window, "since the input ended"))
    }

    #[cold]
    fn endless(&self, timer: &TimerId, window: Window, how: &str) -> Error {
        let (name, step) = (timer.name, &self.keyed.step);
        let message = format!(
            "{step}: the timer `{name}` has set itself again {MOST_FIRINGS} times {how}, in {window}: it must stop some time"
        );
        Error::Runner { runner: self.keyed.runner, message }
    }

    /// The end of a window's state.
    fn expire(&mut self, window: Window) -> Result<()> {
        let calls = self.keyed.code.facts().on_window_expiration;
        if calls {
            self.call(window, StatefulEvent::WindowExpired)?;
        }
        if self.at == Some(window) {
            self.leave()?;
        }
        let Memory { states, timers, ends, firings } = &mut self.memory;
        if calls {
            ends.replace(Some(window.max_timestamp()), None);
        }
        states.remove(self.key, window);
        timers.expire(self.key, window);
        if !firings.is_empty() {
            firings.retain(|(key, at, _), _| (key, *at) != (self.key, window));
        }
        Ok(())
    }
}
