//! The log stream: what a worker has to say, shown by the engine.

use super::channel::{WorkerId, connect};
use crate::services::beam_fn_logging_client::BeamFnLoggingClient;
use ferrobeam_core::Result;
use ferrobeam_core::metrics::current_step;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::log_entry::{List, severity::Enum as Severity};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

/// How many entries wait; beyond that they are dropped, for work does not wait for its log.
const BUFFER: usize = 10_000;

/// The end where entries go in.
#[derive(Clone)]
pub(crate) struct Log(Sender<List>);

impl Log {
    /// Logs something about an instruction, or about none.
    pub(crate) fn write(&self, severity: Severity, instruction: &str, message: String) {
        self.send(pb::LogEntry {
            severity: severity.into(),
            message,
            instruction_id: instruction.to_owned(),
            log_location: "ferrobeam".to_owned(),
            ..Default::default()
        });
    }

    fn send(&self, entry: pb::LogEntry) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timestamp =
            prost_types::Timestamp { seconds: now.as_secs().cast_signed(), nanos: now.subsec_nanos().cast_signed() };
        let entry = pb::LogEntry { timestamp: Some(timestamp), ..entry };
        let _ = self.0.try_send(List { log_entries: vec![entry] });
    }
}

/// Who logs: a bundle that runs on this thread.
pub(crate) struct Speaker {
    pub(crate) log: Log,
    pub(crate) instruction: String,
    /// The descriptor's transforms by the names of their steps.
    pub(crate) transforms: Arc<BTreeMap<String, String>>,
}

thread_local! {
    static SPEAKER: RefCell<Option<Speaker>> = const { RefCell::new(None) };
}

/// Runs a bundle on this thread: what it logs by the `log` crate goes to the engine, unless the program has a logger of its
/// own.
pub(crate) fn speaking<R>(speaker: Speaker, bundle: impl FnOnce() -> R) -> R {
    let outer = SPEAKER.replace(Some(speaker));
    let result = bundle();
    SPEAKER.set(outer);
    result
}

/// Takes what is logged on the threads of bundles; nothing else is listened to.
struct Facade;

impl log::Log for Facade {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        SPEAKER.with_borrow(Option::is_some)
    }

    fn log(&self, record: &log::Record<'_>) {
        SPEAKER.with_borrow(|speaker| {
            let Some(Speaker { log, instruction, transforms }) = speaker else { return };
            let severity = match record.level() {
                log::Level::Error => Severity::Error,
                log::Level::Warn => Severity::Warn,
                log::Level::Info => Severity::Info,
                log::Level::Debug => Severity::Debug,
                log::Level::Trace => Severity::Trace,
            };
            let transform = current_step().and_then(|step| transforms.get(&*step).cloned());
            let location = match (record.file(), record.line()) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                _ => record.target().to_owned(),
            };
            log.send(pb::LogEntry {
                severity: severity.into(),
                message: record.args().to_string(),
                instruction_id: instruction.clone(),
                transform_id: transform.unwrap_or_default(),
                log_location: location,
                ..Default::default()
            });
        });
    }

    fn flush(&self) {}
}

/// Listens to user code, if nobody else in this program does.
pub(crate) fn listen() {
    if log::set_logger(&Facade).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

/// Opens the log stream, and the task that ends when all that was logged is sent.
pub(crate) async fn open(worker: WorkerId, url: &str) -> Result<(Log, tokio::task::JoinHandle<()>)> {
    let channel_to = connect("logging", url).await?;
    let mut client = BeamFnLoggingClient::with_interceptor(channel_to, worker);
    let (sender, mut receiver) = channel(BUFFER);
    let (out, outgoing) = channel(1);
    let forward = async move {
        while let Some(list) = receiver.recv().await {
            if out.send(list).await.is_err() {
                return;
            }
        }
    };
    let listen = async move {
        if let Ok(response) = client.logging(ReceiverStream::new(outgoing)).await {
            let mut stream = response.into_inner();
            while let Ok(Some(_)) = stream.message().await {}
        }
    };
    let task = tokio::spawn(async move {
        tokio::pin!(listen);
        tokio::select! {
            () = forward => listen.await,
            // Then our half of the stream ends, too. Flink closes logging before all else, and waits a minute for that.
            () = &mut listen => {}
        }
    });
    Ok((Log(sender), task))
}
