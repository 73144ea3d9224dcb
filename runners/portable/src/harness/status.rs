//! The status stream: what the worker does at the moment, in words, for people who look at an engine that does not go on.

use super::channel::{WorkerId, connect};
use super::control::Control;
use crate::services::beam_fn_worker_status_client::BeamFnWorkerStatusClient;
use ferrobeam_core::Result;
use ferrobeam_model::fn_execution as pb;
use std::sync::Weak;
use tokio::sync::mpsc::unbounded_channel;
use tokio_stream::wrappers::UnboundedReceiverStream;

/// Answers questions on the status stream for as long as the worker lives.
///
/// # Errors
/// The service cannot be reached, or the stream breaks.
pub(super) async fn answer(worker: WorkerId, url: &str, control: Weak<Control>) -> Result<()> {
    let channel = connect("status", url).await?;
    let mut client = BeamFnWorkerStatusClient::with_interceptor(channel, worker);
    let (sender, answers) = unbounded_channel();
    let broken = |status: tonic::Status| crate::failure(format!("the status stream broke: {}", status.message()));
    let mut questions = client.worker_status(UnboundedReceiverStream::new(answers)).await.map_err(broken)?.into_inner();
    while let Some(pb::WorkerStatusRequest { id }) = questions.message().await.map_err(broken)? {
        let Some(control) = control.upgrade() else { break };
        let answer = pb::WorkerStatusResponse { id, error: String::new(), status_info: control.status() };
        if sender.send(answer).is_err() {
            break;
        }
    }
    Ok(())
}
