//! Chores of the workspace.
//!
//! `cargo xtask test` runs all that must hold: layout, formatting, lints, documentation, every test, and the word count of the
//! README on 128 MiB of text beside `tr | sort | uniq -c`. `cargo xtask wordcount [MIB]` runs only the last.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to a terminal")]

mod layout;
mod wordcount;

use std::process::{Command, ExitCode};
use std::time::Instant;

/// Why a chore failed.
type Failure = String;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["test"] => test(),
        ["wordcount"] => wordcount::compare(128),
        ["wordcount", size] => size.parse().map_err(|e| format!("{size}: {e}")).and_then(wordcount::compare),
        _ => Err("usage: cargo xtask test | wordcount [MIB]".to_owned()),
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
    wordcount::compare(128)
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
