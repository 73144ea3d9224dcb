//! The portable runner: hands a pipeline to an engine, and follows it to its end.

use crate::engine::{Engine, Facts, Feature, check};
use crate::environment::Environment;
use crate::failure;
use crate::interrupt::Interrupts;
use crate::job::client::{Patience, Prepared};
use crate::job::flink::Flink;
use crate::job::follow::Ended;
use crate::job::lower::lower;
use crate::job::options::{EngineOptions, to_struct};
use crate::job::together::{metrics_of, together};
use crate::job::{artifacts, metrics};
use crate::server::{Found, Progress, Server};
use crate::worker::pool::{self, Serving};
use ferrobeam_core::graph::Graph;
use ferrobeam_core::runner::{PipelineResult, Runner};
use ferrobeam_core::{Error, Result};
use ferrobeam_model::job_management::job_messages_response::Response as Update;
use ferrobeam_model::job_management::job_state::Enum as State;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// The portable runner.
#[derive(Clone)]
pub struct PortableRunner {
    server: Server,
    /// The Flink behind the job server.
    flink: Option<String>,
    engine: Engine,
    environment: Option<Environment>,
    engine_options: EngineOptions,
    accepted: Vec<Feature>,
    options: serde_json::Value,
    time_limit: Option<Duration>,
    is_interruptible: bool,
    pub(crate) patience: Patience,
    progress: Progress,
}

impl PortableRunner {
    /// The name that `--runner` knows it by.
    pub const NAME: &'static str = "portable";

    /// A runner that hands pipelines to the job server at `HOST:PORT`, of an engine of which nothing is known.
    pub fn at(job_endpoint: impl Into<String>) -> Self {
        PortableRunner {
            server: Server::At(job_endpoint.into()),
            flink: None,
            engine: Engine::Other,
            environment: None,
            engine_options: EngineOptions::default(),
            accepted: Vec::new(),
            options: serde_json::Value::Null,
            time_limit: None,
            is_interruptible: false,
            patience: Patience::default(),
            progress: Arc::new(|_| ()),
        }
    }

    /// A runner for an engine by its name: `prism`, `flink` or `spark`. It takes the job server that answers at the engine's
    /// usual port on this machine; if there is none, it installs the engine if need be, starts it, and ends it with the job.
    ///
    /// # Errors
    /// There is no engine of this name.
    pub fn on(engine: &str) -> Result<Self> {
        PortableRunner { server: Server::FindOrStart, ..PortableRunner::at("") }.engine(engine)
    }

    /// Which engine it is: `prism`, `flink`, `spark`, or `other`. What is known of it is refused before it is submitted,
    /// and graphs are sent as it wants them.
    ///
    /// # Errors
    /// There is no engine of this name.
    pub fn engine(self, name: &str) -> Result<Self> {
        Ok(PortableRunner { engine: name.parse().map_err(Error::Options)?, ..self })
    }

    /// Takes the job server at `HOST:PORT`.
    #[must_use]
    pub fn job_endpoint(self, endpoint: impl Into<String>) -> Self {
        PortableRunner { server: Server::At(endpoint.into()), ..self }
    }

    /// Runs pipelines on the Flink whose REST service is at `HOST:PORT`: by the job server that was named, which must be in
    /// front of it, or by one that is started for it and ends with the job. A job that is cancelled is cancelled there, too.
    #[must_use]
    pub fn flink_master(self, master: impl Into<String>) -> Self {
        PortableRunner { flink: Some(master.into()), engine: Engine::Flink, ..self }
    }

    /// Where user code runs. If nothing is said: in this process, for an engine on this machine.
    #[must_use]
    pub fn environment(self, environment: Environment) -> Self {
        PortableRunner { environment: Some(environment), ..self }
    }

