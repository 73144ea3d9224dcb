//! Chores of the workspace.
//!
//! `cargo xtask test` runs all that must hold: layout, formatting, lints, documentation, every test, the conformance suite on
//! engines, the page views of an example on them, and the word count of the README on 128 MiB of text beside `tr | sort | uniq -c`. `cargo xtask hostile` and
//! `cargo xtask wordcount [MIB]` run only one of them. `cargo xtask model` writes `docs/model.md` and `docs/capabilities.md` anew. `cargo xtask engines ..` installs,
//! starts and ends engines; `cargo xtask conformance ENGINE` runs the suite on one; `cargo xtask bench NAME` measures speed.
//! `cargo xtask faults` kills workers and task managers of a Flink cluster while a pipeline runs; `cargo xtask container` has
//! Prism's workers started by the boot program of Beam's Go container. `cargo xtask page-views engines` compares the last panes of an
//! example on four runners with a plain count, and `cargo xtask page-views follow` those of ten million events that come.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to a terminal")]

mod bench;
mod container;
mod engines;
mod faults;
mod layout;
mod page_views;
mod wordcount;

use ferrobeam_engines::{Engine, PrivateEngine};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Why a chore failed.
type Failure = String;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["test"] => test(),
        ["hostile"] => hostile(),
        ["model"] => model(),
        ["wordcount"] => wordcount::compare(128),
        ["wordcount", size] => size.parse().map_err(|e| format!("{size}: {e}")).and_then(wordcount::compare),
        ["bench", words @ ..] => bench::command(words),
        ["engines", words @ ..] => engines::command(words),
        ["faults", words @ ..] => faults::run(words),
        ["container"] => cargo(&["build", "--package", "ferrobeam-examples", "--bin", "wordcount"], &[])
            .and_then(|()| container::check()),
        ["page-views", words @ ..] => page_views::command(words),
        ["conformance", engine, areas @ ..] => {
            cargo(&["build", "--package", "ferrobeam-conformance"], &[]).and_then(|()| conformance(engine, areas))
        }
        _ => Err("usage: cargo xtask test | hostile | model | wordcount [MIB] | bench NAME | engines .. | \
             conformance ENGINE [AREA..] | faults .. | container | page-views .."
            .to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<(), Failure> {
    layout::check()?;
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    cargo(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    cargo(&["test", "--workspace", "--lib", "--bins", "--tests"], &[])?;
    beside(doc_tests, on_engines)?;
    page_views::on_runners()?;
    container::check()?;
    hostile()?;
    wordcount::compare(128)
}

/// Does two things at a time; if both fail, both are told.
fn beside(
    one: impl FnOnce() -> Result<(), Failure> + Send,
    other: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        let one = one.join().unwrap_or_else(|_| Err("a chore panicked".to_owned()));
        match (one, other) {
            (Err(one), Err(other)) => Err(format!("{one}\n{other}")),
            (one, other) => one.and(other),
        }
    })
}

/// The examples of all public items. One compiler works on them for minutes, mostly on one core, so that is done in the time for
/// which engines wait; `nice`, so that it does not make their cases late. What it says comes when it is done.
fn doc_tests() -> Result<(), Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new("nice");
    let start = Instant::now();
    let output = command.args([&cargo, "test", "--workspace", "--doc"]).output();
    let output = output.map_err(|e| format!("nice {cargo} test --workspace --doc: {e}"))?;
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    println!("== cargo test --workspace --doc\n{said}== done in {:.1} s", start.elapsed().as_secs_f64());
    if output.status.success() { Ok(()) } else { Err(format!("cargo test --workspace --doc: {}", output.status)) }
}

/// The suite on every engine, by the program that the tests have built.
fn on_engines() -> Result<(), Failure> {
    ["prism", "flink", "spark", CLUSTER].iter().try_for_each(|engine| conformance(engine, &[]))?;
    run(conformance_program()?.arg("matrix"))
}

/// The pages that come from the conformance suite; tests compare them with what it says.
fn model() -> Result<(), Failure> {
    for page in ["model", "capabilities"] {
        let path = format!("docs/{page}.md");
        let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        let output = command.args(["run", "--quiet", "--package", "ferrobeam-conformance", "--", page]).output();
        let output = output.map_err(|e| format!("cargo run: {e}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        std::fs::write(&path, output.stdout).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(())
}

/// The engine whose workers are processes.
const CLUSTER: &str = "flink-cluster";

/// Cases that run in worker processes on a cluster: of each kind of step one that is hard there.
const ON_CLUSTER: [&str; 20] = [
    "co_group_by_key::three_collections",
    "combine::a_hot_key",
    "combine::many_keys",
    "combine::sums_per_key",
    "create::every_element_comes_once",
    "flatten::different_origins",
    "group_by_key::a_hot_key",
    "group_by_key::groups_of_groups",
    "group_by_key::many_keys",
    "joins::full_outer_keeps_both",
    "metrics::a_counter_counts_every_element_once",
    "par_do::additional_outputs_have_their_own_types",
    "reshuffle::all_elements_stay",
    "rows::rows_are_keys",
    "side_inputs::a_multimap_has_all_values",
    "side_inputs::chained",
    "sources::every_part_is_read_once",
    "splittable::it_is_split_at_first",
    "state::every_key_has_its_own",
    "timers::they_fire_at_the_end_of_bounded_data",
];

/// The suite, or some areas of it, on an engine that is started for it.
fn conformance(engine: &str, areas: &[&str]) -> Result<(), Failure> {
    if engine == CLUSTER {
        return on_cluster(if areas.is_empty() { &ON_CLUSTER } else { areas });
    }
    engines::command(&["up", engine])?;
    // An engine that dies is started again from there.
    let mut command = conformance_program()?;
    command.env("FERROBEAM_ENGINES_DIR", engines::directory());
    let result = run(command.args(["run", "--runner", engine]).args(areas));
    engines::command(&["down", engine])?;
    result
}

/// Cases on a Flink cluster, whose workers are processes.
fn on_cluster(cases: &[&str]) -> Result<(), Failure> {
    let cluster = PrivateEngine::start(Engine::named(CLUSTER)?, engines::home()?.for_small_jobs())?;
    let arguments = ["run", "--runner=flink", "--environment=process", "--job-endpoint", cluster.job_endpoint()];
    run(conformance_program()?.args(arguments).args(cases))
}

/// The suite, by the program that lies beside this one.
fn conformance_program() -> Result<Command, Failure> {
    let here = std::env::current_exe().map_err(|e| format!("where this program is: {e}"))?;
    Ok(Command::new(here.with_file_name("conformance")))
}

/// A million random and mutated inputs for each coder; in a release build, for there are many coders.
fn hostile() -> Result<(), Failure> {
    let test = ["test", "--release", "--package", "ferrobeam-core", "--test", "coders", "hostile"];
    cargo(&test, &[("FERROBEAM_INPUTS_PER_CODER", "1000000")])
}

/// Runs cargo and says how long it took.
fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run(Command::new(cargo).args(arguments).envs(environment.iter().copied()))
}

/// Runs a command, which must succeed.
fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = format!("{:?}", command).replace('"', "");
    println!("== {shown}");
    let start = Instant::now();
    let status = command.status().map_err(|e| format!("{shown}: {e}"))?;
    if !status.success() {
        return Err(format!("{shown}: {status}"));
    }
    println!("== done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
