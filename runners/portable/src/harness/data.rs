//! The data stream: one a connection, shared by all bundles that run.
//!
//! Whatever comes for a bundle waits in that bundle's inbox, so that a slow bundle holds up no other, until too much waits:
//! then nothing more is taken from the stream before that bundle has taken some. Nobody waits for a bundle that takes
//! nothing: data may come before the instruction it is for, and after that instruction failed.

use super::channel::{LARGEST_MESSAGE, Tasks, WorkerId, connect};
use crate::failure;
use crate::services::beam_fn_data_client::BeamFnDataClient;
use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_model::fn_execution as pb;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc as tokio_mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// How many outgoing messages wait before their makers do.
const OUTGOING: usize = 16;

/// How many instructions that are over are remembered, whose late data is dropped.
const REMEMBERED: usize = 1024;

/// How many bytes may wait for a bundle that runs: enough that others seldom wait for it.
pub(crate) const WAITING: usize = 32 << 20;

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

impl Incoming {
    fn size(&self) -> usize {
        let bytes = match self {
            Incoming::Data { data, .. } => data.len(),
            Incoming::Timers { timers, .. } => timers.len(),
            Incoming::Broken(_) => 0,
        };
        size_of::<Incoming>() + bytes
    }
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
    load: Arc<watch::Sender<Load>>,
    /// Until the instruction takes it.
    arrivals: Option<Arrivals>,
}

/// How much waits in an inbox.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    bytes: usize,
    /// Whether a bundle runs that takes it.
    is_taken: bool,
}

impl Load {
    fn is_too_much(&self) -> bool {
        self.is_taken && self.bytes > WAITING
    }
}

impl Inbox {
    /// An inbox and its other end.
    fn new() -> (Self, Arrivals) {
        let (sender, receiver) = mpsc::channel();
        let load = Arc::new(watch::Sender::default());
        (Inbox { sender, load: load.clone(), arrivals: None }, Arrivals { receiver, load })
    }

    /// An inbox that nobody has taken.
    fn untaken() -> Self {
        let (inbox, arrivals) = Inbox::new();
        Inbox { arrivals: Some(arrivals), ..inbox }
    }

    fn put(&self, incoming: Incoming) {
        self.load.send_modify(|load| load.bytes += incoming.size());
        // Whoever has dropped the receiving end does not want it any more.
        let _ = self.sender.send(incoming);
    }
}

/// The end of an inbox that a bundle has.
pub(crate) struct Arrivals {
    receiver: Receiver<Incoming>,
    load: Arc<watch::Sender<Load>>,
}

impl Arrivals {
    /// Waits for what comes next; nothing if nothing can come.
    pub(crate) fn next(&self) -> Option<Incoming> {
        let incoming = self.receiver.recv().ok()?;
        self.load.send_modify(|load| load.bytes = load.bytes.saturating_sub(incoming.size()));
        Some(incoming)
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.load.send_modify(|load| load.is_taken = false);
    }
}

/// Inboxes that may be too full for more.
#[must_use]
pub(crate) struct Full(Vec<watch::Receiver<Load>>);

impl Full {
    /// Waits until their bundles have taken enough, or end.
    pub(crate) async fn wait(self) {
        for mut load in self.0 {
            // An inbox that has gone is not full.
            let _ = load.wait_for(|load| !load.is_too_much()).await;
        }
    }
}

impl Inboxes {
    fn boxes(&self) -> MutexGuard<'_, Boxes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The inbox of an instruction that begins.
    pub(crate) fn open(&self, instruction: &str) -> Arrivals {
        let mut boxes = self.boxes();
        let broken = boxes.broken.clone();
        let inbox = boxes.open.entry(instruction.to_owned()).or_insert_with(Inbox::untaken);
        // An instruction id that an engine uses twice at a time gets an inbox of its own.
        let arrivals = inbox.arrivals.take().unwrap_or_else(|| {
            let (own, arrivals) = Inbox::new();
            *inbox = own;
            arrivals
        });
        if let Some(why) = broken {
            inbox.put(Incoming::Broken(why));
        }
        arrivals.load.send_modify(|load| load.is_taken = true);
        arrivals
    }

