//! The events of W3: persons, auctions and bids, up to a second out of order.

use crate::{GOLDEN, mix};
use ferrobeam::prelude::*;
use ferrobeam::windowing::Window;
use serde::{Deserialize, Serialize};

const SEED: u64 = 0x3333_3333_3333;
/// Milliseconds of a window.
const TEN_SECONDS: i64 = 10_000;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Element)]
pub enum Event {
    /// Somebody came.
    Person {
        /// Who.
        id: u64,
    },
    /// Somebody sells something.
    Auction {
        /// Which auction.
        id: u64,
        /// Who.
        seller: u64,
    },
    /// Somebody bids.
    Bid {
        /// For what.
        auction: u64,
    },
}

/// Event `i`, and when it happened.
#[inline]
pub fn event(i: u64) -> (Event, i64) {
    let mixed = mix(SEED.wrapping_add(i));
    let millis = 10_000 + (i / 10) as i64 - ((mixed >> 50) % 1000) as i64;
    let (kind, epoch) = (i % 50, i / 50);
    let event = match kind {
        0 => Event::Person { id: epoch },
        1..4 => Event::Auction { id: epoch * 3 + kind - 1, seller: epoch - epoch.min(mixed & 1023) },
        _ => {
            let last = epoch * 3;
            // Nobody can guess which, so both are computed.
            let auctions = [last - last.min((mixed >> 1) & 1023), last / 100 * 100];
            Event::Bid { auction: auctions[(mixed & 1) as usize] }
        }
    };
    (event, millis)
}

/// No event from `i` on is earlier.
pub fn watermark(i: u64) -> i64 {
    9_000 + (i / 10) as i64
}

fn start(window: Window) -> u64 {
    (window.max_timestamp().millis() + 1 - TEN_SECONDS).cast_unsigned()
}

/// What an auction adds that had the most bids of its window.
#[inline]
pub fn check_hot(window: Window, auction: u64, count: u64) -> u64 {
    mix(start(window).wrapping_mul(GOLDEN) ^ mix(auction).wrapping_add(count))
}

/// What an auction adds that was opened by somebody who came in the same window.
#[inline]
pub fn check_new(window: Window, person: u64, auction: u64) -> u64 {
    mix(start(window).wrapping_mul(GOLDEN) ^ mix(auction).wrapping_add(person))
}

/// The auctions with the most bids, and how many those are.
#[derive(Clone)]
pub struct Hot;

impl CombineFn for Hot {
    type In = (u64, u64);
    type Acc = Vec<(u64, u64)>;
    type Out = Vec<(u64, u64)>;

    fn create_accumulator(&self) -> Self::Acc {
        Vec::new()
    }
    fn add_input(&self, hot: &mut Self::Acc, (auction, count): (u64, u64)) {
        let most = hot.first().map_or(0, |(_, most)| *most);
        if count > most {
            hot.clear();
        }
        if count >= most {
            hot.push((auction, count));
        }
    }
    fn merge_accumulators(&self, hot: &mut Self::Acc, others: Self::Acc) {
        others.into_iter().for_each(|other| self.add_input(hot, other));
    }
    fn extract_output(&self, hot: Self::Acc) -> Self::Acc {
        hot
    }
}
