//! The options of every pipeline, beside its own.

use ferrobeam_core::runner::Runner;
use ferrobeam_core::{Error, Result};
use ferrobeam_direct::DirectRunner;
use ferrobeam_local::{LocalRunner, Show};
use ferrobeam_portable::{Environment, PortableRunner};
use std::io::{IsTerminal, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

/// The runner that uses all of this machine.
const LOCAL: &[&str] = &[LocalRunner::NAME];

/// The runner that looks for errors.
const DIRECT: &[&str] = &[DirectRunner::NAME];

/// Those that hand the pipeline to an engine.
const PORTABLE: &[&str] = &[PortableRunner::NAME, "prism", "flink", "spark"];

// A doc comment here would become the description of every program.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "How to run it")]
pub(crate) struct RunOptions {
    /// What runs the pipeline: local (all cores of this machine); direct (single-threaded, made to find bugs); portable (any
    /// engine with a job server of Beam's); prism, flink or spark (that engine, which is started if it does not run)
    #[arg(long, default_value = LocalRunner::NAME)]
    runner: String,
    /// Local runner: the number of workers, if not one for each core
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=LocalRunner::MOST_WORKERS as i64))]
    workers: Option<u16>,
    /// Local runner: the memory that it may have, as 1GiB, 500MB or a number of bytes; what groupings, state and
    /// side inputs have no room for goes to files
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    memory_limit: Option<u64>,
    /// Local runner: the directory for those files, if not the system's temporary one
    #[arg(long, value_name = "DIR", requires = "memory_limit")]
    spill_dir: Option<PathBuf>,
    /// Print the graph and its stages instead of running: text, dot, json or proto; run is for the local runner, and prints
    /// after the run how it was executed
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    pub(crate) explain: Option<String>,
    /// Local runner: tell nothing about the run on standard error
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Local runner: answer http://ADDRESS/metrics while the pipeline runs, for Prometheus
    #[arg(long, value_name = "ADDRESS")]
    prometheus: Option<String>,
    /// Engines: where the job server is
    #[arg(long, value_name = "HOST:PORT")]
    job_endpoint: Option<String>,
    /// Engines: where user code runs: loopback (in this process, the default for an engine on this machine), process,
    /// process=COMMAND, external=HOST:PORT (of `worker-pool`), docker=IMAGE
    #[arg(long, value_name = "KIND")]
    environment: Option<Environment>,
    /// Flink: the REST address of the cluster behind the job server; if no job server is named, one is started for it
    #[arg(long, value_name = "HOST:PORT")]
    flink_master: Option<String>,
    /// Engines: an option of the engine's own, as parallelism=2; job servers show all options to everybody
    #[arg(long, value_name = "NAME=VALUE")]
    engine_option: Vec<String>,
    /// Engines: run the pipeline though the engine does this in another way than Beam's model says
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    accept_engine_differences: Vec<String>,
    /// Engines: cancel the job if it is not done after so many seconds
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<u64>,
    /// Direct runner: repeat the schedule of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Direct runner: let bundles fail with this probability, and run them again
    #[arg(long, value_name = "PROBABILITY")]
    fail_bundles: Option<f64>,
    /// Local and direct runner: end unbounded sources after so many seconds, which are virtual on the direct runner
    #[arg(long, value_name = "SECONDS")]
    drain_after: Option<u64>,
}

impl RunOptions {
    /// The runner that was asked for; workers in other processes construct the pipeline from its `own` options.
    ///
    /// # Errors
    /// There is none of this name, or an option is not for it.
    pub(crate) fn runner(&self, own: serde_json::Value) -> Result<Box<dyn Runner>> {
        let name = self.runner.as_str();
        let known = [LOCAL, DIRECT, PORTABLE].concat();
        if !known.contains(&name) {
            let known = known.join("`, `");
            return Err(Error::Options(format!("--runner={name}: there is no such runner; expected one of `{known}`")));
        }
        self.check_given()?;
        match name {
            LocalRunner::NAME => Ok(Box::new(self.local()?)),
            DirectRunner::NAME => self.direct(),
            _ => self.portable(own),
        }
    }

