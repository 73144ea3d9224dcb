//! Prism, Beam's own small runner, and the boot program of Beam's Go container.

use super::install::{Package, Part};
use super::run::Plan;
use super::{Engine, Home};
use crate::Failure;
use std::process::Command;

pub(crate) const ENGINE: Engine = Engine { name: "prism", parts: &[PROGRAMS], plan: Some(plan) };

/// The second program is called `container`; it is what runs first in the public image for pipelines in Go.
const PROGRAMS: Part = Part {
    folder: "prism/bin",
    package: Package::Go(&[
        "github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0",
        "github.com/apache/beam/sdks/v2/go/container@v2.77.0",
    ]),
};

fn plan(home: &Home) -> Result<Plan, Failure> {
    let (job, web) = (home.port(8073)?, home.port(8074)?);
    let mut command = Command::new(home.path(PROGRAMS.folder).join("prism"));
    command.args([format!("-job_port={job}"), format!("-web_port={web}")]);
    Ok(Plan {
        endpoints: vec![("job endpoint", job), ("web", web)],
        processes: vec![("prism", command)],
        task_managers: None,
    })
}
