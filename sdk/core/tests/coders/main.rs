//! Coders against Beam's examples, against their laws, against bytes of any kind, and against other versions of a type.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

// Derived code says `::ferrobeam`.
extern crate ferrobeam_core as ferrobeam;

mod evolution;
mod hostile;
mod laws;
mod types;
mod vectors;
