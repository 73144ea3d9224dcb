//! Workers that the boot program of Beam's Go container starts, on Prism.
//!
//! No container is needed for that: the program inside it is the workers' command. It asks Prism for what was staged, puts it
//! into a directory, and executes it with the arguments of its contract.

use crate::{Failure, engines, wordcount};
use ferrobeam_engines::{Engine, PrivateEngine};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Has words counted by such workers, with the program that the tests have built, and compares. Not by the conformance suite: with its debug information it is ten times
/// as large, and Prism keeps what is staged in memory, several times.
pub(crate) fn check() -> Result<(), Failure> {
    let prism = PrivateEngine::start(Engine::named("prism")?, engines::home()?)?;
    let command = script(&engines::directory().join("prism/bin/container"))?;
    let mut program = Command::new("target/debug/wordcount");
    program.arg("--runner=prism").arg(format!("--job-endpoint={}", prism.job_endpoint()));
    program.arg(format!("--environment=process={}", command.display()));
    wordcount::compare_by(&mut program, "target/container/wordcount", 1)
}

/// Writes the workers' command, a program for Bash: Prism puts quotes around the id that the boot program does not take away,
/// and that leaves files where it runs.
fn script(boot: &Path) -> Result<PathBuf, Failure> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("container");
    let (path, home, boot) = (directory.join("boot"), directory.display(), boot.display());
    let text = format!("#!/bin/bash\ncd '{home}' && exec '{boot}' --semi_persist_dir='{home}' \"${{@//\\'/}}\"\n");
    let written = fs::create_dir_all(&directory).and_then(|()| fs::write(&path, text));
    let written = written.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
    written.map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}
