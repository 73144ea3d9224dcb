//! What a stateful step may see and do besides its element and its state.

use super::Timers;
use super::operator::{Place, TimeDomain, TimerChange, TimerSet};
use crate::Element;
use crate::dofn::Tag;
use crate::dofn::context::{Rows, Tagged};
use crate::dofn::finalize;
use crate::dofn::side::{SideCache, View};
use crate::error::BoxError;
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Why user code is called, and when.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) place: Place,
    /// Processing time.
    pub(super) now: Timestamp,
    /// What outputs have, and may not be before.
    pub(super) time: Timestamp,
    pub(super) pane: PaneInfo,
    pub(super) cause: Cause,
}

#[derive(Clone, Copy)]
pub(super) enum Cause {
    Element,
    Timer { domain: TimeDomain, fire: Timestamp },
    Expiration,
}

/// What `process`, `on_timer` and `on_window_expiration` may see and do besides their element and state.
///
/// A mistake, such as an output back in time, does not stop the callback: it fails the step after it.
pub struct StatefulContext<'a, U, M> {
    pub(super) at: Moment,
    pub(super) main: &'a mut Rows<U>,
    pub(super) tagged: &'a mut Tagged,
    pub(super) sides: &'a mut SideCache,
    pub(super) timers: &'a mut Vec<TimerChange>,
    pub(super) mistake: &'a mut Option<String>,
    pub(super) of: PhantomData<fn(M)>,
}

/// Output.
impl<U, M> StatefulContext<'_, U, M> {
    /// Emits by the main output, with the callback's own timestamp.
    pub fn emit(&mut self, value: U)
    where
        U: Element,
    {
        self.main.push(value, self.at.time, self.at.place.window, self.at.pane);
    }

    /// Emits by the main output with another timestamp.
    ///
    /// A timestamp before the callback's own fails the step: the watermark may have passed it.
    pub fn emit_at(&mut self, value: U, at: Timestamp)
    where
        U: Element,
    {
        if at < self.at.time {
            let own = match self.at.cause {
                Cause::Element => "its input",
                Cause::Timer { .. } => "the output timestamp of its timer",
                Cause::Expiration => "the end of its window",
            };
            let text = format!("output at {at} is before {own} at {}", self.at.time);
            self.mistake(text);
        }
        self.main.push(value, at, self.at.place.window, self.at.pane);
    }

    /// Emits by an additional output, with the callback's own timestamp.
    ///
    /// The output must have been declared where the step was added (`par_do_stateful_tagged`); otherwise the step fails.
    pub fn emit_to<V: Element>(&mut self, tag: &Tag<V>, value: V) {
        let Moment { time, place, pane, .. } = self.at;
        let buffer = self.tagged.iter_mut().find(|(name, _)| *name == tag.name);
        match buffer.and_then(|(_, buffer)| buffer.get_mut::<Rows<V>>()) {
            Some(rows) => rows.push(value, time, place.window, pane),
            None => self.mistake(format!("no output `{}` of this type was declared", tag.name)),
        }
    }

    fn mistake(&mut self, text: String) {
        self.mistake.get_or_insert(text);
    }
}

/// Where the callback is.
impl<U, M> StatefulContext<'_, U, M> {
    /// The callback's own timestamp: of an element its event time, of a timer its output timestamp, of the expiration of a
    /// window the window's last timestamp.
    pub fn timestamp(&self) -> Timestamp {
        self.at.time
    }

    /// When the timer was set to fire, by its own clock; `None` if this is no timer.
    pub fn fire_timestamp(&self) -> Option<Timestamp> {
        match self.at.cause {
            Cause::Timer { fire, .. } => Some(fire),
            Cause::Element | Cause::Expiration => None,
        }
    }

    /// The window.
    pub fn window(&self) -> Window {
        self.at.place.window
    }

    /// The firing that the element belongs to; timers belong to none.
    pub fn pane(&self) -> PaneInfo {
        self.at.pane
    }

    /// The processing time, by the runner's clock.
    pub fn processing_time(&self) -> Timestamp {
        self.at.now
    }

    /// The side input in the window that belongs to this one.
    ///
    /// # Errors
    /// The view was not declared at the step, or its collection does not have the form that it asks for.
    pub fn side<V: View>(&mut self, view: &V) -> Result<Arc<V::Seen>, BoxError> {
        self.sides.load(view, self.at.place.window)?;
        self.sides.get(view).cloned()
    }

    /// Calls back once the bundle is committed: see [`Context::after_commit`](crate::dofn::Context::after_commit).
    pub fn after_commit(&mut self, callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static) {
        finalize::after_commit(Box::new(callback));
    }
}

