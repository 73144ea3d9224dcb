//! Processes that outlive this one, and are known again.

use super::install::at;
use crate::Failure;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A process that was started here, now or earlier.
#[derive(Clone)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) pid: u32,
    /// When it started, in ticks since the machine did. Process ids are used again; both together are not.
    pub(crate) start_time: u64,
}

impl Process {
    /// Starts a process that goes on when this one, or its terminal, ends.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Process, Failure> {
        // Behind what one of the same name has said that was killed.
        let output = File::options().create(true).append(true).open(log).map_err(at(log))?;
        let errors = output.try_clone().map_err(at(log))?;
        // Its own group: keys like Ctrl-C reach all processes of the terminal's group.
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let pid = command.spawn().map_err(|e| format!("{command:?}: {e}"))?.id();
        match start_time(pid) {
            Some(start_time) => Ok(Process { name: name.to_owned(), pid, start_time }),
            None => Err(format!("{command:?}: ended at once; see {}", log.display())),
        }
    }

    /// Whether it runs, and its id names no later process.
    pub(crate) fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.start_time)
    }

    /// How much memory it has, in MiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0) / 1024
    }

    /// Asks it to end, and if it does not, makes it.
    pub(crate) fn end(&self) -> Result<(), Failure> {
        self.signal("TERM")?;
        self.kill()
    }

    /// Makes it end at once.
    pub(crate) fn kill(&self) -> Result<(), Failure> {
        self.signal("KILL")?;
        if self.is_alive() { Err(format!("{} (process {}) does not end", self.name, self.pid)) } else { Ok(()) }
    }

    /// Sends a signal, and waits a while for the end.
    fn signal(&self, signal: &str) -> Result<(), Failure> {
        if !self.is_alive() {
            return Ok(());
        }
        // The shell's own `kill`: not every machine has a program of that name.
        let script = format!("kill -s {signal} {}", self.pid);
        Command::new("sh").args(["-c", &script]).status().map_err(|e| format!("{script}: {e}"))?;
        let start = Instant::now();
        while self.is_alive() && start.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// Field 22 of a process's line, or nothing if it has ended. A process whose parent has not yet asked how it ended is still
/// listed, as a zombie; so is one whose first thread has ended before the others, which keep its ports.
fn start_time(pid: u32) -> Option<u64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 2 is the program's name in parentheses, and may contain anything.
    let (_, fields) = line.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let (state, threads, start) = (fields.next()?, fields.nth(16)?, fields.nth(1)?);
    let has_ended = state == "X" || state == "Z" && matches!(threads, "0" | "1");
    if has_ended { None } else { start.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_time() {
        let process = Process::start("sleep", Command::new("sleep").arg("1000"), Path::new("/dev/null")).unwrap();
        assert!(process.is_alive());
        let earlier = Process { start_time: process.start_time - 1, ..process.clone() };
        assert!(!earlier.is_alive(), "one that had the same id");
        earlier.end().unwrap();
        assert!(process.is_alive());
        process.end().unwrap();
        assert!(!process.is_alive());
    }
}
