//! Work on one element that can be cut and moved.

pub mod operator;
