//! What a stateful step waits for: its timers and the ends of its windows.
//!
//! A runner looks for keys that have something [due](Timers::due), and does one thing after the other for each: the
//! earliest one, then it looks again, because a timer may set and clear others.
//!
//! ```
//! use bytes::Bytes;
//! use ferrobeam_core::Timestamp;
//! use ferrobeam_core::dofn::stateful::operator::{TimeDomain, TimerChange, TimerId, TimerSet};
//! use ferrobeam_core::windowing::Window;
//! use ferrobeam_runner_core::engine::{Due, Now, Timers};
//!
//! let (mut timers, key, at) = (Timers::default(), Bytes::from("key"), Timestamp::from_millis);
//! let flush = TimerId { name: "flush", tag: String::new() };
//! let set = Some(TimerSet { fire: at(5), output: at(3) });
//! timers.change(&key, Window::Global, TimeDomain::EventTime, TimerChange { timer: flush.clone(), set });
//! assert_eq!(timers.hold(), Some(at(3)));
//!
//! let mut now = Now { input_watermark: at(5), ..Now::START };
//! assert_eq!(timers.due(&key, now), None);
//! now.input_watermark = at(6);
//! let Some(Due::Timer(due)) = timers.due(&key, now) else { panic!("the watermark is beyond its time") };
//! assert_eq!(due.timer, flush);
//! timers.take(&key, due.window, &due.timer);
//! assert!(timers.is_empty());
//! ```
//!
//! # Order
//!
//! Of one key, timers in processing time come before those in event time: they saw the watermark as it was. Within a
//! domain what is earlier comes first, and of equal times what was set first. A window ends after all its timers of that
//! time; no event timer may lie behind the end of its window
//! ([`Place::expires`](ferrobeam_core::dofn::stateful::operator::Place)).
//!
//! At the end of the input, when the watermark is at the end of time, a window waits for its timers in processing time:
//! nobody else will make them fire.

use super::key::HashedKey;
use super::{Holds, Now};
use bytes::Bytes;
use ferrobeam_core::Timestamp;
use ferrobeam_core::dofn::stateful::operator::{TimeDomain, TimerChange, TimerId, TimerSet};
use ferrobeam_core::windowing::Window;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The timers of a stateful step that are set, and when its windows expire.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    slots: BTreeMap<Slot, Turn>,
    by_key: BTreeMap<(HashedKey, Turn), Due>,
    by_time: BTreeSet<(Turn, Bytes)>,
    holds: Holds,
    /// How many things have been set: the next one's order.
    count: u64,
}

/// What is due for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// A timer fires.
    Timer(PendingTimer),
    /// This window has expired.
    Expire(Window),
}

/// A timer that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingTimer {
    /// The window that it belongs to.
    pub window: Window,
    /// Which one it is.
    pub timer: TimerId,
    /// Its clock.
    pub domain: TimeDomain,
    /// When it fires, in its domain.
    pub fire: Timestamp,
    /// Its output timestamp.
    pub output: Timestamp,
}

/// What a slot takes in memory, about, with its places in both lines.
pub(super) const OF_SLOT: usize = 500;

/// What can be waited for once: a timer, or without one the end of the window.
type Slot = (HashedKey, Window, Option<TimerId>);

/// The place in the line of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) domain: TimeDomain,
    pub(super) at: Timestamp,
    /// Behind all timers of its time.
    pub(super) expires: bool,
    pub(super) order: u64,
}

impl Turn {
    /// Before all others of a domain.
    const fn first(domain: TimeDomain) -> Turn {
        Turn { domain, at: Timestamp::MIN, expires: false, order: 0 }
    }

    /// Behind all others.
    const LAST: Turn = Turn { domain: TimeDomain::ProcessingTime, at: Timestamp::MAX, expires: true, order: u64::MAX };

    fn is_due(&self, now: Now) -> bool {
        is_due(self.domain, self.at, now)
    }
}

/// Whether something is due that waits for a time in a domain.
pub(super) fn is_due(domain: TimeDomain, at: Timestamp, now: Now) -> bool {
    match domain {
        TimeDomain::EventTime => at < now.input_watermark,
        TimeDomain::ProcessingTime => at <= now.processing_time,
    }
}

/// In the order in which they come.
pub(super) const DOMAINS: [TimeDomain; 2] = [TimeDomain::ProcessingTime, TimeDomain::EventTime];

impl Timers {
    /// Sets a timer, in place of what it was set to before, or clears it.
    pub fn change(&mut self, key: &Bytes, window: Window, domain: TimeDomain, change: TimerChange) {
        let TimerChange { timer, set } = change;
        let Some(TimerSet { fire, output }) = set else {
            self.take(key, window, &timer);
            return;
        };
        let turn = Turn { domain, at: fire, expires: false, order: self.count };
        self.insert(HashedKey::new(key), turn, Due::Timer(PendingTimer { window, timer, domain, fire, output }));
    }

