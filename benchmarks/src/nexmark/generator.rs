//! Makes the events: any of them by its number alone, so that sources can be split anywhere.
//!
//! Of fifty events one is a person, three are auctions and 46 are bids. There are 10,000 in a second of event time, up to a
//! tenth of a second out of order. Half of the bids go to a hot auction, three of four come from a hot bidder, and three of four
//! auctions are a hot seller's, as in Beam's suite; so are prices, the sizes of records, and how long an auction lasts.

use super::events::{Auction, Bid, Event, Person};
use crate::{mix, skewed};
use std::sync::LazyLock;

const SEED: u64 = 0x4444_4444_4444;
/// The first time, in milliseconds: 2015-07-15T00:00:00Z, Beam's.
const BASE: i64 = 1_436_918_400_000;
/// How far an event may be out of order, in milliseconds.
const JITTER: u64 = 100;
/// Events a millisecond.
const RATE: u64 = 10;
/// Persons and auctions together; the rest of fifty are bids.
const AUCTIONS: u64 = 3;
const CYCLE: u64 = 50;
/// Who came last, so many, is active.
const ACTIVE: u64 = 1000;
/// Auctions that are open.
const IN_FLIGHT: u64 = 100;
/// Persons and auctions are named by others before they are there, so many of them.
const LEAD: u64 = 10;
/// One of so many persons and auctions is hot.
const HOT: u64 = 100;
const FIRST_ID: u64 = 1000;
/// The category of which q3 wants the auctions.
pub const FIRST_CATEGORY: u64 = 10;
const CATEGORIES: u64 = 5;
/// How long an auction lasts on average, in milliseconds: until so many others as are open have begun.
pub const AVERAGE_LENGTH: u64 = IN_FLIGHT * CYCLE / AUCTIONS / RATE;

const STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const CITIES: [&str; 10] =
    ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"];
const FIRST_NAMES: [&str; 11] =
    ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"];
const LAST_NAMES: [&str; 9] = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];

/// The letters of all texts.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let letter = |mixed: u64| if mixed.is_multiple_of(6) { ' ' } else { char::from(b'a' + (mixed >> 8) as u8 % 26) };
    (0..1 << 13).map(|i| letter(mix(SEED ^ i))).collect()
});

/// Mixed numbers, one after the other.
struct Random(u64);

impl Random {
    #[inline]
    fn next(&mut self) -> u64 {
        self.0 = mix(self.0);
        self.0
    }

    /// A number below `n`, which is small.
    #[inline]
    fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }

    #[inline]
    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A text of about so many bytes, a fifth more or less.
    #[inline]
    fn text(&mut self, average: u64) -> Box<str> {
        let length = (average - average / 5 + self.below(average / 5 * 2 + 1)) as usize;
        let start = self.below((TEXT.len() - length) as u64) as usize;
        TEXT[start..start + length].into()
    }

    /// In cents, each order of magnitude up to a million as likely as any other.
    #[inline]
    fn price(&mut self) -> u64 {
        let mixed = self.next();
        skewed(mixed) * 100 + (mixed >> 40) % 100
    }
}

/// The person who comes last before event `i`, counted from 0.
fn last_person(i: u64) -> u64 {
    i / CYCLE
}

/// The auction that begins last before event `i` or with it, counted from 0.
fn last_auction(i: u64) -> u64 {
    match (i / CYCLE, i % CYCLE) {
        (cycle, 0) => (cycle * AUCTIONS).saturating_sub(1),
        (cycle, at) => cycle * AUCTIONS + at.min(AUCTIONS) - 1,
    }
}

/// Somebody of those who came last, or come soon.
fn any_person(i: u64, random: &mut Random) -> u64 {
    let last = last_person(i);
    let active = last.min(ACTIVE);
    last - active + random.below(active + LEAD)
}

/// Event `i`, and when it happens, in milliseconds.
#[inline]
pub fn event(i: u64) -> (Event, i64) {
    let mut random = Random(SEED.wrapping_add(i));
    let millis = BASE + (i / RATE) as i64 - random.below(JITTER) as i64;
    let event = match i % CYCLE {
        0 => Event::Person(Box::new(person(i, millis, &mut random))),
        at if at <= AUCTIONS => Event::Auction(Box::new(auction(i, millis, &mut random))),
        _ => Event::Bid(bid(i, millis, &mut random)),
    };
    (event, millis)
}

