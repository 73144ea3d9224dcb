//! Keys of a stateful step that are in files with all that is known of them: their state and what they wait for.
//!
//! A key comes back when an element comes for it, or when it is woken: when the first thing is due that it waits for. Files
//! keep old records; what tells that a record is old is the newer one of the same key, or that it has been woken
//! ([`seen`](Parked::seen)), or that the key is among those that were [brought](Parked::brought).

mod record;
#[cfg(test)]
mod tests;

pub(super) use record::Names;

use super::key::HashedKey;
use super::timers::{DOMAINS, Due, OF_SLOT, is_due};
use super::{Holds, Now, States, Timers};
use crate::files::{Map, Queue, damaged, number, time};
use bytes::Bytes;
use ferrobeam_core::dofn::stateful::operator::TimeDomain;
use ferrobeam_core::grouping::SpillSpace;
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Result, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a key that was brought takes in memory, about.
const OF_BROUGHT: usize = 100;

/// When a key is woken, and the key: a key of a [`Queue`].
type Wake = (u64, Vec<u8>);

/// Keys that are in files.
pub struct Parked {
    records: Map,
    /// For each domain when keys are to be woken. Some were woken since for other reasons.
    wakes: [Queue; 2],
    /// The last one of each that has come out: whoever was to be woken before, has been.
    seen: [Option<Wake>; 2],
    /// Keys that came back before it was time to wake them: what files have of them does not count any more.
    brought: BTreeSet<HashedKey>,
    /// When windows of keys have ended that wait for timers in processing time, and so are not woken by their end.
    ended: Holds,
    names: Names,
    /// When keys were woken last.
    now: Now,
    /// About how much memory keys take that cannot go to files: something is due for them.
    stuck: usize,
}

/// What files have of a key.
struct Found {
    record: Vec<u8>,
    /// So many bytes of it are the wakes.
    head: usize,
    wakes: [Option<Wake>; 2],
}

fn wake(at: Timestamp, key: &HashedKey) -> Wake {
    (number(at), [&key.hash.to_be_bytes(), &*key.bytes].concat())
}

/// The key that a wake is for.
fn sleeper(wake: &[u8]) -> Result<HashedKey> {
    let (hash, bytes) = wake.split_first_chunk().ok_or_else(damaged)?;
    Ok(HashedKey { hash: u64::from_be_bytes(*hash), bytes: Bytes::copy_from_slice(bytes) })
}

/// Whether a key that was to be woken then has been.
fn has_passed(seen: &[Option<Wake>; 2], wakes: &[Option<Wake>; 2]) -> bool {
    // What is not there is less than anything.
    seen.iter().zip(wakes).any(|(seen, wake)| wake.is_some() && wake <= seen)
}

impl Parked {
    /// None yet. Large cells of state will go to the same space.
    pub fn new(space: &Arc<dyn SpillSpace>, states: &mut States) -> Self {
        states.limit(space.clone());
        Parked {
            records: Map::new(space.clone()),
            wakes: DOMAINS.map(|_| Queue::new(space.clone())),
            seen: [None, None],
            brought: BTreeSet::new(),
            ended: Holds::default(),
            names: Names::default(),
            now: Now::START,
            stuck: 0,
        }
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
        if let Some(found) = self.find(&key, timers)?
            && !has_passed(&self.seen, &found.wakes)
        {
            self.load(&found, &key, states, timers)?;
            self.brought.insert(key);
        }
        Ok(())
    }

    /// The record of a key that is not in memory.
    fn find(&mut self, key: &HashedKey, timers: &Timers) -> Result<Option<Found>> {
        if timers.has(key) || self.brought.contains(key) {
            return Ok(None);
        }
        let Some(record) = self.records.find((key.hash, &key.bytes))? else { return Ok(None) };
        if record.is_empty() {
            return Ok(None);
        }
        let mut rest = &*record;
        let wakes = record::wakes(&mut rest, key)?;
        let head = record.len() - rest.len();
        Ok(Some(Found { record, head, wakes }))
    }

