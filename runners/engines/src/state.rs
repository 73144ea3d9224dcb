//! The file that says where an engine is, and what it consists of.

use super::home::Home;
use super::install::at;
use super::process::Process;
use crate::Failure;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// An engine that was started.
pub(crate) struct State {
    /// Names and ports of endpoints.
    pub(crate) endpoints: Vec<(String, u16)>,
    /// In the order in which they were started.
    pub(crate) processes: Vec<Process>,
}

impl State {
    /// What the file of an engine says, if there is one; and whether the engine has answered.
    pub(crate) fn read(home: &Home, engine: &str) -> Result<Option<(State, bool)>, Failure> {
        for (kind, has_answered) in [("env", true), ("starting", false)] {
            let path = path(home, engine, kind);
            if path.exists() {
                let text = fs::read_to_string(&path).map_err(at(&path))?;
                let state = State::parse(&text);
                let state = state.ok_or_else(|| format!("{}: cannot be understood", path.display()))?;
                return Ok(Some((state, has_answered)));
            }
        }
        Ok(None)
    }

    /// Remembers an engine that is being started, for `down` alone.
    pub(crate) fn write_starting(&self, home: &Home, engine: &str) -> Result<(), Failure> {
        let path = path(home, engine, "starting");
        fs::write(&path, self.print()).map_err(at(&path))
    }

    /// Remembers another process of an engine that has answered.
    pub(crate) fn write(&self, home: &Home, engine: &str) -> Result<(), Failure> {
        let path = path(home, engine, "env");
        fs::write(&path, self.print()).map_err(at(&path))
    }

    /// Lets all know where an engine is that has answered.
    pub(crate) fn publish(home: &Home, engine: &str) -> Result<(), Failure> {
        let path = |kind| path(home, engine, kind);
        fs::rename(path("starting"), path("env")).map_err(at(&path("env")))
    }

    /// Removes the file.
    pub(crate) fn remove(home: &Home, engine: &str) -> Result<(), Failure> {
        let mut paths = ["env", "starting"].map(|kind| path(home, engine, kind)).into_iter();
        paths.try_for_each(|path| if path.exists() { fs::remove_file(&path).map_err(at(&path)) } else { Ok(()) })
    }

    fn print(&self) -> String {
        let mut text = String::new();
        for (name, port) in &self.endpoints {
            text += &format!("{}=localhost:{port}\n", name.to_uppercase().replace(' ', "_"));
        }
        let list = |field: fn(&Process) -> String| self.processes.iter().map(field).collect::<Vec<_>>().join(" ");
        text += &format!("PROCESSES={}\n", list(|process| process.name.clone()));
        text += &format!("PIDS={}\n", list(|process| process.pid.to_string()));
        text + &format!("START_TIMES={}\n", list(|process| process.start_time.to_string()))
    }

    fn parse(text: &str) -> Option<State> {
        let mut lists = BTreeMap::new();
        let mut endpoints = Vec::new();
        for line in text.lines() {
            let (key, value) = line.split_once('=')?;
            match value.strip_prefix("localhost:") {
                Some(port) => endpoints.push((key.to_lowercase().replace('_', " "), port.parse().ok()?)),
                None => {
                    lists.insert(key, value.split_whitespace());
                }
            }
        }
        let (mut pids, mut start_times) = (lists.remove("PIDS")?, lists.remove("START_TIMES")?);
        let mut process = |name: &str| {
            let (pid, start_time) = (pids.next()?.parse().ok()?, start_times.next()?.parse().ok()?);
            Some(Process { name: name.to_owned(), pid, start_time })
        };
        let processes = lists.remove("PROCESSES")?.map(&mut process).collect::<Option<_>>()?;
        Some(State { endpoints, processes })
    }
}

fn path(home: &Home, engine: &str, kind: &str) -> PathBuf {
    home.run(&format!("{engine}.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let process = |name: &str, pid, start_time| Process { name: name.to_owned(), pid, start_time };
        let state = State {
            endpoints: vec![("job endpoint".to_owned(), 8089), ("rest".to_owned(), 8081)],
            processes: vec![process("job-manager", 12, 3456), process("task-manager-1", 13, 3457)],
        };
        let text = state.print();
        assert_eq!(
            text,
            "JOB_ENDPOINT=localhost:8089\nREST=localhost:8081\n\
             PROCESSES=job-manager task-manager-1\nPIDS=12 13\nSTART_TIMES=3456 3457\n"
        );
        let again = State::parse(&text).unwrap();
        assert_eq!(again.endpoints, state.endpoints);
        assert_eq!(again.print(), text);
    }
}
