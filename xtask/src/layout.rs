//! What keeps the tree readable: no file grows beyond what one can read, and the map of the code names real places.

use crate::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file, in lines.
const LONGEST: usize = 600;

/// Checks the length of all source files and the paths that ARCHITECTURE.md names.
pub(crate) fn check() -> Result<(), Failure> {
    let mut wrong = Vec::new();
    let mut sources = Vec::new();
    for directory in ["benchmarks", "conformance-tests", "examples", "io", "runners", "sdk", "xtask"] {
        find(Path::new(directory), &mut sources)?;
    }
    for path in &sources {
        let lines = read(path)?.lines().count();
        if lines > LONGEST {
            wrong.push(format!("{} has {lines} lines, more than {LONGEST}", path.display()));
        }
    }
    let map = read(Path::new("ARCHITECTURE.md"))?;
    let named =
        map.split('`').skip(1).step_by(2).filter(|text| text.contains('/') && !text.contains([' ', '*', ':', '(']));
    for path in named {
        if !Path::new(path).exists() {
            wrong.push(format!("ARCHITECTURE.md names `{path}`, which does not exist"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn find(directory: &Path, sources: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", directory.display()))?.path();
        if path.is_dir() {
            find(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}
