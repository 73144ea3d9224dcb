//! Records of keys in files, and when each key is to be woken.
//!
//! Files keep old records; what tells that a record is old is the newer one of the same key, or that it has been woken
//! ([`seen`](Records::seen)), or that the key is among those that were [brought](Records::brought).

use crate::engine::Now;
use crate::engine::key::HashedKey;
use crate::engine::timers::{DOMAINS, is_due};
use crate::files::{Map, Queue, damaged, number, put_time, take_array, take_time, time};
use bytes::Bytes;
use ferrobeam_core::grouping::SpillSpace;
use ferrobeam_core::{Result, Timestamp};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a key that was brought takes in memory, about.
const OF_BROUGHT: usize = 100;

/// When a key is woken, and the key: a key of a [`Queue`].
pub(super) type Wake = (u64, Vec<u8>);

/// When a key is woken, for each of the [`DOMAINS`].
pub(super) type Times = [Option<Timestamp>; 2];

/// Keys that are in files.
pub(super) struct Records {
    map: Map,
    /// For each domain when keys are to be woken. Some were woken since for other reasons.
    wakes: [Queue; 2],
    /// The last one of each that has come out: whoever was to be woken before, has been.
    seen: [Option<Wake>; 2],
    /// Keys that came back before it was time to wake them: what files have of them does not count any more.
    brought: BTreeSet<HashedKey>,
}

/// What files have of a key.
pub(super) struct Record {
    bytes: Vec<u8>,
    /// So many bytes of it are the times.
    head: usize,
    pub(super) times: Times,
}

impl Record {
    /// What was packed.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[self.head..]
    }
}

/// Keys in memory that may go to files.
pub(super) trait Resident {
    /// The first key behind another one, in their order, or of all.
    fn behind(&self, key: Option<&HashedKey>) -> Option<HashedKey>;

    /// Takes a key out of memory, writes what is known of it to an empty record, and says when it is to be woken; none if it
    /// stays. `has_passed` knows times at which nobody would be woken any more.
    ///
    /// # Errors
    /// Those of files; that something has no encoding.
    fn pack(
        &mut self,
        key: &HashedKey,
        has_passed: &dyn Fn(&Times) -> bool,
        record: &mut Vec<u8>,
    ) -> Result<Option<Times>>;
}

fn wake(at: Timestamp, key: &HashedKey) -> Wake {
    (number(at), [&key.hash.to_be_bytes(), &*key.bytes].concat())
}

/// The key that a wake is for.
fn sleeper(wake: &[u8]) -> Result<HashedKey> {
    let (hash, bytes) = wake.split_first_chunk().ok_or_else(damaged)?;
    Ok(HashedKey { hash: u64::from_be_bytes(*hash), bytes: Bytes::copy_from_slice(bytes) })
}

/// Whether a key that was to be woken then has been, in one domain or the other.
fn has_passed(seen: &[Option<Wake>; 2], times: &Times, key: &HashedKey) -> bool {
    let is_seen = |(last, sleeper): &Wake, at: Timestamp| match number(at).cmp(last) {
        Ordering::Equal => wake(at, key).1 <= *sleeper,
        order => order.is_lt(),
    };
    seen.iter().zip(times).any(|(seen, at)| seen.as_ref().zip(*at).is_some_and(|(seen, at)| is_seen(seen, at)))
}

fn put_times(times: &Times, out: &mut Vec<u8>) {
    out.push(times.iter().zip([1, 2]).filter(|(at, _)| at.is_some()).map(|(_, bit)| bit).sum());
    times.iter().flatten().for_each(|at| put_time(*at, out));
}

fn take_times(input: &mut &[u8]) -> Result<Times> {
    let [bits] = take_array(input)?;
    let mut take = |bit| if bits & bit == 0 { Ok(None) } else { take_time(input).map(Some) };
    Ok([take(1)?, take(2)?])
}

impl Records {
    pub(super) fn new(space: &Arc<dyn SpillSpace>) -> Self {
        let wakes = DOMAINS.map(|_| Queue::new(space.clone()));
        Records { map: Map::new(space.clone()), wakes, seen: [None, None], brought: BTreeSet::new() }
    }

    /// Whether no key has ever gone to files.
    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// About how much memory it takes that keys have come back.
    pub(super) fn memory(&self) -> usize {
        self.brought.len() * OF_BROUGHT
    }

