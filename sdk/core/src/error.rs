//! What can go wrong, in words for the person who wrote the pipeline.

use crate::coder::CoderError;
use crate::graph::StepName;
use std::fmt;

/// The error of user code: anything that converts into a boxed error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a pipeline was not built or did not finish.
///
/// `Debug` prints the message for people and not the structure: it is what `fn main() -> Result<()>` shows.
#[derive(thiserror::Error)]
pub enum Error {
    /// User code returned an error.
    #[error("{step} failed{}: {source}", On(.element))]
    User {
        /// The failing step.
        step: StepName,
        /// The element, where the runner still had it.
        element: Option<String>,
        /// What user code returned.
        source: BoxError,
    },
    /// User code panicked.
    #[error("{step} panicked{}: {message}", On(.element))]
    Panic {
        /// The failing step.
        step: StepName,
        /// The element, where the runner still had it.
        element: Option<String>,
        /// The panic's own text and place.
        message: String,
    },
    /// An element or a key does not survive its coder.
    #[error("{step}: {source}{}", On(.element))]
    Coder {
        /// The step that made the element.
        step: StepName,
        /// The element, as far as it can be shown.
        element: Option<String>,
        /// What the coder says.
        source: CoderError,
    },
    /// Two ends of an edge do not fit: a defect of this library or of an engine, not of the pipeline.
    #[error("an edge carries `{found}`, its consumer wants `{wanted}`")]
    Wire {
        /// The type that came.
        found: &'static str,
        /// The type that was expected.
        wanted: &'static str,
    },
    /// The pipeline cannot be built: all mistakes that were found.
    #[error("{}", lines("the pipeline cannot be built", .0))]
    Graph(Vec<String>),
    /// Options that make no sense.
    #[error("{0}")]
    Options(String),
    /// The runner lacks what the pipeline uses.
    #[error("{}", lines(&format!("the {runner} runner cannot run this pipeline"), .features))]
    Unsupported {
        /// The runner's name.
        runner: String,
        /// What is missing, one sentence each.
        features: Vec<String>,
    },
    /// The runner could not go on: work is left and nothing can run, or an invariant does not hold.
    #[error("the {runner} runner stopped: {message}")]
    Runner {
        /// The runner's name.
        runner: &'static str,
        /// What every part waits for.
        message: String,
    },
    /// A run failed whose schedule can be repeated.
    #[error("{source}\n  (the schedule that showed it: --runner=direct --seed={seed})")]
    Replay {
        /// What went wrong.
        source: Box<Error>,
        /// The seed that repeats it.
        seed: u64,
    },
    /// A simulation found a schedule under which the pipeline fails or comes to something else.
    #[error("{0}")]
    Simulation(String),
    /// Reading or writing outside of any step failed.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

impl Error {
    /// The same error with the element it happened on, if it had none yet.
    #[must_use]
    pub fn on_element(mut self, text: impl FnOnce() -> String) -> Self {
        if let Error::User { element, .. } | Error::Panic { element, .. } | Error::Coder { element, .. } = &mut self
            && element.is_none()
        {
            *element = Some(text());
        }
        self
    }

    /// Whether user code is at fault and nobody knows on which element, so that a runner may look for it.
    pub fn lacks_element(&self) -> bool {
        matches!(
            self,
            Error::User { element: None, .. } | Error::Panic { element: None, .. } | Error::Coder { element: None, .. }
        )
    }

    /// Whether user code is at fault.
    pub fn is_user_code(&self) -> bool {
        matches!(self, Error::User { .. } | Error::Panic { .. } | Error::Coder { .. })
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.to_string();
        f.write_str(&said)?;
        let mut cause = match self {
            // Their text already ends with the cause itself; what lies beneath that is still unsaid.
            Error::User { source, .. } => source.source(),
            _ => None,
        };
        while let Some(error) = cause {
            let text = error.to_string();
            // Many errors have the text of what caused them in theirs.
            if !said.contains(&text) {
                write!(f, "\n  caused by: {text}")?;
                said = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

struct On<'a>(&'a Option<String>);

impl fmt::Display for On<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |element| write!(f, " on {element}"))
    }
}

fn lines(title: &str, items: &[String]) -> String {
    items.iter().fold(format!("{title}:"), |text, item| text + "\n  - " + item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("cannot read `a`: {0}")]
        Told(#[source] io::Error),
        #[error("cannot read `a`")]
        Hidden(#[source] io::Error),
    }

    fn debugged(failure: Failure) -> String {
        let step = StepName::here("Read");
        format!("{:?}", Error::User { step, element: None, source: failure.into() })
    }

    #[test]
    fn a_cause_is_told_once() {
        let cause = || io::Error::other("no such file");
        assert!(debugged(Failure::Told(cause())).ends_with("cannot read `a`: no such file"));
        assert!(debugged(Failure::Hidden(cause())).ends_with("cannot read `a`\n  caused by: no such file"));
    }
}
