//! What can be wrong with bytes, a value or a spec, and where in it.

use std::borrow::Cow;
use std::fmt;

/// The result of decoding, or of making a coder.
pub type Decoded<T> = Result<T, CoderError>;
/// The result of encoding.
pub type Encoded = Result<(), CoderError>;

/// Says what was expected, what was found, and at which component, item or field.
///
/// One pointer wide, so that `Result<i64, CoderError>` still travels in two registers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", .0.problem, Path(&.0.path))]
pub struct CoderError(Box<Located>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Located {
    problem: CoderProblem,
    /// Innermost step first: steps are added on the way out.
    path: Vec<Cow<'static, str>>,
}

/// The kinds of [`CoderError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoderProblem {
    /// The input is shorter than the value says.
    #[error("the input ends inside {expected}")]
    Truncated {
        /// What was being read.
        expected: &'static str,
    },
    /// The bytes are no encoding of the type.
    #[error("expected {expected}, found {found}")]
    Invalid {
        /// What was being read.
        expected: &'static str,
        /// What was there instead.
        found: String,
    },
    /// Something follows a value that should end with the input.
    #[error("{bytes} bytes are left after the value")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The coder in the graph is not one of this type.
    #[error("expected a coder `{expected}`, the graph has `{found}`")]
    Spec {
        /// The URN of the type's own coder.
        expected: Cow<'static, str>,
        /// The URN in the graph.
        found: String,
    },
    /// The value has no encoding.
    #[error("{0}")]
    Refused(String),
    /// The rest of an iterable could not be fetched.
    #[error("cannot fetch the rest of an iterable: {0}")]
    State(String),
}

impl CoderError {
    /// The input ends inside `expected`.
    #[cold]
    #[must_use]
    pub fn truncated(expected: &'static str) -> Self {
        CoderProblem::Truncated { expected }.into()
    }

    /// The bytes are no encoding of `expected`.
    #[cold]
    #[must_use]
    pub fn invalid(expected: &'static str, found: impl fmt::Display) -> Self {
        CoderProblem::Invalid { expected, found: found.to_string() }.into()
    }

    /// The graph's coder is not the one of this type.
    #[cold]
    #[must_use]
    pub fn spec(expected: impl Into<Cow<'static, str>>, found: impl fmt::Display) -> Self {
        CoderProblem::Spec { expected: expected.into(), found: found.to_string() }.into()
    }

    /// The value has no encoding.
    #[cold]
    #[must_use]
    pub fn refused(why: impl fmt::Display) -> Self {
        CoderProblem::Refused(why.to_string()).into()
    }

    /// Adds where it happened; callers add from the inside out.
    #[cold]
    #[must_use]
    pub fn at(mut self, step: impl Into<Cow<'static, str>>) -> Self {
        self.0.path.push(step.into());
        self
    }

    /// Adds the index of an item.
    #[cold]
    #[must_use]
    pub fn at_index(self, index: usize) -> Self {
        self.at(format!("[{index}]"))
    }

    /// Returns what is wrong, without the place.
    #[must_use]
    pub fn problem(&self) -> &CoderProblem {
        &self.0.problem
    }
}

/// Adds to an error where it happened. Unlike `map_err`, it does not move the value, if that is what was decoded.
#[inline]
pub fn within<T>(step: &'static str, mut decoded: Decoded<T>) -> Decoded<T> {
    if decoded.is_err() {
        decoded = decoded.map_err(|error| error.at(step));
    }
    decoded
}

impl From<CoderProblem> for CoderError {
    #[cold]
    fn from(problem: CoderProblem) -> Self {
        CoderError(Box::new(Located { problem, path: Vec::new() }))
    }
}

struct Path<'a>(&'a [Cow<'static, str>]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().rev().enumerate() {
            let joint = match (i, step.starts_with('[')) {
                (0, _) => " at ",
                (_, true) => "",
                (_, false) => ".",
            };
            write!(f, "{joint}{step}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_place_from_the_outside_in() {
        let error = CoderError::truncated("a string").at("name").at_index(3).at("value");
        assert_eq!(error.to_string(), "the input ends inside a string at value[3].name");
        assert_eq!(size_of::<Decoded<()>>(), size_of::<usize>());
    }
}
