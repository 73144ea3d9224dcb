//! The harness alone: ten maps over rows, fed by the engine that the tests play.
//!
//! What counts is the time of the bundle's thread on a processor: reading the rows, the maps, writing them. The streams are
//! served by other threads of this process, which play the engine, too; their time is told beside it.

#![allow(clippy::print_stdout, reason = "a program that tells what it did")]

use ferrobeam::prelude::*;
use ferrobeam_benchmarks::{mix, processor_time};
use ferrobeam_portable::replay::{Engine, Stage};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A row of three fields.
#[derive(Clone, Debug, PartialEq, Element)]
struct Sale {
    id: u64,
    item: String,
    cents: i64,
}

fn sale(i: u64) -> Sale {
    let mixed = mix(i);
    Sale { id: i, item: format!("item {}", mixed % 100_000), cents: (mixed >> 40) as i64 % 10_000 }
}

/// How many maps there are.
const MAPS: i64 = 10;

/// Map number `i`.
fn change(mut sale: Sale, i: i64) -> Sale {
    sale.cents = (sale.cents ^ i) + 1;
    sale
}

/// Elements of a piece on the data stream: about a mebibyte, as Flink sends them.
const PIECE: u64 = 1 << 15;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let elements = words.next().map_or(Ok(1 << 21), |word| word.parse::<u64>())?;
    let rounds = words.next().map_or(Ok(5), |word| word.parse::<usize>())?;
    let graph = Root::build(|root| {
        let mut sales = root.create([sale(0)]);
        for i in 0..MAPS {
            sales = sales.map(move |sale| change(sale, i)).named(&step(i));
        }
        sales.discard();
        Ok(())
    })?;
    let engine = Engine::start(graph)?;
    let steps: Vec<String> = (0..MAPS).map(step).collect();
    let stage = Stage::of(&engine, "stage", &steps.iter().map(String::as_str).collect::<Vec<_>>())?;
    let (source, sink) = (&stage.sources[0], &stage.sinks[0]);
    let firsts = (0..elements).step_by(PIECE as usize);
    let pieces = firsts.map(|first| source.values((first..elements.min(first + PIECE)).map(sale)));
    let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
    let expected = sink.values((0..elements).map(|i| (0..MAPS).fold(sale(i), change)))?;
    println!("{elements} elements of {:.1} bytes; millions a second", expected.len() as f64 / elements as f64);
    println!("round  of the bundle's thread  of all threads  by the clock");
    let mut rates = Vec::new();
    for round in 0..=rounds {
        let id = round.to_string();
        let (start, before) = (Instant::now(), Times::now()?);
        engine.begin(&id, &stage);
        for piece in &pieces {
            engine.data(&id, source, piece.clone(), false);
        }
        engine.data(&id, source, Default::default(), true);
        engine.done(&id)?;
        let (wall, times) = (start.elapsed(), Times::now()?);
        if engine.output(&id, sink)? != expected {
            return Err("the maps made something else than they should".into());
        }
        let rate = |time: Duration| elements as f64 / time.as_secs_f64() / 1e6;
        let (all, others) = (times.all - before.all, times.others - before.others);
        // The first makes the processor, and its memory.
        if round > 0 {
            rates.push(rate(all.saturating_sub(others)));
            println!("{round:5}  {:23.2}  {:14.2}  {:12.2}", rates[round - 1], rate(all), rate(wall));
        }
    }
    engine.end()?;
    rates.sort_by(f64::total_cmp);
    println!("median {:.2} million elements a second and core", rates[rates.len() / 2]);
    Ok(())
}

fn step(i: i64) -> String {
    format!("Map {i}")
}

/// What this process has had of the processors.
struct Times {
    all: Duration,
    /// What threads had that are there: when a bundle is over, its thread is not.
    others: Duration,
}

impl Times {
    fn now() -> Result<Self, Box<dyn Error>> {
        let mut others = Duration::ZERO;
        for thread in fs::read_dir("/proc/self/task")? {
            let path = thread?.path();
            let name = fs::read_to_string(path.join("comm"))?;
            if !name.starts_with("bundle") {
                others += processor_time(&path.join("stat"))?;
            }
        }
        Ok(Times { all: processor_time(Path::new("/proc/self/stat"))?, others })
    }
}
