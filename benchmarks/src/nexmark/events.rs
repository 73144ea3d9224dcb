//! What happens at an auction house, as Beam's Nexmark suite has it.

use crate::{GOLDEN, mix};
use ferrobeam::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// A person, an auction or a bid: almost all are bids, so the others do not make each event as large as they are.
#[derive(Clone, Debug, PartialEq, Element)]
pub enum Event {
    /// Somebody came.
    Person(Box<Person>),
    /// Somebody sells something.
    Auction(Box<Auction>),
    /// Somebody bids.
    Bid(Bid),
}

/// Somebody who may sell or bid.
#[derive(Clone, Debug, PartialEq, Element)]
pub struct Person {
    /// Who.
    pub id: u64,
    /// First and last name.
    pub name: Box<str>,
    /// Where mail goes.
    pub email: Box<str>,
    /// Who pays.
    pub credit_card: Box<str>,
    /// Where they live.
    pub city: Box<str>,
    /// Two letters.
    pub state: Box<str>,
    /// When they came, in milliseconds.
    pub millis: i64,
    /// Makes the record as large as it would be.
    pub extra: Box<str>,
}

/// Something that is for sale for a while.
#[derive(Clone, Debug, PartialEq, Element)]
pub struct Auction {
    /// Which one.
    pub id: u64,
    /// What it is.
    pub item: Box<str>,
    /// More of that.
    pub description: Box<str>,
    /// What is asked for, in cents.
    pub initial_bid: u64,
    /// For less than this it is not sold, in cents.
    pub reserve: u64,
    /// When it began, in milliseconds.
    pub millis: i64,
    /// No bid counts from then on, in milliseconds.
    pub expires: i64,
    /// The person who sells.
    pub seller: u64,
    /// What kind of thing it is.
    pub category: u64,
    /// Makes the record as large as it would be.
    pub extra: Box<str>,
}

/// What somebody would pay.
#[derive(Clone, Debug, PartialEq, Element)]
pub struct Bid {
    /// For what.
    pub auction: u64,
    /// Who.
    pub bidder: u64,
    /// How much, in cents.
    pub price: u64,
    /// When, in milliseconds.
    pub millis: i64,
    /// Makes the record as large as it would be.
    pub extra: Box<str>,
}

/// Numbers and texts that come to one number, of which the order matters.
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64);

impl Digest {
    /// Of nothing yet.
    #[inline]
    pub fn new() -> Self {
        Digest(GOLDEN)
    }

    /// With a number more.
    #[inline]
    #[must_use]
    pub fn number(self, n: u64) -> Self {
        Digest((self.0 ^ n).wrapping_mul(0x100_0000_01b3).rotate_left(29))
    }

    /// With a time more.
    #[inline]
    #[must_use]
    pub fn millis(self, millis: i64) -> Self {
        self.number(millis.cast_unsigned())
    }

    /// With a text more.
    #[inline]
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.number(xxh3_64(text.as_bytes()))
    }

    /// The number, well mixed.
    #[inline]
    pub fn finish(self) -> u64 {
        mix(self.0)
    }

    /// With all of a person.
    #[must_use]
    pub fn person(self, person: &Person) -> Self {
        let Person { id, name, email, credit_card, city, state, millis, extra } = person;
        let texts = [name, email, credit_card, city, state, extra];
        texts.into_iter().fold(self.number(*id).millis(*millis), |digest, text| digest.text(text))
    }

    /// With all of an auction.
    #[must_use]
    pub fn auction(self, auction: &Auction) -> Self {
        let Auction { id, item, description, initial_bid, reserve, millis, expires, seller, category, extra } = auction;
        let numbers = [id, initial_bid, reserve, seller, category];
        let digest = numbers.into_iter().fold(self, |digest, n| digest.number(*n));
        digest.millis(*millis).millis(*expires).text(item).text(description).text(extra)
    }

    /// With all of a bid.
    #[inline]
    #[must_use]
    pub fn bid(self, bid: &Bid) -> Self {
        let Bid { auction, bidder, price, millis, extra } = bid;
        self.number(*auction).number(*bidder).number(*price).millis(*millis).text(extra)
    }

    /// With all of an event.
    #[inline]
    #[must_use]
    pub fn event(self, event: &Event) -> Self {
        match event {
            Event::Person(person) => self.number(0).person(person),
            Event::Auction(auction) => self.number(1).auction(auction),
            Event::Bid(bid) => self.number(2).bid(bid),
        }
    }
}

impl Default for Digest {
    fn default() -> Self {
        Digest::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_text_and_the_order_matter() {
        let of = |texts: &[&str]| texts.iter().fold(Digest::new(), |digest, text| digest.text(text)).finish();
        let all =
            [of(&[]), of(&[""]), of(&["", ""]), of(&["a", "b"]), of(&["b", "a"]), of(&["ab"]), of(&["abcdefgh", "i"])];
        let more = [of(&["abcdefghi"]), of(&["abcdefghj"]), of(&["Abcdefghi"]), of(&["abcdefgh"])];
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().chain(more).collect();
        assert_eq!(distinct.len(), all.len() + more.len());
    }
}
