//! The engine of groupings against what others say it should do: transcripts of the Beam project, and an interpreter that
//! keeps the whole history.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod beam;
mod history;
mod naive;
mod rules;
mod scripts;
mod stage;