    /// Lets a window of a key expire when the input watermark is beyond `at`; false if that has been said before.
    pub fn expire_at(&mut self, key: &Bytes, window: Window, at: Timestamp) -> bool {
        let slot = (HashedKey::new(key), window, None);
        if self.slots.contains_key(&slot) {
            return false;
        }
        let turn = Turn { domain: TimeDomain::EventTime, at, expires: true, order: self.count };
        self.insert(slot.0, turn, Due::Expire(window));
        true
    }

    /// The first thing that is due for a key. It stays so until a timer is [taken](Self::take), or a window
    /// [expires](Self::expire).
    #[must_use]
    pub fn due(&self, key: &Bytes, now: Now) -> Option<Due> {
        // Mostly nothing is due for any key, which is seen without a look for this one.
        if !DOMAINS.into_iter().any(|domain| self.first(domain).is_some_and(|turn| turn.is_due(now))) {
            return None;
        }
        self.first_due(&HashedKey::new(key), now).map(|(_, due)| due.clone())
    }

    /// Takes a timer out, due or not; none if it is not set. Its hold goes with it.
    pub fn take(&mut self, key: &Bytes, window: Window, timer: &TimerId) -> Option<PendingTimer> {
        match self.remove(&(HashedKey::new(key), window, Some(timer.clone())))? {
            Due::Timer(timer) => Some(timer),
            Due::Expire(_) => None,
        }
    }

    /// Forgets that a window of a key expires, unless it has timers: for one without state nothing is left to do then.
    pub fn forget(&mut self, key: &Bytes, window: Window) {
        let slot = (HashedKey::new(key), window, None);
        let mut of_window = self.slots.range(&slot..).take_while(|((k, w, _), _)| (k, *w) == (&slot.0, window));
        let is_alone = of_window.next().is_some_and(|((.., timer), _)| timer.is_none()) && of_window.next().is_none();
        if is_alone {
            self.remove(&slot);
        }
    }

    /// Forgets a window of a key with all its timers, and counts those in processing time that did not come to fire.
    pub fn expire(&mut self, key: &Bytes, window: Window) -> usize {
        let from = (HashedKey::new(key), window, None);
        let of_window = self.slots.range(&from..).take_while(|((k, w, _), _)| (k, *w) == (&from.0, window));
        let slots: Vec<_> = of_window.map(|(slot, turn)| (slot.clone(), turn.domain)).collect();
        for (slot, _) in &slots {
            self.remove(slot);
        }
        slots.iter().filter(|(_, domain)| *domain == TimeDomain::ProcessingTime).count()
    }

    /// The keys that something is [due](Self::due) for, each once, those with the earliest first.
    pub fn due_keys(&self, now: Now) -> impl Iterator<Item = &Bytes> {
        let turns = DOMAINS.into_iter().flat_map(move |domain| {
            let from = (Turn::first(domain), Bytes::new());
            self.by_time.range(from..).take_while(move |(turn, _)| turn.domain == domain && turn.is_due(now))
        });
        turns
            .filter(move |(turn, key)| {
                self.first_due(&HashedKey::new(key), now).is_some_and(|(first, _)| first == turn)
            })
            .map(|(_, key)| key)
    }

    /// When the watermark is beyond this, something is due.
    #[must_use]
    pub fn next_event_time(&self) -> Option<Timestamp> {
        self.next_time(TimeDomain::EventTime)
    }

    /// When processing time has reached this, something is due.
    #[must_use]
    pub fn next_processing_time(&self) -> Option<Timestamp> {
        self.next_time(TimeDomain::ProcessingTime)
    }

    /// What the output watermark may not pass: the earliest output timestamp of a timer.
    #[must_use]
    pub fn hold(&self) -> Option<Timestamp> {
        self.holds.earliest()
    }

