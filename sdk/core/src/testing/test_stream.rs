//! A source that does what a script says.

use crate::time::Timestamp;
use bytes::Bytes;
use std::time::Duration;

/// One step of a script, for runners. Each happens when nothing else is left to do.
#[derive(Clone, Debug, PartialEq)]
pub enum TestStreamEvent {
    /// Elements come, in their nested encoding.
    Elements(Vec<(Bytes, Timestamp)>),
    /// The watermark of the stream moves to here.
    Watermark(Timestamp),
    /// So much processing time passes.
    ProcessingTime(Duration),
}
