//! The control stream: instructions of the engine and their answers.
//!
//! Every bundle runs on a thread of its own; there is no cap, for a bundle may wait for another. An error goes into the
//! answer, and the worker lives on.

use super::bundle::{Processor, Seen, Splitter};
use super::cache::{Cache, Tokens};
use super::channel::{LARGEST_MESSAGE, Tasks, WorkerId};
use super::committing::Committing;
use super::data::{Arrivals, DataSender, DataStreams, Inboxes};
use super::logging::{Log, Speaker, speaking};
use super::short_ids::ShortIds;
use super::state::{self, StateClient};
use crate::failure;
use crate::services::beam_fn_control_client::BeamFnControlClient;
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_request::Request;
use ferrobeam_model::fn_execution::instruction_response::Response;
use ferrobeam_model::fn_execution::log_entry::severity::Enum as Severity;
use ferrobeam_model::urns::transforms as urns;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

/// The steps of a bundle call each other, so that a long chain of them goes deep. This is address space, not memory.
const STACK: usize = 256 << 20;

/// A worker's side of the control stream.
pub(super) struct Control {
    /// Or why there is none.
    pub(super) graphs: Result<Arc<[Graph]>, String>,
    pub(super) worker: WorkerId,
    pub(super) inboxes: Arc<Inboxes>,
    pub(super) streams: DataStreams,
    pub(super) tasks: Tasks,
    pub(super) client: BeamFnControlClient<super::channel::WorkerChannel>,
    pub(super) responses: UnboundedSender<pb::InstructionResponse>,
    pub(super) states: tokio::sync::Mutex<BTreeMap<String, StateClient>>,
    pub(super) cache: Arc<Cache>,
    pub(super) runtime: Handle,
    pub(super) shared: Mutex<Shared>,
    /// The last to go: the worker waits for the end of its log, and so for that of all else.
    pub(super) log: Log,
}

/// What instructions leave for each other.
#[derive(Default)]
pub(super) struct Shared {
    descriptors: BTreeMap<String, Arc<pb::ProcessBundleDescriptor>>,
    /// Processors between two bundles, by descriptor.
    idle: BTreeMap<String, Vec<Processor>>,
    running: BTreeMap<String, Running>,
    committing: Committing,
    short_ids: ShortIds,
}

/// What others may know of a bundle that runs.
struct Running {
    descriptor: String,
    /// None while its operators are wired.
    seen: Option<Seen>,
}

impl Running {
    fn splitter(&self) -> Option<&Splitter> {
        self.seen.as_ref().and_then(|seen| seen.splitter.as_ref())
    }
}

impl Control {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does an instruction, and answers.
    pub(super) fn instruct(self: &Arc<Self>, request: pb::InstructionRequest) {
        let (control, id) = (self.clone(), request.instruction_id.clone());
        // User code and waiting go to threads of their own; the stream goes on.
        let quick = match request.request {
            Some(Request::ProcessBundle(bundle)) => {
                self.thread(id, move |control, id| control.process(id, bundle));
                return;
            }
            Some(Request::ProcessBundleSplit(split)) => {
                tokio::task::spawn_blocking(move || control.answer(&id, unwound(|| Ok(control.split(&split)))));
                return;
            }
            Some(Request::FinalizeBundle(finalize)) => {
                tokio::task::spawn_blocking(move || control.answer(&id, unwound(|| control.finalize(&finalize))));
                return;
            }
            Some(Request::ProcessBundleProgress(of)) => Ok(Response::ProcessBundleProgress(self.progress(&of))),
            Some(Request::Register(register)) => {
                let mut shared = self.shared();
                for descriptor in register.process_bundle_descriptor {
                    shared.descriptors.insert(descriptor.id.clone(), Arc::new(descriptor));
                }
                Ok(Response::Register(pb::RegisterResponse {}))
            }
            Some(Request::MonitoringInfos(of)) => {
                let monitoring_info = self.shared().short_ids.explain(&of.monitoring_info_id);
                Ok(Response::MonitoringInfos(pb::MonitoringInfosMetadataResponse { monitoring_info }))
            }
            Some(Request::HarnessMonitoringInfos(_)) => Ok(Response::HarnessMonitoringInfos(Default::default())),
            Some(Request::SampleData(_)) => Ok(Response::SampleData(Default::default())),
            None => Err(failure("the engine sent an instruction that this worker does not know".to_owned())),
        };
        self.answer(&id, quick);
    }

