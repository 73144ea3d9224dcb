//! `conformance`: the suite as a program.

use clap::{Parser, Subcommand};
use ferrobeam::runner::Runner;
use ferrobeam_conformance::{
    CASES, Case, CasePipeline, Ledger, OnEngine, Outcome, Ran, WORKERS, capabilities, local, matrix, model,
};
use ferrobeam_direct::DirectRunner;
use ferrobeam_local::LocalRunner;
use ferrobeam_portable::{Environment, PortableRunner, Role};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

/// No case takes longer on an engine that is alive.
const LONGEST: Duration = Duration::from_secs(30);

/// Runs the conformance suite.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the cases with their profiles
    List,
    /// Run cases and compare what comes of them with the ledger
    Run(Box<Run>),
    /// Print the capability matrix, as Markdown
    Matrix,
    /// Print the page that shows the matrix and every case that does not hold, as Markdown
    Capabilities,
    /// Print the page that shows what windows and triggers make of an input, as Markdown
    Model,
}

#[derive(clap::Args)]
struct Run {
    /// The runner, or the engine: direct, local, prism, flink or spark
    #[arg(long, default_value = DirectRunner::NAME)]
    runner: String,
    /// Engines: where the job server is, if not where it usually is
    #[arg(long, value_name = "HOST:PORT")]
    job_endpoint: Option<String>,
    /// Engines: how many jobs run at a time, if not as many as do the engine good
    #[arg(long)]
    jobs: Option<usize>,
    /// Engines: how many cases share a job, of those that hold
    #[arg(long, default_value_t = 12)]
    pack: usize,
    /// Engines: where user code runs, if not in this process; then no cases share a job
    #[arg(long, value_name = "KIND")]
    environment: Option<Environment>,
    /// Engines: an option of the engine's, NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE")]
    engine_option: Vec<String>,
    /// Engines: print what came of each case, and compare nothing
    #[arg(long)]
    outcomes: bool,
    /// Cases or areas; all if none is named
    names: Vec<String>,
    /// Direct runner: one schedule
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Direct runner: many schedules, the last one included
    #[arg(long, value_name = "FIRST..LAST", value_parser = seeds)]
    seeds: Option<RangeInclusive<u64>>,
    /// Direct runner: let bundles fail with this probability, and run them again
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.0)]
    fail_bundles: f64,
    /// Local runner: with so many workers; once with each of 1, 2 and 8 if it is not said
    #[arg(long)]
    workers: Option<usize>,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wrong = || format!("`{text}` is not FIRST..LAST");
    let (first, last) = text.split_once("..").ok_or_else(wrong)?;
    let parse = |number: &str| number.parse::<u64>().map_err(|_| wrong());
    let (first, last) = (parse(first)?, parse(last)?);
    if first <= last { Ok(first..=last) } else { Err(wrong()) }
}

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let result = work().and_then(|worked| if worked { Ok(ExitCode::SUCCESS) } else { obey(&mut out) });
    result.unwrap_or_else(|error| {
        // Whoever closed the output does not want to hear why.
        let _ = writeln!(io::stderr(), "conformance: {error}");
        ExitCode::from(2)
    })
}

/// What an engine has started this program for, if one has.
fn work() -> Result<bool, Box<dyn std::error::Error>> {
    let Some(role) = Role::of(std::env::args_os().skip(1))? else { return Ok(false) };
    let construct = |options| {
        let broken = |error| ferrobeam::Error::Options(format!("the options name no pipeline of the suite: {error}"));
        serde_json::from_value::<CasePipeline>(options).map_err(broken)?.construct()
    };
    let say = |line: &str| drop(writeln!(io::stderr(), "{line}"));
    role.play(construct, &say)?;
    Ok(true)
}

fn obey(out: &mut impl Write) -> CommandResult {
    match Arguments::parse().command {
        Command::List => list(out),
        Command::Run(run) => run.run(out),
        Command::Matrix => print_matrix(out),
        Command::Capabilities => print_capabilities(out),
        Command::Model => print_model(out),
    }
}

type CommandResult = Result<ExitCode, Box<dyn std::error::Error>>;

