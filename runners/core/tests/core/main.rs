//! What all runners share, on random pipelines.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking, too")]

mod explain;
mod fuse;
mod grouping;
mod timers;
