//! The data stream: one a connection, shared by all bundles that run.
//!
//! Whatever comes for a bundle waits in that bundle's inbox, so that a slow bundle holds up no other. Data may come before
//! the instruction it is for, and after that instruction failed.

use super::channel::{LARGEST_MESSAGE, Tasks, WorkerId, connect};
use crate::failure;
use crate::services::beam_fn_data_client::BeamFnDataClient;
use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_model::fn_execution as pb;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc as tokio_mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// How many outgoing messages wait before their makers do.
const OUTGOING: usize = 16;

/// How many instructions that are over are remembered, whose late data is dropped.
const REMEMBERED: usize = 1024;

/// What comes in for a bundle.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Elements for a source.
    Data { transform: String, data: Bytes, is_last: bool },
    /// Timers of a family.
    Timers { transform: String, family: String, timers: Bytes, is_last: bool },
    /// Nothing more will come.
    Broken(String),
}

/// Where what comes in waits, by instruction.
#[derive(Default)]
pub(crate) struct Inboxes(Mutex<Boxes>);

#[derive(Default)]
struct Boxes {
    open: BTreeMap<String, Inbox>,
    over: BTreeSet<Arc<str>>,
    /// The same, the oldest first.
    ended: VecDeque<Arc<str>>,
    broken: Option<String>,
}

struct Inbox {
    sender: Sender<Incoming>,
    /// Until the instruction takes it.
    receiver: Option<Receiver<Incoming>>,
}

impl Inbox {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        Inbox { sender, receiver: Some(receiver) }
    }
}

impl Inboxes {
    fn boxes(&self) -> MutexGuard<'_, Boxes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The inbox of an instruction that begins.
    pub(crate) fn open(&self, instruction: &str) -> Receiver<Incoming> {
        let mut boxes = self.boxes();
        let broken = boxes.broken.clone();
        let inbox = boxes.open.entry(instruction.to_owned()).or_insert_with(Inbox::new);
        if let Some(why) = broken {
            let _ = inbox.sender.send(Incoming::Broken(why));
        }
        // An instruction id that an engine uses twice at a time gets an inbox of its own.
        inbox.receiver.take().unwrap_or_else(|| {
            *inbox = Inbox::new();
            inbox.receiver.take().unwrap_or_else(|| mpsc::channel().1)
        })
    }

    /// Forgets an instruction that is over.
    pub(crate) fn close(&self, instruction: &str) {
        let mut boxes = self.boxes();
        boxes.open.remove(instruction);
        let instruction: Arc<str> = instruction.into();
        if boxes.over.insert(instruction.clone()) {
            boxes.ended.push_back(instruction);
        }
        if boxes.ended.len() > REMEMBERED
            && let Some(oldest) = boxes.ended.pop_front()
        {
            boxes.over.remove(&oldest);
        }
    }

    /// Hands on what has come.
    pub(crate) fn deliver(&self, elements: pb::Elements) {
        let data = elements.data.into_iter().map(|data| {
            let pb::elements::Data { instruction_id, transform_id: transform, data, is_last } = data;
            (instruction_id, Incoming::Data { transform, data, is_last })
        });
        let timers = elements.timers.into_iter().map(|timers| {
            let pb::elements::Timers { instruction_id, transform_id, timer_family_id, timers, is_last } = timers;
            let (transform, family) = (transform_id, timer_family_id);
            (instruction_id, Incoming::Timers { transform, family, timers, is_last })
        });
        let mut boxes = self.boxes();
        for (instruction, incoming) in data.chain(timers) {
            if boxes.over.contains(&*instruction) {
                continue;
            }
            // Whoever has dropped the receiving end does not want it any more.
            let _ = boxes.open.entry(instruction).or_insert_with(Inbox::new).sender.send(incoming);
        }
    }

    /// Tells all that wait that nothing more will come.
    pub(crate) fn fail(&self, why: &str) {
        let mut boxes = self.boxes();
        boxes.broken = Some(why.to_owned());
        for inbox in boxes.open.values() {
            let _ = inbox.sender.send(Incoming::Broken(why.to_owned()));
        }
    }
}

/// The outgoing half of a data stream.
#[derive(Clone)]
pub(crate) struct DataSender {
    url: Arc<str>,
    sender: tokio_mpsc::Sender<pb::Elements>,
}

impl DataSender {
    /// Sends elements; waits while too much is under way.
    pub(crate) fn send(&self, elements: pb::Elements) -> Result<()> {
        let gone = |_| failure(format!("the data stream to {} has ended", self.url));
        self.sender.blocking_send(elements).map_err(gone)
    }
}

/// Tells whoever waits for data that a stream has ended, also if its task was stopped.
struct End {
    inboxes: Arc<Inboxes>,
    why: String,
}

impl End {
    fn because(mut self, why: String) {
        self.why = why;
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.inboxes.fail(&self.why);
    }
}

/// All data streams of a worker, by address.
pub(crate) struct DataStreams {
    worker: WorkerId,
    inboxes: Arc<Inboxes>,
    tasks: Tasks,
    open: tokio::sync::Mutex<BTreeMap<String, DataSender>>,
}

impl DataStreams {
    pub(crate) fn new(worker: WorkerId, inboxes: Arc<Inboxes>, tasks: Tasks) -> Self {
        DataStreams { worker, inboxes, tasks, open: tokio::sync::Mutex::default() }
    }

    /// The stream to an address.
    pub(crate) async fn to(&self, url: &str) -> Result<DataSender> {
        let mut open = self.open.lock().await;
        if let Some(sender) = open.get(url) {
            return Ok(sender.clone());
        }
        let channel = connect("data", url).await?;
        let client = BeamFnDataClient::with_interceptor(channel, self.worker.clone());
        let mut client = client.max_decoding_message_size(LARGEST_MESSAGE).max_encoding_message_size(LARGEST_MESSAGE);
        let (sender, receiver) = tokio_mpsc::channel(OUTGOING);
        let address: Arc<str> = url.into();
        let at = address.clone();
        // The engine may answer the call only with its first element: nobody may wait for that.
        let end = End { inboxes: self.inboxes.clone(), why: format!("the worker has left the data stream at {url}") };
        self.tasks.spawn(async move {
            let why = match client.data(ReceiverStream::new(receiver)).await {
                Err(status) => format!("the engine refused the data stream at {at}: {}", status.message()),
                Ok(response) => {
                    let mut stream = response.into_inner();
                    loop {
                        match stream.message().await {
                            Ok(Some(elements)) => end.inboxes.deliver(elements),
                            Ok(None) => break format!("the engine has ended the data stream at {at}"),
                            Err(status) => break format!("the data stream at {at} broke: {}", status.message()),
                        }
                    }
                }
            };
            end.because(why);
        });
        let sender = DataSender { url: address, sender };
        open.insert(url.to_owned(), sender.clone());
        Ok(sender)
    }
}
