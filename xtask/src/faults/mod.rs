//! `cargo xtask faults`: a pipeline on a Flink cluster, whose workers and task managers are killed.
//!
//! `event_sums`, one of the examples, runs on a cluster of its own with two task managers, whose workers are processes; it takes
//! a checkpoint every second. At random moments one worker is killed, and then a task manager, which is started again; each
//! so many times. After each fault windows must be written again. At the end the launcher is interrupted and the cluster ended;
//! then no worker may be left, and the files are compared with a plain computation. Logs are in `target/faults`.

mod output;

use crate::{Failure, cargo, engines};
use ferrobeam_engines::{Engine, PrivateEngine};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Events of each part: far more than come in the time.
const EVENTS: u64 = 1_000_000;

/// How long the job may take to go on after a fault.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Worker,
    TaskManager,
}

/// Kills a worker and a task manager as often as `--rounds=N` says, ten times if nothing does, at moments that follow from
/// `--seed=N`.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let (mut rounds, mut seed) = (10, None);
    for word in words {
        let number = |text: &str| text.parse::<u64>().map_err(|e| format!("{word}: {e}"));
        match word.split_once('=') {
            Some(("--rounds", text)) => rounds = number(text)?,
            Some(("--seed", text)) => seed = Some(number(text)?),
            _ => return Err("usage: cargo xtask faults [--rounds=N] [--seed=N]".to_owned()),
        }
    }
    let seed = seed.unwrap_or_else(|| now().as_millis() as u64);
    println!("== {rounds} rounds, --seed={seed}");
    cargo(&["build", "--package", "ferrobeam-examples", "--bin", "event_sums"], &[])?;
    let directory = std::path::absolute("target/faults").map_err(|e| format!("target/faults: {e}"))?;
    let at = |e| format!("{}: {e}", directory.display());
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(at)?;
    }
    fs::create_dir_all(directory.join("sums")).map_err(at)?;
    // As often as the job is interrupted: by default Flink gives up after a while.
    let restart = [("type", "fixed-delay"), ("fixed-delay.attempts", "1000000"), ("fixed-delay.delay", "1 s")];
    let home = restart
        .iter()
        .fold(engines::home()?, |home, (key, value)| home.flink_setting(&format!("restart-strategy.{key}"), value));
    let engine = PrivateEngine::start(Engine::named("flink-cluster")?, home)?;
    let result = Run::start(&engine, &directory, seed).and_then(|mut run| {
        let result = run.all(rounds);
        run.end(result)
    });
    keep_logs(engine.logs(), &directory)?;
    drop(engine);
    result?;
    let start = Instant::now();
    while !workers(&program()?).is_empty() {
        if start.elapsed() > PATIENCE {
            return Err(format!("these workers have not ended: {:?}", workers(&program()?)));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("== no worker is left; {}", output::check(&directory.join("sums"), EVENTS)?);
    Ok(())
}

/// The pipeline, which lies beside this program.
fn program() -> Result<PathBuf, Failure> {
    let here = std::env::current_exe().map_err(|e| format!("where this program is: {e}"))?;
    Ok(here.with_file_name("event_sums"))
}

/// The pipeline on the cluster.
struct Run<'a> {
    engine: &'a PrivateEngine,
    directory: &'a Path,
    program: PathBuf,
    launcher: Child,
    start: Instant,
    random: u64,
}

