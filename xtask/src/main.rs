//! Chores of the workspace.
//!
//! `cargo xtask test` runs all that must hold: layout, formatting, lints, documentation, every test, and the word count of the
//! README on 128 MiB of text beside `tr | sort | uniq -c`. `cargo xtask hostile` and `cargo xtask wordcount [MIB]` run only
//! one of them. `cargo xtask model` writes `docs/model.md` and `docs/capabilities.md` anew. `cargo xtask engines ..` installs,
//! starts and ends engines; `cargo xtask conformance ENGINE` runs the suite on one.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to a terminal")]

mod engines;
mod layout;
mod wordcount;

use std::process::{Command, ExitCode};
use std::time::Instant;

/// Why a chore failed.
type Failure = String;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result =
        match arguments.as_slice() {
            ["test"] => test(),
            ["hostile"] => hostile(),
            ["model"] => model(),
            ["wordcount"] => wordcount::compare(128),
            ["wordcount", size] => size.parse().map_err(|e| format!("{size}: {e}")).and_then(wordcount::compare),
            ["engines", words @ ..] => engines::command(words),
            ["conformance", engine] => conformance(engine),
            _ => Err("usage: cargo xtask test | hostile | model | wordcount [MIB] | engines .. | conformance ENGINE"
                .to_owned()),
        };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<(), Failure> {
    layout::check()?;
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    cargo(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    cargo(&["test", "--workspace"], &[])?;
    hostile()?;
    wordcount::compare(128)
}

/// The pages that come from the conformance suite; tests compare them with what it says.
fn model() -> Result<(), Failure> {
    for page in ["model", "capabilities"] {
        let path = format!("docs/{page}.md");
        let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        let output = command.args(["run", "--quiet", "--package", "ferrobeam-conformance", "--", page]).output();
        let output = output.map_err(|e| format!("cargo run: {e}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        std::fs::write(&path, output.stdout).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(())
}

/// The suite on an engine, as jobs of a server that is started if it is not up.
fn conformance(engine: &str) -> Result<(), Failure> {
    engines::command(&["up", engine])?;
    cargo(&["run", "--package", "ferrobeam-conformance", "--", "run", "--runner", engine, "--jobs", "2"], &[])
}

/// A million random and mutated inputs for each coder; in a release build, for there are many coders.
fn hostile() -> Result<(), Failure> {
    let test = ["test", "--release", "--package", "ferrobeam-core", "--test", "coders", "hostile"];
    cargo(&test, &[("FERROBEAM_INPUTS_PER_CODER", "1000000")])
}

/// Runs cargo and says how long it took.
fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run(Command::new(cargo).args(arguments).envs(environment.iter().copied()))
}

/// Runs a command, which must succeed.
fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = format!("{:?}", command).replace('"', "");
    println!("== {shown}");
    let start = Instant::now();
    let status = command.status().map_err(|e| format!("{shown}: {e}"))?;
    if !status.success() {
        return Err(format!("{shown}: {status}"));
    }
    println!("== done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
