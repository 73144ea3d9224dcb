//! Timestamps, lengths of time and windows, as values.

use super::{element, key};
use crate::Timestamp;
use crate::coder::urn::VARINT;
use crate::coder::{CoderError, Decoded, KvCoder, Leaf, LeafCoder, Via, ViaCoder, WindowCoder};
use crate::windowing::Window;
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
}

element! { [] Timestamp, LeafCoder; [] Duration, ViaCoder<KvCoder<LeafCoder, LeafCoder>>; [] Window, WindowCoder; }
key! { [] Timestamp; [] Duration; [] Window; }
