//! What the queries come to, by plain loops: what their pipelines are compared with.

use super::bids::{check_bid, check_chosen, check_event, in_euros, is_chosen};
use super::events::{Auction, Bid, Event, Person};
use super::generator::event;
use super::local_items::{self, Suggestion, is_near, is_wanted};
use super::log::check_done;
use super::prices::{check_average, check_highest, check_seller};
use super::users::{check_count, check_new, check_share};
use super::winning_bids::{AuctionBid, beats, check as check_sold, counts};
use super::{PERIOD, SIZE};
use ferrobeam::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// How many results there are, and the sum of what they add to the checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// How many.
    pub count: u64,
    /// Modulo 2^64; the order does not matter.
    pub checksum: u64,
}

impl Results {
    fn of(checks: impl IntoIterator<Item = u64>) -> Self {
        let mut all = Results::default();
        checks.into_iter().for_each(|check| all.add(check));
        all
    }

    fn add(&mut self, check: u64) {
        self.count += 1;
        self.checksum = self.checksum.wrapping_add(check);
    }
}

/// What a query comes to over the first so many events; none if there is no such query. Of q6 these are the last means of all
/// sellers, of q12 only the checksum counts.
#[must_use]
pub fn expected(query: &str, events: u64) -> Option<Results> {
    let all = || (0..events).map(|i| event(i).0);
    Some(match query {
        "q0" | "q0-typed" => Results::of(all().map(|event| check_event(&event))),
        "q1" => Results::of(bids(all()).map(|bid| check_bid(&Bid { price: in_euros(bid.price), ..bid }))),
        "q2" => {
            let chosen = bids(all()).filter(|bid| is_chosen(bid.auction));
            Results::of(chosen.map(|bid| check_chosen(&(bid.auction, bid.price))))
        }
        "q3" => suggestions(all()),
        "q4" => averages(all()),
        "q5" => hot_items(all()),
        "q6" => Results::of(last_means(events).iter().map(|(seller, mean)| check_seller(&(*seller, *mean)))),
        "q7" => highest(all()),
        "q8" => new_users(all()),
        "q9" => Results::of(sold(all()).map(|sold| check_sold(&sold))),
        "q10" => files(events),
        "q11" => sessions(all()),
        "q12" => Results::of(counted(bids(all()).map(|bid| bid.bidder)).into_iter().map(|(id, n)| check_share(id, n))),
        _ => return None,
    })
}

fn bids(events: impl Iterator<Item = Event>) -> impl Iterator<Item = Bid> {
    events.filter_map(|event| if let Event::Bid(bid) = event { Some(bid) } else { None })
}

