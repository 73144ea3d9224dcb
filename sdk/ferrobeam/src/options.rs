//! The options of every pipeline, beside its own.

use ferrobeam_core::runner::Runner;
use ferrobeam_core::{Error, Result};
use ferrobeam_direct::DirectRunner;
use std::time::Duration;

// A doc comment here would become the description of every program.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "How to run it")]
pub(crate) struct RunOptions {
    /// What runs the pipeline: direct (single-threaded, made to find bugs)
    #[arg(long, default_value = DirectRunner::NAME)]
    runner: String,
    /// Print the graph and its stages instead of running: text, dot, json or proto
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub(crate) explain: Option<String>,
    /// Direct runner: repeat the schedule of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Direct runner: let bundles fail with this probability, and run them again
    #[arg(long, value_name = "PROBABILITY")]
    fail_bundles: Option<f64>,
    /// Direct runner: end unbounded sources when so many seconds of its virtual processing time have passed
    #[arg(long, value_name = "SECONDS")]
    drain_after: Option<u64>,
}

impl RunOptions {
    /// The runner that was asked for.
    ///
    /// # Errors
    /// There is none of this name, or an option is not for it.
    pub(crate) fn runner(&self) -> Result<Box<dyn Runner>> {
        match self.runner.as_str() {
            DirectRunner::NAME => {
                let mut runner = DirectRunner::new();
                if let Some(seed) = self.seed {
                    runner = runner.seed(seed);
                }
                if let Some(seconds) = self.drain_after {
                    runner = runner.drain_after(Duration::from_secs(seconds));
                }
                match self.fail_bundles {
                    Some(p) if !(0.0..=0.9).contains(&p) => {
                        Err(Error::Options(format!("--fail-bundles={p}: expected a probability from 0 to 0.9")))
                    }
                    p => Ok(Box::new(runner.failing_bundles(p.unwrap_or_default()))),
                }
            }
            other => Err(Error::Options(format!("--runner={other}: there is no such runner; expected `direct`"))),
        }
    }
}
