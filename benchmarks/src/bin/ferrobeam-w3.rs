//! W3: which auctions had the most bids in each ten seconds (q5), and which new users have opened an auction (q8).

use clap::Parser;
use ferrobeam::prelude::*;
use ferrobeam_benchmarks::auctions::{self, Event, Hot};
use ferrobeam_benchmarks::contest::{self, Flags, Tally};
use ferrobeam_benchmarks::striped::{Striped, StripedNumbers};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TEN: Duration = Duration::from_secs(10);

fn hot_items(events: &PCollection<Event>, tally: &Tally) {
    events
        .flat_map_into(|event, bids| {
            if let Event::Bid { auction } = event {
                bids.emit(auction);
            }
        })
        .window(SlidingWindows::of(TEN).every(Duration::from_secs(2)))
        .count_per_element()
        .combine_globally(Hot)
        .flat_map(|hot| hot)
        .par_do(tally.step(|(auction, count): &(u64, u64), window| auctions::check_hot(window, *auction, *count)))
        .discard();
}

fn new_users(numbers: &PCollection<u64>, tally: &Tally) {
    // Of fifty events four are not bids.
    let arrivals = numbers
        .flat_map_into(|number, arrivals| match auctions::event(number) {
            (Event::Bid { .. }, _) => {}
            arrival => arrivals.emit(arrival),
        })
        .with_timestamps(|(_, millis)| Timestamp::from_millis(*millis));
    let persons = arrivals.flat_map_into(|(event, _), persons| {
        if let Event::Person { id } = event {
            persons.emit((id, ()));
        }
    });
    let sellers = arrivals.flat_map_into(|(event, _), sellers| {
        if let Event::Auction { id, seller } = event {
            sellers.emit((seller, id));
        }
    });
    persons
        .window(FixedWindows::of(TEN))
        .inner_join(&sellers.window(FixedWindows::of(TEN)))
        .par_do(
            tally.step(|(person, ((), auction)): &(u64, ((), u64)), window| {
                auctions::check_new(window, *person, *auction)
            }),
        )
        .discard();
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let (events, parts) = (flags.n.unwrap_or(10_000_000), flags.p);
    let query: fn(&Root, u64, usize, &Tally) = match flags.q.as_str() {
        "q5" => |root, events, parts, tally| {
            hot_items(&root.read(Striped::new(events, parts, auctions::event, auctions::watermark)), tally);
        },
        "q8" => |root, events, parts, tally| {
            new_users(&root.read(StripedNumbers::new(events, parts, auctions::watermark)), tally);
        },
        other => return Err(format!("-q {other}: there are q5 and q8").into()),
    };
    contest::run(&format!("w3/{}", flags.q), events, &ferrobeam::LocalRunner::new(), parts, |root, tally| {
        query(root, events, parts, tally);
    })?;
    Ok(())
}
