//! What the steps of a processor must know of the bundle that runs.

use super::waits::{For, Waits};
use crate::failure;
use crate::harness::cache::{Cache, CacheKey, Tokens};
use crate::harness::state::{Pending, StateClient};
use bytes::Bytes;
use ferrobeam_core::{Result, Timestamp};
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::state_request::Request;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Values that are longer than this are forgotten when something is appended.
const LONG: usize = 64 << 10;

/// The bundle that runs.
pub(super) struct Current {
    state: Option<StateClient>,
    cache: Arc<Cache>,
    pub(super) waits: Arc<Waits>,
    bundle: Mutex<Bundle>,
}

#[derive(Default)]
struct Bundle {
    instruction: Arc<str>,
    /// Changes of state that the engine has not confirmed yet.
    writes: Vec<Pending>,
    tokens: Tokens,
    /// What has come of state that this bundle has changed, where that is known: it is kept when the bundle has succeeded.
    changed: BTreeMap<CacheKey, Option<Bytes>>,
    residuals: Vec<pb::DelayedBundleApplication>,
}

impl Current {
    pub(super) fn new(state: Option<StateClient>, cache: Arc<Cache>) -> Self {
        Current { state, cache, waits: Arc::default(), bundle: Mutex::default() }
    }

    fn bundle(&self) -> MutexGuard<'_, Bundle> {
        self.bundle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a bundle.
    pub(super) fn start(&self, instruction: &str, tokens: Tokens) {
        *self.bundle() = Bundle { instruction: instruction.into(), tokens, ..Bundle::default() };
    }

    /// The wall clock: the one place of the harness that reads it for user code.
    pub(super) fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Work that is left of the bundle.
    pub(super) fn add_residual(&self, application: pb::DelayedBundleApplication) {
        self.bundle().residuals.push(application);
    }

    pub(super) fn take_residuals(&self) -> Vec<pb::DelayedBundleApplication> {
        std::mem::take(&mut self.bundle().residuals)
    }

    fn state(&self) -> Result<(&StateClient, Arc<str>)> {
        let none = || failure("the engine named no state service, and a step reads state or a side input".to_owned());
        Ok((self.state.as_ref().ok_or_else(none)?, self.bundle().instruction.clone()))
    }

    /// Reads all that the engine has under a key.
    pub(super) fn read(&self, key: &pb::StateKey) -> Result<Bytes> {
        self.read_all(std::slice::from_ref(key)).map(|mut all| all.pop().unwrap_or_default())
    }

    /// Reads all that the engine has under some keys.
    pub(super) fn read_all(&self, keys: &[pb::StateKey]) -> Result<Vec<Bytes>> {
        let (client, instruction) = self.state()?;
        let mut known: Vec<Option<Bytes>> = keys.iter().map(|key| self.known(key)).collect();
        let unknown = keys.iter().zip(&known).filter(|(_, known)| known.is_none());
        let unknown: Vec<_> = unknown.map(|(key, _)| key.clone()).collect();
        if !unknown.is_empty() {
            let read = self.waits.during(For::State, || client.get(&instruction, &unknown))?;
            unknown.iter().zip(&read).for_each(|(key, value)| self.learn(key, value));
            let mut read = read.into_iter();
            known.iter_mut().filter(|known| known.is_none()).for_each(|known| *known = read.next());
        }
        Ok(known.into_iter().flatten().collect())
    }

    /// What the engine has under a key, if that is known here.
    fn known(&self, key: &pb::StateKey) -> Option<Bytes> {
        let bundle = self.bundle();
        let key = bundle.tokens.cache_key(key)?;
        match bundle.changed.get(&key) {
            Some(changed) => changed.clone(),
            None => self.cache.get(&key),
        }
    }

    fn learn(&self, key: &pb::StateKey, value: &Bytes) {
        let mut bundle = self.bundle();
        let Some(key) = bundle.tokens.cache_key(key) else { return };
        match bundle.changed.get_mut(&key) {
            Some(changed) => *changed = Some(value.clone()),
            None => self.cache.put(key, value),
        }
    }

    /// Changes state; that it was done is looked at when the bundle ends.
    pub(super) fn write(&self, key: pb::StateKey, request: Request) -> Result<()> {
        let (client, instruction) = self.state()?;
        let mut bundle = self.bundle();
        if let Some(cache_key) = bundle.tokens.cache_key(&key) {
            let before = || match bundle.changed.get(&cache_key) {
                Some(changed) => changed.clone(),
                None => self.cache.get(&cache_key),
            };
            let after = match &request {
                Request::Clear(_) => Some(Bytes::new()),
                // A long list that is only appended to is not copied each time.
                Request::Append(append) => before()
                    .filter(|before| before.len() <= LONG)
                    .map(|before| Bytes::from([&before[..], &append.data].concat())),
                Request::Get(_) => None,
            };
            bundle.changed.insert(cache_key, after);
        }
        let pending = client.send(&instruction, key, request)?;
        bundle.writes.push(pending);
        Ok(())
    }

    /// Waits until all changes were made; then they are known to later bundles, too.
    pub(super) fn confirm_writes(&self) -> Result<()> {
        let writes = std::mem::take(&mut self.bundle().writes);
        self.waits.during(For::State, || writes.into_iter().try_for_each(|write| write.wait().map(drop)))?;
        for (key, value) in std::mem::take(&mut self.bundle().changed) {
            match value {
                Some(value) => self.cache.put(key, &value),
                None => self.cache.remove(&key),
            }
        }
        Ok(())
    }
}

/// The processor of a bundle that failed goes: what was changed is as it was before, or is not.
impl Drop for Current {
    fn drop(&mut self) {
        self.bundle().changed.keys().for_each(|key| self.cache.remove(key));
    }
}
