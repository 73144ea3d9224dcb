//! The external worker pool of a host: an engine asks it for workers, which are processes of this program.

use crate::failure;
use crate::services::beam_fn_external_worker_pool_server::{BeamFnExternalWorkerPool, BeamFnExternalWorkerPoolServer};
use ferrobeam_core::{Error, Result};
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::pipeline::ApiServiceDescriptor;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A pool; clones share their workers.
#[derive(Clone)]
struct Pool {
    program: PathBuf,
    workers: Arc<Mutex<BTreeMap<String, Child>>>,
}

impl Pool {
    /// The workers that still run.
    fn workers(&self) -> MutexGuard<'_, BTreeMap<String, Child>> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        // Asking also takes those that have ended out of the system's list.
        workers.retain(|_, child| matches!(child.try_wait(), Ok(None)));
        workers
    }

    fn start(&self, request: &pb::StartWorkerRequest) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.stdin(Stdio::null()).arg("--worker=true").arg(format!("--id={}", request.worker_id));
        let endpoints = [
            ("provision", &request.provision_endpoint),
            ("control", &request.control_endpoint),
            ("logging", &request.logging_endpoint),
            ("artifact", &request.artifact_endpoint),
        ];
        for (name, endpoint) in endpoints {
            let url = endpoint.as_ref().map_or("", |ApiServiceDescriptor { url, .. }| url.as_str());
            match (name, url) {
                ("provision", "") => return Err("a worker needs the engine's provision service".to_owned()),
                (_, "") => {}
                _ => {
                    command.arg(format!("--{name}_endpoint={url}"));
                }
            }
        }
        let mut workers = self.workers();
        if workers.contains_key(&request.worker_id) {
            return Err(format!("the worker `{}` runs already", request.worker_id));
        }
        let child = command.spawn().map_err(|e| format!("cannot start `{}`: {e}", self.program.display()))?;
        workers.insert(request.worker_id.clone(), child);
        Ok(())
    }
}

#[tonic::async_trait]
impl BeamFnExternalWorkerPool for Pool {
    async fn start_worker(
        &self,
        request: Request<pb::StartWorkerRequest>,
    ) -> Result<Response<pb::StartWorkerResponse>, Status> {
        let error = self.start(&request.into_inner()).err().unwrap_or_default();
        Ok(Response::new(pb::StartWorkerResponse { error }))
    }

    async fn stop_worker(
        &self,
        request: Request<pb::StopWorkerRequest>,
    ) -> Result<Response<pb::StopWorkerResponse>, Status> {
        // One that is not there has ended already, as it should.
        if let Some(mut child) = self.workers().remove(&request.into_inner().worker_id) {
            let _ = child.kill();
            let _ = child.wait();
        }
        Ok(Response::new(pb::StopWorkerResponse::default()))
    }
}

/// Serves a pool until the process is ended; `say` is told where.
///
/// # Errors
/// Nobody can listen there.
pub(super) async fn serve(host: &str, port: u16, say: &dyn Fn(&str)) -> Result<()> {
    let failed = |source| Error::Io { what: format!("cannot listen at `{host}:{port}`"), source };
    let program = std::env::current_exe()
        .map_err(|source| Error::Io { what: "cannot find this program's own file".to_owned(), source })?;
    let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    say(&format!("a worker pool listens at {host}:{port}"));
    let pool = BeamFnExternalWorkerPoolServer::new(Pool { program, workers: Arc::default() });
    let server = tonic::transport::Server::builder().add_service(pool);
    let served = server.serve_with_incoming(TcpListenerStream::new(listener)).await;
    served.map_err(|e| failure(format!("the worker pool broke: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str) -> pb::StartWorkerRequest {
        let provision_endpoint = Some(ApiServiceDescriptor { url: "localhost:1".to_owned(), authentication: None });
        pb::StartWorkerRequest { worker_id: id.to_owned(), provision_endpoint, ..Default::default() }
    }

    #[tokio::test]
    async fn workers_are_children_that_are_ended() {
        // Something that takes any arguments, and stays.
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("stays");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        assert!(Command::new("chmod").arg("+x").arg(&program).status().unwrap().success());
        let pool = Pool { program, workers: Arc::default() };
        assert_eq!(pool.start(&request("a")), Ok(()));
        assert!(pool.start(&request("a")).unwrap_err().contains("runs already"));
        assert!(pool.start(&pb::StartWorkerRequest::default()).unwrap_err().contains("provision"));
        let stop = || Request::new(pb::StopWorkerRequest { worker_id: "a".to_owned() });
        assert_eq!(pool.workers().len(), 1);
        pool.stop_worker(stop()).await.unwrap();
        assert_eq!(pool.workers().len(), 0);
        pool.stop_worker(stop()).await.unwrap();
        let missing = Pool { program: directory.path().join("missing"), ..pool };
        assert!(missing.start(&request("b")).unwrap_err().contains("cannot start"));
    }
}
