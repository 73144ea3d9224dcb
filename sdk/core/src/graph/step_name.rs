//! How a step is called in errors, metrics and progress.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// A step's unique name, which is its identity, and the place in the user's code that added it, which is not.
#[derive(Clone, Debug)]
pub struct StepName {
    /// Composite path, verb and position, or the name the user gave.
    pub name: Arc<str>,
    /// File and line.
    pub at: &'static Location<'static>,
}

impl StepName {
    /// A step added by the caller.
    #[track_caller]
    pub fn here(name: &str) -> Self {
        StepName { name: name.into(), at: Location::caller() }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}:{})", self.name, self.at.file(), self.at.line())
    }
}
