//! The engine: sends instructions and data, and waits for what comes of them.

use super::hear::{Events, PATIENCE};
use super::proxy::{Proxy, Stream};
use super::rows::Port;
use super::services::{Event, Played, Services, locked};
use super::stage::Stage;
use super::states::States;
use crate::failure;
use crate::harness::{Endpoints, work};
use crate::services::beam_fn_control_server::BeamFnControlServer;
use crate::services::beam_fn_data_server::BeamFnDataServer;
use crate::services::beam_fn_logging_server::BeamFnLoggingServer;
use crate::services::beam_fn_state_server::BeamFnStateServer;
use crate::services::beam_fn_worker_status_server::BeamFnWorkerStatusServer;
use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_request::Request;
use ferrobeam_model::fn_execution::instruction_response::Response;
use ferrobeam_model::fn_execution::process_bundle_request::CacheToken;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::server::TcpIncoming;

/// A played engine with one worker.
pub struct Engine {
    graph: Arc<Graph>,
    url: String,
    played: Arc<Played>,
    pub(super) events: Mutex<Events>,
    runtime: Option<Runtime>,
    worker: Option<JoinHandle<Result<()>>>,
    /// The address of a proxy in front of a service.
    detour: Option<(Stream, String)>,
}

impl Engine {
    /// Starts an engine with a worker for a graph.
    ///
    /// # Errors
    /// There is no free port, or no thread.
    pub fn start(graph: Graph) -> Result<Self> {
        Engine::launch(graph, None).map(|(engine, _)| engine)
    }

    /// The same, where the worker reaches one service by a proxy.
    ///
    /// # Errors
    /// As of [`start`](Engine::start).
    pub fn start_behind(graph: Graph, stream: Stream) -> Result<(Self, Proxy)> {
        match Engine::launch(graph, Some(stream))? {
            (engine, Some(proxy)) => Ok((engine, proxy)),
            _ => Err(failure("there is no proxy")),
        }
    }

