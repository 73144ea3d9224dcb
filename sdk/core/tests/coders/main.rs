//! Coders against Beam's examples, against their laws, and against bytes of any kind.

// Derived code says `::ferrobeam`.
extern crate ferrobeam_core as ferrobeam;

mod vectors;
