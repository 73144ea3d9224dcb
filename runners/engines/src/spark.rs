//! Beam's Spark job server, which runs jobs on a Spark of its own.

use super::install::{Package, Part};
use super::java::{Ports, java};
use super::run::Plan;
use super::{Engine, Home};
use crate::Failure;

pub(crate) const ENGINE: Engine = Engine { name: "spark", parts: &[JOB_SERVER, SPARK], plan: Some(plan) };

/// Beam's runner, which comes without Spark; and something that prints what they log.
const JOB_SERVER: Part = Part {
    folder: "spark/jars",
    package: Package::Maven(&["org.apache.beam:beam-runners-spark-3:2.62.0", "org.slf4j:slf4j-simple:1.7.36"]),
};

/// The Python package holds all of Spark.
const SPARK: Part = Part {
    folder: "spark/spark-jars",
    package: Package::JarsInPython { name: "pyspark", version: "3.5.5", directory: "deps/jars" },
};

const PORTS: Ports = Ports { job: 8199, artifact: 8198, expansion: 8197 };

fn plan(home: &Home) -> Result<Plan, Failure> {
    let mut command = java(home, ENGINE.name, 1024, &[JOB_SERVER.folder, SPARK.folder])?;
    command.arg("-Dspark.ui.enabled=false");
    // Spark itself tells of each task.
    command.arg("-Dorg.slf4j.simpleLogger.log.org.apache.spark=warn");
    command.arg("org.apache.beam.runners.spark.SparkJobServerDriver");
    // More threads than needed: a job that hangs keeps its own.
    command.arg("--spark-master-url=local[8]").args(PORTS.arguments(home, ENGINE.name)?);
    Ok(Plan { endpoints: PORTS.endpoints(home)?, processes: vec![(ENGINE.name, command)], task_managers: None })
}
