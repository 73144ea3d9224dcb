//! Engines for one run: no other process knows of them, and they end with the process that started them.

use crate::install::at;
use crate::{Engine, Failure, Home, run};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An engine that ends when this value is dropped, or this process ends in whatever way.
#[derive(Debug)]
pub struct PrivateEngine {
    engine: &'static Engine,
    home: Home,
    run: PathBuf,
    guards: Arc<Mutex<Vec<Child>>>,
    job_endpoint: String,
}

impl PrivateEngine {
    /// Installs an engine if it is missing, starts it on free ports and waits until it answers.
    ///
    /// # Errors
    /// As of [`Engine::up`].
    pub fn start(engine: &'static Engine, home: Home) -> Result<PrivateEngine, Failure> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        // Numbered, for one process may have several.
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let run = std::env::temp_dir().join(format!("ferrobeam-engine-{}-{number}", std::process::id()));
        {
            let _lock = home.lock()?;
            engine.install(&home)?;
        }
        let guards = Arc::<Mutex<Vec<Child>>>::default();
        let watched = guards.clone();
        let on_start = move |pid| {
            let guard = guard(pid)?;
            watched.lock().unwrap_or_else(PoisonError::into_inner).push(guard);
            Ok(())
        };
        let home = home.private(run.clone(), Box::new(on_start));
        let job_endpoint = String::new();
        // From here on, whatever happens, its drop cleans up.
        let mut started = PrivateEngine { engine, home, run, guards, job_endpoint };
        fs::create_dir(&started.run).map_err(at(&started.run))?;
        started.home.say(&format!("starting {}", engine.name));
        let endpoints = engine.up(&started.home)?;
        let port = endpoints.iter().find(|(name, _)| name == "job endpoint").map(|(_, port)| port);
        let port = port.ok_or_else(|| format!("{} has no job endpoint", engine.name))?;
        started.job_endpoint = format!("localhost:{port}");
        started.home.say(&format!("{} is up at {}", engine.name, started.job_endpoint));
        Ok(started)
    }

    /// Kills one of its processes, which gets no chance to tell anybody; gives its id.
    ///
    /// # Errors
    /// There is none of this name, or it does not end.
    pub fn kill(&self, process: &str) -> Result<u32, Failure> {
        run::kill(&self.home, self.engine, process)
    }

    /// Starts a process again that was killed, and does not wait for it.
    ///
    /// # Errors
    /// There was none of this name, or it cannot be started.
    pub fn start_again(&self, process: &str) -> Result<(), Failure> {
        run::start_again(&self.home, self.engine, process)
    }

    /// The directory with what its processes print, for as long as this value lives.
    pub fn logs(&self) -> &Path {
        &self.run
    }

    /// `host:port` of its job server.
    pub fn job_endpoint(&self) -> &str {
        &self.job_endpoint
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        if let Err(failure) = self.engine.down(&self.home) {
            self.home.say(&failure);
        }
        for guard in self.guards.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            // What it would end has ended.
            let _ = guard.kill().and_then(|()| guard.wait());
        }
        // Nothing but logs is left.
        let _ = fs::remove_dir_all(&self.run);
    }
}

/// A process that ends another when this one has ended without doing so: then its standard input ends.
fn guard(pid: u32) -> Result<Child, Failure> {
    let script = format!("read -r _; kill -s TERM {pid}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Keys like Ctrl-C must not end it first.
    command.process_group(0);
    command.spawn().map_err(|e| format!("sh: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_ends_what_its_owner_leaves_behind() {
        let mut left = Command::new("sleep").arg("1000").spawn().unwrap();
        let mut guard = guard(left.id()).unwrap();
        assert!(left.try_wait().unwrap().is_none());
        // As when the owner has ended.
        drop(guard.stdin.take());
        assert!(!left.wait().unwrap().success());
        guard.wait().unwrap();
    }
}
