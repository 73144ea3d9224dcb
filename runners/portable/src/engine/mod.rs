//! Engines: how they want a graph, what they lack, and where they answer differently.

mod features;
mod limits;
mod sides;
mod sources;
mod state;
mod steps;
#[cfg(test)]
mod tests;
mod windows;

pub(crate) use features::Feature;
pub(crate) use limits::{Facts, check};
pub(crate) use windows::merges_here;

use std::fmt;
use std::str::FromStr;

/// An engine behind a job server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Beam's own runner for tests, in Go.
    Prism,
    /// Apache Flink, by Beam's job server.
    Flink,
    /// Apache Spark, by Beam's job server.
    Spark,
    /// One of which nothing is known: it gets Beam's graph as it is, and says itself what it lacks.
    Other,
}

impl Engine {
    /// Whether it is known what the engine lacks, and what it takes in another way.
    pub(crate) fn is_known(self) -> bool {
        self != Engine::Other
    }

    /// Whether combines must be lifted before they are handed over.
    pub(crate) fn wants_lifted_combines(self) -> bool {
        matches!(self, Engine::Flink | Engine::Spark)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Prism => "Prism",
            Engine::Flink => "Flink",
            Engine::Spark => "Spark",
            Engine::Other => "the engine",
        })
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "prism" => Ok(Engine::Prism),
            "flink" => Ok(Engine::Flink),
            "spark" => Ok(Engine::Spark),
            "other" => Ok(Engine::Other),
            _ => Err(format!("`{name}` is no engine that is known: prism, flink, spark or other")),
        }
    }
}