    /// Does something on a thread of its own, and answers.
    fn thread(self: &Arc<Self>, id: String, body: impl FnOnce(&Self, &str) -> Result<Response> + Send + 'static) {
        let (control, of) = (self.clone(), id.clone());
        let started = std::thread::Builder::new()
            .name(format!("bundle {id}"))
            .stack_size(STACK)
            .spawn(move || control.answer(&of, unwound(|| body(&control, &of))));
        if let Err(error) = started {
            self.answer(&id, Err(failure(format!("cannot start a thread for a bundle: {error}"))));
        }
    }

    fn answer(&self, id: &str, result: Result<Response>) {
        let (error, response) = match result {
            Ok(response) => (String::new(), Some(response)),
            Err(error) => {
                let text = format!("{error:?}");
                self.log.write(Severity::Error, id, text.clone());
                (text, None)
            }
        };
        // An engine that has gone does not wait for the answer.
        let _ = self.responses.send(pb::InstructionResponse { instruction_id: id.to_owned(), error, response });
    }

    fn process(&self, id: &str, bundle: pb::ProcessBundleRequest) -> Result<Response> {
        let inbox = self.inboxes.open(id);
        if let Some(mut elements) = bundle.elements {
            // They are this bundle's, whether they say so or not.
            elements.data.iter_mut().for_each(|data| id.clone_into(&mut data.instruction_id));
            elements.timers.iter_mut().for_each(|timers| id.clone_into(&mut timers.instruction_id));
            // They have come already.
            let _ = self.inboxes.deliver(elements);
        }
        let tokens = Tokens::new(bundle.cache_tokens);
        let result = self.run(id, &bundle.process_bundle_descriptor_id, tokens, &inbox);
        self.shared().running.remove(id);
        self.inboxes.close(id);
        result.map(Response::ProcessBundle)
    }

    fn run(&self, id: &str, descriptor: &str, tokens: Tokens, inbox: &Arrivals) -> Result<pb::ProcessBundleResponse> {
        let wiring = Running { descriptor: descriptor.to_owned(), seen: None };
        self.shared().running.insert(id.to_owned(), wiring);
        let idle = self.shared().idle.get_mut(descriptor).and_then(Vec::pop);
        let mut processor = match idle {
            Some(processor) => processor,
            None => self.processor(descriptor)?,
        };
        let seen = Some(processor.start(id, tokens));
        self.shared().running.insert(id.to_owned(), Running { descriptor: descriptor.to_owned(), seen });
        // A processor whose bundle failed is not used again: its operators may remember what must not have happened.
        let (log, instruction) = (self.log.clone(), id.to_owned());
        let speaker = Speaker { log, instruction, transforms: processor.transforms() };
        let mut processed = speaking(speaker, || processor.process(inbox))?;
        let mut shared = self.shared();
        // Engines read the one or the other.
        processed.response.monitoring_data = shared.short_ids.shorten(&processed.response.monitoring_infos);
        shared.idle.entry(descriptor.to_owned()).or_default().push(processor);
        if !processed.finalizers.is_empty() {
            shared.committing.put(id, processed.finalizers, Instant::now());
        }
        Ok(processed.response)
    }

    /// Wires a processor; on a thread that may wait.
    fn processor(&self, descriptor: &str) -> Result<Processor> {
        let known = self.shared().descriptors.get(descriptor).cloned();
        let runtime = &self.runtime;
        let found = match known {
            Some(found) => found,
            None => {
                let found = Arc::new(runtime.block_on(self.fetch(descriptor))?);
                self.shared().descriptors.insert(descriptor.to_owned(), found.clone());
                found
            }
        };
        let service = found.state_api_service_descriptor.as_ref().map(|service| service.url.clone());
        let state = match service.filter(|url| !url.is_empty()) {
            Some(url) => Some(runtime.block_on(self.state(&url))?),
            None => None,
        };
        let connect = |url: &str| -> Result<DataSender> { runtime.block_on(self.streams.to(url)) };
        // First: Flink hears of no error before it has the data stream.
        for url in data_endpoints(&found) {
            connect(&url)?;
        }
        let graphs = self.graphs.as_ref().map_err(failure)?;
        Processor::new(graphs, &found, state, self.cache.clone(), &connect)
    }

