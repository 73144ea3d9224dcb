//! What a stateful step remembers, if there is a limit of memory: keys go to files, and come back.

use super::keyed::Memory;
use crate::engine::{Now, Parked};
use bytes::Bytes;
use ferrobeam_core::dofn::stateful::operator::TimeDomain;
use ferrobeam_core::grouping::{SpillSpace, Spills};
use ferrobeam_core::{Result, Timestamp};
use std::sync::Arc;

/// So many keys come back at a time, of those that are due.
const MANY: usize = 1024;

/// A [`Memory`] of which some keys are in files.
#[derive(Default)]
pub struct SpillingMemory {
    memory: Memory,
    parked: Option<Parked>,
    /// So many bytes of keys that are due come back at a time, about.
    room: usize,
}

impl SpillingMemory {
    /// The memory, with all that is known of a key in it.
    ///
    /// # Errors
    /// Those of files.
    pub fn of(&mut self, key: &Bytes) -> Result<&mut Memory> {
        let SpillingMemory { memory, parked, .. } = self;
        if let Some(parked) = parked {
            parked.bring(key, &mut memory.states, &mut memory.timers)?;
        }
        Ok(memory)
    }

    /// Brings some of the keys back for which something is due; whether there may be more.
    ///
    /// # Errors
    /// Those of files.
    pub fn wake(&mut self, now: Now) -> Result<bool> {
        let SpillingMemory { memory, parked, room } = self;
        let Some(parked) = parked else { return Ok(false) };
        parked.wake(now, (MANY, *room), &mut memory.states, &mut memory.timers)
    }

    /// The keys in memory for which timers are due, or windows have expired.
    pub fn due_keys(&self, now: Now) -> impl Iterator<Item = &Bytes> {
        self.memory.due_keys(now)
    }

    /// Whether something may be due for a key.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        self.memory.due_keys(now).next().is_some() || self.parked.as_ref().is_some_and(|parked| parked.is_due(now))
    }

    /// What the output watermark may not pass.
    #[must_use]
    pub fn hold(&self) -> Option<Timestamp> {
        // What keys hold that are in files is known here.
        self.memory.hold()
    }

    /// No window that has state or timers expires before this.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.memory.expires().into_iter().chain(self.next_time(TimeDomain::EventTime)).min()
    }

    /// When processing time makes something due.
    #[must_use]
    pub fn next_processing_time(&self) -> Option<Timestamp> {
        self.memory.next_processing_time().into_iter().chain(self.next_time(TimeDomain::ProcessingTime)).min()
    }

    fn next_time(&self, domain: TimeDomain) -> Option<Timestamp> {
        self.parked.as_ref()?.next_time(domain)
    }

    /// About how much memory keys take that cannot go to files.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.parked.as_ref().map_or(0, |parked| parked.stuck(&self.memory.states))
    }
}

impl Spills for SpillingMemory {
    fn limit(&mut self, space: Arc<dyn SpillSpace>) {
        self.room = space.room() / 2;
        self.parked = Some(Parked::new(&space, &mut self.memory.states));
    }

    fn held(&self) -> usize {
        let Memory { states, timers, .. } = &self.memory;
        self.parked.as_ref().map_or(0, |parked| parked.held(states, timers))
    }

    /// Writes keys that were not looked at since the last time; if that is little, all.
    fn spill(&mut self) -> Result<()> {
        let before = self.held();
        let SpillingMemory { memory: Memory { states, timers, .. }, parked: Some(parked), .. } = self else {
            return Ok(());
        };
        parked.park(false, states, timers)?;
        if parked.held(states, timers) > before / 2 { parked.park(true, states, timers) } else { Ok(()) }
    }
}