    /// Options of the engine, each as `NAME=VALUE`, for instance `parallelism=2`.
    ///
    /// # Errors
    /// One is not of this form.
    pub fn engine_options<'a>(self, options: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        Ok(PortableRunner { engine_options: EngineOptions::parse(options)?, ..self })
    }

    /// Accepts that the engine is known to do something in another way than Beam's model says.
    ///
    /// # Errors
    /// There is no feature of this name in which engines differ.
    pub fn accept_difference(mut self, feature: &str) -> Result<Self> {
        self.accepted.push(feature.parse().map_err(Error::Options)?);
        Ok(self)
    }

    /// Accepts all known differences: for those who want to see them.
    #[must_use]
    pub fn accept_all_differences(self) -> Self {
        PortableRunner { accepted: Feature::ALL.to_vec(), ..self }
    }

    /// Cancels the job when it is not done after this time. Some engines wait for ever: Prism does for a worker that ends
    /// before it was reached.
    #[must_use]
    pub fn time_limit(self, limit: Duration) -> Self {
        PortableRunner { time_limit: Some(limit), ..self }
    }

    /// Cancels the job when this process gets SIGINT, as by Ctrl-C, or SIGTERM, and waits for half a minute until the engine
    /// has done so; at the second of them it does not wait. These signals do not end the process any more, also when the
    /// job is over.
    #[must_use]
    pub fn cancel_when_interrupted(self) -> Self {
        PortableRunner { is_interruptible: true, ..self }
    }

    /// The options from which a worker in another process constructs the pipeline again. The job server shows them to
    /// everybody, so there must be no secrets in them.
    #[must_use]
    pub fn options(self, options: serde_json::Value) -> Self {
        PortableRunner { options, ..self }
    }

    /// Who is told what is being done, a line each.
    #[must_use]
    pub fn progress(self, progress: impl Fn(&str) + Send + Sync + 'static) -> Self {
        PortableRunner { progress: Arc::new(progress), ..self }
    }
}

impl Runner for PortableRunner {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn unsupported(&self, graph: &Graph) -> Vec<String> {
        let streaming = self.engine_options.is_on("streaming");
        let facts = Facts { streaming, checkpoints: self.engine_options.takes_checkpoints() };
        check(graph, self.engine, facts, &self.accepted).unwrap_or_else(|error| vec![error.to_string()])
    }

    fn reports_metrics(&self) -> bool {
        // Spark has none that are committed, and of others nothing is known.
        matches!(self.engine, Engine::Prism | Engine::Flink)
    }

    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        self.execute_together(std::slice::from_ref(graph)).map(|mut results| results.pop().unwrap_or_default())
    }
}

/// A pipeline that an engine has taken in, and what must live as long as its job.
struct Ready {
    found: Found,
    /// The job's name, by which people find it, and Flink.
    name: String,
    _workers: Serving,
    prepared: Prepared,
}

impl PortableRunner {
    /// Runs pipelines of different fingerprints as one job, which costs an engine less than one job each; a result for each.
    /// All must be supported, and workers run in this process.
    ///
    /// # Errors
    /// What any of them fails with, without saying which: then none has a result.
    pub fn execute_together(&self, graphs: &[Graph]) -> Result<Vec<PipelineResult>> {
        let runtime = crate::runtime()?;
        let result = runtime.block_on(self.run(graphs));
        // User code that still runs on a thread is not waited for.
        runtime.shutdown_background();
        result
    }

    async fn run(&self, graphs: &[Graph]) -> Result<Vec<PipelineResult>> {
        let mut interrupts = if self.is_interruptible { Interrupts::listen()? } else { Interrupts::ignore() };
        let mut ready = tokio::select! {
            ready = self.prepare(graphs) => ready?,
            () = interrupts.next() => return Err(failure("interrupted before there was a job")),
        };
        let client = ready.found.client.clone();
        // Not interrupted: nobody would know of a job that it begins.
        let job = client.run(&ready.prepared).await?;
        (self.progress)(&format!("the job is {job}"));
        let ended = self.follow(&mut ready, &job, &mut interrupts).await?;
        if ended.state != State::Done {
            let state = ended.state.as_str_name().to_lowercase();
            return Err(failure(format!("the job is {state}: {}", ended.reason())));
        }
        // Some engines have none, and a job that is done does not fail for them.
        let reported = client.metrics(&job).await.unwrap_or_else(|error| {
            (self.progress)(&format!("no metrics: {error}"));
            Default::default()
        });
        let of = |(number, graph)| metrics::of_steps(graph, &metrics_of(number, graphs.len(), &reported));
        let result = |numbered| PipelineResult { metrics: of(numbered), is_drained: false };
        Ok(graphs.iter().enumerate().map(result).collect())
    }