    /// The record of a key that counts. It does not from now on.
    ///
    /// # Errors
    /// Those of files.
    pub(super) fn bring(&mut self, key: &HashedKey) -> Result<Option<Record>> {
        let record = self.find(key)?;
        if record.is_some() {
            self.brought.insert(key.clone());
        }
        Ok(record)
    }

    fn find(&mut self, key: &HashedKey) -> Result<Option<Record>> {
        if self.brought.contains(key) {
            return Ok(None);
        }
        let bytes = self.map.find((key.hash, &key.bytes))?.filter(|bytes| !bytes.is_empty());
        let Some(bytes) = bytes else { return Ok(None) };
        let mut rest = &*bytes;
        let times = take_times(&mut rest)?;
        let head = bytes.len() - rest.len();
        Ok((!has_passed(&self.seen, &times, key)).then_some(Record { bytes, head, times }))
    }

    /// The next key that is to be woken in a domain, with its record; none if there is none now.
    ///
    /// # Errors
    /// Those of files.
    pub(super) fn wake(&mut self, place: usize, now: Now) -> Result<Option<(HashedKey, Record)>> {
        while self.is_domain_due(place, now)
            && let Some((number, key)) = self.wakes[place].first()
        {
            let (at, wake) = (time(number), (number, key.to_vec()));
            self.wakes[place].pop(&mut Vec::new())?;
            let key = sleeper(&wake.1)?;
            // Of those that came back before, and were parked again, there is another wake.
            let record = self.find(&key)?.filter(|record| record.times[place] == Some(at));
            self.seen[place] = Some(wake);
            if let Some(record) = record {
                return Ok(Some((key, record)));
            }
        }
        Ok(None)
    }

    /// When the last key was to be woken that has been asked for in a domain.
    pub(super) fn last(&self, place: usize) -> Option<Timestamp> {
        self.seen[place].as_ref().map(|(number, _)| time(*number))
    }

    pub(super) fn is_domain_due(&self, place: usize, now: Now) -> bool {
        self.next_time(place).is_some_and(|at| is_due(DOMAINS[place], at, now))
    }

    /// Whether something may be due for a key that is here.
    pub(super) fn is_due(&self, now: Now) -> bool {
        (0..DOMAINS.len()).any(|place| self.is_domain_due(place, now))
    }

    /// Nobody is to be woken before this.
    pub(super) fn next_time(&self, place: usize) -> Option<Timestamp> {
        self.wakes[place].first().map(|(number, _)| time(number))
    }

    /// Writes those of about so many keys to files that do not stay.
    ///
    /// # Errors
    /// Those of files and of the keys.
    pub(super) fn park(&mut self, count: usize, keys: &mut dyn Resident) -> Result<()> {
        let Records { map, wakes, seen, brought } = self;
        let mut records = map.writer(count + brought.len())?;
        let mut left = std::mem::take(brought).into_iter().peekable();
        let (mut last, mut woken) = (None, [Vec::new(), Vec::new()]);
        let (mut body, mut record) = (Vec::new(), Vec::new());
        loop {
            let here = keys.behind(last.as_ref());
            let Some(key) = here.iter().chain(left.peek()).min().cloned() else { break };
            let was_brought = left.next_if_eq(&key).is_some();
            body.clear();
            record.clear();
            if here.as_ref() != Some(&key) {
                // That it is gone is said by an empty record.
                records.put((key.hash, &key.bytes), &record)?;
            } else if let Some(times) = keys.pack(&key, &|times| has_passed(seen, times, &key), &mut body)? {
                put_times(&times, &mut record);
                record.extend_from_slice(&body);
                records.put((key.hash, &key.bytes), &record)?;
                woken.iter_mut().zip(times).for_each(|(woken, at)| woken.extend(at.map(|at| wake(at, &key))));
            } else if was_brought {
                brought.insert(key.clone());
            }
            last = Some(key);
        }
        for (queue, mut woken) in wakes.iter_mut().zip(woken) {
            woken.sort_unstable();
            let mut writer = queue.writer()?;
            woken.iter().try_for_each(|(number, key)| writer.put((*number, key), &[]))?;
            queue.add(writer)?;
        }
        map.add(records, &mut |(hash, bytes), mut record| {
            let key = HashedKey { hash, bytes: Bytes::copy_from_slice(bytes) };
            // Damage is told to those who want the key.
            !record.is_empty() && take_times(&mut record).map_or(true, |times| !has_passed(seen, &times, &key))
        })
    }
}
