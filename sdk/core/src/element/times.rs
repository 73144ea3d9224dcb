//! Timestamps, lengths of time and windows, as values.

use super::{element, key};
use crate::Timestamp;
use crate::coder::row::{atomic, logical, row_type};
use crate::coder::urn::{LOGICAL_NANOS_DURATION, VARINT};
use crate::coder::wire::{put_sortable, take_sortable};
use crate::coder::{CoderError, Decoded, KvCoder, Leaf, LeafCoder, Via, ViaCoder, WindowCoder};
use crate::windowing::Window;
use ferrobeam_model::pipeline::{AtomicType, FieldType};
use ferrobeam_model::urns::logical_types::MILLIS_INSTANT;
use std::time::Duration;

/// Milliseconds, clamped to Beam's limits when decoded.
impl Leaf for Timestamp {
    const URN: &'static str = VARINT;
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.millis().put(out);
    }
    #[inline]
    fn take(input: &mut &[u8]) -> Decoded<Self> {
        i64::take(input).map(Timestamp::from_millis)
    }
    fn field_type() -> FieldType {
        logical(MILLIS_INSTANT, atomic(AtomicType::Int64))
    }
    #[inline]
    fn put_field(&self, out: &mut Vec<u8>) {
        put_sortable(self.millis(), out);
    }
    #[inline]
    fn take_field(input: &mut &[u8]) -> Decoded<Self> {
        take_sortable(input, "a timestamp").map(Timestamp::from_millis)
    }
}

/// Seconds and nanoseconds.
impl Via for Duration {
    type As = (u64, u32);

    fn to(&self) -> (u64, u32) {
        (self.as_secs(), self.subsec_nanos())
    }

    fn from((secs, nanos): (u64, u32)) -> Decoded<Self> {
        if nanos < 1_000_000_000 {
            Ok(Duration::new(secs, nanos))
        } else {
            Err(CoderError::invalid("nanoseconds below a second", nanos))
        }
    }

    fn field_type(_: FieldType) -> FieldType {
        // The row of two numbers that the stand-in is, under the names and types that Java's SDK has for it.
        let row = row_type([("seconds", atomic(AtomicType::Int64)), ("nanos", atomic(AtomicType::Int32))]);
        logical(LOGICAL_NANOS_DURATION, row)
    }
}

element! { [] Timestamp, LeafCoder; [] Duration, ViaCoder<KvCoder<LeafCoder, LeafCoder>>; [] Window, WindowCoder; }
key! { [] Timestamp; [] Duration; [] Window; }
