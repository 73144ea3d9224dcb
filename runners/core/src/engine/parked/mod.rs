//! Keys of a stateful step, or of a grouping, that are in files with all that is known of them.
//!
//! A key comes back when an element comes for it, or when it is woken: when the first thing is due that it waits for.

mod record;
mod records;
#[cfg(test)]
mod tests;
mod windows;

pub(super) use record::Names;
pub use windows::ParkedWindows;

use super::key::HashedKey;
use super::timers::{DOMAINS, Due, OF_SLOT};
use super::{Holds, Now, States, Timers};
use bytes::Bytes;
use ferrobeam_core::dofn::stateful::operator::TimeDomain;
use ferrobeam_core::grouping::SpillSpace;
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Result, Timestamp};
use records::{Record, Records, Resident, Times};
use std::sync::Arc;

/// Keys of a stateful step that are in files: their state and what they wait for.
pub struct Parked {
    records: Records,
    /// When windows of keys have ended that wait for timers in processing time, and so are not woken by their end.
    ended: Holds,
    names: Names,
    /// When keys were woken last.
    now: Now,
    /// About how much memory keys take that cannot go to files: something is due for them.
    stuck: usize,
}

impl Parked {
    /// None yet. Large cells of state will go to the same space.
    pub fn new(space: &Arc<dyn SpillSpace>, states: &mut States) -> Self {
        states.limit(space.clone());
        let (records, names) = (Records::new(space), Names::default());
        Parked { records, ended: Holds::default(), names, now: Now::START, stuck: 0 }
    }

    /// Brings a key back with all that is known of it, if it is here.
    ///
    /// # Errors
    /// Those of files.
    pub fn bring(&mut self, key: &Bytes, states: &mut States, timers: &mut Timers) -> Result<()> {
        if self.records.is_empty() {
            return Ok(());
        }
        let key = HashedKey::new(key);
        if !timers.has(&key)
            && let Some(record) = self.records.bring(&key)?
        {
            self.load(&record, &key, states, timers)?;
        }
        Ok(())
    }

    /// Puts back what is known of a key.
    fn load(&mut self, record: &Record, key: &HashedKey, states: &mut States, timers: &mut Timers) -> Result<()> {
        record::decode(record.body(), key, states, timers, &self.names)?;
        self.ended.replace(ended(&record.times, key, timers), None);
        Ok(())
    }

    /// Brings keys back for which something is due, so many in each domain, or of about so many bytes, at most; whether there
    /// may be more.
    ///
    /// # Errors
    /// Those of files.
    pub fn wake(
        &mut self,
        now: Now,
        (most, room): (usize, usize),
        states: &mut States,
        timers: &mut Timers,
    ) -> Result<bool> {
        self.now = now;
        let before = self.held(states, timers);
        for place in 0..DOMAINS.len() {
            for count in 0..most {
                let is_full = count > 0 && self.held(states, timers).saturating_sub(before) >= room;
                if is_full {
                    break;
                }
                let Some((key, record)) = self.records.wake(place, now)? else { break };
                self.load(&record, &key, states, timers)?;
            }
        }
        Ok(self.is_due(now))
    }

    /// Whether something may be due for a key that is here.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        self.records.is_due(now)
    }

    /// Nothing is due before this.
    #[must_use]
    pub fn next_time(&self, domain: TimeDomain) -> Option<Timestamp> {
        let place = DOMAINS.iter().position(|other| *other == domain)?;
        let ended = if domain == TimeDomain::EventTime { self.ended.earliest() } else { None };
        self.records.next_time(place).into_iter().chain(ended).min()
    }

    /// About how much memory can be given back.
    #[must_use]
    pub fn held(&self, states: &States, timers: &Timers) -> usize {
        (states.memory() + timers.memory() + self.records.memory()).saturating_sub(self.stuck)
    }

    /// About how much memory cannot be given back.
    #[must_use]
    pub fn stuck(&self, states: &States) -> usize {
        self.stuck + states.memory_away()
    }

    /// Writes keys to files with all that is known of them: those that nobody has looked at since the last time, or all.
    ///
    /// # Errors
    /// Those of files.
    pub fn park(&mut self, all: bool, states: &mut States, timers: &mut Timers) -> Result<()> {
        let Parked { records, ended, names, now, stuck } = self;
        *stuck = 0;
        let count = timers.len();
        records.park(count, &mut Keys { all, now: *now, states, timers, ended, names, stuck })?;
        states.tidy()
    }
}

/// The keys in memory.
struct Keys<'a> {
    /// Or only those that nobody has looked at.
    all: bool,
    now: Now,
    states: &'a mut States,
    timers: &'a mut Timers,
    ended: &'a mut Holds,
    names: &'a mut Names,
    stuck: &'a mut usize,
}

impl Resident for Keys<'_> {
    fn behind(&self, key: Option<&HashedKey>) -> Option<HashedKey> {
        self.timers.key_behind(key).cloned()
    }

    fn pack(
        &mut self,
        key: &HashedKey,
        has_passed: &dyn Fn(&Times) -> bool,
        record: &mut Vec<u8>,
    ) -> Result<Option<Times>> {
        if cool(key, self.states, self.timers) && !self.all {
            return Ok(None);
        }
        windows(key, self.timers).try_for_each(|window| self.states.write_large(&key.bytes, window))?;
        let Some(times) = self.times(key, has_passed) else {
            *self.stuck += self.timers.of_key(key).count() * OF_SLOT;
            return Ok(None);
        };
        record::encode(key, self.states, self.timers, self.names, record);
        self.ended.replace(None, ended(&times, key, self.timers));
        self.timers.take_key(key);
        Ok(Some(times))
    }
}

impl Keys<'_> {
    /// When a key is to be woken; none if it has to stay.
    fn times(&self, key: &HashedKey, has_passed: &dyn Fn(&Times) -> bool) -> Option<Times> {
        let mut times = DOMAINS.map(|domain| first(domain, key, self.timers));
        if has_passed(&times) {
            // It is due, and waits for its visit. Or it is a window that waits for the other domain, which will wake it.
            if self.timers.first_due(key, self.now).is_some() {
                return None;
            }
            let [processing, event] = times;
            times = [
                processing.filter(|_| !has_passed(&[processing, None])),
                event.filter(|_| !has_passed(&[None, event])),
            ];
        }
        times.iter().any(Option::is_some).then_some(times)
    }
}

/// When a window of a key has ended that does not wake it.
fn ended(times: &Times, key: &HashedKey, timers: &Timers) -> Option<Timestamp> {
    let [_, None] = times else { return None };
    first(TimeDomain::EventTime, key, timers)
}

/// When the first thing is due in a domain that a key waits for.
fn first(domain: TimeDomain, key: &HashedKey, timers: &Timers) -> Option<Timestamp> {
    timers.of_key(key).find(|(turn, _)| turn.domain == domain).map(|(turn, _)| turn.at)
}

/// The windows of a key that have state, or may have had it.
fn windows(key: &HashedKey, timers: &Timers) -> impl Iterator<Item = Window> {
    timers.of_key(key).filter_map(|(_, due)| if let Due::Expire(window) = due { Some(*window) } else { None })
}

/// Whether somebody has looked at the state of a key since this was last asked.
fn cool(key: &HashedKey, states: &mut States, timers: &Timers) -> bool {
    windows(key, timers).fold(false, |is_warm, window| states.cool(&key.bytes, window) | is_warm)
}
