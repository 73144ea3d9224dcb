//! A job server that is played: takes pipelines, runs none, and says of a job what its user wants.

use super::hear::PATIENCE;
use super::services::locked;
use crate::failure;
use crate::services::artifact_staging_service_server::{ArtifactStagingService, ArtifactStagingServiceServer};
use crate::services::job_service_server::{JobService, JobServiceServer};
use ferrobeam_core::Result;
use ferrobeam_model::job_management as jobs;
use ferrobeam_model::job_management::job_state::Enum as State;
use ferrobeam_model::pipeline as pb;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};

/// A played job server; it is gone when this value is.
pub struct JobServer {
    endpoint: String,
    shared: Arc<Shared>,
    calls: Mutex<Receiver<&'static str>>,
    runtime: Option<Runtime>,
}

struct Shared {
    /// Calls that are never answered.
    silent: BTreeSet<&'static str>,
    /// Calls that it does not have.
    lacking: BTreeSet<&'static str>,
    /// Calls that are refused, and why.
    refused: Mutex<BTreeMap<&'static str, String>>,
    state: Mutex<State>,
    /// What the job is said to have failed with.
    errors: Mutex<Vec<String>>,
    /// What the last pipeline depends on.
    artifacts: Mutex<Vec<pb::ArtifactInformation>>,
    endpoint: String,
    calls: Sender<&'static str>,
}

impl JobServer {
    /// Starts one that never answers some calls, and does not implement others, by their names in Beam's definitions.
    ///
    /// # Errors
    /// There is no free port, or no thread.
    pub fn start(silent: &[&'static str], lacking: &[&'static str]) -> Result<JobServer> {
        let failed = |error: std::io::Error| failure(format!("cannot play a job server: {error}"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).map_err(failed)?;
        let endpoint = format!("localhost:{}", listener.local_addr().map_err(failed)?.port());
        let (sender, receiver) = channel();
        let [silent, lacking] = [silent, lacking].map(|calls| calls.iter().copied().collect());
        let shared = Arc::new(Shared {
            silent,
            lacking,
            refused: Mutex::default(),
            state: Mutex::new(State::Running),
            errors: Mutex::default(),
            artifacts: Mutex::default(),
            endpoint: endpoint.clone(),
            calls: sender,
        });
        let server = JobServiceServer::new(Server(shared.clone())).max_decoding_message_size(usize::MAX);
        let staging = ArtifactStagingServiceServer::new(Server(shared.clone()));
        let router = tonic::transport::Server::builder().add_service(server).add_service(staging);
        runtime.spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        Ok(JobServer { endpoint, shared, calls: Mutex::new(receiver), runtime: Some(runtime) })
    }

    /// `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits until a call has come; those before it are forgotten.
    ///
    /// # Errors
    /// It does not come.
    pub fn wait_for(&self, call: &str) -> Result<()> {
        let calls = locked(&self.calls);
        while calls.recv_timeout(PATIENCE).map_err(|_| failure(format!("waited in vain for `{call}`")))? != call {}
        Ok(())
    }

    /// Refuses a call from now on.
    pub fn refuse(&self, call: &'static str, why: &str) {
        locked(&self.shared.refused).insert(call, why.to_owned());
    }

    /// Says from now on that the job has failed with these errors.
    pub fn fail(&self, errors: &[&str]) {
        *locked(&self.shared.errors) = errors.iter().map(|&error| error.to_owned()).collect();
        self.say(State::Failed);
    }

    /// Says from now on that the job is in this state; `cancel` changes it, too.
    pub fn say(&self, state: State) {
        *locked(&self.shared.state) = state;
    }
}

impl Drop for JobServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Server(Arc<Shared>);

impl Server {
    async fn answer<T>(&self, call: &'static str, answer: T) -> Result<Response<T>, Status> {
        // Whoever played this has gone.
        let _ = self.0.calls.send(call);
        if self.0.silent.contains(call) {
            std::future::pending::<()>().await;
        }
        if self.0.lacking.contains(call) {
            return Err(Status::unimplemented(""));
        }
        self.refusal(call).map_or(Ok(Response::new(answer)), Err)
    }

    fn refusal(&self, call: &str) -> Option<Status> {
        locked(&self.0.refused).get(call).map(Status::invalid_argument)
    }

    fn state(&self) -> State {
        *locked(&self.0.state)
    }
}

type Stream<T> = UnboundedReceiverStream<Result<T, Status>>;

#[tonic::async_trait]
impl JobService for Server {
    type GetStateStreamStream = Stream<jobs::JobStateEvent>;
    type GetMessageStreamStream = Stream<jobs::JobMessagesResponse>;

