//! A client of Beam's Job API.

use super::connect::{connect, failed, probe};
use crate::services::job_service_client::JobServiceClient;
use ferrobeam_core::Result;
use ferrobeam_model::job_management as jobs;
use ferrobeam_model::pipeline as pb;
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Request, Status};

const SERVER: &str = "job server";

/// How long an engine may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// To take a pipeline in, and to start it: some engines translate the whole of it before they answer.
    pub(crate) translation: Duration,
    /// To answer a question about a job.
    pub(crate) answer: Duration,
    /// To say something of a job by itself; after that it is asked.
    pub(crate) silence: Duration,
    /// To end a job that was cancelled.
    pub(crate) end: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let [translation, answer, silence, end] = [300, 10, 5, 30].map(Duration::from_secs);
        Patience { translation, answer, silence, end }
    }
}

/// A connection to an engine's job server; clones share it.
#[derive(Clone)]
pub(crate) struct JobClient {
    pub(super) jobs: JobServiceClient<Channel>,
    endpoint: String,
    options: Vec<jobs::PipelineOptionDescriptor>,
    pub(super) patience: Patience,
}

/// A pipeline that an engine has taken in, but does not run yet.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) preparation_id: String,
    /// Where its artifacts go; empty if the engine takes none.
    pub(crate) artifact_staging_endpoint: String,
    pub(crate) staging_token: String,
}

/// The metrics of a job: of all attempts, and of those that were committed. Some engines know only one of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobMetrics {
    pub(crate) attempted: Vec<pb::MonitoringInfo>,
    pub(crate) committed: Vec<pb::MonitoringInfo>,
}

impl JobClient {
    /// Connects to `host:port` and makes sure that somebody answers there.
    ///
    /// # Errors
    /// Nobody does; the text names the endpoint.
    pub(crate) async fn connect(endpoint: &str) -> Result<JobClient> {
        let channel = connect(SERVER, endpoint).await?;
        // Pipelines are larger than tonic's default of 4 MiB, and so are metrics.
        let jobs =
            JobServiceClient::new(channel).max_decoding_message_size(usize::MAX).max_encoding_message_size(usize::MAX);
        let mut asked = jobs.clone();
        let question = asked.describe_pipeline_options(jobs::DescribePipelineOptionsRequest {});
        let options = probe(SERVER, endpoint, question).await?.map_or_else(Vec::new, |described| described.options);
        Ok(JobClient { jobs, endpoint: endpoint.to_owned(), options, patience: Patience::default() })
    }

    /// The same connection, with another patience.
    pub(crate) fn with_patience(self, patience: Patience) -> JobClient {
        JobClient { patience, ..self }
    }

    /// The options that the engine says it knows; none if it does not say.
    pub(crate) fn known_options(&self) -> &[jobs::PipelineOptionDescriptor] {
        &self.options
    }

    /// Hands over a pipeline.
    ///
    /// # Errors
    /// The engine refuses it, or does not answer.
    pub(crate) async fn prepare(
        &self,
        job_name: &str,
        pipeline: pb::Pipeline,
        options: prost_types::Struct,
    ) -> Result<Prepared> {
        let request = jobs::PrepareJobRequest {
            pipeline: Some(pipeline),
            pipeline_options: Some(options),
            job_name: job_name.to_owned(),
        };
        let answer = self.jobs.clone().prepare(patient(request, self.patience.translation)).await;
        let answer = answer.map_err(|status| self.failed("Prepare", &status))?.into_inner();
        Ok(Prepared {
            preparation_id: answer.preparation_id,
            artifact_staging_endpoint: answer.artifact_staging_endpoint.map_or_else(String::new, |at| at.url),
            staging_token: answer.staging_session_token,
        })
    }

    /// Starts a pipeline whose artifacts have been staged; gives the job's id.
    ///
    /// # Errors
    /// The engine refuses it, or does not answer.
    pub(crate) async fn run(&self, prepared: &Prepared) -> Result<String> {
        let request = jobs::RunJobRequest {
            preparation_id: prepared.preparation_id.clone(),
            retrieval_token: prepared.staging_token.clone(),
        };
        let answer = self.jobs.clone().run(patient(request, self.patience.translation)).await;
        Ok(answer.map_err(|status| self.failed("Run", &status))?.into_inner().job_id)
    }

    /// The state of a job.
    ///
    /// # Errors
    /// The engine does not know the job, or does not answer.
    pub(crate) async fn state(&self, job_id: &str) -> Result<jobs::job_state::Enum> {
        let request = jobs::GetJobStateRequest { job_id: job_id.to_owned() };
        let answer = self.jobs.clone().get_state(patient(request, self.patience.answer)).await;
        Ok(answer.map_err(|status| self.failed("GetState", &status))?.into_inner().state())
    }

    /// Asks for the end of a job; gives the state that it has now, which may not be the last one.
    ///
    /// # Errors
    /// The engine does not know the job, cannot cancel, or does not answer.
    pub(crate) async fn cancel(&self, job_id: &str) -> Result<jobs::job_state::Enum> {
        let request = jobs::CancelJobRequest { job_id: job_id.to_owned() };
        let answer = self.jobs.clone().cancel(patient(request, self.patience.answer)).await;
        Ok(answer.map_err(|status| self.failed("Cancel", &status))?.into_inner().state())
    }

    /// The metrics of a job.
    ///
    /// # Errors
    /// The engine does not know the job, has no metrics, or does not answer.
    pub(crate) async fn metrics(&self, job_id: &str) -> Result<JobMetrics> {
        let request = jobs::GetJobMetricsRequest { job_id: job_id.to_owned() };
        let answer = self.jobs.clone().get_job_metrics(patient(request, self.patience.answer)).await;
        let answer = answer.map_err(|status| self.failed("GetJobMetrics", &status))?.into_inner();
        let jobs::MetricResults { attempted, committed } = answer.metrics.unwrap_or_default();
        Ok(JobMetrics { attempted, committed })
    }

    pub(super) fn failed(&self, rpc: &str, status: &Status) -> ferrobeam_core::Error {
        failed(SERVER, &self.endpoint, rpc, status)
    }
}

fn patient<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}
