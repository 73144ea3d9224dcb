//! From an event to the result of its window, on the local runner; and what a pipeline takes that has nothing to do.

use super::{measure::median, program};
use crate::{Failure, cargo};
use std::process::Command;

const RATE: u64 = 100_000;
const SECONDS: u64 = 10;
const ROUNDS: usize = 3;

/// What one run has told.
struct Told {
    events: u64,
    /// Milliseconds behind the end of a window, and hundredths of a core.
    figures: [f64; 4],
}

/// Runs the program with one worker and with two, and with nothing to do.
pub(super) fn latency() -> Result<(), Failure> {
    cargo(&["build", "--release", "--package", "ferrobeam-benchmarks", "--bin", "latency"], &[])?;
    let mut table = Vec::new();
    for workers in [1, 2] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let told = run(workers, RATE)?;
            if told.events != RATE * SECONDS {
                return Err(format!("{} events of {} are in the results", told.events, RATE * SECONDS));
            }
            rounds.push(told.figures);
        }
        let [half, most, all, core] = [0, 1, 2, 3].map(|i| median(rounds.iter().map(|round| round[i]).collect()));
        table.push(format!("| {workers} | {half:.1} ms | {most:.1} ms | {all:.1} ms | {core:.1} % |"));
    }
    println!(
        "\n{RATE} events a second for {SECONDS} s, sums of 1000 keys by second; behind the end of their windows, medians of {ROUNDS}"
    );
    println!("| workers | p50 | p99 | last | of a core |\n|---|---|---|---|---|\n{}", table.join("\n"));
    for workers in [1, 2, 8] {
        println!("a source that has nothing, {workers} workers: {:.2} % of a core", run(workers, 0)?.figures[3]);
    }
    Ok(())
}

fn run(workers: u64, rate: u64) -> Result<Told, Failure> {
    let mut command = Command::new(program("latency"));
    command.args([format!("--workers={workers}"), format!("--parts={workers}"), format!("--rate={rate}")]);
    let output = command.args([format!("--seconds={SECONDS}"), "--quiet".to_owned()]).output();
    let output = output.map_err(|e| format!("latency: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value = |name: &str| {
        let mut words = text.split_whitespace().skip_while(|word| *word != name);
        words.nth(1).ok_or_else(|| format!("latency says `{text}`: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let number = |name: &str| value(name)?.parse::<f64>().map_err(|e| format!("latency says `{text}`: {e}"));
    Ok(Told {
        events: number("events")? as u64,
        figures: [number("p50")?, number("p99")?, number("max")?, number("cpu")?],
    })
}
