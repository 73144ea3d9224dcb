//! The state stream: requests and their answers, matched by id.

use super::channel::{LARGEST_MESSAGE, Tasks, WorkerId, connect};
use crate::failure;
use crate::services::beam_fn_state_client::BeamFnStateClient;
use bytes::{Bytes, BytesMut};
use ferrobeam_core::Result;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::state_request::Request;
use ferrobeam_model::fn_execution::state_response::Response;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;

/// A connection to the engine's state.
#[derive(Clone)]
pub(crate) struct StateClient(Arc<Shared>);

struct Shared {
    url: String,
    next: AtomicU64,
    sender: UnboundedSender<pb::StateRequest>,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    by_id: BTreeMap<String, SyncSender<pb::StateResponse>>,
    /// Why no answer will come any more.
    broken: Option<String>,
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer that will come.
pub(crate) struct Pending {
    client: StateClient,
    answer: Receiver<pb::StateResponse>,
}

impl Pending {
    /// Waits for the answer.
    pub(crate) fn wait(self) -> Result<Option<Response>> {
        let Ok(response) = self.answer.recv() else {
            let why = lock(&self.client.0.waiting).broken.clone();
            return Err(failure(why.unwrap_or_else(|| "the state stream has ended".to_owned())));
        };
        if response.error.is_empty() {
            return Ok(response.response);
        }
        Err(failure(format!("the engine refused a state request: {}", response.error)))
    }
}

impl StateClient {
    /// Sends a request; requests of one bundle are done in the order in which they were sent.
    pub(crate) fn send(&self, instruction: &str, key: pb::StateKey, request: Request) -> Result<Pending> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed).to_string();
        let (sender, answer) = sync_channel(1);
        {
            let mut waiting = lock(&self.0.waiting);
            if let Some(why) = &waiting.broken {
                return Err(failure(why.clone()));
            }
            waiting.by_id.insert(id.clone(), sender);
        }
        let instruction_id = instruction.to_owned();
        let request = pb::StateRequest { id, instruction_id, state_key: Some(key), request: Some(request) };
        let gone = |_| failure(format!("the state stream to {} has ended", self.0.url));
        self.0.sender.send(request).map_err(gone)?;
        Ok(Pending { client: self.clone(), answer })
    }

    /// All that the engine has for some keys. The first pages are asked for together.
    pub(crate) fn get(&self, instruction: &str, keys: &[pb::StateKey]) -> Result<Vec<Bytes>> {
        let first = |key: &pb::StateKey| self.page(instruction, key, Bytes::new());
        let first = keys.iter().map(first).collect::<Result<Vec<_>>>()?;
        keys.iter().zip(first).map(|(key, first)| self.pages(instruction, key, first)).collect()
    }

    fn page(&self, instruction: &str, key: &pb::StateKey, continuation_token: Bytes) -> Result<Pending> {
        self.send(instruction, key.clone(), Request::Get(pb::StateGetRequest { continuation_token }))
    }

    fn pages(&self, instruction: &str, key: &pb::StateKey, mut page: Pending) -> Result<Bytes> {
        let mut all = BytesMut::new();
        loop {
            let pb::StateGetResponse { continuation_token, data } = match page.wait()? {
                Some(Response::Get(page)) => page,
                _ => return Err(failure("the engine answered a state request with something else".to_owned())),
            };
            // Nearly always there is one page, which needs no copy.
            if continuation_token.is_empty() && all.is_empty() {
                return Ok(data);
            }
            all.extend_from_slice(&data);
            if continuation_token.is_empty() {
                return Ok(all.freeze());
            }
            page = self.page(instruction, key, continuation_token)?;
        }
    }
}

/// Tells whoever waits for an answer that the stream has ended, also if its task was stopped.
struct End {
    waiting: Arc<Mutex<Waiting>>,
    why: String,
}

impl End {
    fn because(mut self, why: String) {
        self.why = why;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        waiting.broken = Some(std::mem::take(&mut self.why));
        // Whoever waits finds the other end gone.
        waiting.by_id.clear();
    }
}

/// Opens a state stream.
pub(crate) async fn open(worker: WorkerId, url: &str, tasks: &Tasks) -> Result<StateClient> {
    let channel = connect("state", url).await?;
    let client = BeamFnStateClient::with_interceptor(channel, worker);
    let mut client = client.max_decoding_message_size(LARGEST_MESSAGE).max_encoding_message_size(LARGEST_MESSAGE);
    let (sender, receiver) = unbounded_channel();
    let waiting = Arc::new(Mutex::new(Waiting::default()));
    let (answers, at) = (waiting.clone(), url.to_owned());
    let end = End { waiting: waiting.clone(), why: format!("the worker has left the state stream at {url}") };
    tasks.spawn(async move {
        let why = match client.state(UnboundedReceiverStream::new(receiver)).await {
            Err(status) => format!("the engine refused the state stream at {at}: {}", status.message()),
            Ok(response) => {
                let mut stream = response.into_inner();
                loop {
                    match stream.message().await {
                        Ok(Some(response)) => {
                            if let Some(waits) = lock(&answers).by_id.remove(&response.id) {
                                let _ = waits.send(response);
                            }
                        }
                        Ok(None) => break format!("the engine has ended the state stream at {at}"),
                        Err(status) => break format!("the state stream at {at} broke: {}", status.message()),
                    }
                }
            }
        };
        end.because(why);
    });
    Ok(StateClient(Arc::new(Shared { url: url.to_owned(), next: AtomicU64::new(1), sender, waiting })))
}
