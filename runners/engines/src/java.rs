//! Java, and Beam's job servers, which all have the same options.

use super::home::Home;
use super::install::at;
use crate::Failure;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Ports of a job server.
pub(crate) struct Ports {
    pub(crate) job: u16,
    pub(crate) artifact: u16,
    pub(crate) expansion: u16,
}

impl Ports {
    /// Their names, and where they are on this machine.
    pub(crate) fn endpoints(&self, home: &Home) -> Result<Vec<(&'static str, u16)>, Failure> {
        Ok(vec![
            ("job endpoint", home.port(self.job)?),
            ("artifact endpoint", home.port(self.artifact)?),
            ("expansion endpoint", home.port(self.expansion)?),
        ])
    }

    /// The arguments that tell a job server of them, and where it keeps what it is given.
    pub(crate) fn arguments(&self, home: &Home, engine: &str) -> Result<Vec<String>, Failure> {
        Ok(vec![
            format!("--job-port={}", home.port(self.job)?),
            format!("--artifact-port={}", home.port(self.artifact)?),
            format!("--expansion-port={}", home.port(self.expansion)?),
            format!("--artifacts-dir={}", home.run(engine).join("artifacts").display()),
        ])
    }
}

/// A Java of at most `heap` MiB that has all jars of these folders and keeps its temporary files with the engine's.
pub(crate) fn java(home: &Home, engine: &str, heap: u32, folders: &[&str]) -> Result<Command, Failure> {
    let temporary = home.run(engine).join("tmp");
    fs::create_dir_all(&temporary).map_err(at(&temporary))?;
    let program = std::env::var_os("JAVA_HOME").map_or("java".into(), |home| PathBuf::from(home).join("bin/java"));
    let mut command = Command::new(program);
    let mut classes = OsString::new();
    for folder in folders {
        if !classes.is_empty() {
            classes.push(":");
        }
        classes.push(home.path(folder).join("*"));
    }
    command.arg(format!("-Xmx{heap}m")).arg(format!("-Djava.io.tmpdir={}", temporary.display()));
    command
        .args(["-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"]);
    if home.is_for_small_jobs() {
        command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
    }
    command.args(opens()).arg("-cp").arg(classes);
    Ok(command)
}

/// Opens packages of Java's own, by whose reflection engines serialise objects.
fn opens() -> impl Iterator<Item = String> {
    let packages = [
        "java.lang",
        "java.lang.invoke",
        "java.lang.reflect",
        "java.io",
        "java.net",
        "java.nio",
        "java.text",
        "java.time",
        "java.util",
        "java.util.concurrent",
        "sun.nio.ch",
    ];
    packages.into_iter().map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED"))
}
