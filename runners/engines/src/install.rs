//! Packages of the registries of Go, Maven and Python, put where we want them.

use super::home::Home;
use super::maven;
use crate::Failure;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A folder below the home, and what is to be in it.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) folder: &'static str,
    pub(crate) package: Package,
}

/// What a client of a registry can get.
#[derive(Debug)]
pub(crate) enum Package {
    /// Programs, made from source: `path@version`.
    Go(&'static [&'static str]),
    /// Jars and all that they depend on: `group:artifact:version`.
    Maven(&'static [&'static str]),
    /// The same, made one jar.
    MavenInOne(&'static [&'static str]),
    /// Jars that a Python package carries in a directory of its source archive.
    JarsInPython { name: &'static str, version: &'static str, directory: &'static str },
    /// A virtual environment with a package.
    Python(&'static str),
}

impl Part {
    /// Whether the folder holds all of this package, in this version.
    pub(crate) fn is_installed(&self, home: &Home) -> bool {
        let marker = home.path(self.folder).join(MARKER);
        fs::read_to_string(marker).is_ok_and(|text| text == self.marker())
    }

    /// Fills the folder, unless that was done before.
    pub(crate) fn install(&self, home: &Home) -> Result<(), Failure> {
        if self.is_installed(home) {
            return Ok(());
        }
        let folder = home.path(self.folder);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(at(&folder))?;
        }
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        match &self.package {
            Package::Go(programs) => go(home, &folder, programs)?,
            Package::Maven(artifacts) => maven(home, &folder, artifacts, false)?,
            Package::MavenInOne(artifacts) => maven(home, &folder, artifacts, true)?,
            Package::JarsInPython { name, version, directory } => {
                jars_in_python(home, &folder, name, version, directory)?
            }
            Package::Python(requirement) => python(home, &folder, requirement)?,
        }
        // Last: a folder without it is not complete.
        let marker = folder.join(MARKER);
        fs::write(&marker, self.marker()).map_err(at(&marker))
    }

    fn marker(&self) -> String {
        format!("{:?}\n", self.package)
    }
}

const MARKER: &str = ".complete";

fn go(home: &Home, folder: &Path, programs: &[&str]) -> Result<(), Failure> {
    // One by one: `go install` wants all arguments to be of one module.
    programs
        .iter()
        .try_for_each(|program| run(home, Command::new("go").args(["install", program]).env("GOBIN", folder)))
}

fn maven(home: &Home, folder: &Path, artifacts: &[&str], one_jar: bool) -> Result<(), Failure> {
    let pom = folder.join("pom.xml");
    fs::write(&pom, maven::project(artifacts, one_jar)?).map_err(at(&pom))?;
    let mut command = Command::new("mvn");
    command.args(["--batch-mode", "--quiet", "--file"]).arg(&pom);
    if one_jar {
        return run(home, command.arg("package"));
    }
    command.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
    run(home, command.arg(format!("-DoutputDirectory={}", folder.display())))
}

fn jars_in_python(home: &Home, folder: &Path, name: &str, version: &str, directory: &str) -> Result<(), Failure> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest"]).arg(folder);
    run(home, command.arg(format!("{name}=={version}")))?;
    let archive = folder.join(format!("{name}-{version}.tar.gz"));
    let inside = format!("{name}-{version}/{directory}");
    let depth = inside.split('/').count();
    let mut command = Command::new("tar");
    command.arg("-xzf").arg(&archive).arg("-C").arg(folder);
    run(home, command.arg(format!("--strip-components={depth}")).arg(inside))?;
    fs::remove_file(&archive).map_err(at(&archive))
}

fn python(home: &Home, folder: &Path, requirement: &str) -> Result<(), Failure> {
    run(home, Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    run(home, Command::new(folder.join("bin/python")).args(["-m", "pip", "install", "--quiet", requirement]))
}

/// Runs a command that must succeed; if it does not, the end of what it printed says why.
fn run(home: &Home, command: &mut Command) -> Result<(), Failure> {
    let shown = format!("{command:?}");
    home.say(&format!("== {shown}"));
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("{shown}: {e}; is {:?} installed?", command.get_program()))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        return Err(format!("{shown}: {}\n{}", output.status, last_lines(&printed)));
    }
    home.say(&format!("== done in {:.1} s", start.elapsed().as_secs_f64()));
    Ok(())
}

/// The last twenty lines.
pub(crate) fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Names the file with which something went wrong.
pub(crate) fn at(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |e| format!("{}: {e}", path.display())
}
