//! q0 to q2: what can be said of each event alone.

use super::Setup;
use super::events::{Bid, Digest, Event};
use ferrobeam::coder::{self, Coder};
use ferrobeam::prelude::*;

/// Bids for every so many'th auction are what q2 wants.
const SKIP: u64 = 123;

/// q0: all events, each encoded and decoded, so that what the coder costs is in it.
pub(super) fn pass_through(events: &PCollection<Event>, setup: &Setup) {
    events.par_do(RoundTrip::default()).par_do(setup.tally.step(|event, _| check_event(event))).discard();
}

/// The same without the coder: elements stay as they are from the source to the end.
pub(super) fn pass_on(events: &PCollection<Event>, setup: &Setup) {
    events.map(|event| event).par_do(setup.tally.step(|event, _| check_event(event))).discard();
}

pub(super) fn check_event(event: &Event) -> u64 {
    Digest::new().event(event).finish()
}

#[derive(Clone, Default)]
struct RoundTrip {
    buffer: Vec<u8>,
}

impl DoFn for RoundTrip {
    type In = Event;
    type Out = Event;

    fn process(&mut self, event: Event, ctx: &mut Context<'_, Event>) -> Result<(), BoxError> {
        let coder = coder::of::<Event>();
        self.buffer.clear();
        coder.encode(&event, &mut self.buffer)?;
        ctx.emit(coder::decode_all(&coder, &self.buffer)?);
        Ok(())
    }
}

/// The bids among the events.
#[track_caller]
pub(super) fn just_bids(events: &PCollection<Event>) -> PCollection<Bid> {
    events.flat_map_into(|event, bids| {
        if let Event::Bid(bid) = event {
            bids.emit(bid);
        }
    })
}

/// q1: prices in euros.
pub(super) fn currency_conversion(events: &PCollection<Event>, setup: &Setup) {
    let in_euros = just_bids(events).map(|bid| Bid { price: in_euros(bid.price), ..bid });
    in_euros.par_do(setup.tally.step(|bid, _| check_bid(bid))).discard();
}

pub(super) fn in_euros(dollars: u64) -> u64 {
    dollars * 89 / 100
}

pub(super) fn check_bid(bid: &Bid) -> u64 {
    Digest::new().bid(bid).finish()
}

/// q2: prices that are bid for some auctions.
pub(super) fn selection(events: &PCollection<Event>, setup: &Setup) {
    let chosen = just_bids(events).filter(|bid| is_chosen(bid.auction)).map(|bid| (bid.auction, bid.price));
    chosen.par_do(setup.tally.step(|chosen, _| check_chosen(chosen))).discard();
}

pub(super) fn is_chosen(auction: u64) -> bool {
    auction.is_multiple_of(SKIP)
}

pub(super) fn check_chosen((auction, price): &(u64, u64)) -> u64 {
    Digest::new().number(*auction).number(*price).finish()
}
