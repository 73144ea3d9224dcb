//! `cargo xtask engines ..`: the engines of `ferrobeam-engines`, for tests.
//!
//! | words | what they do |
//! |---|---|
//! | `up NAME..` | installs what is missing, starts the engines, waits until they answer, prints their endpoints |
//! | `down [NAME..]` | ends exactly what `up` has started: these engines, or all |
//! | `status` | which engines are up, where they are, and how much memory they take |
//! | `install NAME..` | installs, and starts nothing |
//!
//! All of it lies in `target/engines`, or in the directory that `FERROBEAM_ENGINES_DIR` names. `FERROBEAM_ENGINES_PORTS=1000`
//! adds 1000 to every port, for a second checkout on a machine; `FERROBEAM_FLINK_MASTER=HOST:PORT` is for `flink-job-server`.

use crate::Failure;
use ferrobeam_engines::{ENGINES, Engine, Home};
use std::path::{Path, PathBuf};

/// Does what the words after `engines` say.
pub(crate) fn command(words: &[&str]) -> Result<(), Failure> {
    let home = home()?.for_small_jobs();
    match words {
        ["up", names @ ..] if !names.is_empty() => {
            let _lock = home.lock()?;
            named(names)?.into_iter().try_for_each(|engine| up(&home, engine))
        }
        ["down", names @ ..] => {
            let _lock = home.lock()?;
            let engines = if names.is_empty() { ENGINES.iter().collect() } else { named(names)? };
            engines.into_iter().try_for_each(|engine| engine.down(&home))
        }
        ["install", names @ ..] if !names.is_empty() => {
            let _lock = home.lock()?;
            named(names)?.into_iter().try_for_each(|engine| install(&home, engine))
        }
        ["status"] => ENGINES.iter().try_for_each(|engine| {
            println!("{}  {}", engine.name(), engine.status(&home)?);
            Ok(())
        }),
        _ => Err(format!(
            "usage: cargo xtask engines up NAME.. | down [NAME..] | status | install NAME..; names: {}",
            Engine::names()
        )),
    }
}

/// Where engines are installed.
pub(crate) fn directory() -> PathBuf {
    match std::env::var_os("FERROBEAM_ENGINES_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("engines"),
    }
}

/// The home that the environment names, or the one in this workspace.
pub(crate) fn home() -> Result<Home, Failure> {
    let directory = directory();
    let ports = match std::env::var("FERROBEAM_ENGINES_PORTS") {
        Ok(number) => number.parse().map_err(|e| format!("FERROBEAM_ENGINES_PORTS={number}: {e}"))?,
        Err(_) => 0,
    };
    let home = Home::new(&directory, ports, |line| eprintln!("{line}"))?;
    Ok(match std::env::var("FERROBEAM_FLINK_MASTER") {
        Ok(master) => home.flink_master(&master),
        Err(_) => home,
    })
}

fn named(names: &[&str]) -> Result<Vec<&'static Engine>, Failure> {
    names.iter().map(|name| Engine::named(name)).collect()
}

fn up(home: &Home, engine: &Engine) -> Result<(), Failure> {
    let endpoints = engine.up(home).map_err(|failure| match failure.contains("is in use by") {
        true => format!("{failure}; end that, or let FERROBEAM_ENGINES_PORTS move all ports"),
        false => failure,
    })?;
    for (name, port) in endpoints {
        println!("{}  {name} localhost:{port}", engine.name());
    }
    Ok(())
}

fn install(home: &Home, engine: &Engine) -> Result<(), Failure> {
    engine.install(home)?;
    for folder in engine.folders(home) {
        println!("{}  installed in {}", engine.name(), folder.display());
    }
    Ok(())
}
