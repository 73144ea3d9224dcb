//! The SDK harness: a worker that an engine drives over Beam's Fn API.
//!
//! Streams are served by tokio; bundles run on threads. See `ARCHITECTURE.md` for the way of one element.

pub(crate) mod bundle;
mod cache;
mod channel;
mod committing;
mod control;
mod data;
mod logging;
mod lru;
mod short_ids;
mod state;
mod status;

use crate::failure;
use crate::services::beam_fn_control_client::BeamFnControlClient;
use cache::Cache;
use channel::{LARGEST_MESSAGE, Tasks, WorkerId, connect};
use control::Control;
#[cfg(test)]
pub(crate) use data::WAITING;
use data::{DataStreams, Inboxes};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use ferrobeam_model::fn_execution::log_entry::severity::Enum as Severity;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// How many bytes of state a worker keeps between bundles, where its engine lets it.
const CACHE: usize = 64 << 20;

/// Where the services of an engine are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) control: String,
    pub(crate) logging: String,
    /// Who wants to know how the worker is, if anybody.
    pub(crate) status: Option<String>,
}

/// Works for an engine until it ends the control stream.
///
/// Whose a bundle is, its payloads say. Without a graph, the worker answers every bundle with the reason. Ending would not do, for Prism then waits for ever.
///
/// # Errors
/// The engine cannot be reached, or the control stream breaks.
pub(crate) async fn work(graphs: Result<Arc<[Graph]>>, id: &str, endpoints: Endpoints) -> Result<()> {
    let worker = WorkerId::new(id)?;
    let (log, logging) = logging::open(worker.clone(), &endpoints.logging).await?;
    logging::listen();
    let graphs = graphs.map_err(|error| format!("the worker cannot work: {error:?}"));
    if let Err(why) = &graphs {
        log.write(Severity::Critical, "", why.clone());
    }
    let channel = connect("control", &endpoints.control).await?;
    let client = BeamFnControlClient::with_interceptor(channel, worker.clone());
    let mut client = client.max_decoding_message_size(LARGEST_MESSAGE).max_encoding_message_size(LARGEST_MESSAGE);
    let (responses, outgoing) = tokio::sync::mpsc::unbounded_channel();
    let (inboxes, tasks) = (Arc::new(Inboxes::default()), Tasks::default());
    let end = EndTasks(tasks.clone());
    let control = Arc::new(Control {
        graphs,
        worker: worker.clone(),
        inboxes: inboxes.clone(),
        streams: DataStreams::new(worker, inboxes, tasks.clone()),
        tasks,
        client: client.clone(),
        responses,
        states: tokio::sync::Mutex::default(),
        cache: Arc::new(Cache::of(CACHE)),
        runtime: tokio::runtime::Handle::current(),
        shared: Mutex::default(),
        log,
    });
    if let Some(url) = endpoints.status {
        let (watched, worker) = (Arc::downgrade(&control), control.worker.clone());
        control.tasks.spawn(async move {
            // A worker that nobody can ask works all the same.
            if let Err(error) = status::answer(worker, &url, watched.clone()).await
                && let Some(control) = watched.upgrade()
            {
                control.log.write(Severity::Warn, "", error.to_string());
            }
        });
    }
    let broken = |status: tonic::Status| failure(format!("the control stream broke: {}", status.message()));
    let mut instructions = client.control(UnboundedReceiverStream::new(outgoing)).await.map_err(broken)?.into_inner();
    let ended = loop {
        match instructions.message().await {
            Ok(Some(request)) => control.instruct(request),
            Ok(None) => break Ok(()),
            Err(status) => break Err(broken(status)),
        }
    };
    // Bundles that still run wait in vain.
    drop((end, control));
    // What was logged goes out, if anybody still takes it.
    let _ = tokio::time::timeout(Duration::from_secs(2), logging).await;
    ended
}

/// Ends the tasks of a worker's streams when the worker ends, also when it is stopped half-way.
struct EndTasks(Tasks);

impl Drop for EndTasks {
    fn drop(&mut self) {
        self.0.end();
    }
}
