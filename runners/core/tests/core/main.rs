//! What all runners share, on random pipelines.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking, too")]
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

mod explain;
mod fuse;