impl<'a> Run<'a> {
    fn start(engine: &'a PrivateEngine, directory: &'a Path, seed: u64) -> Result<Run<'a>, Failure> {
        let program = program()?;
        let log = directory.join("launcher.log");
        let log = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let mut command = Command::new(&program);
        command.arg("--output").arg(directory.join("sums")).args(["--events", &EVENTS.to_string()]);
        command.args(["--start", &now().as_secs().to_string()]);
        command.args(["--runner=flink", "--environment=process", "--job-endpoint", engine.job_endpoint()]);
        for option in ["streaming=true", "checkpointing_interval=1000", "parallelism=2"] {
            command.args(["--engine-option", option]);
        }
        let launcher = command.stderr(log).spawn().map_err(|e| format!("{command:?}: {e}"))?;
        // A generator of random numbers that begins with 0 stays there.
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Ok(Run { engine, directory, program, launcher, start: Instant::now(), random })
    }

    fn all(&mut self, rounds: u64) -> Result<(), Failure> {
        println!("at s    fault          process   writes again after s   files");
        self.goes_on(0)?;
        for fault in [Fault::Worker, Fault::TaskManager] {
            for _ in 0..rounds {
                let moment = self.below(6000);
                std::thread::sleep(Duration::from_millis(moment));
                let (at, process) = (self.start.elapsed(), self.cause(fault)?);
                let (again, files) = self.goes_on(output::count(&self.sums())?)?;
                let (at, again) = (at.as_secs_f64(), again.as_secs_f64());
                println!("{at:<7.1} {:<14} {process:<9} {again:<22.1} {files}", format!("{fault:?}"));
            }
        }
        Ok(())
    }

    /// Kills something, and starts it again if nobody else does.
    fn cause(&mut self, fault: Fault) -> Result<u32, Failure> {
        match fault {
            Fault::Worker => {
                let start = Instant::now();
                // While the job starts anew there may be none.
                let workers = loop {
                    let workers = workers(&self.program);
                    match workers.is_empty() {
                        false => break workers,
                        true if start.elapsed() > PATIENCE => return Err("there is no worker".to_owned()),
                        true => std::thread::sleep(Duration::from_millis(20)),
                    }
                };
                let victim = workers[self.below(workers.len() as u64) as usize];
                signal("KILL", victim)?;
                Ok(victim)
            }
            Fault::TaskManager => {
                let name = ["task-manager-1", "task-manager-2"][self.below(2) as usize];
                let victim = self.engine.kill(name)?;
                self.engine.start_again(name)?;
                Ok(victim)
            }
        }
    }

    /// Waits until two windows more are written than there were; gives how long it took, and how many files there are.
    fn goes_on(&mut self, before: usize) -> Result<(Duration, usize), Failure> {
        let start = Instant::now();
        loop {
            let files = output::count(&self.sums())?;
            if files >= before + 4 {
                return Ok((start.elapsed(), files));
            }
            if let Some(status) = self.launcher.try_wait().map_err(|e| format!("the launcher: {e}"))? {
                return Err(format!("the launcher has ended with {status}"));
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("nothing was written for {} s", PATIENCE.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Cancels the job, and looks at what it has left.
    fn end(mut self, result: Result<(), Failure>) -> Result<(), Failure> {
        signal("INT", self.launcher.id())?;
        let start = Instant::now();
        self.launcher.wait().map_err(|e| format!("the launcher: {e}"))?;
        let log = self.directory.join("launcher.log");
        let told = fs::read_to_string(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        result.map_err(|failure| format!("{failure}\n{told}"))?;
        if !told.contains("was interrupted, and is cancelled") {
            return Err(format!("the job was not cancelled:\n{told}"));
        }
        println!("== cancelled in {:.1} s", start.elapsed().as_secs_f64());
        Ok(())
    }

    fn sums(&self) -> PathBuf {
        self.directory.join("sums")
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % end
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The workers that run this program, by their command lines.
fn workers(program: &Path) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let is_one = |id: &u32| {
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let mut words = line.split('\0');
        words.next() == program.to_str() && words.any(|word| word.starts_with("--provision_endpoint="))
    };
    ids.filter(is_one).collect()
}

fn signal(name: &str, process: u32) -> Result<(), Failure> {
    let script = format!("kill -s {name} {process}");
    Command::new("sh").args(["-c", &script]).status().map_err(|e| format!("{script}: {e}"))?;
    Ok(())
}

fn keep_logs(from: &Path, to: &Path) -> Result<(), Failure> {
    let entries = fs::read_dir(from).map_err(|e| format!("{}: {e}", from.display()))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if let (Some("log"), Some(name)) = (path.extension().and_then(|e| e.to_str()), path.file_name()) {
            fs::copy(&path, to.join(name)).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}
