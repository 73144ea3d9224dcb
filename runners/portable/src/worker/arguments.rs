//! The command lines by which engines, and boot programs of theirs, start workers.

use ferrobeam_core::{Error, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The variable that makes a boot program of what would be a worker: engines add no words to a command, but variables.
pub(crate) const ROLE: &str = "FERROBEAM_ROLE";

/// Its only value.
pub(crate) const BOOT: &str = "boot";

/// The variable with the launcher's directory, for workers on the same machine: relative paths mean the same there.
pub(crate) const DIRECTORY: &str = "FERROBEAM_DIRECTORY";

/// Where Beam's own worker pools listen.
const POOL_PORT: u16 = 50000;

/// What a program was started for, if not to launch a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// To run bundles.
    Work(Contract),
    /// To fetch the program that runs bundles, and to become that.
    Boot(Contract),
    /// To start workers whenever an engine wants one.
    Pool {
        /// The address to listen at.
        host: String,
        port: u16,
    },
}

/// What Beam's container contract says to a worker. Who starts it gives only some of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contract {
    pub(super) id: String,
    pub(super) provision: Option<String>,
    pub(super) control: Option<String>,
    pub(super) logging: Option<String>,
    pub(super) artifact: Option<String>,
    pub(super) status: Option<String>,
    pub(super) semi_persist_dir: Option<PathBuf>,
    /// JSON of all of the job's options, where a boot program has left it.
    pub(super) options_file: Option<PathBuf>,
}

/// Reads a command line without the program's name. `variable` gives environment variables.
///
/// Recognised is what no pipeline's own options look like: an id together with an endpoint or `--worker`; a first word `boot`
/// before such; a first word `worker-pool` with nothing but its own options.
///
/// # Errors
/// It is one of these, and lacks something.
pub(super) fn recognise(words: &[String], variable: impl Fn(&str) -> Option<String>) -> Result<Option<Start>> {
    match words.first().map(String::as_str) {
        Some("worker-pool") => return pool(&words[1..]).map(Some),
        Some(BOOT) if words.len() > 1 => return boot(contract(&flags(&words[1..]), &variable)).map(Some),
        _ => {}
    }
    let flags = flags(words);
    let has = |name: &str| flags.contains_key(name);
    let is_worker = flags.get("worker").is_some_and(|value| matches!(value.as_str(), "" | "true"));
    if !has("id") || !(is_worker || has("provision_endpoint")) {
        return Ok(None);
    }
    let contract = contract(&flags, &variable);
    // Beam's own boot programs hand the variable on to what they have fetched: that is the worker already.
    if !is_worker && variable(ROLE).as_deref() == Some(BOOT) {
        return boot(contract).map(Some);
    }
    let knows_options = contract.provision.is_some() || contract.options_file.is_some();
    if !knows_options || (contract.provision.is_none() && (contract.control.is_none() || contract.logging.is_none())) {
        return Err(wrong(
            "a worker needs `--provision_endpoint`; or `--control_endpoint`, `--logging_endpoint` and the variable \
             `PIPELINE_OPTIONS_FILE`",
        ));
    }
    Ok(Some(Start::Work(contract)))
}

fn boot(contract: Contract) -> Result<Start> {
    if contract.id.is_empty() || contract.provision.is_none() {
        return Err(wrong("`boot` needs `--id` and `--provision_endpoint`"));
    }
    Ok(Start::Boot(contract))
}

fn pool(words: &[String]) -> Result<Start> {
    let mut flags = flags(words);
    let port = match flags.remove("port") {
        None => POOL_PORT,
        Some(text) => text.parse().map_err(|_| wrong(&format!("`worker-pool --port {text}`: that is no port")))?,
    };
    let host = flags.remove("host").unwrap_or_else(|| "localhost".to_owned());
    match flags.keys().next() {
        Some(other) => Err(wrong(&format!("`worker-pool` knows `--port` and `--host`, not `--{other}`"))),
        None => Ok(Start::Pool { host, port }),
    }
}