fn counted<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>) -> HashMap<K, u64> {
    let mut counts = HashMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

fn at(start: i64, length: std::time::Duration) -> Window {
    let start = Timestamp::from_millis(start);
    Window::interval(start, start + length)
}

const SIZE_MILLIS: i64 = SIZE.as_millis() as i64;
const PERIOD_MILLIS: i64 = PERIOD.as_millis() as i64;

/// The window of fixed ones that a time is in.
fn fixed(millis: i64) -> Window {
    at(millis - millis.rem_euclid(SIZE_MILLIS), SIZE)
}

/// The windows of sliding ones that a time is in.
fn sliding(millis: i64) -> impl Iterator<Item = Window> {
    let last = millis - millis.rem_euclid(PERIOD_MILLIS);
    (0..SIZE_MILLIS / PERIOD_MILLIS).map(move |back| at(last - back * PERIOD_MILLIS, SIZE))
}

/// Persons by id, and auctions.
fn people_and_auctions(events: impl Iterator<Item = Event>) -> (HashMap<u64, Person>, Vec<Auction>) {
    let (mut people, mut auctions) = (HashMap::new(), Vec::new());
    for event in events {
        match event {
            Event::Person(person) => drop(people.insert(person.id, *person)),
            Event::Auction(auction) => auctions.push(*auction),
            Event::Bid(_) => {}
        }
    }
    (people, auctions)
}

fn suggestions(events: impl Iterator<Item = Event>) -> Results {
    let (people, auctions) = people_and_auctions(events);
    let wanted = auctions.iter().filter(|auction| is_wanted(auction));
    let pairs = wanted.filter_map(|auction| Some((people.get(&auction.seller)?, auction)));
    let near = pairs.filter(|(person, _)| is_near(person));
    Results::of(near.map(|(person, auction)| local_items::check(&Suggestion::new(person, auction.id))))
}

/// The winning bids.
fn sold(events: impl Iterator<Item = Event>) -> impl Iterator<Item = AuctionBid> {
    let (mut auctions, mut offers): (HashMap<u64, Auction>, HashMap<u64, Vec<Bid>>) = Default::default();
    for event in events {
        match event {
            Event::Person(_) => {}
            Event::Auction(auction) => drop(auctions.insert(auction.id, *auction)),
            Event::Bid(bid) => offers.entry(bid.auction).or_default().push(bid),
        }
    }
    auctions.into_values().filter_map(move |auction| {
        let offers = offers.remove(&auction.id)?.into_iter();
        let valid = offers.filter(|bid| counts(bid, auction.expires, auction.reserve));
        let bid = valid.reduce(|best, bid| if beats(&bid, &best) { bid } else { best })?;
        Some(AuctionBid { auction, bid })
    })
}

fn averages(events: impl Iterator<Item = Event>) -> Results {
    let mut prices: HashMap<(Window, u64), (u64, u64)> = HashMap::new();
    for AuctionBid { auction, bid } in sold(events) {
        for window in sliding(auction.expires - 1) {
            let (sum, n) = prices.entry((window, auction.category)).or_default();
            (*sum, *n) = (*sum + bid.price, *n + 1);
        }
    }
    let mean = |(sum, n): (u64, u64)| (sum as f64 / n as f64).round() as u64;
    Results::of(prices.into_iter().map(|((window, category), all)| check_average(&(category, mean(all)), window)))
}

/// The last result of each seller in q6.
pub(super) fn last_means(events: u64) -> HashMap<u64, u64> {
    let mut prices: HashMap<u64, Vec<(i64, u64)>> = HashMap::new();
    for AuctionBid { auction, bid } in sold((0..events).map(|i| event(i).0)) {
        prices.entry(auction.seller).or_default().push((bid.millis, bid.price));
    }
    let mean = |mut prices: Vec<(i64, u64)>| {
        prices.sort_unstable();
        let last = &prices[prices.len().saturating_sub(10)..];
        (last.iter().map(|(_, price)| *price).sum::<u64>() as f64 / last.len() as f64).round() as u64
    };
    prices.into_iter().map(|(seller, prices)| (seller, mean(prices))).collect()
}

fn hot_items(events: impl Iterator<Item = Event>) -> Results {
    let in_windows = bids(events).flat_map(|bid| sliding(bid.millis).map(move |window| (window, bid.auction)));
    let counts = counted(in_windows);
    let mut most: HashMap<Window, u64> = HashMap::new();
    for ((window, _), count) in &counts {
        let most = most.entry(*window).or_default();
        *most = (*most).max(*count);
    }
    let hot = counts.into_iter().filter(|((window, _), count)| most.get(window) == Some(count));
    Results::of(hot.map(|((window, auction), count)| check_count(&(auction, count), window)))
}

fn highest(events: impl Iterator<Item = Event>) -> Results {
    let mut highest: BTreeMap<Window, Vec<Bid>> = BTreeMap::new();
    for bid in bids(events) {
        let best = highest.entry(fixed(bid.millis)).or_default();
        if best.first().is_some_and(|best| best.price < bid.price) {
            best.clear();
        }
        if best.first().is_none_or(|best| best.price == bid.price) {
            best.push(bid);
        }
    }
    let all = highest.iter().flat_map(|(window, bids)| bids.iter().map(|bid| check_highest(bid, *window)));
    Results::of(all)
}

fn new_users(events: impl Iterator<Item = Event>) -> Results {
    let (people, auctions) = people_and_auctions(events);
    let pairs = auctions.iter().filter_map(|auction| Some((people.get(&auction.seller)?, auction)));
    let new = pairs.filter(|(person, auction)| fixed(person.millis) == fixed(auction.millis));
    Results::of(
        new.map(|(person, auction)| {
            check_new(&(person.id, (person.name.clone(), auction.reserve)), fixed(person.millis))
        }),
    )
}

fn files(events: u64) -> Results {
    let mut windows: HashMap<Window, (u64, u64)> = HashMap::new();
    for (event, millis) in (0..events).map(event) {
        let (count, sum) = windows.entry(fixed(millis)).or_default();
        (*count, *sum) = (*count + 1, sum.wrapping_add(check_event(&event)));
    }
    Results::of(windows.into_iter().map(|(window, done)| check_done(done, window)))
}

fn sessions(events: impl Iterator<Item = Event>) -> Results {
    let mut times: HashMap<u64, Vec<i64>> = HashMap::new();
    bids(events).for_each(|bid| times.entry(bid.bidder).or_default().push(bid.millis));
    let mut all = Results::default();
    for (bidder, mut times) in times {
        times.sort_unstable();
        for session in times.chunk_by(|earlier, later| later - earlier < SIZE_MILLIS) {
            let (first, last) = (session[0], session[session.len() - 1]);
            let window = at(first, SIZE + std::time::Duration::from_millis((last - first) as u64));
            all.add(check_count(&(bidder, session.len() as u64), window));
        }
    }
    all
}