    async fn fetch(&self, descriptor: &str) -> Result<pb::ProcessBundleDescriptor> {
        let request = pb::GetProcessBundleDescriptorRequest { process_bundle_descriptor_id: descriptor.to_owned() };
        let mut client = self.client.clone().max_decoding_message_size(LARGEST_MESSAGE);
        let fetched = client.get_process_bundle_descriptor(request).await;
        let failed = |status: tonic::Status| {
            failure(format!(
                "the engine does not tell what `{descriptor}` is (GetProcessBundleDescriptor): {}",
                status.message()
            ))
        };
        Ok(fetched.map_err(failed)?.into_inner())
    }

    async fn state(&self, url: &str) -> Result<StateClient> {
        let mut states = self.states.lock().await;
        if let Some(client) = states.get(url) {
            return Ok(client.clone());
        }
        let client = state::open(self.worker.clone(), url, &self.tasks).await?;
        states.insert(url.to_owned(), client.clone());
        Ok(client)
    }

    /// An engine may ask for a bundle that has ended or never began.
    fn progress(&self, of: &pb::ProcessBundleProgressRequest) -> pb::ProcessBundleProgressResponse {
        let mut shared = self.shared();
        let seen = shared.running.get(&of.instruction_id).and_then(|running| running.seen.as_ref());
        let monitoring_infos = seen.map(Seen::progress).unwrap_or_default();
        let monitoring_data = shared.short_ids.shorten(&monitoring_infos);
        pb::ProcessBundleProgressResponse { monitoring_infos, monitoring_data, ..Default::default() }
    }

    fn split(&self, of: &pb::ProcessBundleSplitRequest) -> Response {
        let splitter = self.shared().running.get(&of.instruction_id).and_then(|running| running.splitter().cloned());
        let response = splitter.and_then(|splitter| Some(splitter.split(of.desired_splits.get(&splitter.source)?)));
        Response::ProcessBundleSplit(response.unwrap_or_default())
    }

    /// What the worker does, in words.
    pub(super) fn status(&self) -> String {
        let shared = self.shared();
        let idle: usize = shared.idle.values().map(Vec::len).sum();
        let mut text = format!("{} bundles run, {idle} processors wait for one\n", shared.running.len());
        for (id, running) in &shared.running {
            let doing = running.seen.as_ref().map_or("is prepared", |seen| seen.waits.text());
            let (descriptor, read) = (&running.descriptor, running.splitter().map_or(0, Splitter::read));
            text += &format!("bundle `{id}` of `{descriptor}` {doing}; {read} elements were begun");
            text += &match self.inboxes.waiting(id) {
                0 => "\n".to_owned(),
                bytes => format!("; {bytes} bytes have come and were not looked at\n"),
            };
        }
        text
    }

    fn finalize(&self, of: &pb::FinalizeBundleRequest) -> Result<Response> {
        let finalizers = self.shared().committing.take(&of.instruction_id, Instant::now());
        if let Some(finalizers) = finalizers {
            finalizers.run()?;
        }
        Ok(Response::FinalizeBundle(pb::FinalizeBundleResponse {}))
    }
}

/// A panic is an answer, too: user code's are caught where it is called, but that of a user's `Serialize`, say, is not, and
/// an engine would wait for ever.
fn unwound<R>(body: impl FnOnce() -> Result<R>) -> Result<R> {
    std::panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(failure(format!("the worker panicked: {}", text.as_deref().unwrap_or("without a text"))))
    })
}

/// Where the elements of a bundle come from and go to.
fn data_endpoints(descriptor: &pb::ProcessBundleDescriptor) -> BTreeSet<String> {
    let specs = descriptor.transforms.values().filter_map(|transform| transform.spec.as_ref());
    let ports = specs.filter(|spec| [urns::DATA_SOURCE, urns::DATA_SINK].contains(&spec.urn.as_str()));
    let ports = ports.filter_map(|spec| pb::RemoteGrpcPort::decode(&spec.payload[..]).ok());
    ports
        .filter_map(|port| port.api_service_descriptor)
        .map(|service| service.url)
        .filter(|url| !url.is_empty())
        .collect()
}
