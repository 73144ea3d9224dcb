//! q9, and what q4 and q6 begin with: the bid that wins an auction.

use super::Setup;
use super::events::{Auction, Bid, Digest, Event};
use super::generator::AVERAGE_LENGTH;
use ferrobeam::prelude::*;
use ferrobeam::time::millis;

/// An auction that is over, and who gets it.
#[derive(Clone, Debug, PartialEq, Element)]
pub(super) struct AuctionBid {
    /// What was sold.
    pub auction: Auction,
    /// The highest bid, of equal ones the earliest.
    pub bid: Bid,
}

/// q9.
pub(super) fn all(events: &PCollection<Event>, setup: &Setup) {
    winning_bids(events).par_do(setup.tally.step(|sold, _| check(sold))).discard();
}

pub(super) fn check(sold: &AuctionBid) -> u64 {
    Digest::new().auction(&sold.auction).bid(&sold.bid).finish()
}

/// Whether a bid counts: it came before the auction was over, and is not below what the seller wants.
pub(super) fn counts(bid: &Bid, expires: i64, reserve: u64) -> bool {
    bid.millis < expires && bid.price >= reserve
}

/// Whether a bid that counts wins over another.
pub(super) fn beats(bid: &Bid, other: &Bid) -> bool {
    bid.price > other.price || (bid.price == other.price && bid.millis < other.millis)
}

/// The winning bids, each at the last millisecond of its auction.
#[track_caller]
pub(super) fn winning_bids(events: &PCollection<Event>) -> PCollection<AuctionBid> {
    let offers = events.flat_map_into(|event, offers| match event {
        Event::Person(_) => {}
        Event::Auction(auction) => offers.emit((auction.id, Offer::Auction(auction))),
        Event::Bid(bid) => offers.emit((bid.auction, Offer::Bid(bid))),
    });
    offers.par_do_stateful(FindWinner)
}

/// What an auction is made of.
#[derive(Clone, Element)]
enum Offer {
    Auction(Box<Auction>),
    Bid(Bid),
}

/// Beam's suite has bids and auctions in windows of their own that merge; those need a window function that sees elements. A
/// timer at the end of each auction does the same.
#[derive(Clone)]
struct FindWinner;

#[derive(State)]
struct Lot {
    /// When it is over, in milliseconds, and the least price. They stay for a while, so that bids which come later need not.
    terms: Value<(i64, u64)>,
    auction: Value<Auction>,
    best: Value<Bid>,
    /// Bids that came before their auction did.
    early: Bag<Bid>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    Close,
    #[timer(event_time)]
    Forget,
}

/// How long terms, or bids without an auction, stay.
const REMEMBER: std::time::Duration = millis(4 * AVERAGE_LENGTH);

impl Lot {
    fn bid(&mut self, bid: Bid, (expires, reserve): (i64, u64)) {
        if counts(&bid, expires, reserve) && self.best.get().is_none_or(|best| beats(&bid, best)) {
            self.best.set(bid);
        }
    }
}

impl StatefulDoFn for FindWinner {
    type Key = u64;
    type In = Offer;
    type Out = AuctionBid;
    type State = Lot;
    type Timer = Due;

    fn process(
        &mut self,
        _: &u64,
        offer: Offer,
        lot: &mut Lot,
        ctx: &mut StatefulContext<'_, AuctionBid, Due>,
    ) -> Result<(), BoxError> {
        match (offer, lot.terms.get().copied()) {
            (Offer::Bid(bid), Some(terms)) => lot.bid(bid, terms),
            (Offer::Bid(bid), None) => {
                lot.early.add(bid);
                ctx.set_after(Due::Forget, REMEMBER);
            }
            (Offer::Auction(auction), _) => {
                let terms = (auction.expires, auction.reserve);
                lot.terms.set(terms);
                lot.early.take().into_iter().for_each(|bid| lot.bid(bid, terms));
                ctx.set(Due::Close, Timestamp::from_millis(auction.expires - 1));
                ctx.set(Due::Forget, Timestamp::from_millis(auction.expires) + REMEMBER);
                lot.auction.set(*auction);
            }
        }
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: &u64,
        due: Due,
        lot: &mut Lot,
        ctx: &mut StatefulContext<'_, AuctionBid, Due>,
    ) -> Result<(), BoxError> {
        match due {
            Due::Close => {
                if let (Some(auction), Some(bid)) = (lot.auction.take(), lot.best.take()) {
                    ctx.emit(AuctionBid { auction, bid });
                }
            }
            Due::Forget => {
                lot.terms.clear();
                lot.early.clear();
            }
        }
        Ok(())
    }
}