/// No event from `i` on is earlier, in milliseconds.
pub fn watermark(i: u64) -> i64 {
    BASE + (i / RATE) as i64 - JITTER as i64
}

fn person(i: u64, millis: i64, random: &mut Random) -> Person {
    let name = format!("{} {}", random.one_of(&FIRST_NAMES), random.one_of(&LAST_NAMES));
    let email = format!("{}@{}.com", random.text(7), random.text(5)).replace(' ', "_");
    let card: [u64; 4] = std::array::from_fn(|_| random.below(10_000));
    Person {
        id: FIRST_ID + last_person(i),
        name: name.into(),
        email: email.into(),
        credit_card: format!("{:04} {:04} {:04} {:04}", card[0], card[1], card[2], card[3]).into(),
        city: random.one_of(&CITIES).into(),
        state: random.one_of(&STATES).into(),
        millis,
        extra: random.text(120),
    }
}

fn auction(i: u64, millis: i64, random: &mut Random) -> Auction {
    let is_hot = random.below(4) > 0;
    let seller = if is_hot { last_person(i) / HOT * HOT } else { any_person(i, random) };
    let initial_bid = random.price();
    Auction {
        id: FIRST_ID + last_auction(i),
        item: random.text(20),
        description: random.text(100),
        initial_bid,
        reserve: initial_bid + random.price(),
        millis,
        expires: millis + 1 + random.below(2 * AVERAGE_LENGTH) as i64,
        seller: FIRST_ID + seller,
        category: FIRST_CATEGORY + random.below(CATEGORIES),
        extra: random.text(320),
    }
}

#[inline]
fn bid(i: u64, millis: i64, random: &mut Random) -> Bid {
    let last = last_auction(i);
    let open = last.min(IN_FLIGHT);
    let is_hot = random.below(2) > 0;
    let auction = if is_hot { last / HOT * HOT } else { last - open + random.below(open + 1 + LEAD) };
    let is_hot = random.below(4) > 0;
    let bidder = if is_hot { last_person(i) / HOT * HOT + 1 } else { any_person(i, random) };
    Bid {
        auction: FIRST_ID + auction,
        bidder: FIRST_ID + bidder,
        price: random.price(),
        millis,
        extra: random.text(68),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nexmark::events::Digest;

    #[test]
    fn the_proportions_and_ids_are_those_of_the_suite() {
        let (mut persons, mut auctions, mut bids) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..50_000 {
            match event(i).0 {
                Event::Person(person) => persons.push(person.id),
                Event::Auction(auction) => auctions.push(auction.id),
                Event::Bid(bid) => bids.push(bid),
            }
        }
        assert!(persons.into_iter().eq(FIRST_ID..FIRST_ID + 1000));
        assert!(auctions.into_iter().eq(FIRST_ID..FIRST_ID + 3000));
        assert_eq!(bids.len(), 46_000);
        let hot = bids.iter().filter(|bid| (bid.auction - FIRST_ID).is_multiple_of(HOT)).count();
        assert!((22_000..25_000).contains(&hot), "{hot}");
        assert!(bids.iter().all(|bid| bid.bidder < FIRST_ID + 1000 + LEAD && bid.auction < FIRST_ID + 3000 + LEAD));
    }

    #[test]
    fn the_watermark_holds_and_events_are_out_of_order() {
        let times: Vec<i64> = (0..5000).map(|i| event(i).1).collect();
        assert!(times.iter().enumerate().all(|(i, millis)| *millis >= watermark(i as u64)));
        assert!(times.windows(2).any(|pair| pair[0] > pair[1] + 50));
    }

    /// Otherwise published figures would be of other events.
    #[test]
    fn events_never_change() {
        let sum = (0..1000).map(|i| Digest::new().event(&event(i).0).millis(event(i).1).finish());
        assert_eq!(sum.fold(0, u64::wrapping_add), 1_151_083_461_040_153_866);
    }
}
