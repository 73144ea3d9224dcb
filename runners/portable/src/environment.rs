//! Where user code runs.

use crate::job::artifacts::{Artifact, own_program};
use crate::job::connect::connect;
use crate::job::environment;
use crate::worker::trial::{PATIENCE, try_command};
use crate::worker::variables;
use ferrobeam_core::{Error, Result};
use ferrobeam_model::pipeline as pb;
use std::path::Path;
use std::str::FromStr;

/// Where an engine's workers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Environment {
    /// This process: for an engine on the same machine.
    Loopback,
    /// Processes that the engine starts on its hosts.
    Process {
        /// The path of a program on each host, which gets no arguments but the engine's: any Ferrobeam program, which then
        /// fetches this one and becomes it, or the boot program of Beam's Go container. If there is none: this program at
        /// this path.
        command: Option<String>,
    },
    /// Worker pools that run on each of the engine's hosts at this `HOST:PORT`: `PROGRAM worker-pool --port PORT`.
    External {
        /// `HOST:PORT`, as seen from those hosts.
        address: String,
    },
    /// Containers that the engine starts, with the boot program of Beam's Go container inside: it fetches this program.
    Docker {
        /// The image's name.
        image: String,
    },
}

impl Environment {
    /// The files that workers fetch.
    pub(crate) fn artifacts(&self) -> Result<Vec<Artifact>> {
        match self {
            // Where the program itself is the command, it is there already.
            Environment::Loopback | Environment::External { .. } | Environment::Process { command: None } => {
                Ok(Vec::new())
            }
            Environment::Process { command: Some(_) } | Environment::Docker { .. } => {
                Ok(vec![Artifact::this_program()?])
            }
        }
    }

    /// What the engine is told, with the address of this process's own workers, and whether it is on this machine.
    pub(crate) fn to_proto(&self, own_workers: &str, artifacts: &[Artifact], is_here: bool) -> Result<pb::Environment> {
        let program = || artifacts.first().ok_or_else(|| crate::failure("nothing is staged that workers could run"));
        Ok(match self {
            Environment::Loopback => environment::external(own_workers),
            Environment::External { address } => environment::external(address),
            Environment::Docker { image } => environment::docker(image, program()?),
            Environment::Process { command: Some(command) } => {
                environment::process(command, variables(true, is_here), artifacts)
            }
            Environment::Process { command: None } => {
                let program = own_program()?.display().to_string();
                environment::process(&program, variables(false, is_here), artifacts)
            }
        })
    }

    /// What can be seen to be wrong from here, if the engine is on this machine.
    pub(crate) async fn check_here(&self) -> Result<()> {
        match self {
            // Prism does not survive a pool that is not there.
            Environment::External { address } => connect("worker pool", address).await.map(drop),
            Environment::Process { command: Some(command) } => {
                check_command(command)?;
                try_command(command, &variables(true, true), PATIENCE).await
            }
            _ => Ok(()),
        }
    }
}

fn check_command(command: &str) -> Result<()> {
    let path = Path::new(command);
    // A bare name is looked up where the engine runs.
    if path.components().count() < 2 {
        return Ok(());
    }
    let wrong = |why: &str| Err(Error::Options(format!("the workers' command `{command}` {why}")));
    match std::fs::metadata(path) {
        Err(error) => wrong(&format!("cannot be found: {error}")),
        Ok(found) if !found.is_file() => wrong("is no file"),
        Ok(found) if std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 == 0 => {
            wrong("is not executable")
        }
        Ok(_) if path.is_relative() => wrong("is a relative path, and engines start elsewhere: give the whole path"),
        Ok(_) => Ok(()),
    }
}

impl FromStr for Environment {
    type Err = Error;

    /// Reads `loopback`, `process`, `process=COMMAND`, `external=HOST:PORT` or `docker=IMAGE`.
    fn from_str(text: &str) -> Result<Self> {
        let (kind, value) = match text.split_once('=') {
            Some((kind, value)) => (kind, Some(value.to_owned()).filter(|value| !value.is_empty())),
            None => (text, None),
        };
        match (kind, value, text.contains('=')) {
            ("loopback", None, false) => Ok(Environment::Loopback),
            ("process", None, false) => Ok(Environment::Process { command: None }),
            ("process", Some(command), _) => Ok(Environment::Process { command: Some(command) }),
            ("external", Some(address), _) => Ok(Environment::External { address }),
            ("docker", Some(image), _) => Ok(Environment::Docker { image }),
            _ => Err(Error::Options(format!(
                "there is no environment `{text}`; expected `loopback`, `process`, `process=COMMAND`, `external=HOST:PORT` or \
                 `docker=IMAGE`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_read() {
        let read = |text: &str| text.parse::<Environment>();
        assert_eq!(read("loopback").unwrap(), Environment::Loopback);
        assert_eq!(read("process").unwrap(), Environment::Process { command: None });
        assert_eq!(read("process=/a=b").unwrap(), Environment::Process { command: Some("/a=b".to_owned()) });
        assert_eq!(read("external=h:1").unwrap(), Environment::External { address: "h:1".to_owned() });
        assert_eq!(read("docker=a/b:c").unwrap(), Environment::Docker { image: "a/b:c".to_owned() });
        for wrong in ["", "proces", "process=", "external", "docker=", "loopback=", "loopback=1"] {
            assert!(read(wrong).unwrap_err().to_string().contains(&format!("`{wrong}`")));
        }
    }

    #[test]
    fn only_what_workers_fetch_is_staged() {
        let artifacts = |text: &str| text.parse::<Environment>().unwrap().artifacts().unwrap();
        for environment in ["loopback", "process", "external=h:1"] {
            assert_eq!(artifacts(environment), [], "{environment}");
        }
        for environment in ["process=boot", "docker=image"] {
            assert_eq!(artifacts(environment), [Artifact::this_program().unwrap()], "{environment}");
        }
    }

    #[test]
    fn commands_are_looked_at_before_anything_is_submitted() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let told = |command: &str| check_command(command).map_err(|error| error.to_string());
        assert!(told(&file.display().to_string()).unwrap_err().ends_with("is not executable"));
        assert!(told(&directory.path().display().to_string()).unwrap_err().ends_with("is no file"));
        assert!(told("/nowhere/at/all").unwrap_err().contains("cannot be found"));
        assert_eq!(told("boot"), Ok(()));
        assert_eq!(told("/bin/sh"), Ok(()));
    }
}
