//! State that was read and is true in later bundles, too: under a token that their engine repeats.
//!
//! A token says that nobody else has changed the state since. What a bundle changes counts once the engine has confirmed it;
//! what a failed one has touched is forgotten.

use super::lru::Lru;
use bytes::Bytes;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::process_bundle_request::CacheToken;
use ferrobeam_model::fn_execution::process_bundle_request::cache_token::Type;
use ferrobeam_model::fn_execution::state_key;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value under a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CacheKey {
    token: Bytes,
    key: Vec<u8>,
}

impl CacheKey {
    fn size(&self) -> usize {
        self.token.len() + self.key.len()
    }
}

/// The tokens of one bundle.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    user: Option<Bytes>,
    /// By transform and side input.
    sides: BTreeMap<(String, String), Bytes>,
}

impl Tokens {
    pub(crate) fn new(tokens: Vec<CacheToken>) -> Self {
        let mut all = Tokens::default();
        for CacheToken { token, r#type } in tokens {
            match r#type {
                Some(Type::UserState(_)) => all.user = Some(token),
                Some(Type::SideInput(side)) => {
                    all.sides.insert((side.transform_id, side.side_input_id), token);
                }
                None => {}
            }
        }
        all
    }

    /// Under what a value may be kept, if it may.
    pub(crate) fn cache_key(&self, key: &pb::StateKey) -> Option<CacheKey> {
        use state_key::Type::*;
        if self.user.is_none() && self.sides.is_empty() {
            return None;
        }
        let side = |transform: &str, side: &str| self.sides.get(&(transform.to_owned(), side.to_owned()));
        let token = match key.r#type.as_ref()? {
            BagUserState(_) => self.user.as_ref(),
            IterableSideInput(of) => side(&of.transform_id, &of.side_input_id),
            MultimapSideInput(of) => side(&of.transform_id, &of.side_input_id),
            MultimapKeysSideInput(of) => side(&of.transform_id, &of.side_input_id),
            _ => None,
        };
        Some(CacheKey { token: token?.clone(), key: key.encode_to_vec() })
    }
}

/// Values that were read; those that nobody has used for longest go first.
#[derive(Debug)]
pub(crate) struct Cache {
    most: usize,
    kept: Mutex<Lru<CacheKey, Bytes>>,
}

impl Cache {
    /// A cache of so many bytes.
    pub(crate) fn of(most: usize) -> Self {
        Cache { most, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Lru<CacheKey, Bytes>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: &CacheKey) -> Option<Bytes> {
        self.kept().get(key).cloned()
    }

    pub(crate) fn put(&self, key: CacheKey, value: &Bytes) {
        let mut kept = self.kept();
        let size = key.size() + value.len();
        // One value that takes half of it would send away what is used more often.
        if size > self.most / 2 {
            kept.remove(&key);
            return;
        }
        // A copy: what was read may be a slice of something larger.
        kept.put(key, Bytes::copy_from_slice(value), size);
        while kept.size() > self.most {
            kept.pop();
        }
    }

    pub(crate) fn remove(&self, key: &CacheKey) {
        self.kept().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let cache = Cache::of(1000);
        let key = |i: u8| CacheKey { token: Bytes::from_static(b"t"), key: vec![i; 9] };
        for i in 0..100 {
            cache.put(key(i), &Bytes::from(vec![i; 90]));
            assert_eq!(cache.get(&key(0)), Some(Bytes::from(vec![0; 90])));
        }
        let there: Vec<u8> = (0..100).filter(|i| cache.get(&key(*i)).is_some()).collect();
        assert_eq!(there, [0, 91, 92, 93, 94, 95, 96, 97, 98, 99]);
        cache.put(key(0), &Bytes::from(vec![0; 600]));
        assert_eq!(cache.get(&key(0)), None);
        there.iter().for_each(|i| cache.remove(&key(*i)));
        let mut kept = cache.kept();
        assert_eq!((kept.size(), kept.pop()), (0, None));
    }
}
