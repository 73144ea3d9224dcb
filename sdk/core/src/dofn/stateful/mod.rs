//! State and timers of a key and window.

pub mod operator;
