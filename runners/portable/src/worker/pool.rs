//! The external worker pool: an engine asks it for workers, which run in this process.

use crate::failure;
use crate::harness::{Endpoints, work};
use crate::services::beam_fn_external_worker_pool_server::{BeamFnExternalWorkerPool, BeamFnExternalWorkerPoolServer};
use ferrobeam_core::Result;
use ferrobeam_core::graph::Graph;
use ferrobeam_model::fn_execution as pb;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A pool of workers that all have the same graphs.
#[derive(Clone)]
struct Pool {
    graphs: Arc<[Graph]>,
    workers: Arc<Mutex<BTreeMap<String, AbortHandle>>>,
}

#[tonic::async_trait]
impl BeamFnExternalWorkerPool for Pool {
    async fn start_worker(
        &self,
        request: Request<pb::StartWorkerRequest>,
    ) -> Result<Response<pb::StartWorkerResponse>, Status> {
        let request = request.into_inner();
        let url = |service: Option<ferrobeam_model::pipeline::ApiServiceDescriptor>| {
            service.map(|service| service.url).unwrap_or_default()
        };
        let (control, logging) = (url(request.control_endpoint), url(request.logging_endpoint));
        let endpoints = Endpoints { control, logging, status: None };
        let (graphs, id) = (self.graphs.clone(), request.worker_id.clone());
        let task = tokio::spawn(async move {
            // What the engine does not hear from its worker it finds out by the end of the streams.
            let _ = work(Ok(graphs), &id, endpoints).await;
        });
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.insert(request.worker_id, task.abort_handle());
        Ok(Response::new(pb::StartWorkerResponse::default()))
    }

    async fn stop_worker(
        &self,
        request: Request<pb::StopWorkerRequest>,
    ) -> Result<Response<pb::StopWorkerResponse>, Status> {
        let id = request.into_inner().worker_id;
        let worker = self.workers.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(worker) = worker {
            worker.abort();
        }
        Ok(Response::new(pb::StopWorkerResponse::default()))
    }
}

/// A pool that serves until it is dropped.
pub(crate) struct Serving {
    /// `host:port` for the engine.
    pub(crate) address: String,
    _stop: oneshot::Sender<()>,
}

/// Serves a pool of workers for the graphs of a job on a free port of this machine.
pub(crate) async fn serve(graphs: Arc<[Graph]>) -> Result<Serving> {
    let failed = |error: std::io::Error| failure(format!("cannot serve workers in this process: {error}"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let (stop, stopped) = oneshot::channel::<()>();
    let pool = BeamFnExternalWorkerPoolServer::new(Pool { graphs, workers: Arc::default() });
    let server = tonic::transport::Server::builder().add_service(pool);
    tokio::spawn(server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
        // A sender that was dropped is the sign.
        let _ = stopped.await;
    }));
    Ok(Serving { address: format!("localhost:{port}"), _stop: stop })
}
