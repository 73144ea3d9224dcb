//! Average and standard deviation per group of a CSV, with a combine function of its own.
//!
//! `csv_stats --input 'trips-*.csv' --output stats` reads the columns `city` and `fare` and writes
//! `stats-00000-of-00001.csv`. A row that does not fit fails the run; with `--bad-rows PREFIX` it is written there, with
//! file, line and reason, and the others count.

use ferrobeam::io::BadRow;
use ferrobeam::prelude::*;
use ferrobeam_examples::moments::Moments;
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct CsvStats {
    /// CSV files with a header, as a glob
    #[arg(long)]
    input: String,
    /// Where the statistics go
    #[arg(long, value_name = "PREFIX")]
    output: String,
    /// Where rows go that do not fit; without it such a row fails the run
    #[arg(long, value_name = "PREFIX")]
    bad_rows: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, Element)]
struct Trip {
    city: String,
    fare: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Element)]
struct Stats {
    city: String,
    trips: u64,
    mean: f64,
    standard_deviation: f64,
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &CsvStats| {
        let read = csv::read::<Trip>(&options.input);
        let trips = match &options.bad_rows {
            None => root.apply(read),
            Some(prefix) => {
                let (trips, bad) = root.apply(read.with_errors());
                bad.map(|row: BadRow| row.to_string()).apply(text::write(prefix));
                trips
            }
        };
        trips
            .map(|trip| (trip.city, trip.fare))
            .combine_per_key(Moments)
            .map(|(city, (trips, mean, standard_deviation))| Stats { city, trips, mean, standard_deviation })
            .apply(csv::write(&options.output));
        Ok(())
    })
}
