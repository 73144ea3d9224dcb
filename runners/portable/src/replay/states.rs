//! The state that a played engine keeps: bytes by state key, read in pages.

use super::services::locked;
use bytes::Bytes;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::state_request::Request;
use ferrobeam_model::fn_execution::state_response::Response;
use prost::Message;
use std::collections::HashMap;
use std::sync::Mutex;

/// The state of a played engine.
#[derive(Debug, Default)]
pub struct States(Mutex<Kept>);

#[derive(Clone, Debug, Default)]
struct Kept {
    /// By encoded key.
    values: HashMap<Vec<u8>, Vec<u8>>,
    page: Option<usize>,
    refusal: Option<String>,
    is_silent: bool,
}

impl Clone for States {
    fn clone(&self) -> Self {
        States(Mutex::new(locked(&self.0).clone()))
    }
}

impl States {
    /// What is kept under a key.
    pub fn get(&self, key: &pb::StateKey) -> Vec<u8> {
        locked(&self.0).values.get(&key.encode_to_vec()).cloned().unwrap_or_default()
    }

    /// Sets what is kept under a key.
    pub fn set(&self, key: &pb::StateKey, value: impl Into<Vec<u8>>) {
        locked(&self.0).values.insert(key.encode_to_vec(), value.into());
    }

    /// How many keys have state.
    pub fn len(&self) -> usize {
        locked(&self.0).values.values().filter(|value| !value.is_empty()).count()
    }

    /// Whether no key has state.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes each key has.
    pub fn sizes(&self) -> Vec<usize> {
        locked(&self.0).values.values().map(Vec::len).collect()
    }

    /// Goes back to what was kept before.
    pub fn restore(&self, before: States) {
        let before = before.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        *locked(&self.0) = before;
    }

    /// Answers in pages of so many bytes from now on.
    pub fn page_by(&self, bytes: usize) {
        locked(&self.0).page = Some(bytes.max(1));
    }

    /// Answers all with an error from now on, or with none.
    pub fn refuse(&self, why: Option<&str>) {
        locked(&self.0).refusal = why.map(str::to_owned);
    }

    /// Answers nothing from now on.
    pub fn fall_silent(&self) {
        locked(&self.0).is_silent = true;
    }

    /// Does what a request says.
    pub(super) fn answer(&self, request: &pb::StateRequest) -> Option<pb::StateResponse> {
        let mut kept = locked(&self.0);
        if kept.is_silent {
            return None;
        }
        let id = request.id.clone();
        if let Some(error) = kept.refusal.clone() {
            return Some(pb::StateResponse { id, error, response: None });
        }
        let key = request.state_key.as_ref().map(Message::encode_to_vec).unwrap_or_default();
        let page = kept.page.unwrap_or(usize::MAX);
        let response = match request.request.as_ref()? {
            Request::Get(get) => {
                let all = kept.values.get(&key).map_or(&[][..], Vec::as_slice);
                Response::Get(read_page(all, &get.continuation_token, page))
            }
            Request::Append(append) => {
                kept.values.entry(key).or_default().extend_from_slice(&append.data);
                Response::Append(pb::StateAppendResponse {})
            }
            Request::Clear(_) => {
                kept.values.remove(&key);
                Response::Clear(pb::StateClearResponse {})
            }
        };
        Some(pb::StateResponse { id, error: String::new(), response: Some(response) })
    }
}

/// A token is where the next page begins, in decimal digits.
fn read_page(all: &[u8], token: &[u8], page: usize) -> pb::StateGetResponse {
    let start = std::str::from_utf8(token).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0).min(all.len());
    let end = start.saturating_add(page).min(all.len());
    let token = if end < all.len() { Bytes::from(end.to_string()) } else { Bytes::new() };
    pb::StateGetResponse { continuation_token: token, data: Bytes::copy_from_slice(&all[start..end]) }
}
