//! The engine of groupings against what others say it should do: transcripts of the Beam project, the rules of the model one
//! by one, and an interpreter that keeps the whole history.

mod history;
mod naive;
mod parked;
mod rules;
mod scripts;
mod stage;
mod transcripts;