    /// The timers in processing time of a window of a key, due or not, in order.
    pub fn processing_timers<'a>(
        &'a self,
        key: &Bytes,
        window: Window,
    ) -> impl Iterator<Item = &'a PendingTimer> + use<'a> {
        self.processing_timers_of(&HashedKey::new(key), window)
    }

    fn processing_timers_of<'a>(
        &'a self,
        key: &HashedKey,
        window: Window,
    ) -> impl Iterator<Item = &'a PendingTimer> + use<'a> {
        self.behind(key, TimeDomain::ProcessingTime).filter_map(move |(_, due)| match due {
            Due::Timer(timer) if timer.window == window => Some(timer),
            _ => None,
        })
    }

    /// The first key behind another, in their own order.
    pub(super) fn key_behind(&self, key: Option<&HashedKey>) -> Option<&HashedKey> {
        let from = key.map_or(Bound::Unbounded, |key| Bound::Excluded((key.clone(), Turn::LAST)));
        self.by_key.range((from, Bound::Unbounded)).next().map(|((key, _), _)| key)
    }

    /// Whether something is waited for of a key.
    pub(super) fn has(&self, key: &HashedKey) -> bool {
        self.of_key(key).next().is_some()
    }

    /// All that is waited for of a key, in order.
    pub(super) fn of_key<'a>(&'a self, key: &HashedKey) -> impl Iterator<Item = (&'a Turn, &'a Due)> + use<'a> {
        // The domain that stands first of all.
        self.behind(key, TimeDomain::EventTime)
    }

    /// Takes out all that is waited for of a key. The holds stay.
    pub(super) fn take_key(&mut self, key: &HashedKey) {
        let slots: Vec<Slot> = self.of_key(key).map(|(_, due)| slot(key.clone(), due)).collect();
        slots.iter().for_each(|slot| drop(self.take_out(slot)));
    }

    /// Puts back something that was [taken out](Self::take_key), and held all the time.
    pub(super) fn put_back(&mut self, key: &HashedKey, turn: Turn, due: Due) {
        self.put_in(key.clone(), slot(key.clone(), &due), turn, due);
    }

    /// About how much memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.slots.len() * OF_SLOT
    }

    /// Tells whether there is nothing to wait for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Counts the timers and windows that are waited for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    fn insert(&mut self, key: HashedKey, turn: Turn, due: Due) {
        let slot = slot(key.clone(), &due);
        self.remove(&slot);
        if let Due::Timer(timer) = &due {
            self.holds.replace(None, Some(timer.output));
        }
        self.count = self.count.max(turn.order + 1);
        self.put_in(key, slot, turn, due);
    }

    fn put_in(&mut self, key: HashedKey, slot: Slot, turn: Turn, due: Due) {
        self.slots.insert(slot, turn);
        self.by_time.insert((turn, key.bytes.clone()));
        self.by_key.insert((key, turn), due);
    }

    fn remove(&mut self, slot: &Slot) -> Option<Due> {
        let due = self.take_out(slot)?;
        if let Due::Timer(timer) = &due {
            self.holds.replace(Some(timer.output), None);
        }
        Some(due)
    }

    fn take_out(&mut self, slot: &Slot) -> Option<Due> {
        let turn = self.slots.remove(slot)?;
        self.by_time.remove(&(turn, slot.0.bytes.clone()));
        self.by_key.remove(&(slot.0.clone(), turn))
    }

    /// What is waited for of a key, from the first of a domain on.
    fn behind<'a>(
        &'a self,
        key: &HashedKey,
        domain: TimeDomain,
    ) -> impl Iterator<Item = (&'a Turn, &'a Due)> + use<'a> {
        let of_key = (key.clone(), Turn::first(domain))..=(key.clone(), Turn::LAST);
        self.by_key.range(of_key).map(|((_, turn), due)| (turn, due))
    }

    pub(super) fn first_due(&self, key: &HashedKey, now: Now) -> Option<(&Turn, &Due)> {
        DOMAINS.into_iter().find_map(|domain| {
            let mut mine = self.behind(key, domain).take_while(|(turn, _)| turn.domain == domain && turn.is_due(now));
            mine.find(|(_, due)| !self.waits_for_timers(key, due, now))
        })
    }

    fn waits_for_timers(&self, key: &HashedKey, due: &Due, now: Now) -> bool {
        let Due::Expire(window) = due else { return false };
        now.input_watermark == Timestamp::MAX && self.processing_timers_of(key, *window).next().is_some()
    }

    fn next_time(&self, domain: TimeDomain) -> Option<Timestamp> {
        self.first(domain).map(|turn| turn.at)
    }

    /// The first of all keys.
    fn first(&self, domain: TimeDomain) -> Option<&Turn> {
        // Event time stands before processing time, so its first is the first of all.
        let first = match domain {
            TimeDomain::EventTime => self.by_time.first(),
            TimeDomain::ProcessingTime => self.by_time.range((Turn::first(domain), Bytes::new())..).next(),
        };
        first.map(|(turn, _)| turn).filter(|turn| turn.domain == domain)
    }
}

fn slot(key: HashedKey, due: &Due) -> Slot {
    match due {
        Due::Timer(timer) => (key, timer.window, Some(timer.timer.clone())),
        Due::Expire(window) => (key, *window, None),
    }
}
