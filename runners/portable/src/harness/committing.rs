//! Bundles that are done, whose engine is yet to say that they are committed: what is to be called then.
//!
//! Engines may never say so, of a first attempt, for example. Not to call is lawful, so what nobody asks for goes in the end.

use ferrobeam_core::dofn::finalize::Finalizers;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long an engine may take to commit a bundle: longer than any sensible interval between checkpoints.
const LONGEST: Duration = Duration::from_secs(3600);

/// The callbacks of such bundles.
#[derive(Default)]
pub(super) struct Committing {
    by_instruction: BTreeMap<String, (Instant, Finalizers)>,
    /// When each was done, the oldest first; some have been taken.
    done: VecDeque<(Instant, String)>,
}

impl Committing {
    /// Keeps the callbacks of a bundle that is done now.
    pub(super) fn put(&mut self, instruction: &str, finalizers: Finalizers, now: Instant) {
        self.forget(now);
        self.by_instruction.insert(instruction.to_owned(), (now, finalizers));
        self.done.push_back((now, instruction.to_owned()));
    }

    /// The callbacks of a bundle that is committed, unless that took too long.
    pub(super) fn take(&mut self, instruction: &str, now: Instant) -> Option<Finalizers> {
        self.forget(now);
        self.by_instruction.remove(instruction).map(|(_, finalizers)| finalizers)
    }

    fn forget(&mut self, now: Instant) {
        while let Some((done, _)) = self.done.front()
            && now.duration_since(*done) > LONGEST
            && let Some((done, instruction)) = self.done.pop_front()
        {
            // An engine may have used the id again since.
            if self.by_instruction.get(&instruction).is_some_and(|(of, _)| *of == done) {
                self.by_instruction.remove(&instruction);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_committed_in_time_is_forgotten() {
        let (mut committing, start) = (Committing::default(), Instant::now());
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let put = |committing: &mut Committing, id: &str, minutes| {
            committing.put(id, Finalizers::default(), at(minutes));
        };
        put(&mut committing, "taken", 0);
        put(&mut committing, "late", 1);
        put(&mut committing, "again", 2);
        assert!(committing.take("taken", at(59)).is_some());
        assert!(committing.take("taken", at(59)).is_none());
        put(&mut committing, "again", 50);
        assert!(committing.take("late", at(62)).is_none());
        // All that is old has gone, also from the queue.
        put(&mut committing, "new", 90);
        assert_eq!((committing.by_instruction.len(), committing.done.len()), (2, 2));
        assert!(committing.take("again", at(100)).is_some());
        assert!(committing.take("new", at(151)).is_none());
    }
}
