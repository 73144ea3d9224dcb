//! A coder as the portable graph knows it.

use super::{CoderError, Decoded};
use bytes::Bytes;
use std::borrow::Cow;

/// The URN, payload and components of a coder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CoderSpec {
    /// What it is, such as `beam:coder:varint:v1`.
    pub urn: Cow<'static, str>,
    /// What the URN alone does not say, such as a row's schema.
    pub payload: Bytes,
    /// The coders of the parts.
    pub components: Vec<CoderSpec>,
}

impl CoderSpec {
    /// Makes the spec of a coder without payload or components.
    pub fn leaf(urn: impl Into<Cow<'static, str>>) -> Self {
        Self::of(urn, Vec::new())
    }

    /// Makes the spec of a coder of parts.
    pub fn of(urn: impl Into<Cow<'static, str>>, components: Vec<CoderSpec>) -> Self {
        CoderSpec { urn: urn.into(), payload: Bytes::new(), components }
    }

    /// Adds a payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Checks the URN and the number of components.
    ///
    /// # Errors
    /// If either differs.
    pub fn expect(&self, urn: &'static str, components: usize) -> Decoded<()> {
        if self.urn != urn {
            Err(CoderError::spec(urn, &self.urn))
        } else if self.components.len() != components {
            let found = format!("{} with {} components", self.urn, self.components.len());
            Err(CoderError::spec(format!("{urn} with {components} components"), found))
        } else {
            Ok(())
        }
    }
}
