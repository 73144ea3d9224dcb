//! The graph and its stages, for people (text), for tools (dot, JSON) and for other SDKs (Beam's proto).

mod dot;
mod facts;
mod json;
mod text;

use crate::fuse::fuse;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::{Error, Result};
use prost::Message;

/// A form to explain a pipeline in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// For Graphviz.
    Dot,
    /// For scripts.
    Json,
    /// Beam's `Pipeline` message.
    Proto,
}

impl std::str::FromStr for Form {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "text" => Ok(Form::Text),
            "dot" => Ok(Form::Dot),
            "json" => Ok(Form::Json),
            "proto" => Ok(Form::Proto),
            other => Err(Error::Options(format!(
                "--explain={other}: expected text, dot, json, proto, or run on the local runner"
            ))),
        }
    }
}

/// Explains a pipeline; only [`Form::Proto`] is not text.
///
/// # Errors
/// The pipeline cannot be cut into stages.
pub fn explain(graph: &Graph, form: Form) -> Result<Vec<u8>> {
    let plan = fuse(graph)?;
    match form {
        Form::Text => text::text(graph, &plan).map(String::into_bytes),
        Form::Dot => dot::dot(graph, &plan).map(String::into_bytes),
        Form::Json => json::json(graph, &plan).map(|json| format!("{json:#}\n").into_bytes()),
        Form::Proto => Ok(graph.proto().encode_to_vec()),
    }
}
