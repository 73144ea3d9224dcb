//! The Apache Beam SDK for Rust: the one crate that a pipeline depends on.
//!
//! ```no_run
//! use ferrobeam::prelude::*;
//!
//! #[derive(clap::Args, serde::Serialize, serde::Deserialize)]
//! struct Lengths {
//!     /// A word.
//!     #[arg(long)]
//!     word: String,
//! }
//!
//! fn main() -> ferrobeam::Result<()> {
//!     ferrobeam::run(|root: &Root, options: &Lengths| {
//!         root.create([options.word.clone()]).map(|word| word.len()).discard();
//!         Ok(())
//!     })
//! }
//! ```
//!
//! The program then knows `--runner`, `--explain` and the options of the runners beside its own.

mod launch;
mod options;
pub mod testing;

pub use ferrobeam_core::*;
pub use ferrobeam_direct::DirectRunner;
pub use ferrobeam_io as io;
pub use ferrobeam_local::{LocalRunner, RunHandle, Show};
pub use launch::{run, run_then};

#[doc(hidden)]
pub use ferrobeam_core::__private;

/// What a pipeline's file imports.
pub mod prelude {
    pub use ferrobeam_core::prelude::*;
    pub use ferrobeam_io::{csv, follow, json, live, text};
}
