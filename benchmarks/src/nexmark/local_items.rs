//! q3: who sells in some states, and what: a join of persons and auctions by state.

use super::Setup;
use super::events::{Auction, Digest, Event, Person};
use super::generator::FIRST_CATEGORY;
use ferrobeam::prelude::*;
use ferrobeam::time::minutes;

/// Who sells, and what.
#[derive(Clone, Debug, PartialEq, Element)]
pub(super) struct Suggestion {
    /// The seller's.
    pub name: Box<str>,
    /// The seller's.
    pub city: Box<str>,
    /// The seller's.
    pub state: Box<str>,
    /// Which auction.
    pub auction: u64,
}

impl Suggestion {
    pub(super) fn new(person: &Person, auction: u64) -> Self {
        let (name, city, state) = (person.name.clone(), person.city.clone(), person.state.clone());
        Suggestion { name, city, state, auction }
    }
}

pub(super) fn check(suggestion: &Suggestion) -> u64 {
    let Suggestion { name, city, state, auction } = suggestion;
    Digest::new().number(*auction).text(name).text(city).text(state).finish()
}

/// q3.
pub(super) fn local_items(events: &PCollection<Event>, setup: &Setup) {
    let auctions = events.flat_map_into(|event, auctions| match event {
        Event::Auction(auction) if is_wanted(&auction) => auctions.emit((auction.seller, Offer::Auction(auction))),
        _ => {}
    });
    let persons = events.flat_map_into(|event, persons| match event {
        Event::Person(person) if is_near(&person) => persons.emit((person.id, Offer::Seller(person))),
        _ => {}
    });
    let suggestions = flatten([&auctions, &persons]).par_do_stateful(Join);
    suggestions.par_do(setup.tally.step(|suggestion, _| check(suggestion))).discard();
}

pub(super) fn is_wanted(auction: &Auction) -> bool {
    auction.category == FIRST_CATEGORY
}

pub(super) fn is_near(person: &Person) -> bool {
    matches!(&*person.state, "OR" | "ID" | "CA")
}

#[derive(Clone, Element)]
enum Offer {
    Seller(Box<Person>),
    Auction(Box<Auction>),
}

/// Pairs a person with each of their auctions, which may come before.
#[derive(Clone)]
struct Join;

#[derive(State)]
struct Waiting {
    seller: Value<Person>,
    auctions: Bag<Auction>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    Forget,
}

impl StatefulDoFn for Join {
    type Key = u64;
    type In = Offer;
    type Out = Suggestion;
    type State = Waiting;
    type Timer = Due;

    fn process(
        &mut self,
        _: &u64,
        offer: Offer,
        state: &mut Waiting,
        ctx: &mut StatefulContext<'_, Suggestion, Due>,
    ) -> Result<(), BoxError> {
        match offer {
            Offer::Seller(person) => {
                state.auctions.take().iter().for_each(|auction| ctx.emit(Suggestion::new(&person, auction.id)));
                state.seller.set(*person);
            }
            Offer::Auction(auction) => match state.seller.get() {
                Some(person) => ctx.emit(Suggestion::new(person, auction.id)),
                None => state.auctions.add(*auction),
            },
        }
        ctx.set_after(Due::Forget, minutes(10));
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: &u64,
        due: Due,
        state: &mut Waiting,
        _: &mut StatefulContext<'_, Suggestion, Due>,
    ) -> Result<(), BoxError> {
        match due {
            Due::Forget => {
                state.seller.clear();
                state.auctions.clear();
            }
        }
        Ok(())
    }
}
