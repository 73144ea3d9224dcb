//! Mean and standard deviation of payments by city: of all, and of the last hundred again and again.
//!
//! `running_average --input 'payments*.csv' --output averages` reads the columns `city`, `amount` and `ctime` and writes
//! `averages-*.jsonl`: for each city a line such as
//! `{"city": "Bonn", "of": "all", "up_to": null, "n": 2310, "mean": 20.3, "standard_deviation": 11.2}`, and one `"of": "last 100"`
//! with each ten payments more (`--last`, `--every`), `up_to` the time of the last of them. Payments count in the order of their
//! times, however they come. Only those of a city in the same millisecond count as they come, which no two runs need to agree
//! on: where the last hundred begin or end among them, the averages of two runs may differ.
//!
//! With `--follow` the input is a directory whose files grow, with their columns in this order and each row in one line; for
//! all there is a line each ten seconds then, of which the one with the largest `n` counts, and Ctrl-C ends it. What comes later
//! than `--out-of-order` allows is in none of the last hundred.
//!
//! To try it:
//!
//! ```text
//! loggen --output logs
//! (echo city,amount,ctime; sed -E 's/.*"ctime":"([^"]*)".*"amount":([0-9.]*),"city":"([^"]*)".*/\3,\2,\1/' logs/views.jsonl) >payments.csv
//! ```

use ferrobeam::prelude::*;
use ferrobeam::time::seconds;
use ferrobeam_examples::moments::Moments;
use ferrobeam_examples::{Logs, event_time, finite};
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct RunningAverage {
    /// How many payments of a city a moving average is of
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    last: u64,
    /// With how many payments more there is a new one
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    #[command(flatten)]
    #[serde(flatten)]
    logs: Logs,
}

#[derive(Clone, Debug, Deserialize, Element)]
struct Payment {
    city: String,
    #[serde(deserialize_with = "finite")]
    amount: f64,
    #[serde(rename = "ctime", deserialize_with = "event_time")]
    at: Timestamp,
}

/// A line of the output.
#[derive(Clone, Debug, Serialize, Element)]
struct Average {
    city: String,
    of: String,
    up_to: Option<String>,
    n: u64,
    mean: f64,
    standard_deviation: f64,
}

/// A line of a file that grows; none for its header.
fn payment(line: &str) -> Result<Option<Payment>, ::csv::Error> {
    if line == "city,amount,ctime" {
        return Ok(None);
    }
    ::csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes()).into_deserialize().next().transpose()
}

/// The last payments of a city, of which the newest has the time of all.
#[derive(Clone)]
struct AverageOfLast(u64);

impl DoFn for AverageOfLast {
    type In = (String, Vec<f64>);
    type Out = Average;

    fn process(&mut self, (city, amounts): Self::In, ctx: &mut Context<'_, Average>) -> Result<(), BoxError> {
        let mut moments = Moments.create_accumulator();
        amounts.into_iter().for_each(|amount| Moments.add_input(&mut moments, amount));
        let (n, mean, standard_deviation) = Moments.extract_output(moments);
        let (of, up_to) = (format!("last {}", self.0), Some(ctx.timestamp().to_string()));
        ctx.emit(Average { city, of, up_to, n, mean, standard_deviation });
        Ok(())
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, RunningAverage { last, every, logs }: &RunningAverage| {
        let payments = if logs.follow {
            logs.follow(root, payment, |payment| payment.at)
        } else {
            let (payments, bad) = root.apply(csv::read::<Payment>(&logs.input).with_errors());
            logs.write_errors(&bad);
            payments.with_timestamps(|payment| payment.at)
        };
        let amounts = payments.map(|payment| (payment.city, payment.amount)).named("ByCity");
        let now_and_then = AfterWatermark::new().early(after_delay(seconds(10)));
        let of_all = amounts
            .window(GlobalWindows::new().trigger(now_and_then).accumulating())
            .combine_per_key(Moments)
            .map(|(city, (n, mean, standard_deviation))| {
                let (of, up_to) = ("all".to_owned(), None);
                Average { city, of, up_to, n, mean, standard_deviation }
            });
        let of_last =
            amounts.apply(CountWindows::of(*last).every(*every).in_order_of_time()).par_do(AverageOfLast(*last));
        // Only what has the same windows and triggers becomes one collection.
        logs.write(&flatten([&of_all.window(GlobalWindows::new()), &of_last]));
        Ok(())
    })
}
