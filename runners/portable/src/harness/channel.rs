//! Connections of a worker to its engine.

use crate::failure;
use ferrobeam_core::Result;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Engines send elements of any size; tonic's own limit is 4 MiB.
pub(crate) const LARGEST_MESSAGE: usize = 1 << 30;

/// How much may be under way on one stream: at a smaller window a large bundle waits for acknowledgements.
const WINDOW: u32 = 16 << 20;

/// A connection on which every call names the worker: on an engine's single port that is all that tells workers apart.
pub(crate) type WorkerChannel = InterceptedService<Channel, WorkerId>;

/// The id that an engine has given a worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerId(MetadataValue<Ascii>);

impl WorkerId {
    pub(crate) fn new(id: &str) -> Result<Self> {
        let value = id.parse().map_err(|_| failure(format!("the worker id `{id}` cannot be sent as metadata")))?;
        Ok(WorkerId(value))
    }
}

impl Interceptor for WorkerId {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("worker_id", self.0.clone());
        Ok(request)
    }
}

/// The tasks that serve a worker's streams: they end with the worker, for engines wait until all streams are closed.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }

    /// Ends all of them.
    pub(crate) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// Connects to one of the engine's services.
pub(crate) async fn connect(what: &str, url: &str) -> Result<Channel> {
    let wrong = |error: tonic::transport::Error| {
        failure(format!("cannot connect to the engine's {what} service at {url}: {}", cause(&error)))
    };
    let endpoint = Endpoint::from_shared(format!("http://{url}")).map_err(wrong)?;
    let endpoint = endpoint
        .connect_timeout(Duration::from_secs(10))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_while_idle(true);
    endpoint.connect().await.map_err(wrong)
}

/// The innermost reason: tonic's own text is `transport error`.
pub(crate) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map_or_else(String::new, ToString::to_string)
}
