//! Synchronized processing time where workers never rest all at once.
//!
//! A round is over when each worker has worked off all that it had at some moment of the round. So what one of them sends in a
//! round has come to its node at the end of the next one, and after as many rounds as there are nodes nothing is on its way
//! that was sent before the first of them.

use ferrobeam_core::Timestamp;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Rounds, as long as somebody waits for them.
pub(crate) struct Rounds {
    /// How many workers wait for synchronized processing time.
    waiting: AtomicUsize,
    number: AtomicU64,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The last round in which each worker has worked off what it had.
    done: Vec<u64>,
    /// When the last rounds began.
    begun: VecDeque<Timestamp>,
    /// What is sent comes to its end in so many rounds.
    longest: usize,
}

impl Rounds {
    pub(crate) fn new(nodes: usize, workers: usize) -> Self {
        let inner = Inner { done: vec![0; workers], begun: VecDeque::new(), longest: nodes + 1 };
        Rounds { waiting: AtomicUsize::new(0), number: AtomicU64::new(1), inner: Mutex::new(inner) }
    }

    /// A worker waits for synchronized processing time, or does so no more.
    pub(crate) fn wait(&self, waits: bool) {
        let _ = match waits {
            true => self.waiting.fetch_add(1, Ordering::SeqCst),
            false => self.waiting.fetch_sub(1, Ordering::SeqCst),
        };
    }

    /// The round, if anybody waits.
    pub(crate) fn number(&self) -> Option<u64> {
        (self.waiting.load(Ordering::SeqCst) > 0).then(|| self.number.load(Ordering::SeqCst))
    }

    /// A worker has worked off all that it had when the round was this one, or later. Whether another round begins now, at
    /// `now`, and the synchronized processing time.
    pub(crate) fn done(&self, worker: usize, round: u64, now: Timestamp) -> (bool, Option<Timestamp>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.done[worker] = round;
        let number = self.number.load(Ordering::SeqCst);
        if inner.done.iter().any(|done| *done < number) {
            return (false, None);
        }
        self.number.store(number + 1, Ordering::SeqCst);
        inner.begun.push_back(now);
        let past = inner.begun.len() > inner.longest;
        (true, if past { inner.begun.pop_front() } else { None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_synchronized_when_enough_rounds_are_over() {
        let (rounds, at) = (Rounds::new(1, 2), Timestamp::from_millis);
        assert_eq!(rounds.number(), None, "nobody waits");
        rounds.wait(true);
        assert_eq!(rounds.number(), Some(1));
        let mut synchronized = Vec::new();
        for turn in 0..5 {
            assert_eq!(rounds.done(0, rounds.number().unwrap(), at(turn)), (false, None), "the other is not done");
            let (begins, at) = rounds.done(1, rounds.number().unwrap(), at(turn));
            assert!(begins);
            synchronized.push(at.map(Timestamp::millis));
        }
        assert_eq!(synchronized, [None, None, Some(0), Some(1), Some(2)]);
        // Work that began in an earlier round does not count for this one.
        assert_eq!(rounds.done(0, 6, at(9)), (false, None));
        assert_eq!(rounds.done(1, 5, at(9)), (false, None));
        rounds.wait(false);
        assert_eq!(rounds.number(), None);
    }
}
