//! From the command line to a result, or to the work of a worker.

use crate::options::{RunOptions, say};
use ferrobeam_core::graph::Graph;
use ferrobeam_core::runner::PipelineResult;
use ferrobeam_core::{Error, Result, Root};
use ferrobeam_portable::Role;
use ferrobeam_runner_core::explain::explain;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Write;

/// Runs a pipeline as the command line says: the pipeline's own options `O`, and how to run it.
///
/// `construct` depends on its options alone (see [`Root`]). In debug builds it is called twice, the second time with
/// options that were written as JSON and read back, as a worker gets them; a pipeline that comes out different is
/// refused.
///
/// Engines start the same program as a worker, and then `construct` is called there, with the same options. These are no place
/// for secrets, because job servers show them to everybody: a password comes from an environment variable or a file of the
/// host on which the step that needs it runs. The program has two more parts for a first argument: `worker-pool --port PORT`
/// starts workers whenever an engine wants some, and `boot`, with the arguments of an engine, fetches the program that was
/// launched elsewhere, and becomes it.
///
/// # Errors
/// What `construct` or the runner returns. Returned from `main` it is printed and the process ends with status 1.
/// Options that cannot be read end the process with clap's message and status 2.
pub fn run<O, F>(construct: F) -> Result<()>
where
    O: clap::Args + Serialize + DeserializeOwned,
    F: Fn(&Root, &O) -> Result<()>,
{
    run_then(construct, |_, _| Ok(()))
}

/// [`run`], and then looks at the result, if the pipeline was launched here and not only explained.
///
/// # Errors
/// As [`run`]; and what `then` returns.
pub fn run_then<O, F>(construct: F, then: impl FnOnce(&PipelineResult, &O) -> Result<()>) -> Result<()>
where
    O: clap::Args + Serialize + DeserializeOwned,
    F: Fn(&Root, &O) -> Result<()>,
{
    if let Some(role) = Role::of(std::env::args_os().skip(1))? {
        let options = |json| {
            let others = |error| Error::Options(format!("the job's options are not those of this program: {error}"));
            serde_json::from_value::<O>(json).map_err(others)
        };
        return role.play(|json| options(json).and_then(|own| Root::build(|root| construct(root, &own))), &say);
    }
    let (options, run_options) = parse::<O>();
    let graph = Root::build(|root| construct(root, &options))?;
    if cfg!(debug_assertions) {
        check_construction(&graph, &construct, &options)?;
    }
    if let Some(form) = run_options.explain.as_ref().filter(|_| !run_options.explains_run()) {
        let text = explain(&graph, form.parse()?)?;
        let written = std::io::stdout().write_all(&text);
        return written.map_err(|source| Error::Io { what: "cannot print the explanation".to_owned(), source });
    }
    let result = run_options.runner(to_json(&options)?)?.run_graph(&graph)?;
    if result.is_drained && !run_options.quiet {
        say("drained: sources were ended, and what they had given by then went through");
    }
    then(&result, &options)
}

fn parse<O: clap::Args>() -> (O, RunOptions) {
    // clap shows the name that the program was called by.
    let command = O::augment_args(clap::Command::new("pipeline"));
    let matches = <RunOptions as clap::Args>::augment_args(command).get_matches();
    let both = O::from_arg_matches(&matches)
        .and_then(|own| Ok((own, <RunOptions as clap::FromArgMatches>::from_arg_matches(&matches)?)));
    both.unwrap_or_else(|error| error.exit())
}

fn check_construction<O, F>(graph: &Graph, construct: &F, options: &O) -> Result<()>
where
    O: Serialize + DeserializeOwned,
    F: Fn(&Root, &O) -> Result<()>,
{
    // Through text, as a worker gets them.
    let text = to_json(options)?.to_string();
    let again: O = serde_json::from_str(&text).map_err(broken)?;
    if Root::build(|root| construct(root, &again))?.fingerprint() == graph.fingerprint() {
        return Ok(());
    }
    Err(Error::Graph(vec![
        "it comes out different when it is built twice: construction must depend on the options alone, and on no clock, \
         random number, file or order of a hash map"
            .to_owned(),
    ]))
}

fn to_json<O: Serialize>(options: &O) -> Result<serde_json::Value> {
    serde_json::to_value(options).map_err(broken)
}

fn broken(error: serde_json::Error) -> Error {
    Error::Options(format!("the pipeline's options do not survive JSON: {error}"))
}
