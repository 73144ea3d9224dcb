//! What a program does that an engine has started, and not a person.

use super::arguments::{Contract, DIRECTORY, Start, recognise};
use super::provision::Provision;
use super::{boot, child_pool};
use crate::harness::work;
use crate::{PortableRunner, runtime};
use ferrobeam_core::graph::Graph;
use ferrobeam_core::{Error, Result};
use std::sync::Arc;

/// A part that this program plays for an engine: a worker, the boot program of one, or a pool of them.
///
/// The program that launches a pipeline is also its worker: it builds the same graph again, from the options that came with the
/// job. Those options are shown to everybody by job servers, so there must be no secrets in them; a worker gets these by
/// environment variables or files of its host.
#[derive(Clone, Debug)]
pub struct Role(Start);

impl Role {
    /// The part that a command line without the program's name asks for, if it does; to be tried before any other parsing.
    ///
    /// # Errors
    /// It asks for one, and leaves out what that needs.
    pub fn of(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Option<Role>> {
        let words: Vec<String> = arguments.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Ok(recognise(&words, |name| std::env::var(name).ok())?.map(Role))
    }

    /// Plays it to its end. `construct` builds the graph from the pipeline's own options; `say` is told what a person who
    /// started a pool wants to know.
    ///
    /// # Errors
    /// What `construct` returns, which the engine gets to know, too; or the engine cannot be reached, or breaks off.
    pub fn play(self, construct: impl FnOnce(serde_json::Value) -> Result<Graph>, say: &dyn Fn(&str)) -> Result<()> {
        let runtime = runtime()?;
        let result = match self.0 {
            Start::Work(contract) => runtime.block_on(as_worker(&contract, construct)),
            Start::Boot(contract) => Err(runtime.block_on(as_boot(&contract))),
            Start::Pool { host, port } => runtime.block_on(child_pool::serve(&host, port, say)),
        };
        // User code that still runs on a thread is not waited for.
        runtime.shutdown_background();
        result
    }
}

async fn as_worker(contract: &Contract, construct: impl FnOnce(serde_json::Value) -> Result<Graph>) -> Result<()> {
    let provision = Provision::get(contract).await?;
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        // If it is not there, this is no machine of the launcher's, and relative paths mean nothing.
        let _ = std::env::set_current_dir(directory);
    }
    match provision.own_options().and_then(construct) {
        Ok(graph) => work(Ok(Arc::new([graph])), &contract.id, provision.endpoints).await,
        Err(error) => Err(refuse(contract, provision, error).await),
    }
}

/// Only an error comes back: otherwise this process has become another program.
async fn as_boot(contract: &Contract) -> Error {
    let provision = match Provision::get(contract).await {
        Ok(provision) => provision,
        Err(error) => return error,
    };
    let error = match boot::fetch(contract, &provision).await {
        Ok(program) => boot::become_worker(&program, contract),
        Err(error) => error,
    };
    refuse(contract, provision, error).await
}

/// Tells the engine, which then ends the job, and gives what this process has to say when it ends.
async fn refuse(contract: &Contract, provision: Provision, error: Error) -> Error {
    let told = format!("{error:?}");
    // An engine that cannot be told has gone.
    let _ = work(Err(error), &contract.id, provision.endpoints).await;
    Error::Runner { runner: PortableRunner::NAME, message: told }
}