    /// How many bytes wait for an instruction.
    pub(crate) fn waiting(&self, instruction: &str) -> usize {
        self.boxes().open.get(instruction).map_or(0, |inbox| inbox.load.borrow().bytes)
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

    /// Hands on what has come; whoever brings it waits before it brings more.
    pub(crate) fn deliver(&self, elements: pb::Elements) -> Full {
        let data = elements.data.into_iter().map(|data| {
            let pb::elements::Data { instruction_id, transform_id: transform, data, is_last } = data;
            (instruction_id, Incoming::Data { transform, data, is_last })
        });
        let timers = elements.timers.into_iter().map(|timers| {
            let pb::elements::Timers { instruction_id, transform_id, timer_family_id, timers, is_last } = timers;
            let (transform, family) = (transform_id, timer_family_id);
            (instruction_id, Incoming::Timers { transform, family, timers, is_last })
        });
        let (mut boxes, mut full) = (self.boxes(), BTreeMap::new());
        for (instruction, incoming) in data.chain(timers) {
            if boxes.over.contains(&*instruction) {
                continue;
            }
            let inbox = boxes.open.entry(instruction.clone()).or_insert_with(Inbox::untaken);
            inbox.put(incoming);
            if inbox.load.borrow().is_too_much() {
                full.entry(instruction).or_insert_with(|| inbox.load.subscribe());
            }
        }
        Full(full.into_values().collect())
    }

    /// Tells all that wait that nothing more will come.
    pub(crate) fn fail(&self, why: &str) {
        let mut boxes = self.boxes();
        boxes.broken = Some(why.to_owned());
        for inbox in boxes.open.values() {
            inbox.put(Incoming::Broken(why.to_owned()));
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
                            Ok(Some(elements)) => end.inboxes.deliver(elements).wait().await,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    const PIECE: usize = 1 << 20;

    fn piece(instruction: &str) -> pb::Elements {
        let (instruction_id, transform_id) = (instruction.to_owned(), "source".to_owned());
        let data = pb::elements::Data { instruction_id, transform_id, data: vec![0; PIECE].into(), is_last: false };
        pb::Elements { data: vec![data], timers: Vec::new() }
    }

    /// Brings pieces as the task of a stream does, as far as it comes; `step` is done whenever it must wait.
    fn bring(inboxes: &Inboxes, instruction: &str, pieces: usize, mut step: impl FnMut()) {
        let mut all = pin!(async {
            for _ in 0..pieces {
                inboxes.deliver(piece(instruction)).wait().await;
            }
        });
        while all.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {
            step();
        }
    }

    #[test]
    fn what_waits_for_a_bundle_that_runs_is_bounded() {
        let inboxes = Inboxes::default();
        let arrivals = inboxes.open("slow");
        let (mut taken, mut most) = (0, 0);
        bring(&inboxes, "slow", 200, || {
            most = most.max(inboxes.waiting("slow"));
            taken += usize::from(arrivals.next().is_some());
        });
        assert!((WAITING..WAITING + 2 * PIECE).contains(&most), "{most} bytes");
        // All of it comes.
        assert!((0..200 - taken).all(|_| arrivals.next().is_some()));
        assert_eq!(inboxes.waiting("slow"), 0);
    }

    #[test]
    fn nobody_waits_for_a_bundle_that_takes_nothing() {
        let inboxes = Inboxes::default();
        let pieces = 2 * WAITING / PIECE;
        let waits = || panic!("the stream stands still");
        bring(&inboxes, "not begun", pieces, waits);
        let begun = inboxes.open("not begun");
        assert!((0..pieces).all(|_| begun.next().is_some()));
        // One that fails while the stream waits for it lets it go on.
        let (mut fails, mut waited) = (Some(inboxes.open("fails")), 0);
        bring(&inboxes, "fails", pieces, || {
            fails = None;
            waited += 1;
        });
        assert_eq!(waited, 1);
        inboxes.close("fails");
        bring(&inboxes, "fails", pieces, waits);
        assert_eq!(inboxes.waiting("fails"), 0);
    }
}
