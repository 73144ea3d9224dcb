//! What all runners share: the graph cut into stages, and a stage wired into operators.
//!
//! A runner asks [`fuse::fuse`] for its plan and [`bundle::wire`] for the operators of a stage; what it does with them
//! (threads, order, queues) is its own business. There is no type of a user's element in this crate.

pub mod bundle;
pub mod explain;
pub mod fuse;
