//! Submitting: a graph made fit for an engine, handed over by Beam's Job API, and followed to its end.

pub(crate) mod artifacts;
pub(crate) mod client;
pub(crate) mod connect;
pub(crate) mod environment;
pub(crate) mod flink;
pub(crate) mod follow;
pub(crate) mod lower;
pub(crate) mod metrics;
pub(crate) mod options;
pub(crate) mod retrieval;
pub(crate) mod together;
