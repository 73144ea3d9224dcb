//! The Python SDK, with which ours is compared.

use super::Engine;
use super::install::{Package, Part};

pub(crate) const ENGINE: Engine = Engine {
    name: "beam-python",
    parts: &[Part { folder: "beam-python", package: Package::Python("apache-beam==2.77.0") }],
    plan: None,
};
