//! Beam's Flink job server, which runs jobs on a Flink of its own.

use super::install::{Package, Part};
use super::java::{Ports, java};
use super::run::Plan;
use super::{Engine, Home};
use crate::Failure;

pub(crate) const ENGINE: Engine = Engine { name: "flink", parts: &[JOB_SERVER], plan: Some(plan) };

/// Beam's runner with a Flink. In later versions the job service is not complete.
pub(crate) const ARTIFACTS: &[&str] =
    &["org.apache.beam:beam-runners-flink-1.19:2.62.0", "org.slf4j:slf4j-simple:1.7.36"];

/// The main class of the job server.
pub(crate) const DRIVER: &str = "org.apache.beam.runners.flink.FlinkJobServerDriver";

const JOB_SERVER: Part = Part { folder: "flink/jars", package: Package::Maven(ARTIFACTS) };

const PORTS: Ports = Ports { job: 8099, artifact: 8098, expansion: 8097 };

fn plan(home: &Home) -> Result<Plan, Failure> {
    let mut command = java(home, ENGINE.name, 1024, &[JOB_SERVER.folder])?;
    if home.is_for_small_jobs() {
        // Flink asks for a full collection whenever a task has ended.
        command.args(["-XX:+DisableExplicitGC", "-XX:MetaspaceSize=300m", "-Xmn400m"]);
    }
    command.args([DRIVER, "--flink-master=[local]"]).args(PORTS.arguments(home, ENGINE.name)?);
    Ok(Plan { endpoints: PORTS.endpoints(home)?, processes: vec![(ENGINE.name, command)], task_managers: None })
}
