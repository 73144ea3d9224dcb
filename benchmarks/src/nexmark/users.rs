//! q5, q8, q11, q12: what is bid for most, who is new, and how much somebody bids.

use super::Setup;
use super::bids::just_bids;
use super::events::{Digest, Event};
use super::{PERIOD, SIZE};
use crate::auctions::Hot;
use ferrobeam::prelude::*;
use ferrobeam::time::seconds;

/// So many bids of a session are told of at once.
const MANY: u32 = 100_000;

/// q5: the auctions with the most bids of the last ten seconds.
pub(super) fn hot_items(events: &PCollection<Event>, setup: &Setup) {
    just_bids(events)
        .map(|bid| bid.auction)
        .window(SlidingWindows::of(SIZE).every(PERIOD))
        .count_per_element()
        .combine_globally(Hot)
        .flat_map(|hot| hot)
        .par_do(setup.tally.step(check_count))
        .discard();
}

/// Of whatever was counted in a window.
pub(super) fn check_count((id, count): &(u64, u64), window: Window) -> u64 {
    Digest::new().millis(window.max_timestamp().millis()).number(*id).number(*count).finish()
}

/// A person, the name and what they sell for, at least.
type NewSeller = (u64, (Box<str>, u64));

/// q8: who came, and opened an auction in the same ten seconds.
pub(super) fn new_users(events: &PCollection<Event>, setup: &Setup) {
    let persons = events.flat_map_into(|event, persons| {
        if let Event::Person(person) = event {
            persons.emit((person.id, person.name));
        }
    });
    let auctions = events.flat_map_into(|event, auctions| {
        if let Event::Auction(auction) = event {
            auctions.emit((auction.seller, auction.reserve));
        }
    });
    persons
        .window(FixedWindows::of(SIZE))
        .inner_join(&auctions.window(FixedWindows::of(SIZE)))
        .par_do(setup.tally.step(check_new))
        .discard();
}

pub(super) fn check_new((id, (name, reserve)): &NewSeller, window: Window) -> u64 {
    Digest::new().millis(window.max_timestamp().millis()).number(*id).text(name).number(*reserve).finish()
}

/// q11: how many bids each person makes until ten seconds pass without one.
pub(super) fn sessions(events: &PCollection<Event>, setup: &Setup) {
    let sessions = Sessions::with_gap(SIZE).trigger(repeatedly(after_count(MANY))).discarding();
    just_bids(events)
        .map(|bid| bid.bidder)
        .window(sessions.allowed_lateness(seconds(1)))
        .count_per_element()
        .par_do(setup.tally.step(check_count))
        .discard();
}

/// q12: how many bids each person makes in ten seconds of processing time.
///
/// How many results there are depends on how fast it goes; what they add to the checksum does not.
pub(super) fn processing_time(events: &PCollection<Event>, setup: &Setup) {
    let every = GlobalWindows::new().trigger(repeatedly(after_delay(SIZE))).discarding();
    just_bids(events)
        .map(|bid| bid.bidder)
        .window(every)
        .count_per_element()
        .par_do(setup.tally.step(|(bidder, count), _| check_share(*bidder, *count)))
        .discard();
}

/// Counts of a person add up to the same, however they are divided.
pub(super) fn check_share(bidder: u64, count: u64) -> u64 {
    Digest::new().number(bidder).finish().wrapping_mul(count)
}
