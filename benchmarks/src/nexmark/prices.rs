//! q4, q6, q7: what is paid and bid.

use super::Setup;
use super::bids::{check_bid, just_bids};
use super::events::{Bid, Digest, Event};
use super::winning_bids::winning_bids;
use super::{PERIOD, SIZE};
use ferrobeam::prelude::*;

/// q4: what is paid in each category, on average.
pub(super) fn category_averages(events: &PCollection<Event>, setup: &Setup) {
    winning_bids(events)
        .map(|sold| (sold.auction.category, sold.bid.price))
        .window(SlidingWindows::of(SIZE).every(PERIOD))
        .mean_per_key()
        .map(|(category, mean)| (category, mean.round() as u64))
        .par_do(setup.tally.step(check_average))
        .discard();
}

pub(super) fn check_average((category, mean): &(u64, u64), window: Window) -> u64 {
    Digest::new().millis(window.max_timestamp().millis()).number(*category).number(*mean).finish()
}

/// q6: what a seller got for the last ten auctions, on average; a result for each auction more.
///
/// The last result of each seller is always the same. What comes before depends on how many winning bids a firing finds.
pub(super) fn seller_averages(events: &PCollection<Event>, setup: &Setup) {
    seller_means(events).par_do(setup.tally.step(|mean, _| check_seller(mean))).discard();
}

/// The means of q6.
pub(super) fn seller_means(events: &PCollection<Event>) -> PCollection<(u64, u64)> {
    let every_one = GlobalWindows::new().trigger(repeatedly(after_count(1))).accumulating();
    winning_bids(events)
        .map(|sold| (sold.auction.seller, (sold.bid.millis, sold.bid.price)))
        .window(every_one)
        .combine_per_key(MeanOfLast)
}

pub(super) fn check_seller((seller, mean): &(u64, u64)) -> u64 {
    Digest::new().number(*seller).number(*mean).finish()
}

/// The mean of the last ten prices, by time.
#[derive(Clone)]
pub(super) struct MeanOfLast;

/// How many bids count.
const LAST: usize = 10;

impl CombineFn for MeanOfLast {
    type In = (i64, u64);
    type Acc = Vec<(i64, u64)>;
    type Out = u64;

    fn create_accumulator(&self) -> Self::Acc {
        Vec::new()
    }
    fn add_input(&self, last: &mut Self::Acc, bid: Self::In) {
        let at = last.partition_point(|earlier| *earlier <= bid);
        last.insert(at, bid);
        if last.len() > LAST {
            last.remove(0);
        }
    }
    fn merge_accumulators(&self, last: &mut Self::Acc, others: Self::Acc) {
        others.into_iter().for_each(|bid| self.add_input(last, bid));
    }
    fn extract_output(&self, last: Self::Acc) -> u64 {
        let sum: u64 = last.iter().map(|(_, price)| price).sum();
        (sum as f64 / last.len().max(1) as f64).round() as u64
    }
}

/// q7: the highest bids of each ten seconds, found by a side input.
pub(super) fn highest_bids(events: &PCollection<Event>, setup: &Setup) {
    let bids = just_bids(events).window(FixedWindows::of(SIZE));
    let highest = bids.map(|bid| bid.price).max_globally().as_singleton();
    bids.filter_with(highest, |bid, highest| bid.price == *highest).par_do(setup.tally.step(check_highest)).discard();
}

pub(super) fn check_highest(bid: &Bid, window: Window) -> u64 {
    Digest::new().millis(window.max_timestamp().millis()).number(check_bid(bid)).finish()
}