/// Timers. One that is set already is set anew.
impl<U, M: Timers> StatefulContext<'_, U, M> {
    /// Sets a timer to a time of its clock.
    ///
    /// A timer of event time cannot be set to when the window has expired, and none beyond the end of the global window:
    /// that fails the step. Until it has fired, the watermark behind the step stays at its output timestamp: by default
    /// the time of a timer of event time, within its window and not before the callback's own timestamp; of a timer of
    /// processing time the callback's own timestamp.
    pub fn set(&mut self, timer: M, at: Timestamp) {
        self.put(&timer, |_, _| at, None);
    }

    /// [`set`](StatefulContext::set) to so long after now: of processing time, or after the time of the element or timer of
    /// event time that calls.
    pub fn set_after(&mut self, timer: M, after: Duration) {
        let time = |at: Moment, domain| match (domain, at.cause) {
            (TimeDomain::ProcessingTime, _) => at.now,
            (TimeDomain::EventTime, Cause::Timer { domain: TimeDomain::EventTime, fire }) => fire,
            (TimeDomain::EventTime, _) => at.time,
        };
        self.put(&timer, |at, domain| time(at, domain) + after, None);
    }

    /// [`set`](StatefulContext::set) with an output timestamp of one's own: what the timer emits has it, and the watermark
    /// waits there. It is not before the callback's own timestamp, nor behind the time of a timer of event time or the end
    /// of the window: that fails the step.
    pub fn set_with_output(&mut self, timer: M, at: Timestamp, output: Timestamp) {
        self.put(&timer, |_, _| at, Some(output));
    }

    /// Clears a timer, if it is set.
    pub fn clear(&mut self, timer: M) {
        self.timers.push(TimerChange { timer: timer.id(), set: None });
    }

    fn put(&mut self, timer: &M, fire: impl FnOnce(Moment, TimeDomain) -> Timestamp, output: Option<Timestamp>) {
        let timer = timer.id();
        let Some(facts) = M::FACTS.iter().find(|facts| facts.name == timer.name) else {
            return self.mistake("a step whose timers are `()` has none to set".to_owned());
        };
        let fire = fire(self.at, facts.domain);
        match self.at.set(facts.domain, fire, output) {
            Ok(set) => self.timers.push(TimerChange { timer, set: Some(set) }),
            Err(why) => self.mistake(match timer.tag.as_str() {
                "" => format!("the timer `{}` {why}", timer.name),
                tag => format!("the timer `{}` of {tag:?} {why}", timer.name),
            }),
        }
    }
}

impl Moment {
    /// What a timer is set to, or why it cannot be.
    fn set(&self, domain: TimeDomain, fire: Timestamp, output: Option<Timestamp>) -> Result<TimerSet, String> {
        let Place { window, expires } = self.place;
        // An element may lie behind its window, for steps may change its time.
        let last = window.max_timestamp().max(self.time);
        let is_event_time = domain == TimeDomain::EventTime;
        if let Cause::Expiration = self.cause {
            return Err(format!("is set to {fire} in an expired window, {window}"));
        }
        if is_event_time && fire > expires {
            return Err(format!("is set to {fire}, behind its window {window}, which expires at {expires}"));
        }
        if fire > Timestamp::END_OF_GLOBAL_WINDOW {
            return Err(format!("is set to {fire}, behind the end of the global window"));
        }
        let Some(output) = output else {
            let output = if is_event_time { fire.clamp(self.time, last) } else { self.time };
            return Ok(TimerSet { fire, output });
        };
        if output < self.time {
            Err(format!("has the output timestamp {output}, before the time of what sets it, {}", self.time))
        } else if is_event_time && output > fire {
            Err(format!("has the output timestamp {output}, behind the time that it is set to, {fire}"))
        } else if output > last {
            Err(format!("has the output timestamp {output}, behind the end of its window {window}"))
        } else {
            Ok(TimerSet { fire, output })
        }
    }
}
