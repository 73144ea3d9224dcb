//! Where engines are installed, and on which ports they listen.

use crate::Failure;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The directory of all engines, and how they are to be started.
pub struct Home {
    directory: PathBuf,
    /// Of what belongs to running processes.
    run: PathBuf,
    ports: Ports,
    flink_master: Option<String>,
    flink_settings: Vec<(String, String)>,
    for_small_jobs: bool,
    say: Box<dyn Fn(&str) + Send>,
    /// Told of each process that was started, at once.
    on_start: Option<OnStart>,
}

pub(crate) type OnStart = Box<dyn Fn(u32) -> Result<(), Failure> + Send>;

enum Ports {
    /// The usual ones, and a number that is added to each.
    Usual(u16),
    /// Such as are free, by the usual ones.
    Free(RefCell<BTreeMap<u16, u16>>),
}

impl Home {
    /// A home in `directory`, whose engines listen on their usual ports plus `ports`; `say` gets lines about what is being done.
    ///
    /// # Errors
    /// There is no working directory to which the path is relative.
    pub fn new(directory: &Path, ports: u16, say: impl Fn(&str) + Send + 'static) -> Result<Home, Failure> {
        // Absolute, for processes and Python's environments remember it.
        let directory = std::path::absolute(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        let (run, ports) = (directory.join("run"), Ports::Usual(ports));
        let say = Box::new(say);
        let (flink_master, flink_settings, on_start) = (None, Vec::new(), None);
        Ok(Home { directory, run, ports, flink_master, flink_settings, for_small_jobs: false, say, on_start })
    }

    /// The same installations, but what is started is known to this process alone: its ports are free ones, its files are in
    /// `run`, and `on_start` gets the ids of processes.
    #[must_use]
    pub(crate) fn private(self, run: PathBuf, on_start: OnStart) -> Home {
        Home { run, ports: Ports::Free(RefCell::default()), on_start: Some(on_start), ..self }
    }

    pub(crate) fn started(&self, pid: u32) -> Result<(), Failure> {
        self.on_start.as_ref().map_or(Ok(()), |on_start| on_start(pid))
    }

    /// Which Flink `flink-job-server` hands jobs to: the `HOST:PORT` of its REST service.
    #[must_use]
    pub fn flink_master(self, master: &str) -> Home {
        Home { flink_master: Some(master.to_owned()), ..self }
    }

    /// A line of the configuration of `flink-cluster`, beside those that it has.
    #[must_use]
    pub fn flink_setting(mut self, key: &str, value: &str) -> Home {
        self.flink_settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// For many jobs with little data, as tests have: Java then compiles faster, and what it compiles is slower.
    #[must_use]
    pub fn for_small_jobs(self) -> Home {
        Home { for_small_jobs: true, ..self }
    }

    pub(crate) fn is_for_small_jobs(&self) -> bool {
        self.for_small_jobs
    }

    pub(crate) fn settings(&self) -> &[(String, String)] {
        &self.flink_settings
    }

    pub(crate) fn master(&self) -> Result<&str, Failure> {
        self.flink_master.as_deref().ok_or_else(|| "which Flink? No master was given".to_owned())
    }

    /// A path below the home.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.join(below)
    }

    /// The path of what belongs to running processes, not to an installation.
    pub(crate) fn run(&self, file: &str) -> PathBuf {
        self.run.join(file)
    }

    /// The port that stands for the usual one; always the same.
    pub(crate) fn port(&self, usual: u16) -> Result<u16, Failure> {
        match &self.ports {
            Ports::Usual(more) => usual.checked_add(*more).ok_or_else(|| format!("+{more} leaves no port {usual}")),
            Ports::Free(chosen) => {
                if let Some(port) = chosen.borrow().get(&usual) {
                    return Ok(*port);
                }
                let port = free_port().map_err(|e| format!("no free port: {e}"))?;
                chosen.borrow_mut().insert(usual, port);
                Ok(port)
            }
        }
    }

    pub(crate) fn say(&self, line: &str) {
        (self.say)(line);
    }

    /// Keeps all others from changing anything in the home for as long as the file is open.
    ///
    /// # Errors
    /// The directory cannot be written to.
    pub fn lock(&self) -> Result<File, Failure> {
        let path = self.path("lock");
        let wrong = |e| format!("{}: {e}", path.display());
        fs::create_dir_all(&self.directory).map_err(wrong)?;
        let file = File::create(&path).map_err(wrong)?;
        if file.try_lock().is_err() {
            self.say(&format!("another process is at work in {}; waiting for it", self.directory.display()));
            file.lock().map_err(wrong)?;
        }
        Ok(file)
    }
}

/// One that nobody listens at now. All that were found so far are listened at by none, so a number may come twice; the system
/// counts upwards.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Home").field(&self.directory).finish()
    }
}