    fn launch(graph: Graph, stream: Option<Stream>) -> Result<(Self, Option<Proxy>)> {
        let failed = |error: std::io::Error| failure(format!("cannot play an engine: {error}"));
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().map_err(failed)?;
        let (sender, receiver) = channel();
        let services = Services::new(sender);
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).map_err(failed)?;
        let url = format!("localhost:{}", listener.local_addr().map_err(failed)?.port());
        let most = usize::MAX;
        let server = tonic::transport::Server::builder()
            .add_service(BeamFnControlServer::new(services.clone()).max_decoding_message_size(most))
            .add_service(BeamFnDataServer::new(services.clone()).max_decoding_message_size(most))
            .add_service(BeamFnStateServer::new(services.clone()).max_decoding_message_size(most))
            .add_service(BeamFnLoggingServer::new(services.clone()))
            .add_service(BeamFnWorkerStatusServer::new(services.clone()));
        // Without a delay: conversations are of small messages.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        runtime.spawn(server.serve_with_incoming(incoming));
        let graph = Arc::new(graph);
        let proxy = stream.map(|_| Proxy::to(&url).map_err(failed)).transpose()?;
        let detour = stream.zip(proxy.as_ref().map(|proxy| proxy.address.clone()));
        let of = |stream| url_of(stream, &url, detour.as_ref()).to_owned();
        let (control, logging, status) = (of(Stream::Control), of(Stream::Logging), Some(of(Stream::Status)));
        let endpoints = Endpoints { control, logging, status };
        let worker = runtime.spawn(work(Ok(Arc::new([Graph::clone(&graph)])), "worker", endpoints));
        let events = Mutex::new(Events { receiver, kept: Vec::new() });
        let (runtime, worker) = (Some(runtime), Some(worker));
        Ok((Engine { graph, url, played: services.0, events, runtime, worker, detour }, proxy))
    }

    /// The graph that the worker has.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// Where the services are, as `host:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the service of a stream is for the worker.
    pub(super) fn url_of(&self, stream: Stream) -> &str {
        url_of(stream, &self.url, self.detour.as_ref())
    }

    /// The engine's state.
    pub fn states(&self) -> &States {
        &self.played.states
    }

    /// Makes a stage known.
    pub fn offer(&self, stage: &Stage) {
        locked(&self.played.descriptors).insert(stage.descriptor.id.clone(), stage.descriptor.clone());
    }

    /// Sends an instruction.
    pub fn instruct(&self, id: &str, request: Option<Request>) {
        self.played.instructions.say(Ok(pb::InstructionRequest { instruction_id: id.to_owned(), request }));
    }

    /// Begins a bundle of a stage, which is made known.
    pub fn begin(&self, id: &str, stage: &Stage) {
        self.begin_with(id, stage, Vec::new());
    }

    /// Begins a bundle of a stage whose state may be kept.
    pub fn begin_with(&self, id: &str, stage: &Stage, cache_tokens: Vec<CacheToken>) {
        self.offer(stage);
        let process_bundle_descriptor_id = stage.descriptor.id.clone();
        let request = pb::ProcessBundleRequest { process_bundle_descriptor_id, cache_tokens, ..Default::default() };
        self.instruct(id, Some(Request::ProcessBundle(request)));
    }

    /// Sends elements.
    pub fn send(&self, elements: pb::Elements) {
        self.played.data.say(Ok(elements));
    }

    /// Sends a piece of data to a source.
    pub fn data(&self, id: &str, to: &Port, data: Bytes, is_last: bool) {
        let (instruction_id, transform_id) = (id.to_owned(), to.transform.clone());
        let data = vec![pb::elements::Data { instruction_id, transform_id, data, is_last }];
        self.send(pb::Elements { data, timers: Vec::new() });
    }

    /// Sends a piece of a family's timers.
    pub fn fire(&self, id: &str, transform: &str, family: &str, timers: Bytes, is_last: bool) {
        let (instruction_id, transform_id) = (id.to_owned(), transform.to_owned());
        let timer_family_id = family.to_owned();
        let timers = pb::elements::Timers { instruction_id, transform_id, timer_family_id, timers, is_last };
        self.send(pb::Elements { data: Vec::new(), timers: vec![timers] });
    }

    /// Runs a bundle of a stage with one source, and waits for its end.
    ///
    /// # Errors
    /// The worker's.
    pub fn run(&self, id: &str, stage: &Stage, data: Bytes) -> Result<pb::ProcessBundleResponse> {
        self.begin(id, stage);
        for source in &stage.sources {
            self.data(id, source, data.clone(), true);
        }
        self.done(id)
    }

    /// Asks how far a bundle is.
    ///
    /// # Errors
    /// The worker's.
    pub fn progress(&self, id: &str, of: &str) -> Result<pb::ProcessBundleProgressResponse> {
        let request = pb::ProcessBundleProgressRequest { instruction_id: of.to_owned() };
        self.instruct(id, Some(Request::ProcessBundleProgress(request)));
        match self.answer(id)? {
            Response::ProcessBundleProgress(response) => Ok(response),
            other => Err(failure(format!("a question for progress was answered with {other:?}"))),
        }
    }

    /// Asks for a part of a bundle; [`answer`](Engine::answer) waits.
    pub fn ask_split(&self, id: &str, of: &str, source: &str, keep: f64, total: i64, allowed: &[i64]) {
        let wish = pb::process_bundle_split_request::DesiredSplit {
            fraction_of_remainder: keep,
            allowed_split_points: allowed.to_vec(),
            estimated_input_elements: total,
        };
        let (instruction_id, desired_splits) = (of.to_owned(), [(source.to_owned(), wish)].into());
        let request = pb::ProcessBundleSplitRequest { instruction_id, desired_splits };
        self.instruct(id, Some(Request::ProcessBundleSplit(request)));
    }

    /// Asks the worker how it is.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&self, id: &str) -> Result<String> {
        self.played.questions.say(Ok(pb::WorkerStatusRequest { id: id.to_owned() }));
        match self.wait("the status", |event| matches!(event, Event::Status(status) if status.id == id))? {
            Event::Status(status) => Ok(status.status_info),
            _ => Err(failure("not a status")),
        }
    }

    /// Breaks the control stream.
    pub fn break_control(&self, why: &str) {
        self.played.instructions.say(Err(Status::unavailable(why)));
    }

    /// Breaks the data stream.
    pub fn break_data(&self, why: &str) {
        self.played.data.say(Err(Status::unavailable(why)));
    }

    /// Breaks the state stream.
    pub fn break_states(&self, why: &str) {
        self.played.answers.say(Err(Status::unavailable(why)));
    }

    /// Ends the control stream if it goes on, and waits for the end of the worker and of all its threads.
    ///
    /// # Errors
    /// The worker's.
    pub fn end(mut self) -> Result<()> {
        self.played.instructions.end();
        let (Some(runtime), Some(worker)) = (self.runtime.take(), self.worker.take()) else { return Ok(()) };
        let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, worker).await });
        runtime.shutdown_timeout(PATIENCE);
        let ended = ended.map_err(|_| failure("the worker does not end"))?;
        ended.map_err(|error| failure(format!("the worker: {error}")))?
    }
}

impl Engine {
    /// Stops the worker half-way, as an engine that says `StopWorker`, and waits for the end of all its threads.
    pub fn stop(mut self) {
        if let (Some(runtime), Some(worker)) = (self.runtime.take(), self.worker.take()) {
            worker.abort();
            let _ = runtime.block_on(worker);
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

fn url_of<'a>(stream: Stream, url: &'a str, detour: Option<&'a (Stream, String)>) -> &'a str {
    detour.filter(|(of, _)| *of == stream).map_or(url, |(_, address)| address)
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
