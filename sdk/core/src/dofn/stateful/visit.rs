//! How cells get at their state.

use super::operator::StateReader;
use crate::coder::{self, Coder, CoderError};
use crate::error::{Error, Result};
use crate::graph::StepName;
use crate::{Element, Timestamp};
use bytes::Bytes;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The stay of an operator at one key and window. Cells have no `Result` in their methods: what goes wrong stays here and
/// fails the callback.
pub struct Visit {
    step: StepName,
    state: Arc<dyn StateReader>,
    now: AtomicI64,
    failure: Mutex<Option<Error>>,
}

impl Visit {
    pub(super) fn new(step: StepName, state: Arc<dyn StateReader>) -> Arc<Self> {
        Arc::new(Visit { step, state, now: AtomicI64::new(Timestamp::MIN.millis()), failure: Mutex::default() })
    }

    /// Tells the processing time.
    pub(super) fn set_now(&self, now: Timestamp) {
        self.now.store(now.millis(), Ordering::Relaxed);
    }

    /// What went wrong first.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// A value in state, and until when it counts.
#[derive(Clone, Debug)]
pub(super) struct Kept<T> {
    pub(super) value: T,
    until: Timestamp,
}

impl<T> Kept<T> {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.until > now
    }
}

/// A cell's own way to its state. Before it was anywhere there is none.
pub(super) struct Access {
    pub(super) name: &'static str,
    pub(super) ttl: Option<Duration>,
    visit: Option<Arc<Visit>>,
}

impl Access {
    pub(super) fn new(name: &'static str, ttl: Option<Duration>) -> Self {
        Access { name, ttl, visit: None }
    }

    pub(super) fn enter(&mut self, visit: &Arc<Visit>) {
        self.visit = Some(visit.clone());
    }

    pub(super) fn now(&self) -> Timestamp {
        self.visit.as_ref().map_or(Timestamp::MIN, |visit| Timestamp::from_millis(visit.now.load(Ordering::Relaxed)))
    }

    /// A value that is written now.
    pub(super) fn keep<T>(&self, value: T) -> Kept<T> {
        Kept { value, until: self.ttl.map_or(Timestamp::MAX, |ttl| self.now() + ttl) }
    }

    /// The values of a bag (`key` is empty), or of one key of a multimap.
    pub(super) fn values(&self, key: &[u8]) -> Vec<Bytes> {
        self.read(|state| state.values(self.name, key))
    }

    /// The keys of a multimap.
    pub(super) fn keys<K: Element>(&self) -> Vec<(Bytes, K)> {
        let decoded = self.read(|state| state.keys(self.name)).into_iter().map(|bytes| {
            let mut input = &bytes[..];
            let key = coder::take_as(&mut input).and_then(|key| coder::wire::finish(key, input))?;
            Ok((bytes, key))
        });
        decoded.collect::<Result<_, CoderError>>().unwrap_or_else(|error| self.refuse(error.at("a key")))
    }

    /// The part of an ordered list with timestamps in a range.
    pub(super) fn range(&self, range: Range<Timestamp>) -> Vec<(Timestamp, Bytes)> {
        self.read(|state| state.range(self.name, range))
    }

    fn read<R: Default>(&self, read: impl FnOnce(&dyn StateReader) -> Result<R>) -> R {
        let Some(visit) = &self.visit else { return R::default() };
        read(&*visit.state).unwrap_or_else(|error| {
            visit.fail(error);
            R::default()
        })
    }

    /// Notes that something has no encoding, or is none.
    pub(super) fn refuse<R: Default>(&self, error: CoderError) -> R {
        if let Some(visit) = &self.visit {
            let source = error.at(format!("the state `{}`", self.name));
            visit.fail(Error::Coder { step: visit.step.clone(), element: None, source });
        }
        R::default()
    }

    /// The encoding of a key; empty if it has none, which no key's is.
    pub(super) fn key<K: Element>(&self, key: &K) -> Bytes {
        let mut bytes = Vec::new();
        match coder::put(key, &mut bytes) {
            Ok(()) => bytes.into(),
            Err(error) => self.refuse(error.at("a key")),
        }
    }

    /// The encoding of a value: behind the time until which it counts, if the cell has a time to live.
    pub(super) fn encode<T: Element>(&self, kept: &Kept<T>) -> Bytes {
        let mut bytes = Vec::new();
        let time = self.ttl.map_or(Ok(()), |_| coder::put(&kept.until, &mut bytes));
        match time.and_then(|()| coder::put(&kept.value, &mut bytes)) {
            Ok(()) => bytes.into(),
            Err(error) => self.refuse(error),
        }
    }

    /// The values in a piece of state: one, or several if the runner cannot tell where one ends.
    pub(super) fn decode<T: Element>(&self, mut bytes: &[u8]) -> Vec<Kept<T>> {
        let coder = coder::of::<T>();
        let mut values = Vec::with_capacity(1);
        while !bytes.is_empty() {
            let until = self.ttl.map_or(Ok(Timestamp::MAX), |_| coder::take_as(&mut bytes));
            match until.and_then(|until| Ok(Kept { value: coder.decode(&mut bytes)?, until })) {
                Ok(kept) => values.push(kept),
                Err(error) => return self.refuse(error),
            }
        }
        values
    }
}
