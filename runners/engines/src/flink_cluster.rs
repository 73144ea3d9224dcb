//! A Flink of several processes, so that one of them can be lost, and Beam's job server for it.

use super::flink::{ARTIFACTS, DRIVER};
use super::install::{Package, Part, at};
use super::java::{Ports, java};
use super::run::Plan;
use super::{Engine, Home};
use crate::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const ENGINE: Engine = Engine { name: "flink-cluster", parts: &[JOB_SERVER, FLINK], plan: Some(plan) };

/// The job server alone, in front of a Flink that is there already.
pub(crate) const FRONT: Engine = Engine { name: "flink-job-server", parts: &[JOB_SERVER], plan: Some(front) };

/// The Python package holds the whole distribution but the scripts.
const FLINK: Part = Part {
    folder: "flink-cluster/jars",
    package: Package::JarsInPython { name: "apache-flink-libraries", version: "1.19.3", directory: "deps/lib" },
};

/// The job server sends all its jars with each job; a hundred and more take it a quarter of a minute, one takes a second.
const JOB_SERVER: Part = Part { folder: "flink-cluster/job-server", package: Package::MavenInOne(ARTIFACTS) };

const PORTS: Ports = Ports { job: 8089, artifact: 8088, expansion: 8087 };

/// Memory and threads of a task manager: the least with which jobs run well. Each takes less than 1 GiB.
const TASK_MANAGER: [(&str, &str); 11] = [
    ("taskmanager.cpu.cores", "1.0"),
    ("taskmanager.memory.network.min", "128mb"),
    ("taskmanager.memory.network.max", "128mb"),
    ("taskmanager.memory.framework.heap.size", "128mb"),
    ("taskmanager.memory.framework.off-heap.size", "128mb"),
    ("taskmanager.memory.task.heap.size", "256mb"),
    ("taskmanager.memory.task.off-heap.size", "0"),
    ("taskmanager.memory.managed.size", "128mb"),
    ("taskmanager.memory.jvm-metaspace.size", "256mb"),
    ("taskmanager.memory.jvm-overhead.min", "128mb"),
    ("taskmanager.memory.jvm-overhead.max", "128mb"),
];

fn plan(home: &Home) -> Result<Plan, Failure> {
    let (rest, rpc) = (home.port(8081)?, home.port(6123)?);
    let configuration = configure(home, rest, rpc)?;
    let mut job_manager = flink_java(home, &configuration)?;
    job_manager.arg("org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint");
    job_manager.arg("--configDir").arg(&configuration);
    let job_server = job_server(home, ENGINE.name, &format!("localhost:{rest}"))?;
    let mut endpoints = PORTS.endpoints(home)?;
    endpoints.extend([("rest", rest), ("job manager", rpc)]);
    Ok(Plan {
        endpoints,
        processes: vec![
            ("job-manager", job_manager),
            ("task-manager-1", task_manager(home, &configuration)?),
            ("task-manager-2", task_manager(home, &configuration)?),
            ("job-server", job_server),
        ],
        task_managers: Some((rest, 2)),
    })
}

fn front(home: &Home) -> Result<Plan, Failure> {
    let command = job_server(home, FRONT.name, home.master()?)?;
    Ok(Plan { endpoints: PORTS.endpoints(home)?, processes: vec![(FRONT.name, command)], task_managers: None })
}

fn job_server(home: &Home, engine: &str, master: &str) -> Result<Command, Failure> {
    let mut command = java(home, engine, 512, &[JOB_SERVER.folder])?;
    command.arg(DRIVER).arg(format!("--flink-master={master}")).args(PORTS.arguments(home, engine)?);
    Ok(command)
}

fn task_manager(home: &Home, configuration: &Path) -> Result<Command, Failure> {
    let mut command = flink_java(home, configuration)?;
    command.args(["-XX:MaxDirectMemorySize=400m", "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"]);
    command.arg("--configDir").arg(configuration);
    for (key, value) in TASK_MANAGER {
        command.arg("-D").arg(format!("{key}={value}"));
    }
    Ok(command)
}

fn flink_java(home: &Home, configuration: &Path) -> Result<Command, Failure> {
    let mut command = java(home, ENGINE.name, 512, &[FLINK.folder])?;
    let log = configuration.join("log4j2.properties");
    command.arg(format!("-Dlog4j2.configurationFile={}", log.display()));
    Ok(command)
}

/// Writes what the distribution's scripts would, and says where. A lost task manager is noticed after two heartbeats that do not
/// reach it, so these are more frequent than usual; how long a slow one may take to answer (50 s) stays as it is.
fn configure(home: &Home, rest: u16, rpc: u16) -> Result<PathBuf, Failure> {
    let directory = home.run(ENGINE.name).join("conf");
    fs::create_dir_all(&directory).map_err(at(&directory))?;
    let temporary = home.run(ENGINE.name).join("tmp");
    let mut settings = format!(
        "jobmanager.rpc.address: localhost\n\
         jobmanager.rpc.port: {rpc}\n\
         jobmanager.bind-host: localhost\n\
         jobmanager.memory.process.size: 1024m\n\
         rest.address: localhost\n\
         rest.port: {rest}\n\
         rest.bind-address: localhost\n\
         taskmanager.host: localhost\n\
         taskmanager.bind-host: localhost\n\
         taskmanager.numberOfTaskSlots: 2\n\
         heartbeat.interval: 2000\n\
         io.tmp.dirs: {}\n",
        temporary.display()
    );
    home.settings().iter().for_each(|(key, value)| settings += &format!("{key}: {value}\n"));
    let log = "rootLogger.level = INFO\n\
               rootLogger.appenderRef.console.ref = console\n\
               appender.console.name = console\n\
               appender.console.type = CONSOLE\n\
               appender.console.layout.type = PatternLayout\n\
               appender.console.layout.pattern = %d %-5p %c - %m%n\n";
    for (name, text) in [("config.yaml", settings.as_str()), ("log4j2.properties", log)] {
        let path = directory.join(name);
        fs::write(&path, text).map_err(at(&path))?;
    }
    Ok(directory)
}
