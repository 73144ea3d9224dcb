//! `cargo xtask bench NAME`: speed, as ratios to peers in one run.
//!
//! | name | what is measured |
//! |---|---|
//! | `harness` | the harness alone, ten maps over rows, fed by the engine that the tests play |
//! | `nexmark` | the queries of Nexmark on the local runner |
//! | `one-element` | the start of the local runner, and what it holds |
//! | `latency` | from an event to the result of its window on the local runner, and what an idle pipeline takes |
//! | `startup` | from `main` to the first bundle on a running Prism, beside Beam's Go SDK |
//! | `prism` | word count and windowed sum on Prism, beside Beam's Go SDK |
//! | `flink` | the same on Flink, beside Beam's Python SDK |
//! | `W1` .. `W5` | the local runner beside hand-written loops, Renoir, Timely, Flink, Polars and DuckDB |
//!
//! Both sides do the same work on the same engine, one after the other, three times in turn; what counts is the median. If what
//! they make differs, the benchmark fails. `benchmarks/README.md` says more.

mod cap;
mod contest;
mod latency;
mod measure;
mod side;

use crate::{Failure, cargo, engines, run};
use ferrobeam_engines::{Engine, PrivateEngine};
use measure::{measure, median};
use side::{Side, Work};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Does what the words after `bench` say.
pub(crate) fn command(words: &[&str]) -> Result<(), Failure> {
    match words {
        ["harness"] => {
            build()?;
            run(&mut Command::new(program("harness")))
        }
        ["latency"] => latency::latency(),
        ["startup"] => startup(),
        ["nexmark", more @ ..] => {
            let nexmark = ["--package", "ferrobeam-benchmarks", "--bin", "nexmark", "--"];
            cargo(&[&["run", "--profile", "contest"], &nexmark[..], more].concat(), &[])
        }
        ["one-element"] => {
            cargo(&["build", "--release", "--package", "ferrobeam-benchmarks", "--bin", "one_element"], &[])?;
            (0..5).try_for_each(|_| run(&mut Command::new(program("one_element"))))
        }
        ["prism", size @ ..] => compare("prism", &Side::GO, &Sizes::read(size)?),
        ["flink", size @ ..] => compare("flink", &Side::PYTHON, &Sizes::read(size)?),
        [workload @ ("W1" | "W2" | "W3" | "W4" | "W5")] => contest::command(workload, 5),
        [workload @ ("W1" | "W2" | "W3" | "W4" | "W5"), rounds] => {
            contest::command(workload, rounds.parse().map_err(|e| format!("{rounds}: {e}"))?)
        }
        _ => Err(
            "usage: cargo xtask bench W1 | W2 | W3 | W4 | W5 [ROUNDS] | nexmark [--query Q ..] | latency | one-element | harness | startup | \
                  prism [MIB EVENTS [ROUNDS]] | flink [..]"
                .to_owned(),
        ),
    }
}

/// How much there is to do.
struct Sizes {
    /// MiB of text.
    mib: u64,
    events: u64,
    /// How often each side runs.
    rounds: u64,
}

impl Sizes {
    fn read(words: &[&str]) -> Result<Self, Failure> {
        let number = |word: &str| word.parse().map_err(|e| format!("{word}: {e}"));
        match words {
            [] => Ok(Sizes { mib: 128, events: 2_000_000, rounds: 3 }),
            [mib, events] => Ok(Sizes { mib: number(mib)?, events: number(events)?, rounds: 3 }),
            [mib, events, rounds] => {
                Ok(Sizes { mib: number(mib)?, events: number(events)?, rounds: number(rounds)?.max(1) })
            }
            _ => {
                Err("give the MiB of text and the number of events, and perhaps that of rounds, or nothing".to_owned())
            }
        }
    }
}

fn build() -> Result<(), Failure> {
    std::fs::create_dir_all(folder()).map_err(|e| format!("{}: {e}", folder().display()))?;
    cargo(&["build", "--release", "--package", "ferrobeam-benchmarks"], &[])
}

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

/// Where the text, the peers' programs and outputs are.
fn folder() -> PathBuf {
    root().join("target/bench")
}

/// One of our programs.
fn program(name: &str) -> PathBuf {
    root().join("target/release").join(name)
}

fn startup() -> Result<(), Failure> {
    build()?;
    Side::GO.build()?;
    let engine = start("prism")?;
    let mut times = [Vec::new(), Vec::new()];
    // The first of each side fills the caches of the disk.
    for round in 0..=11 {
        for (side, times) in [Side::OURS, Side::GO].iter().zip(&mut times) {
            let output = side.startup(engine.job_endpoint()).output().map_err(|e| format!("{}: {e}", side.name))?;
            let text = String::from_utf8_lossy(&output.stdout);
            let micros: f64 = text.trim().parse().map_err(|e| {
                format!("{} says `{text}`: {e}\n{}", side.name, String::from_utf8_lossy(&output.stderr))
            })?;
            if round > 0 {
                times.push(micros / 1e3);
            }
        }
    }
    let [ours, theirs] = times.map(median);
    println!("\nfrom `main` to the first bundle on Prism, loopback; medians of 11");
    println!("| Ferrobeam | {} | ratio |\n|---|---|---|", Side::GO.name);
    println!("| {ours:.1} ms | {theirs:.1} ms | {:.2} |", ours / theirs);
    Ok(())
}

fn compare(engine: &str, peer: &Side, sizes: &Sizes) -> Result<(), Failure> {
    let Sizes { mib, events, rounds } = *sizes;
    build()?;
    peer.build()?;
    let text = folder().join(format!("words-{mib}.txt"));
    run(Command::new(program("text")).arg(&text).arg((mib << 20).to_string()))?;
    let mut table = Vec::new();
    for work in [Work::Words(text), Work::Sums(events)] {
        let elements = work.elements()? as f64;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            for (side, all) in [(&Side::OURS, &mut ours), (peer, &mut theirs)] {
                // A new one for each: engines keep things, and one side must not pay for what the other left.
                let running = start(engine)?;
                let one = measure(side, &work, engine, running.job_endpoint())?;
                println!("{work}, round {round}: {}: {one}", side.name);
                all.push(one);
            }
        }
        let results: Vec<&String> = ours.iter().chain(&theirs).map(|one| &one.result).collect();
        if results.iter().any(|result| result.is_empty() || *result != results[0]) {
            return Err(format!("the two sides have not come to the same: {results:?}"));
        }
        let [our_wall, their_wall] = [&ours, &theirs].map(|all| median(all.iter().map(|one| one.wall).collect()));
        let [our_time, their_time] = [&ours, &theirs].map(|all| median(all.iter().map(|one| one.worker).collect()));
        table.push(format!(
            "| {work} | {:.0} ns | {:.0} ns | {:.3} | {our_wall:.1} s | {their_wall:.1} s | {:.2} |",
            1e9 * our_time / elements,
            1e9 * their_time / elements,
            our_time / their_time,
            our_wall / their_wall
        ));
    }
    println!(
        "\n{mib} MiB of words, {events} events, on {engine}, workers as processes; medians of {rounds}; the results are the same"
    );
    println!("| work | worker, an element | {0} | ratio | end to end | {0} | ratio |", peer.name);
    println!("|---|---|---|---|---|---|---|\n{}", table.join("\n"));
    Ok(())
}

/// An engine for one job or a few, which no other process knows of.
fn start(name: &str) -> Result<PrivateEngine, Failure> {
    PrivateEngine::start(Engine::named(name)?, engines::home()?)
}