    async fn prepare(
        &self,
        request: Request<jobs::PrepareJobRequest>,
    ) -> Result<Response<jobs::PrepareJobResponse>, Status> {
        let components = request.into_inner().pipeline.and_then(|pipeline| pipeline.components).unwrap_or_default();
        let artifacts = components.environments.into_values().flat_map(|environment| environment.dependencies);
        *locked(&self.0.artifacts) = artifacts.collect();
        let staging = pb::ApiServiceDescriptor { url: self.0.endpoint.clone(), authentication: None };
        let answer = jobs::PrepareJobResponse {
            preparation_id: "prepared".to_owned(),
            artifact_staging_endpoint: Some(staging),
            staging_session_token: "session".to_owned(),
        };
        self.answer("Prepare", answer).await
    }

    async fn run(&self, _: Request<jobs::RunJobRequest>) -> Result<Response<jobs::RunJobResponse>, Status> {
        self.answer("Run", jobs::RunJobResponse { job_id: "job".to_owned() }).await
    }

    async fn get_jobs(&self, _: Request<jobs::GetJobsRequest>) -> Result<Response<jobs::GetJobsResponse>, Status> {
        self.answer("GetJobs", Default::default()).await
    }

    async fn get_state(&self, _: Request<jobs::GetJobStateRequest>) -> Result<Response<jobs::JobStateEvent>, Status> {
        self.answer("GetState", jobs::JobStateEvent { state: self.state().into(), timestamp: None }).await
    }

    async fn get_pipeline(
        &self,
        _: Request<jobs::GetJobPipelineRequest>,
    ) -> Result<Response<jobs::GetJobPipelineResponse>, Status> {
        self.answer("GetPipeline", Default::default()).await
    }

    async fn cancel(&self, _: Request<jobs::CancelJobRequest>) -> Result<Response<jobs::CancelJobResponse>, Status> {
        let answer = self.answer("Cancel", jobs::CancelJobResponse { state: State::Cancelling.into() }).await?;
        *locked(&self.0.state) = State::Cancelled;
        Ok(answer)
    }

    async fn drain(&self, _: Request<jobs::DrainJobRequest>) -> Result<Response<jobs::DrainJobResponse>, Status> {
        self.answer("Drain", Default::default()).await
    }

    async fn get_state_stream(
        &self,
        _: Request<jobs::GetJobStateRequest>,
    ) -> Result<Response<Self::GetStateStreamStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_message_stream(
        &self,
        _: Request<jobs::JobMessagesRequest>,
    ) -> Result<Response<Self::GetMessageStreamStream>, Status> {
        let (sender, messages) = tokio::sync::mpsc::unbounded_channel();
        for text in locked(&self.0.errors).drain(..) {
            let importance = jobs::job_message::MessageImportance::JobMessageError.into();
            let error = jobs::JobMessage { importance, message_text: text, ..Default::default() };
            let response = Some(jobs::job_messages_response::Response::MessageResponse(error));
            // It is here that they are received.
            let _ = sender.send(Ok(jobs::JobMessagesResponse { response }));
        }
        Ok(Response::new(UnboundedReceiverStream::new(messages)))
    }

    async fn get_job_metrics(
        &self,
        _: Request<jobs::GetJobMetricsRequest>,
    ) -> Result<Response<jobs::GetJobMetricsResponse>, Status> {
        self.answer("GetJobMetrics", Default::default()).await
    }

    async fn describe_pipeline_options(
        &self,
        _: Request<jobs::DescribePipelineOptionsRequest>,
    ) -> Result<Response<jobs::DescribePipelineOptionsResponse>, Status> {
        self.answer("DescribePipelineOptions", Default::default()).await
    }
}

#[tonic::async_trait]
impl ArtifactStagingService for Server {
    type ReverseArtifactRetrievalServiceStream = Stream<jobs::ArtifactRequestWrapper>;

    /// Asks for all that the pipeline depends on; one who refuses breaks off at the first piece, as when a disk is full.
    async fn reverse_artifact_retrieval_service(
        &self,
        answers: Request<Streaming<jobs::ArtifactResponseWrapper>>,
    ) -> Result<Response<Self::ReverseArtifactRetrievalServiceStream>, Status> {
        let (ask, asked) = tokio::sync::mpsc::unbounded_channel();
        let wanted = std::mem::take(&mut *locked(&self.0.artifacts));
        let (mut answers, refusal) = (answers.into_inner(), self.refusal("ReverseArtifactRetrievalService"));
        tokio::spawn(async move {
            // The first message is only the session's token.
            let _ = answers.message().await;
            for artifact in wanted {
                let request = jobs::GetArtifactRequest { artifact: Some(artifact) };
                let request = Some(jobs::artifact_request_wrapper::Request::GetArtifact(request));
                let _ = ask.send(Ok(jobs::ArtifactRequestWrapper { request }));
                while let Ok(Some(piece)) = answers.message().await {
                    if let Some(refusal) = &refusal {
                        let _ = ask.send(Err(refusal.clone()));
                        return;
                    }
                    if piece.is_last {
                        break;
                    }
                }
            }
        });
        Ok(Response::new(UnboundedReceiverStream::new(asked)))
    }
}
