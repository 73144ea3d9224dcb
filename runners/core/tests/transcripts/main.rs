//! The engine of groupings against what others say it should do: transcripts of the Beam project, and an interpreter that
//! keeps the whole history.

mod beam;
mod history;
mod naive;
mod rules;
mod scripts;
mod stage;
