//! Nexmark on the local runner: how many events a second each query takes.

#![allow(clippy::print_stdout, reason = "a program that tells what it did")]

use clap::Parser;
use ferrobeam::LocalRunner;
use ferrobeam_benchmarks::contest::Tally;
use ferrobeam_benchmarks::nexmark::expected::expected;
use ferrobeam_benchmarks::nexmark::log::Folder;
use ferrobeam_benchmarks::nexmark::{Promise, QUERIES, Query, Setup};
use ferrobeam_benchmarks::processor_time;
use std::path::Path;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The flags.
#[derive(clap::Parser)]
struct Flags {
    /// The query, q0 to q12 or q0-typed, or all
    #[arg(long, default_value = "all")]
    query: String,
    /// How many events there are
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Workers
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Compare the results with what plain loops over the same events come to
    #[arg(long)]
    check: bool,
}

/// Runs a query and prints its line of the table.
fn measure(query: &Query, flags: &Flags) -> Result<(), Box<dyn std::error::Error>> {
    let Flags { events, workers, check, .. } = *flags;
    let folder = Folder::new(query.name)?;
    let setup = Setup { tally: Tally::default(), workers, folder: folder.0.clone() };
    let stat = Path::new("/proc/self/stat");
    let (begun, before) = (Instant::now(), processor_time(stat)?);
    LocalRunner::new().workers(workers).run(|root| {
        query.build(root, events, &setup);
        Ok(())
    })?;
    let (seconds, cores) = (begun.elapsed().as_secs_f64(), (processor_time(stat)? - before).as_secs_f64());
    let (count, checksum) = setup.tally.total();
    let [rate, of_core] = [seconds, cores].map(|seconds| events as f64 / seconds / 1e6);
    println!("| {} | {} | {rate:.2} M | {of_core:.2} M | {count} | {checksum:016x} |", query.name, query.about);
    if check && let Some(want) = expected(query.name, events) {
        let is_right = match query.promise {
            Promise::Results => (count, checksum) == (want.count, want.checksum),
            Promise::Checksum => checksum == want.checksum,
            Promise::End => count >= want.count,
        };
        if !is_right {
            return Err(
                format!("{}: plain loops come to {} results, {:016x}", query.name, want.count, want.checksum).into()
            );
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let chosen: Vec<&Query> =
        QUERIES.iter().filter(|query| flags.query == "all" || flags.query == query.name).collect();
    if chosen.is_empty() {
        return Err(format!("--query {}: there are q0 to q12, q0-typed, and all", flags.query).into());
    }
    println!("{} events, workers: {}", flags.events, flags.workers);
    println!("| query | what it asks | events/s | events/s and core | results | checksum |");
    println!("|---|---|---|---|---|---|");
    chosen.into_iter().try_for_each(|query| measure(query, &flags))
}