    /// An option that the runner would not look at is a mistake.
    fn check_given(&self) -> Result<()> {
        let given = [
            ("--workers", self.workers.is_some(), LOCAL),
            ("--memory-limit", self.memory_limit.is_some(), LOCAL),
            ("--spill-dir", self.spill_dir.is_some(), LOCAL),
            ("--quiet", self.quiet, LOCAL),
            ("--prometheus", self.prometheus.is_some(), LOCAL),
            ("--explain=run", self.explains_run(), LOCAL),
            ("--job-endpoint", self.job_endpoint.is_some(), PORTABLE),
            ("--environment", self.environment.is_some(), PORTABLE),
            ("--flink-master", self.flink_master.is_some(), &["flink"]),
            ("--engine-option", !self.engine_option.is_empty(), PORTABLE),
            ("--accept-engine-differences", !self.accept_engine_differences.is_empty(), PORTABLE),
            ("--time-limit", self.time_limit.is_some(), PORTABLE),
            ("--seed", self.seed.is_some(), DIRECT),
            ("--fail-bundles", self.fail_bundles.is_some(), DIRECT),
            ("--drain-after", self.drain_after.is_some(), &[LocalRunner::NAME, DirectRunner::NAME]),
        ];
        let wrong = given.iter().find(|(_, is_given, of)| *is_given && !of.contains(&self.runner.as_str()));
        if let Some((option, _, of)) = wrong {
            let runners = of.iter().map(|name| format!("--runner={name}")).collect::<Vec<_>>().join(" or ");
            return Err(Error::Options(format!("{option} is not for --runner={}; it is for {runners}", self.runner)));
        }
        Ok(())
    }

    /// Whether the pipeline is explained as it was run, and not before.
    pub(crate) fn explains_run(&self) -> bool {
        self.explain.as_deref() == Some("run")
    }

    fn local(&self) -> Result<LocalRunner> {
        let show = match self.quiet {
            true => Show::Nothing,
            false if std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") => {
                Show::Screen
            }
            false => Show::Lines,
        };
        let mut runner = LocalRunner::new().drain_when_interrupted().show(show);
        if self.explains_run() {
            runner = runner.explain_run(print);
        }
        if let Some(address) = &self.prometheus {
            let what = format!("--prometheus={address}: cannot listen there");
            runner = runner.prometheus(TcpListener::bind(address).map_err(|source| Error::Io { what, source })?);
        }
        if let Some(workers) = self.workers {
            runner = runner.workers(workers.into());
        }
        if let Some(bytes) = self.memory_limit {
            runner = runner.memory_limit(bytes);
        }
        if let Some(dir) = &self.spill_dir {
            runner = runner.spill_dir(dir);
        }
        if let Some(seconds) = self.drain_after {
            runner = runner.drain_after(Duration::from_secs(seconds));
        }
        Ok(runner)
    }

    fn direct(&self) -> Result<Box<dyn Runner>> {
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

    fn portable(&self, own: serde_json::Value) -> Result<Box<dyn Runner>> {
        let mut runner = match (self.runner.as_str(), &self.job_endpoint) {
            (PortableRunner::NAME, None) => {
                return Err(Error::Options("--runner=portable needs --job-endpoint=HOST:PORT".to_owned()));
            }
            (PortableRunner::NAME, Some(endpoint)) => PortableRunner::at(endpoint),
            (engine, None) => PortableRunner::on(engine)?,
            (engine, Some(endpoint)) => PortableRunner::on(engine)?.job_endpoint(endpoint),
        };
        if let Some(master) = &self.flink_master {
            runner = runner.flink_master(master);
        }
        if let Some(environment) = &self.environment {
            runner = runner.environment(environment.clone());
        }
        if let Some(seconds) = self.time_limit {
            runner = runner.time_limit(Duration::from_secs(seconds));
        }
        for feature in &self.accept_engine_differences {
            runner = runner.accept_difference(feature)?;
        }
        let runner = runner.engine_options(self.engine_option.iter().map(String::as_str))?;
        Ok(Box::new(runner.options(own).progress(say).cancel_when_interrupted()))
    }
}

/// A number of bytes, with or without a unit.
fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("", 1),
        ("B", 1),
        ("kB", 1000),
        ("MB", 1000 * 1000),
        ("GB", 1000 * 1000 * 1000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()));
    let size = known.and_then(|(_, size)| number.parse::<u64>().ok()?.checked_mul(*size));
    size.ok_or_else(|| "expected a number with a unit, as 1GiB or 500MB".to_owned())
}

