//! One job: how long it takes, and what its workers have of the processors.

use super::{Side, Work, folder};
use crate::Failure;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

/// What came of a job; times in seconds.
pub(crate) struct Measured {
    /// From the start of the launcher to its end.
    pub(crate) wall: f64,
    /// What the workers had of the processors.
    pub(crate) worker: f64,
    /// What it wrote.
    pub(crate) result: String,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s, workers had {:.2} s of the processors, result {}", self.wall, self.worker, self.result)
    }
}

/// How long a worker may live after its job.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a job may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// Between two looks at the workers: what they do after the last one is not seen.
const LOOK: Duration = Duration::from_millis(20);

/// Runs a job.
pub(crate) fn measure(side: &Side, work: &Work, engine: &str, endpoint: &str) -> Result<Measured, Failure> {
    let (outputs, log) = (folder().join(format!("on-{engine}")), folder().join(format!("{}.log", side.name)));
    if outputs.exists() {
        fs::remove_dir_all(&outputs).map_err(|e| format!("{}: {e}", outputs.display()))?;
    }
    fs::create_dir_all(&outputs).map_err(|e| format!("{}: {e}", outputs.display()))?;
    let file = || File::create(&log).map_err(|e| format!("{}: {e}", log.display()));
    let mut launcher = side.launch(work, engine, endpoint, &outputs.join("output"));
    launcher.stdout(file()?).stderr(file()?);
    // All that this process has started so far is the engine's.
    let engine = children(&std::process::id().to_string());
    let mut workers = Workers { engine, boot: side.boot(), ticks: BTreeMap::new() };
    let start = Instant::now();
    let mut launcher = launcher.spawn().map_err(|e| format!("{launcher:?}: {e}"))?;
    let status = loop {
        if let Some(status) = launcher.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
        if start.elapsed() > LIMIT {
            launcher.kill().and_then(|()| launcher.wait()).map_err(|e| e.to_string())?;
            return Err(format!("{} has not done it in {} s; see {}", side.name, LIMIT.as_secs(), log.display()));
        }
        workers.look();
        std::thread::sleep(LOOK);
    };
    let wall = start.elapsed();
    while workers.look() && start.elapsed() < wall + PATIENCE {
        std::thread::sleep(LOOK);
    }
    if !status.success() {
        return Err(format!("{} failed: {status}; see {}", side.name, log.display()));
    }
    let result = read_all(&outputs).map_err(|e| format!("{}: {e}", outputs.display()))?;
    let worker = workers.ticks.values().sum::<u64>() as f64 / 100.0;
    Ok(Measured { wall: wall.as_secs_f64(), worker, result })
}

/// What a job wrote; the names of files differ between SDKs.
fn read_all(folder: &Path) -> std::io::Result<String> {
    let mut all = String::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            all += fs::read_to_string(entry.path())?.trim();
        }
    }
    Ok(all)
}

/// The middle one.
pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The processes below an engine.
struct Workers {
    engine: Vec<String>,
    boot: Option<&'static str>,
    /// What each has had so far, in hundredths of a second.
    ticks: BTreeMap<String, u64>,
}

impl Workers {
    /// Looks at all that are there; whether there are any.
    fn look(&mut self) -> bool {
        let mut open: Vec<String> = self.engine.iter().flat_map(|process| children(process)).collect();
        let mut any = false;
        while let Some(process) = open.pop() {
            // A process that has just ended has nothing to read.
            let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
            let Some((name, fields)) = stat.rsplit_once(')') else { continue };
            any = true;
            open.extend(children(&process));
            if self.boot.is_none_or(|boot| !name.ends_with(&format!("({boot}"))) {
                let ticks =
                    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
                // A process that waits for its parent keeps them.
                self.ticks.insert(process, ticks);
            }
        }
        any
    }
}

/// The processes that a process has started.
pub(super) fn children(process: &str) -> Vec<String> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let of = |thread: std::io::Result<fs::DirEntry>| fs::read_to_string(thread.ok()?.path().join("children")).ok();
    threads.filter_map(of).flat_map(|all| all.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}
