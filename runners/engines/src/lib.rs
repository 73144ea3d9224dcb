//! Engines of other projects, on which our pipelines run: installed, started and ended. Needs nothing but the standard library.
//!
//! | engine | what it is | needs |
//! |---|---|---|
//! | `prism` | Beam's Prism, and the boot program of Beam's Go container beside it | `go` |
//! | `flink` | Beam's Flink job server with a Flink inside | `mvn`, `java` 17 |
//! | `flink-job-server` | the same in front of a Flink that runs elsewhere, see [`Home::flink_master`] | those |
//! | `flink-cluster` | a job manager and two task managers of Flink, each with two slots, and a job server | those, `python3` |
//! | `spark` | Beam's Spark job server with a Spark inside | those, `python3` |
//! | `beam-python` | the Python SDK in a virtual environment, to install only | `python3` |
//!
//! Packages come from the registries that `go`, `mvn` and `pip` are set up for.
//!
//! # What others can read
//!
//! From when an engine has answered until it is ended, `run/NAME.env` below the home has lines `KEY=VALUE`:
//!
//! - an address `localhost:PORT` for each endpoint. `JOB_ENDPOINT` is there for all engines; `ARTIFACT_ENDPOINT` and
//!   `EXPANSION_ENDPOINT` where there is a job server; `WEB` for Prism; `REST` and `JOB_MANAGER` for `flink-cluster`;
//! - `PROCESSES`, `PIDS` and `START_TIMES`, three lists of the same order and length, separated by blanks: for `flink-cluster`
//!   these are `job-manager`, `task-manager-1`, `task-manager-2`, `job-server`, for others there is one process of the engine's
//!   name. A start time is field 22 of `/proc/PID/stat`; only with it does a process id name a process for good.
//!
//! What processes print is in `run/NAME.log`, and `run/flink-cluster.PROCESS.log` for those of the cluster. `run/NAME` is an
//! engine's directory for temporary files; it goes when the engine ends.

mod beam_python;
mod flink;
mod flink_cluster;
mod home;
mod install;
mod java;
mod maven;
mod prism;
mod private;
mod probe;
mod process;
mod run;
mod spark;
mod state;

pub use home::Home;
pub use private::PrivateEngine;

use install::Part;
use run::Planner;

/// Why something with an engine did not work, in words.
pub type Failure = String;

/// Something of others that our pipelines run on, or are compared with.
#[derive(Debug)]
pub struct Engine {
    name: &'static str,
    /// What must be installed.
    parts: &'static [Part],
    /// How to start it, if it is to be started.
    plan: Option<Planner>,
}

/// All engines there are.
pub static ENGINES: [Engine; 6] =
    [prism::ENGINE, flink::ENGINE, flink_cluster::FRONT, flink_cluster::ENGINE, spark::ENGINE, beam_python::ENGINE];

impl Engine {
    /// The engine of a name.
    ///
    /// # Errors
    /// There is none; the text names those there are.
    pub fn named(name: &str) -> Result<&'static Engine, Failure> {
        let found = ENGINES.iter().find(|engine| engine.name == name);
        found.ok_or_else(|| format!("no engine `{name}`; there are {}", Engine::names()))
    }

    /// The names of all engines, with commas.
    pub fn names() -> String {
        ENGINES.each_ref().map(|engine| engine.name).join(", ")
    }

    /// The engine's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Installs what is missing, and starts nothing.
    ///
    /// # Errors
    /// A client of a registry is not there, or fails.
    pub fn install(&self, home: &Home) -> Result<(), Failure> {
        self.parts.iter().try_for_each(|part| part.install(home))
    }

    /// Sees to it that it is installed, up, and answers; gives names and ports of its endpoints.
    ///
    /// # Errors
    /// It is only to be installed, cannot be installed, a port is taken, or it does not come up; then nothing stays behind.
    pub fn up(&self, home: &Home) -> Result<Vec<(String, u16)>, Failure> {
        run::up(home, self)
    }

    /// Ends exactly what [`up`](Engine::up) has started.
    ///
    /// # Errors
    /// A process does not end.
    pub fn down(&self, home: &Home) -> Result<(), Failure> {
        run::down(home, self)
    }

    /// Whether it is installed, or up and where, in words.
    ///
    /// # Errors
    /// What is written about it cannot be understood.
    pub fn status(&self, home: &Home) -> Result<String, Failure> {
        run::status(home, self)
    }

    /// Where the folders of its parts are.
    pub fn folders(&self, home: &Home) -> Vec<std::path::PathBuf> {
        self.parts.iter().map(|part| home.path(part.folder)).collect()
    }
}