fn contract(flags: &BTreeMap<String, String>, variable: &impl Fn(&str) -> Option<String>) -> Contract {
    let given = |name: &str| flags.get(name).filter(|value| !value.is_empty()).cloned();
    let id = given("id").unwrap_or_default();
    // Prism quotes it as if a shell would take the quotes away.
    let id = id.strip_prefix('\'').and_then(|id| id.strip_suffix('\'')).unwrap_or(&id).to_owned();
    Contract {
        id,
        provision: given("provision_endpoint"),
        control: given("control_endpoint"),
        logging: given("logging_endpoint"),
        artifact: given("artifact_endpoint"),
        // The only one for which Beam's boot programs have no flag.
        status: variable("STATUS_ENDPOINT").filter(|url| !url.is_empty()),
        semi_persist_dir: given("semi_persist_dir").map(PathBuf::from),
        options_file: variable("PIPELINE_OPTIONS_FILE").filter(|path| !path.is_empty()).map(PathBuf::from),
    }
}

/// `--name=value`, `--name value` and `--name`; what is none of them is left out.
fn flags(words: &[String]) -> BTreeMap<String, String> {
    let mut flags = BTreeMap::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (flag, words.next_if(|next| !next.starts_with("--")).cloned().unwrap_or_default()),
        };
        flags.insert(name.to_owned(), value);
    }
    flags
}

fn wrong(why: &str) -> Error {
    Error::Options(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(line: &str, variables: &[(&str, &str)]) -> Result<Option<Start>> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        recognise(&words, variable)
    }

    fn by_provision(id: &str) -> Contract {
        Contract { id: id.to_owned(), provision: Some("localhost:1".to_owned()), ..Contract::default() }
    }

    #[test]
    fn engines_start_processes() {
        let flink = start("--id=1-1 --provision_endpoint=localhost:1", &[]).unwrap();
        assert_eq!(flink, Some(Start::Work(by_provision("1-1"))));
        let prism = start("--id='job-001_go' --provision_endpoint=localhost:1", &[]).unwrap();
        assert_eq!(prism, Some(Start::Work(by_provision("job-001_go"))));
        let boot = start("--id='a' --provision_endpoint=localhost:1", &[(ROLE, BOOT)]).unwrap();
        assert_eq!(boot, Some(Start::Boot(by_provision("a"))));
        assert_eq!(start("boot --id=a --provision_endpoint localhost:1", &[]).unwrap(), boot);
        assert!(start("boot --id=a", &[]).unwrap_err().to_string().contains("--provision_endpoint"));
    }

    #[test]
    fn the_go_container_starts_a_worker() {
        let line = "--worker=true --id='w' --logging_endpoint=l:1 --control_endpoint=c:1 --semi_persist_dir=/tmp";
        let expected = Contract {
            id: "w".to_owned(),
            control: Some("c:1".to_owned()),
            logging: Some("l:1".to_owned()),
            semi_persist_dir: Some("/tmp".into()),
            options_file: Some("pipeline_options.json".into()),
            ..Contract::default()
        };
        let file = ("PIPELINE_OPTIONS_FILE", "pipeline_options.json");
        for variables in [&[file][..], &[file, (ROLE, BOOT)]] {
            assert_eq!(start(line, variables).unwrap(), Some(Start::Work(expected.clone())));
        }
        assert!(start(line, &[]).unwrap_err().to_string().contains("PIPELINE_OPTIONS_FILE"));
    }

    #[test]
    fn pools_listen_for_this_machine_alone() {
        let pool = |host: &str, port| Some(Start::Pool { host: host.to_owned(), port });
        assert_eq!(start("worker-pool", &[]).unwrap(), pool("localhost", 50000));
        assert_eq!(start("worker-pool --port 7 --host 0.0.0.0", &[]).unwrap(), pool("0.0.0.0", 7));
        assert!(start("worker-pool --port=x", &[]).unwrap_err().to_string().contains("no port"));
        assert!(start("worker-pool --prot=7", &[]).unwrap_err().to_string().contains("`--prot`"));
    }

    #[test]
    fn other_command_lines_are_the_pipelines_own() {
        for line in
            ["", "boot", "--id=7", "--worker=true", "--id 7 --runner=direct", "--worker=false --id=7", "x --port 1"]
        {
            assert_eq!(start(line, &[(ROLE, BOOT)]).unwrap(), None, "{line}");
        }
    }
}
