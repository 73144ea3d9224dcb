//! Following a job to its end.
//!
//! Engines differ in what the stream of messages is. Prism's ends by itself, with the reason of a failure in front of the
//! state or behind it; Java's job server ends it at the last state, but of a job that is already over it may send nothing at
//! all. So the stream is only where messages come from; how a job ended is asked when the stream falls silent or breaks.

use super::client::JobClient;
use ferrobeam_core::Result;
use ferrobeam_model::job_management as jobs;
use jobs::job_message::MessageImportance;
use jobs::job_messages_response::Response as Update;
use jobs::job_state::Enum as State;
use std::time::Duration;
use tokio::sync::mpsc;

/// The pause between two questions when there is no stream.
const PAUSE: Duration = Duration::from_millis(300);

/// How long the reason of a failure may come after the failure.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Questions in a row that may go unanswered.
const PATIENCE: usize = 3;

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// One of the last states: done, failed, cancelled, drained, updated.
    pub(crate) state: State,
    /// All messages of errors, in their order.
    pub(crate) errors: Vec<String>,
}

impl Ended {
    /// The errors in one text, for a job that failed.
    pub(crate) fn reason(&self) -> String {
        if self.errors.is_empty() {
            return "the engine gives no reason; its log may have one".to_owned();
        }
        self.errors.join("\n")
    }
}

impl JobClient {
    /// Waits until a job has ended; every message and every change of state is shown to `on_update` when it comes.
    ///
    /// # Errors
    /// The job server is gone, or does not know the job any more.
    pub(crate) async fn follow(&self, job_id: &str, mut on_update: impl FnMut(&Update)) -> Result<Ended> {
        let mut errors = Vec::new();
        let mut updates = self.updates(job_id);
        let mut known = None;
        let mut unanswered = 0;
        let state = loop {
            match tokio::time::timeout(self.patience.silence, updates.recv()).await {
                Ok(Some(update)) => {
                    on_update(&update);
                    if let Some(state) = take(&update, &mut errors) {
                        known = Some(state);
                        if is_last(state) {
                            break state;
                        }
                    }
                    continue;
                }
                // There is no stream, or none any more.
                Ok(None) => tokio::time::sleep(PAUSE).await,
                Err(_) => {}
            }
            match self.state(job_id).await {
                Ok(state) => {
                    unanswered = 0;
                    if known.replace(state) != Some(state) {
                        on_update(&Update::StateResponse(jobs::JobStateEvent { state: state.into(), timestamp: None }));
                    }
                    if is_last(state) {
                        break state;
                    }
                }
                Err(error) => {
                    unanswered += 1;
                    if unanswered == PATIENCE {
                        return Err(error);
                    }
                }
            }
        };
        if state == State::Failed && errors.is_empty() {
            let reason = tokio::time::timeout(LAST_WORDS, next_error(&mut updates, &mut on_update)).await;
            errors.extend(reason.ok().flatten());
        }
        if state == State::Failed && errors.is_empty() {
            // Once more from its beginning, if the stream broke before it said why.
            let mut updates = self.updates(job_id);
            let reason = tokio::time::timeout(LAST_WORDS, next_error(&mut updates, &mut on_update)).await;
            errors.extend(reason.ok().flatten());
        }
        Ok(Ended { state, errors })
    }

    /// The stream of messages for as long as there is one and somebody listens.
    ///
    /// A task of its own reads it, for some servers do not even answer before they have a message.
    fn updates(&self, job_id: &str) -> mpsc::Receiver<Update> {
        let (send, updates) = mpsc::channel(64);
        let (mut jobs, request) = (self.jobs.clone(), jobs::JobMessagesRequest { job_id: job_id.to_owned() });
        tokio::spawn(async move {
            let read = async {
                // No engine owes us messages; whether the job exists, its state says.
                let Ok(stream) = jobs.get_message_stream(request).await else { return };
                let mut stream = stream.into_inner();
                while let Ok(Some(update)) = stream.message().await {
                    let Some(update) = update.response else { continue };
                    if send.send(update).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = read => {}
                () = send.closed() => {}
            }
        });
        updates
    }
}

/// The next error of a job that failed.
async fn next_error(updates: &mut mpsc::Receiver<Update>, on_update: &mut impl FnMut(&Update)) -> Option<String> {
    let mut errors = Vec::new();
    while errors.is_empty() {
        let update = updates.recv().await?;
        take(&update, &mut errors);
        if !errors.is_empty() {
            on_update(&update);
        }
    }
    errors.pop()
}

/// Keeps an error; gives a state.
fn take(update: &Update, errors: &mut Vec<String>) -> Option<State> {
    match update {
        Update::StateResponse(event) => Some(event.state()),
        Update::MessageResponse(message) => {
            if message.importance() == MessageImportance::JobMessageError {
                errors.push(message.message_text.clone());
            }
            None
        }
    }
}

/// Whether a job in this state stays in it. `Stopped` is where Java's and Prism's jobs begin.
pub(crate) fn is_last(state: State) -> bool {
    matches!(state, State::Done | State::Failed | State::Cancelled | State::Drained | State::Updated)
}
