//! Average and standard deviation per group of a CSV, with a combine function of its own.
//!
//! `csv_stats --input 'trips-*.csv' --output stats` reads the columns `city` and `fare` and writes
//! `stats-00000-of-00001.csv`. A row that does not fit fails the run; with `--bad-rows PREFIX` it is written there, with
//! file, line and reason, and the others count.

use ferrobeam::io::BadRow;
use ferrobeam::prelude::*;
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

/// Mean and standard deviation in one pass, by the parallel form of Welford's algorithm (Chan, Golub and LeVeque, 1979),
/// which does not lose digits where the deviation is small beside the mean.
#[derive(Clone)]
struct Moments;

#[derive(Clone, Debug, Element)]
struct MomentsSoFar {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl CombineFn for Moments {
    type In = f64;
    type Acc = MomentsSoFar;
    type Out = (u64, f64, f64);

    fn create_accumulator(&self) -> MomentsSoFar {
        MomentsSoFar { count: 0, mean: 0.0, squares: 0.0 }
    }

    fn add_input(&self, so_far: &mut MomentsSoFar, x: f64) {
        self.merge_accumulators(so_far, MomentsSoFar { count: 1, mean: x, squares: 0.0 });
    }

    fn merge_accumulators(&self, into: &mut MomentsSoFar, from: MomentsSoFar) {
        let count = into.count + from.count;
        if count == 0 {
            return;
        }
        let (distance, share) = (from.mean - into.mean, from.count as f64 / count as f64);
        into.squares += from.squares + distance * distance * into.count as f64 * share;
        into.mean += distance * share;
        into.count = count;
    }

    fn extract_output(&self, so_far: MomentsSoFar) -> (u64, f64, f64) {
        let variance = so_far.squares / so_far.count.saturating_sub(1).max(1) as f64;
        (so_far.count, so_far.mean, variance.sqrt())
    }
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
