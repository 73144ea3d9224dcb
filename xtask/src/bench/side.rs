//! The two sides: how their programs are built and started.

use super::{folder, program, root};
use crate::{Failure, engines, run};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is to be done.
pub(crate) enum Work {
    /// Count the words of this file.
    Words(PathBuf),
    /// Add up so many events by key and minute.
    Sums(u64),
}

impl Work {
    /// How many words or events there are.
    pub(crate) fn elements(&self) -> Result<u64, Failure> {
        match self {
            Work::Words(path) => {
                let text = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
                Ok(text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count() as u64)
            }
            Work::Sums(events) => Ok(*events),
        }
    }

    fn program(&self) -> &'static str {
        match self {
            Work::Words(_) => "word_count",
            Work::Sums(_) => "windowed_sum",
        }
    }

    fn arguments(&self, output: &Path) -> [String; 2] {
        let output = format!("--output={}", output.display());
        match self {
            Work::Words(path) => [format!("--input={}", path.display()), output],
            Work::Sums(events) => [format!("--events={events}"), output],
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Work::Words(_) => "word count",
            Work::Sums(_) => "windowed sum",
        })
    }
}

/// Who does it.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    kind: Kind,
}

enum Kind {
    Ours,
    Go,
    Python,
}

impl Side {
    pub(crate) const OURS: Side = Side { name: "Ferrobeam", kind: Kind::Ours };
    pub(crate) const GO: Side = Side { name: "Go", kind: Kind::Go };
    pub(crate) const PYTHON: Side = Side { name: "Python", kind: Kind::Python };

    /// Builds a peer's programs, and what engines start its workers with.
    pub(crate) fn build(&self) -> Result<(), Failure> {
        match self.kind {
            Kind::Ours => Ok(()),
            Kind::Go => {
                engines::command(&["install", "prism"])?;
                let mut build = Command::new("go");
                // As the SDK builds the program that it stages.
                build.current_dir(root().join("benchmarks/peers/go")).env("CGO_ENABLED", "0");
                run(build.args(["build", "-o"]).arg(folder().join("go/")).arg("./..."))?;
                // Prism puts quotes around the id, which the boot program does not take away.
                let boot = engines::directory().join("prism/bin/container");
                script(&self.worker(), &format!("exec '{}' \"${{@//\\'/}}\"", boot.display()))
            }
            Kind::Python => {
                engines::command(&["install", "beam-python"])?;
                let worker = root().join("benchmarks/peers/python/worker.py");
                script(&self.worker(), &format!("exec '{}' -B '{}' \"$@\"", python().display(), worker.display()))
            }
        }
    }

    /// The command by which an engine starts a peer's worker.
    fn worker(&self) -> PathBuf {
        folder().join(format!("{}-worker", self.name.to_lowercase()))
    }

    /// The program that starts the worker, if it is one of its own: what it does is not the worker's.
    pub(crate) fn boot(&self) -> Option<&'static str> {
        matches!(self.kind, Kind::Go).then_some("container")
    }

    /// The launcher of a job.
    pub(crate) fn launch(&self, work: &Work, engine: &str, endpoint: &str, output: &Path) -> Command {
        let environment = format!("{{\"command\": \"{}\"}}", self.worker().display());
        let mut command = match self.kind {
            Kind::Ours => {
                let mut command = Command::new(program(work.program()));
                command.arg(format!("--runner={engine}")).arg(format!("--job-endpoint={endpoint}"));
                command.arg("--environment=process");
                if engine == "flink" {
                    command.args(["--engine-option", "parallelism=1"]);
                }
                command
            }
            Kind::Go => {
                let program = folder().join("go").join(work.program());
                let mut command = Command::new(&program);
                command.args(["--runner=universal", "--environment_type=PROCESS"]);
                command.arg(format!("--endpoint={endpoint}")).arg(format!("--environment_config={environment}"));
                // The SDK would compile it anew for each job.
                command.arg(format!("--worker_binary={}", program.display()));
                command
            }
            Kind::Python => {
                let program = root().join("benchmarks/peers/python").join(work.program()).with_extension("py");
                let mut command = Command::new(python());
                command.arg("-B").arg(program).args([
                    "--runner=PortableRunner",
                    "--environment_type=PROCESS",
                    "--parallelism=1",
                ]);
                command.arg(format!("--job_endpoint={endpoint}")).arg(format!("--environment_config={environment}"));
                command
            }
        };
        command.args(work.arguments(output));
        command
    }

    /// The program that tells when its first bundle began.
    pub(crate) fn startup(&self, endpoint: &str) -> Command {
        if let Kind::Ours = self.kind {
            let mut command = Command::new(program("startup"));
            command.args(["--runner=prism", "--environment=loopback", &format!("--job-endpoint={endpoint}")]);
            return command;
        }
        let mut command = Command::new(folder().join("go/startup"));
        command.args(["--runner=universal", "--environment_type=LOOPBACK", &format!("--endpoint={endpoint}")]);
        command
    }
}

fn python() -> PathBuf {
    engines::directory().join("beam-python/bin/python")
}

/// Writes a program for Bash, which runs where the boot program of Beam's Go container may leave a file.
fn script(path: &Path, line: &str) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, format!("#!/bin/bash\ncd '{}' || exit 1\n{line}\n", folder().display()))
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)))
        .map_err(|e| format!("{}: {e}", path.display()))
}
