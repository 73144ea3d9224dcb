//! Job servers: one that is known, one that is found, or one that is started.

use crate::engine::Engine;
use crate::failure;
use crate::job::client::JobClient;
use ferrobeam_core::Result;
use ferrobeam_engines::{Engine as Package, Home, PrivateEngine};
use std::path::PathBuf;
use std::sync::Arc;

/// Told what is being done, a line each.
pub(crate) type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// Which job server takes a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// The one at `HOST:PORT`.
    At(String),
    /// The engine's own on this machine; if none answers at its usual port, one is started. For a Flink that is named one is
    /// started in any case.
    FindOrStart,
}

/// A job server that answers; one that was started ends with this value.
pub(crate) struct Found {
    pub(crate) client: JobClient,
    /// Whether workers in this process can be reached from the engine.
    pub(crate) is_here: bool,
    started: Option<PrivateEngine>,
    /// The Flink to which it hands jobs on, if that is known.
    pub(crate) flink: Option<String>,
}

impl Found {
    /// Whether the engine ends when this value is dropped, and all jobs with it; a cluster behind its job server does not.
    pub(crate) fn ends_with_us(&self) -> bool {
        self.started.is_some() && self.flink.is_none()
    }

    /// Ends a job server that was started, which then hands nothing on any more.
    pub(crate) async fn end(&mut self) {
        if let Some(started) = self.started.take() {
            // It is waited for, and what it says goes to the terminal.
            let _ = tokio::task::spawn_blocking(move || drop(started)).await;
        }
    }
}

impl Server {
    /// Finds it, or starts it; `flink` is the `HOST:PORT` of a Flink behind it, if that is known.
    pub(crate) async fn find(&self, engine: Engine, flink: Option<&str>, progress: &Progress) -> Result<Found> {
        let found = |client, is_here| Found { client, is_here, started: None, flink: flink.map(str::to_owned) };
        match (self, flink) {
            // Workers are where the Flink is.
            (Server::At(endpoint), flink) => {
                Ok(found(JobClient::connect(endpoint).await?, is_here(flink.unwrap_or(endpoint))))
            }
            (Server::FindOrStart, Some(master)) => start("flink-job-server", Some(master), progress).await,
            (Server::FindOrStart, None) => {
                let (name, port) = match engine {
                    Engine::Prism => ("prism", 8073),
                    Engine::Flink => ("flink", 8099),
                    Engine::Spark => ("spark", 8199),
                    Engine::Other => {
                        return Err(failure("it needs the job server's address: `--job-endpoint=HOST:PORT`"));
                    }
                };
                let endpoint = format!("localhost:{port}");
                if let Ok(client) = JobClient::connect(&endpoint).await {
                    progress(&format!("{name} answers at {endpoint}"));
                    return Ok(found(client, true));
                }
                start(name, None, progress).await
            }
        }
    }
}

async fn start(name: &str, master: Option<&str>, progress: &Progress) -> Result<Found> {
    let (name, given, say) = (name.to_owned(), master.map(str::to_owned), progress.clone());
    let started = tokio::task::spawn_blocking(move || {
        let home = Home::new(&directory()?, 0, move |line| say(line))?;
        let home = given.iter().fold(home, |home, master| home.flink_master(master));
        PrivateEngine::start(Package::named(&name)?, home)
    });
    let started = started.await.map_err(|e| failure(format!("starting an engine: {e}")))?;
    let started = started.map_err(|why| failure(format!("cannot start an engine: {why}")))?;
    let client = JobClient::connect(started.job_endpoint()).await?;
    let flink = master.map(str::to_owned);
    Ok(Found { client, is_here: master.is_none_or(is_here), started: Some(started), flink })
}

/// Where engines are installed: for all of a user's pipelines, once.
fn directory() -> std::result::Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = variable("FERROBEAM_ENGINES_DIR") {
        return Ok(directory);
    }
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let cache = cache.ok_or("nowhere to install engines: set FERROBEAM_ENGINES_DIR to a directory")?;
    Ok(cache.join("ferrobeam").join("engines"))
}

/// Whether an address is one of this machine's own.
fn is_here(address: &str) -> bool {
    let address = address.strip_prefix("http://").unwrap_or(address);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_recognised() {
        for here in ["localhost:8099", "127.0.0.1:1", "http://localhost:1", "[::1]:1"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in ["flink:8099", "10.0.0.1:1", "localhost.example:1"] {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
