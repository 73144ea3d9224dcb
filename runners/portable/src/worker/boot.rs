//! The boot program: fetches the program that the launcher staged, and becomes it.

use super::arguments::{Contract, ROLE};
use super::provision::Provision;
use crate::failure;
use crate::job::retrieval::fetch_program;
use ferrobeam_core::{Error, Result};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// How long programs are kept for the next worker.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Fetches the program, unless this host has it already.
///
/// # Errors
/// Nothing was staged; it cannot be fetched or written; its SHA-256 is another.
pub(super) async fn fetch(contract: &Contract, provision: &Provision) -> Result<PathBuf> {
    let Some(endpoint) = &provision.artifact else {
        return Err(failure("the engine does not say where its artifact service is, from which the program comes"));
    };
    let directory = directory(contract);
    forget_old(&directory);
    fetch_program(endpoint, &contract.id, &provision.dependencies, &directory).await
}

/// Becomes the program; only an error comes back. Its signals and its exit are this process's own.
pub(super) fn become_worker(program: &Path, contract: &Contract) -> Error {
    let mut command = Command::new(program);
    command.arg("--worker=true").arg(format!("--id={}", contract.id)).env_remove(ROLE);
    let endpoints = [
        ("provision", &contract.provision),
        ("control", &contract.control),
        ("logging", &contract.logging),
        ("artifact", &contract.artifact),
    ];
    for (name, endpoint) in endpoints {
        if let Some(endpoint) = endpoint {
            command.arg(format!("--{name}_endpoint={endpoint}"));
        }
    }
    Error::Io { what: format!("cannot execute the worker's program `{}`", program.display()), source: command.exec() }
}

/// Nobody else may write there: the directory that the engine names, or the user's own.
fn directory(contract: &Contract) -> PathBuf {
    let below = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let base = contract.semi_persist_dir.clone().or_else(|| below("XDG_CACHE_HOME"));
    let base = base.or_else(|| below("HOME").map(|home| home.join(".cache"))).unwrap_or_else(std::env::temp_dir);
    base.join("ferrobeam").join("workers")
}

/// Removes what no worker has been started from for long. One that still runs does not need its file.
fn forget_old(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map(|time| SystemTime::now().duration_since(time));
        if age.is_ok_and(|age| age.is_ok_and(|age| age > KEPT)) {
            // A host that is out of space will say so itself.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_kept_for_a_week() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, age: Duration| {
            let path = directory.path().join(name);
            let file = fs::File::create(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            path
        };
        let (new, old) = (file("new", Duration::ZERO), file("old", KEPT * 2));
        forget_old(directory.path());
        assert!(new.exists() && !old.exists());
    }

    #[test]
    fn what_cannot_be_executed_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let told = become_worker(&program, &Contract::default()).to_string();
        assert!(told.contains("program`: ") && told.contains("ermission denied"), "{told}");
    }
}
