//! The four services on one port: what the engine says comes from queues, what the worker says goes to one.

use super::states::States;
use crate::services::beam_fn_control_server::BeamFnControl;
use crate::services::beam_fn_data_server::BeamFnData;
use crate::services::beam_fn_logging_server::BeamFnLogging;
use crate::services::beam_fn_state_server::BeamFnState;
use crate::services::beam_fn_worker_status_server::BeamFnWorkerStatus;
use ferrobeam_model::fn_execution as pb;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Something that the worker has sent.
#[derive(Debug)]
pub(super) enum Event {
    Response(pb::InstructionResponse),
    Data(pb::elements::Data),
    Timers(pb::elements::Timers),
    State(pb::StateRequest),
    Log(pb::LogEntry),
    Status(pb::WorkerStatusResponse),
}

type Stream<T> = UnboundedReceiverStream<Result<T, Status>>;

/// What the engine says on one stream; it may begin before the worker has opened it.
pub(super) struct Line<T> {
    sender: Mutex<Option<UnboundedSender<Result<T, Status>>>>,
    receiver: Mutex<Option<UnboundedReceiver<Result<T, Status>>>>,
}

impl<T> Line<T> {
    fn new() -> Self {
        let (sender, receiver) = unbounded_channel();
        Line { sender: Mutex::new(Some(sender)), receiver: Mutex::new(Some(receiver)) }
    }

    /// Says something; after the end nothing happens.
    pub(super) fn say(&self, message: Result<T, Status>) {
        if let Some(sender) = &*locked(&self.sender) {
            let _ = sender.send(message);
        }
    }

    /// Ends the stream.
    pub(super) fn end(&self) {
        *locked(&self.sender) = None;
    }

    fn open(&self) -> Result<Response<Stream<T>>, Status> {
        let receiver = locked(&self.receiver).take();
        let receiver = receiver.ok_or_else(|| Status::already_exists("the worker has opened a stream twice"))?;
        Ok(Response::new(UnboundedReceiverStream::new(receiver)))
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that the services share.
pub(super) struct Played {
    pub(super) instructions: Line<pb::InstructionRequest>,
    pub(super) data: Line<pb::Elements>,
    pub(super) answers: Line<pb::StateResponse>,
    pub(super) questions: Line<pb::WorkerStatusRequest>,
    pub(super) descriptors: Mutex<BTreeMap<String, pb::ProcessBundleDescriptor>>,
    pub(super) states: States,
    events: Sender<Event>,
}

/// The services of one engine.
#[derive(Clone)]
pub(super) struct Services(pub(super) Arc<Played>);

impl Services {
    pub(super) fn new(events: Sender<Event>) -> Self {
        Services(Arc::new(Played {
            instructions: Line::new(),
            data: Line::new(),
            answers: Line::new(),
            questions: Line::new(),
            descriptors: Mutex::default(),
            states: States::default(),
            events,
        }))
    }

    /// Takes all that the worker says on a stream.
    fn take<T: Send + 'static>(&self, mut stream: Streaming<T>, mut each: impl FnMut(&Played, T) + Send + 'static) {
        let played = self.0.clone();
        tokio::spawn(async move {
            while let Ok(Some(message)) = stream.message().await {
                each(&played, message);
            }
        });
    }
}

impl Played {
    fn tell(&self, event: Event) {
        // Whoever played this engine has gone.
        let _ = self.events.send(event);
    }
}

#[tonic::async_trait]
impl BeamFnControl for Services {
    type ControlStream = Stream<pb::InstructionRequest>;

    async fn control(
        &self,
        request: Request<Streaming<pb::InstructionResponse>>,
    ) -> Result<Response<Self::ControlStream>, Status> {
        self.take(request.into_inner(), |played, response| played.tell(Event::Response(response)));
        self.0.instructions.open()
    }

    async fn get_process_bundle_descriptor(
        &self,
        request: Request<pb::GetProcessBundleDescriptorRequest>,
    ) -> Result<Response<pb::ProcessBundleDescriptor>, Status> {
        let id = request.into_inner().process_bundle_descriptor_id;
        let found = locked(&self.0.descriptors).get(&id).cloned();
        found.map(Response::new).ok_or_else(|| Status::not_found(format!("no descriptor `{id}`")))
    }
}

#[tonic::async_trait]
impl BeamFnData for Services {
    type DataStream = Stream<pb::Elements>;

    async fn data(&self, request: Request<Streaming<pb::Elements>>) -> Result<Response<Self::DataStream>, Status> {
        self.take(request.into_inner(), |played, elements: pb::Elements| {
            elements.data.into_iter().for_each(|data| played.tell(Event::Data(data)));
            elements.timers.into_iter().for_each(|timers| played.tell(Event::Timers(timers)));
        });
        self.0.data.open()
    }
}

#[tonic::async_trait]
impl BeamFnState for Services {
    type StateStream = Stream<pb::StateResponse>;

    async fn state(
        &self,
        request: Request<Streaming<pb::StateRequest>>,
    ) -> Result<Response<Self::StateStream>, Status> {
        self.take(request.into_inner(), |played, request| {
            let answer = played.states.answer(&request);
            // Before the worker can go on.
            played.tell(Event::State(request));
            if let Some(answer) = answer {
                played.answers.say(Ok(answer));
            }
        });
        self.0.answers.open()
    }
}

#[tonic::async_trait]
impl BeamFnWorkerStatus for Services {
    type WorkerStatusStream = Stream<pb::WorkerStatusRequest>;

    async fn worker_status(
        &self,
        request: Request<Streaming<pb::WorkerStatusResponse>>,
    ) -> Result<Response<Self::WorkerStatusStream>, Status> {
        self.take(request.into_inner(), |played, status| played.tell(Event::Status(status)));
        self.0.questions.open()
    }
}

#[tonic::async_trait]
impl BeamFnLogging for Services {
    type LoggingStream = Stream<pb::LogControl>;

    async fn logging(
        &self,
        request: Request<Streaming<pb::log_entry::List>>,
    ) -> Result<Response<Self::LoggingStream>, Status> {
        // Engines say nothing here, and end the stream with the worker's half.
        let (silent, receiver) = unbounded_channel();
        self.take(request.into_inner(), move |played, list: pb::log_entry::List| {
            let _: &UnboundedSender<_> = &silent;
            list.log_entries.into_iter().for_each(|entry| played.tell(Event::Log(entry)));
        });
        Ok(Response::new(UnboundedReceiverStream::new(receiver)))
    }
}