/// Prints on standard output, where an explanation goes.
fn print(text: &str) {
    // Nobody who reads it is no reason to fail after the run.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Tells the person at the terminal what is going on; standard output is the pipeline's.
pub(crate) fn say(line: &str) {
    // Nobody at the terminal is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    fn runner(line: &str) -> Result<&'static str> {
        let command = RunOptions::augment_args(clap::Command::new("pipeline").no_binary_name(true));
        let matches =
            command.try_get_matches_from(line.split_whitespace()).map_err(|e| Error::Options(e.to_string()))?;
        let options = RunOptions::from_arg_matches(&matches).map_err(|e| Error::Options(e.to_string()))?;
        Ok(options.runner(serde_json::Value::Null)?.name())
    }

    #[test]
    fn runners_are_known_by_name() {
        assert_eq!(runner("").unwrap(), "local");
        assert_eq!(runner("--runner=local --workers=2 --drain-after=60").unwrap(), "local");
        assert_eq!(runner("--memory-limit=1GiB --spill-dir=/d").unwrap(), "local");
        assert_eq!(runner("--quiet --prometheus=127.0.0.1:0 --explain=run").unwrap(), "local");
        assert_eq!(runner("--runner=direct --seed=1").unwrap(), "direct");
        assert_eq!(runner("--runner=portable --job-endpoint=h:1 --environment=process=/w").unwrap(), "portable");
        assert_eq!(
            runner("--runner=prism --accept-engine-differences=sessions,lateness --time-limit=60").unwrap(),
            "portable"
        );
        let flink = "--runner=flink --flink-master=h:1 --environment=external=h:2 --engine-option parallelism=2 \
                     --engine-option streaming=true";
        assert_eq!(runner(flink).unwrap(), "portable");
        assert_eq!(runner("--runner=flink --flink-master=h:1 --job-endpoint=h:2").unwrap(), "portable");
    }

    #[test]
    fn sizes_have_units() {
        let sizes = ["4096", "512B", "3kB", "500MB", "2GB", "7KiB", "1gib", "1 MiB"].map(|text| bytes(text).unwrap());
        assert_eq!(sizes, [4096, 512, 3000, 500_000_000, 2_000_000_000, 7 << 10, 1 << 30, 1 << 20]);
        for wrong in ["", "GiB", "1.5GiB", "1 PiB", "-1", "99999999999TiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_of_another_runner_are_mistakes() {
        let told = |line: &str| runner(line).unwrap_err().to_string();
        assert!(told("--runner=storm").contains("`flink`"));
        assert!(told("--runner=portable").contains("--job-endpoint"));
        assert!(told("--job-endpoint=h:1").contains("--job-endpoint is not for --runner=local"));
        assert!(
            told("--runner=prism --seed=1").ends_with("--seed is not for --runner=prism; it is for --runner=direct")
        );
        assert!(told("--time-limit=1").contains("--time-limit is not for --runner=local"));
        assert!(told("--runner=direct --workers=2").contains("--workers is not for --runner=direct"));
        let drain = told("--runner=prism --drain-after=1");
        assert!(drain.ends_with("it is for --runner=local or --runner=direct"), "{drain}");
        assert!(told("--runner=direct --quiet").contains("--quiet is not for --runner=direct"));
        assert!(told("--runner=direct --explain=run").contains("--explain=run is not for --runner=direct"));
        assert!(told("--prometheus=nowhere").starts_with("--prometheus=nowhere: cannot listen there: "));
        assert!(told("--workers=0").contains("--workers"));
        assert!(told("--workers=1025").contains("1025 is not in 1..=1024"));
        assert!(told("--runner=direct --memory-limit=1GiB").contains("--memory-limit is not for --runner=direct"));
        assert!(told("--memory-limit=much").contains("as 1GiB"));
        assert!(told("--spill-dir=/d").contains("--memory-limit"));
        assert!(told("--runner=prism --flink-master=h:1").contains("--flink-master is not for"));
        assert!(told("--runner=flink --engine-option=Parallelism=2").contains("snake_case"));
        assert!(told("--runner=flink --accept-engine-differences=all").contains("these are: "));
        assert!(told("--runner=flink --environment=moon").contains("`moon`"));
    }
}