    /// Puts back what is known of a key.
    fn load(&mut self, found: &Found, key: &HashedKey, states: &mut States, timers: &mut Timers) -> Result<()> {
        record::decode(&found.record[found.head..], key, states, timers, &self.names)?;
        self.ended.replace(ended(&found.wakes, key, timers), None);
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
                if is_full || !self.is_domain_due(place, now) {
                    break;
                }
                let Some((number, key)) = self.wakes[place].first() else { break };
                let wake = (number, key.to_vec());
                self.wakes[place].pop(&mut Vec::new())?;
                let key = sleeper(&wake.1)?;
                // Of those that came back before, and were parked again, there is another wake.
                if let Some(found) = self.find(&key, timers)?
                    && found.wakes[place].as_ref() == Some(&wake)
                    && !has_passed(&self.seen, &found.wakes)
                {
                    self.load(&found, &key, states, timers)?;
                }
                self.seen[place] = Some(wake);
            }
        }
        Ok(self.is_due(now))
    }

    /// Whether something may be due for a key that is here.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        (0..DOMAINS.len()).any(|place| self.is_domain_due(place, now))
    }

    fn is_domain_due(&self, place: usize, now: Now) -> bool {
        self.wakes[place].first().is_some_and(|(number, _)| is_due(DOMAINS[place], time(number), now))
    }

    /// Nothing is due before this.
    #[must_use]
    pub fn next_time(&self, domain: TimeDomain) -> Option<Timestamp> {
        let place = DOMAINS.iter().position(|other| *other == domain)?;
        let ended = if domain == TimeDomain::EventTime { self.ended.earliest() } else { None };
        self.wakes[place].first().map(|(number, _)| time(number)).into_iter().chain(ended).min()
    }

    /// About how much memory can be given back.
    #[must_use]
    pub fn held(&self, states: &States, timers: &Timers) -> usize {
        (states.memory() + timers.memory() + self.brought.len() * OF_BROUGHT).saturating_sub(self.stuck)
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
        let mut records = self.records.writer(timers.len() + self.brought.len())?;
        let mut brought = std::mem::take(&mut self.brought).into_iter().peekable();
        let (mut last, mut wakes, mut record) = (None, [Vec::new(), Vec::new()], Vec::new());
        self.stuck = 0;
        loop {
            let here = timers.key_behind(last.as_ref());
            let Some(key) = here.into_iter().chain(brought.peek()).min().cloned() else { break };
            let (is_here, was_brought) = (here == Some(&key), brought.next_if_eq(&key).is_some());
            record.clear();
            // That it is gone is said by an empty record.
            if !is_here || self.pack(&key, all, states, timers, (&mut wakes, &mut record))? {
                records.put((key.hash, &key.bytes), &record)?;
            } else if was_brought {
                self.brought.insert(key.clone());
            }
            last = Some(key);
        }
        states.tidy()?;
        self.add_wakes(wakes)?;
        let Parked { records: map, seen, .. } = self;
        map.add(records, &mut |(hash, bytes), mut record| {
            let key = HashedKey { hash, bytes: Bytes::copy_from_slice(bytes) };
            // Damage is told to those who want the key.
            !record.is_empty() && record::wakes(&mut record, &key).map_or(true, |wakes| !has_passed(seen, &wakes))
        })
    }

    /// Takes a key out of memory, and makes a record of it, and wakes; false if it stays.
    fn pack(
        &mut self,
        key: &HashedKey,
        all: bool,
        states: &mut States,
        timers: &mut Timers,
        (wakes, record): (&mut [Vec<Wake>; 2], &mut Vec<u8>),
    ) -> Result<bool> {
        if cool(key, states, timers) && !all {
            return Ok(false);
        }
        windows(key, timers).try_for_each(|window| states.write_large(&key.bytes, window))?;
        let Some(times) = self.times(key, timers) else {
            self.stuck += timers.of_key(key).count() * OF_SLOT;
            return Ok(false);
        };
        record::encode(key, &times, states, timers, &mut self.names, record);
        self.ended.replace(None, ended(&times, key, timers));
        timers.take_key(key);
        wakes.iter_mut().zip(times).for_each(|(wakes, time)| wakes.extend(time));
        Ok(true)
    }

    fn add_wakes(&mut self, wakes: [Vec<Wake>; 2]) -> Result<()> {
        for (queue, mut wakes) in self.wakes.iter_mut().zip(wakes) {
            wakes.sort_unstable();
            let mut writer = queue.writer()?;
            wakes.iter().try_for_each(|(number, key)| writer.put((*number, key), &[]))?;
            queue.add(writer)?;
        }
        Ok(())
    }

    /// When a key is to be woken; none if it has to stay.
    fn times(&self, key: &HashedKey, timers: &Timers) -> Option<[Option<Wake>; 2]> {
        let mut times = DOMAINS.map(|domain| Some(wake(first(domain, key, timers)?, key)));
        if has_passed(&self.seen, &times) {
            // It is due, and waits for its visit. Or it is a window that waits for the other domain, which will wake it.
            if timers.first_due(key, self.now).is_some() {
                return None;
            }
            for (time, seen) in times.iter_mut().zip(&self.seen) {
                *time = time.take().filter(|time| seen.as_ref().is_none_or(|seen| time > seen));
            }
        }
        times.iter().any(Option::is_some).then_some(times)
    }
}

/// When a window of a key has ended that does not wake it.
fn ended(wakes: &[Option<Wake>; 2], key: &HashedKey, timers: &Timers) -> Option<Timestamp> {
    let [_, None] = wakes else { return None };
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
