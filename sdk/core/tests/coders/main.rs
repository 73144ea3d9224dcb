//! Coders against Beam's examples, against their laws, against bytes of any kind, and against other versions of a type.

// Derived code says `::ferrobeam`.
extern crate ferrobeam_core as ferrobeam;

mod laws;
mod types;
mod vectors;
