//! Starts engines, waits for them, and ends them.

use super::home::Home;
use super::install::{at, last_lines};
use super::process::Process;
use super::state::State;
use super::{Engine, probe};
use crate::Failure;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How an engine is started.
pub(crate) struct Plan {
    /// Names and ports of all at which it listens.
    pub(crate) endpoints: Vec<(&'static str, u16)>,
    /// Names and commands.
    pub(crate) processes: Vec<(&'static str, Command)>,
    /// If it is a cluster: the port for HTTP at which it tells how many task managers it has, and how many there must be.
    pub(crate) task_managers: Option<(u16, usize)>,
}

/// Makes an engine's plan.
pub(crate) type Planner = fn(&Home) -> Result<Plan, Failure>;

/// How long an engine may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sees to it that an engine is up, and says where it is.
pub(crate) fn up(home: &Home, engine: &Engine) -> Result<Vec<(String, u16)>, Failure> {
    let Some(plan) = engine.plan else {
        return Err(format!("{} cannot be started, only installed", engine.name));
    };
    let state = match State::read(home, engine.name)? {
        Some((state, true)) if state.processes.iter().all(Process::is_alive) => state,
        some => {
            // A part of it has ended, or somebody interrupted its start: a new one it shall be.
            if some.is_some() {
                down(home, engine)?;
            }
            engine.install(home)?;
            start(home, engine, plan)?
        }
    };
    Ok(state.endpoints)
}

/// Ends the processes of an engine, the last one first.
pub(crate) fn down(home: &Home, engine: &Engine) -> Result<(), Failure> {
    let Some((state, _)) = State::read(home, engine.name)? else { return Ok(()) };
    for process in state.processes.iter().rev() {
        process.end()?;
    }
    State::remove(home, engine.name)?;
    home.say(&format!("{} is down", engine.name));
    remove(&home.run(engine.name))
}

/// Kills a process of an engine that is up, which gets no chance to tell anybody.
pub(crate) fn kill(home: &Home, engine: &Engine, name: &str) -> Result<u32, Failure> {
    let (state, i) = find(home, engine, name)?;
    state.processes[i].kill()?;
    Ok(state.processes[i].pid)
}

/// Starts a process of an engine again that was killed.
pub(crate) fn start_again(home: &Home, engine: &Engine, name: &str) -> Result<(), Failure> {
    let (mut state, i) = find(home, engine, name)?;
    let plan = engine.plan.ok_or_else(|| format!("{} cannot be started", engine.name))?(home)?;
    let command = plan.processes.into_iter().find(|(of, _)| *of == name).map(|(_, command)| command);
    let mut command = command.ok_or_else(|| format!("{} has no command for {name}", engine.name))?;
    state.processes[i] = Process::start(name, &mut command, &home.run(&log(engine, name)))?;
    state.write(home, engine.name)?;
    home.started(state.processes[i].pid)
}

fn find(home: &Home, engine: &Engine, name: &str) -> Result<(State, usize), Failure> {
    let (state, _) = State::read(home, engine.name)?.ok_or_else(|| format!("{} is not up", engine.name))?;
    let found = state.processes.iter().position(|process| process.name == name);
    let found = found.ok_or_else(|| format!("{} has no process {name}", engine.name))?;
    Ok((state, found))
}

/// How an engine is, in words.
pub(crate) fn status(home: &Home, engine: &Engine) -> Result<String, Failure> {
    Ok(match State::read(home, engine.name)? {
        None if engine.parts.iter().all(|part| part.is_installed(home)) => "installed".to_owned(),
        None => "not installed".to_owned(),
        Some((_, false)) => "being started".to_owned(),
        Some((state, true)) => match state.processes.iter().find(|process| !process.is_alive()) {
            Some(ended) => format!("broken: {} (process {}) has ended", ended.name, ended.pid),
            None => {
                let endpoints: Vec<String> =
                    state.endpoints.iter().map(|(name, port)| format!("{name} localhost:{port}")).collect();
                let pids: Vec<String> = state.processes.iter().map(|process| process.pid.to_string()).collect();
                let memory: u64 = state.processes.iter().map(Process::memory).sum();
                format!("up: {}; processes {}; {memory} MiB", endpoints.join(", "), pids.join(" "))
            }
        },
    })
}

fn start(home: &Home, engine: &Engine, plan: Planner) -> Result<State, Failure> {
    let directory = home.run(engine.name);
    remove(&directory)?;
    fs::create_dir_all(&directory).map_err(at(&directory))?;
    let plan = plan(home)?;
    if let Some((name, port)) = plan.endpoints.iter().find(|(_, port)| probe::is_taken(*port)) {
        return Err(format!("{}: port {port} ({name}) is in use by another process", engine.name));
    }
    let result = start_and_wait(home, engine, plan);
    if result.is_err() {
        down(home, engine)?;
    }
    result
}

fn start_and_wait(home: &Home, engine: &Engine, mut plan: Plan) -> Result<State, Failure> {
    let endpoints = plan.endpoints.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect();
    let mut state = State { endpoints, processes: Vec::new() };
    for (name, command) in &mut plan.processes {
        // Of an earlier engine.
        let _ = fs::remove_file(home.run(&log(engine, name)));
        let process = Process::start(name, command, &home.run(&log(engine, name)))?;
        let pid = process.pid;
        state.processes.push(process);
        // After each: whenever we are interrupted, `down` knows what to end.
        state.write_starting(home, engine.name)?;
        home.started(pid)?;
    }
    let start = Instant::now();
    while let Some(silent) = silent(&plan) {
        let ended = state.processes.iter().position(|process| !process.is_alive());
        let wrong = match ended {
            Some(i) => format!("{} has ended before it answered", plan.processes[i].0),
            None if start.elapsed() > PATIENCE => format!("{silent} did not answer for {} s", PATIENCE.as_secs()),
            None => {
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let told = plan.processes.iter().enumerate().filter(|(i, _)| ended.is_none_or(|ended| ended == *i));
        let told: Vec<String> =
            told.map(|(_, (name, command))| last_words(home, &log(engine, name), command)).collect();
        return Err(format!("{}: {wrong}\n{}", engine.name, told.join("\n")));
    }
    State::publish(home, engine.name)?;
    Ok(state)
}

/// What of an engine does not answer yet.
fn silent(plan: &Plan) -> Option<String> {
    if let Some((name, port)) = plan.endpoints.iter().find(|(_, port)| !probe::accepts(*port)) {
        return Some(format!("{name} localhost:{port}"));
    }
    let (port, wanted) = plan.task_managers?;
    let found = probe::task_managers(port).unwrap_or(0);
    (found < wanted).then(|| format!("one of {wanted} task managers"))
}

/// The file with what a process prints.
fn log(engine: &Engine, process: &str) -> String {
    if process == engine.name { format!("{process}.log") } else { format!("{}.{process}.log", engine.name) }
}

/// A command, and the end of what it printed.
fn last_words(home: &Home, log: &str, command: &Command) -> String {
    let path = home.run(log);
    let text = fs::read(&path).unwrap_or_default();
    format!("command: {command:?}\nthe end of {}:\n{}", path.display(), last_lines(&text))
}

fn remove(directory: &Path) -> Result<(), Failure> {
    if directory.exists() { fs::remove_dir_all(directory).map_err(at(directory)) } else { Ok(()) }
}