    /// Hands the pipeline over, and all that its workers need.
    async fn prepare(&self, graphs: &[Graph]) -> Result<Ready> {
        if let Some(master) = &self.flink {
            Flink::at(master, self.patience).check().await?;
        }
        let mut found = self.server.find(self.engine, self.flink.as_deref(), &self.progress).await?;
        found.client = found.client.with_patience(self.patience);
        let environment = self.environment_for(&found).await?;
        let workers = pool::serve(graphs.into()).await?;
        let files = environment.artifacts()?;
        let in_proto = environment.to_proto(&workers.address, &files, found.is_here)?;
        let lowered = graphs.iter().map(|graph| lower(graph, self.engine, in_proto.clone()));
        let pipeline = together(lowered.collect::<Result<_>>()?)?;
        let mut engine_options = self.engine_options.clone();
        if self.engine == Engine::Flink {
            engine_options.go_on_with_checkpoints(graphs.iter().all(Graph::is_bounded));
        }
        let name = job_name(found.flink.is_some());
        let options = to_struct(&self.options, &name, &engine_options, found.client.known_options())?;
        let prepared = found.client.prepare(&name, pipeline, options).await?;
        artifacts::stage(&prepared, &files, |_, _| ()).await?;
        Ok(Ready { found, name, _workers: workers, prepared })
    }

    /// Waits for the end of a job, or makes it end.
    async fn follow(&self, ready: &mut Ready, job: &str, interrupts: &mut Interrupts) -> Result<Ended> {
        let client = ready.found.client.clone();
        let on_update = |update: &Update| {
            if let Update::StateResponse(event) = update {
                (self.progress)(&format!("it is {}", event.state().as_str_name().to_lowercase()));
            }
        };
        let mut follow = pin!(client.follow(job, on_update));
        let limit = async {
            match self.time_limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            ended = &mut follow => return ended,
            () = limit => format!("the job {job} is not done after {:?}", self.time_limit.unwrap_or_default()),
            () = interrupts.next() => format!("the job {job} was interrupted"),
        };
        (self.progress)(&format!("{why}, and is being cancelled"));
        let cancel = async {
            client.cancel(job).await?;
            follow.await
        };
        let ended = tokio::select! {
            ended = tokio::time::timeout(self.patience.end, cancel) => ended,
            () = interrupts.next() => return Err(failure(format!("{why} again, and perhaps not cancelled"))),
        };
        let told = match ended {
            // It was faster.
            Ok(Ok(ended)) if ended.state == State::Done => return Ok(ended),
            Ok(Ok(ended)) => {
                // Beam's job server says so, and lets go of the job.
                let found = &ready.found;
                let but = if self.engine == Engine::Flink && !found.ends_with_us() && found.flink.is_none() {
                    ", as its job server says; on a cluster it may run on until it is cancelled by Flink's own means"
                } else {
                    ""
                };
                format!("{why}, and is {}{but}", ended.state.as_str_name().to_lowercase())
            }
            Ok(Err(error)) => format!("{why}, and was not cancelled: {error}"),
            Err(_) => format!("{why}; it was cancelled, but has not ended within {:?}", self.patience.end),
        };
        let Some(flink) = ready.found.flink.as_deref().map(|master| Flink::at(master, self.patience)) else {
            return Err(failure(told));
        };
        // One that was started hands nothing on any more.
        ready.found.end().await;
        let left = tokio::select! {
            left = flink.cancel(&ready.name) => left,
            () = interrupts.next() => Err(failure("interrupted again")),
        };
        let master = flink.master();
        Err(failure(match left {
            Ok(()) => format!("{told}; the Flink at `{master}` does not run it any more"),
            Err(error) => format!("{told}; the Flink at `{master}` may still run it, as `{}`: {error}", ready.name),
        }))
    }

    async fn environment_for(&self, found: &Found) -> Result<Environment> {
        match &self.environment {
            None | Some(Environment::Loopback) if !found.is_here => Err(failure(
                "the engine is not on this machine, so workers in this process cannot be reached: choose another environment, \
                 `process=COMMAND`, `external=HOST:PORT` or `docker=IMAGE`",
            )),
            None => Ok(Environment::Loopback),
            Some(environment) => {
                if found.is_here {
                    environment.check_here().await?;
                }
                Ok(environment.clone())
            }
        }
    }
}

/// The program's name, by which a person finds the job among others; with a number if no other job may have it.
fn job_name(is_unique: bool) -> String {
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(|path| path.file_stem()).map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "ferrobeam".to_owned());
    // The standard library's per-process randomness.
    let number = || RandomState::new().hash_one(std::process::id()) as u32;
    if is_unique { format!("{name}-{:08x}", number()) } else { name }
}

impl fmt::Debug for PortableRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PortableRunner");
        shown.field("server", &self.server).field("flink", &self.flink).field("engine", &self.engine);
        shown.field("environment", &self.environment).finish_non_exhaustive()
    }
}