fn list(out: &mut impl Write) -> CommandResult {
    for case in CASES {
        writeln!(out, "{} ({})", case.name, case.profile)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_matrix(out: &mut impl Write) -> CommandResult {
    write!(out, "{}", matrix(CASES, &Ledger::checked_in()?))?;
    Ok(ExitCode::SUCCESS)
}

fn print_capabilities(out: &mut impl Write) -> CommandResult {
    write!(out, "{}", capabilities(CASES, &Ledger::checked_in()?))?;
    Ok(ExitCode::SUCCESS)
}

fn print_model(out: &mut impl Write) -> CommandResult {
    let page = model(&DirectRunner::new().seed(0)).map_err(|error| -> Box<dyn std::error::Error> { error })?;
    write!(out, "{page}")?;
    Ok(ExitCode::SUCCESS)
}

/// How many jobs an engine runs well at a time: Spark refuses a second one, Prism loses writes of state, Flink mostly waits.
fn jobs_of(engine: &str) -> usize {
    match engine {
        "spark" => 1,
        "flink" => 4,
        _ => 2,
    }
}

impl Run {
    fn run(&self, out: &mut impl Write) -> CommandResult {
        if ![DirectRunner::NAME, LocalRunner::NAME].contains(&self.runner.as_str()) {
            return self.run_on_engine(out);
        }
        let (ledger, runners, cases) = (Ledger::checked_in()?, self.runners()?, self.cases()?);
        let mut failed = 0;
        for case in &cases {
            let outcomes: Vec<Outcome> = runners.iter().map(|runner| case.run(&**runner)).collect();
            match ledger.compare(&self.runner, &[(case.name, outcomes)]) {
                Ok(()) => writeln!(out, "ok   {}", case.name)?,
                Err(surprise) => {
                    failed += 1;
                    writeln!(out, "FAIL {surprise}")?;
                }
            }
        }
        writeln!(out, "{} passed, {failed} failed", cases.len() - failed)?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Runs cases as jobs of an engine; its ledger is by its name.
    fn run_on_engine(&self, out: &mut impl Write) -> CommandResult {
        let (ledger, cases) = (Ledger::checked_in()?, self.cases()?);
        let ledger = (!self.outcomes).then_some(&ledger);
        let wrong = |error: ferrobeam::Error| format!("--runner={}: {error}", self.runner);
        let runner = PortableRunner::on(&self.runner).map_err(wrong)?;
        let runner = runner.engine_options(self.engine_option.iter().map(String::as_str)).map_err(wrong)?;
        // The suite is to see where engines differ.
        let mut runner = runner.accept_all_differences().time_limit(LONGEST);
        if let Some(endpoint) = &self.job_endpoint {
            runner = runner.job_endpoint(endpoint);
        }
        if let Some(environment) = &self.environment {
            runner = runner.environment(environment.clone());
        }
        let streaming = runner.clone().engine_options(self.options_of_streams()).map_err(wrong)?;
        let pack = if self.environment.is_some() { 1 } else { self.pack.max(1) };
        let (engine, jobs) = (&*self.runner, self.jobs.unwrap_or_else(|| jobs_of(&self.runner)));
        let suite = OnEngine { engine, ledger, batch: &runner, streaming: &streaming, jobs, pack };
        let (mut failed, mut again) = (0, 0);
        suite.run(&cases, |done| {
            let Ran { case, outcome, runs, surprise } = done;
            let line = match surprise {
                _ if self.outcomes => format!("{} {outcome}", case.name).replace('\n', " / "),
                None if runs == 1 => format!("ok   {}", case.name),
                None => {
                    again += 1;
                    format!("ok   {} (run {runs})", case.name)
                }
                Some(surprise) => {
                    failed += 1;
                    format!("FAIL {surprise}")
                }
            };
            // Whoever closed the output does not want to hear more.
            let _ = writeln!(out, "{line}");
            let _ = out.flush();
        });
        writeln!(out, "{} as the ledger says, {again} of them not at once, {failed} not", cases.len() - failed)?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Flink runs bounded pipelines as batch jobs, unless it is told not to. With larger bundles elements overtake watermarks.
    fn options_of_streams(&self) -> impl Iterator<Item = &str> {
        let of_flink: &[&str] = match self.runner.as_str() {
            "flink" => &["streaming=true", "parallelism=1", "max_bundle_size=1"],
            _ => &[],
        };
        self.engine_option.iter().map(String::as_str).chain(of_flink.iter().copied())
    }

    /// The runner, once for each schedule or number of workers.
    fn runners(&self) -> Result<Vec<Box<dyn Runner>>, String> {
        if self.runner == LocalRunner::NAME {
            let workers = self.workers.map_or(WORKERS.to_vec(), |workers| vec![workers]);
            let runner = |workers| Box::new(local(workers)) as Box<dyn Runner>;
            return Ok(workers.into_iter().map(runner).collect());
        }
        let seeds = self.seeds.clone().or_else(|| self.seed.map(|seed| seed..=seed)).unwrap_or(0..=0);
        let runner = |seed| DirectRunner::new().seed(seed).failing_bundles(self.fail_bundles);
        Ok(seeds.map(|seed| Box::new(runner(seed)) as Box<dyn Runner>).collect())
    }

    /// The cases that are named, by themselves or by their area.
    fn cases(&self) -> Result<Vec<Case>, String> {
        let named = |case: &Case, name: &str| case.name == name || case.area() == name;
        if let Some(unknown) = self.names.iter().find(|name| !CASES.iter().any(|case| named(case, name))) {
            return Err(format!("there is neither a case nor an area `{unknown}`; see `conformance list`"));
        }
        let wanted = |case: &&Case| self.names.is_empty() || self.names.iter().any(|name| named(case, name));
        Ok(CASES.iter().filter(wanted).copied().collect())
    }
}
