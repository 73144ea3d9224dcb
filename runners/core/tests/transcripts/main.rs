//! The engine of groupings against what others say it should do: transcripts of the Beam project, and an interpreter that
//! keeps the whole history.

mod beam;
mod rules;
mod stage;
