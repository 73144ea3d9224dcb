//! What all runners share: the graph cut into stages, a stage wired into operators, and the engine that decides what
//! fires when.
//!
//! A runner asks [`fuse::fuse`] for its plan and [`bundle::wire`] for the operators of a stage; what it does with them
//! (threads, order, queues) is its own business. At groupings it asks [`engine`]. There is no type of a user's element in this crate.

pub mod bundle;
pub mod engine;
pub mod explain;
mod files;
pub mod fuse;
pub mod nodes;
pub mod waits;
