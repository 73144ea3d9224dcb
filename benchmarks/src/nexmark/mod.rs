//! Nexmark: the queries q0 to q12 over an online auction, as Beam's own suite has them, and q0 as others have it, without a coder.
//!
//! Events are made as they are read ([`generator`]), a pipeline of the public API answers each query ([`QUERIES`]), and
//! [`expected`] says what comes out by plain loops over the same events.

mod bids;
pub mod events;
pub mod expected;
pub mod generator;
mod local_items;
pub mod log;
mod prices;
mod users;
mod winning_bids;

#[cfg(test)]
mod tests;

use crate::contest::Tally;
use crate::striped::Striped;
use events::Event;
use ferrobeam::prelude::*;
use ferrobeam::time::seconds;
use std::path::PathBuf;
use std::time::Duration;

/// How long a window is.
const SIZE: Duration = seconds(10);
/// Between the beginnings of two windows that overlap.
const PERIOD: Duration = seconds(5);

/// What a query's pipeline has besides events.
#[derive(Clone)]
pub struct Setup {
    /// Where results go.
    pub tally: Tally,
    /// On how many workers it runs.
    pub workers: usize,
    /// For the files of q10: it is there, and empty.
    pub folder: PathBuf,
}

/// What is the same whenever a query runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// The number of results and their checksum.
    Results,
    /// The checksum; how many results there are depends on processing time.
    Checksum,
    /// How it ends; what comes before depends on how many elements a firing finds.
    End,
}

/// A query.
#[derive(Clone, Copy)]
pub struct Query {
    /// What `--query` knows it by.
    pub name: &'static str,
    /// What it asks, in a few words.
    pub about: &'static str,
    /// What is the same whenever it runs.
    pub promise: Promise,
    build: fn(&PCollection<Event>, &Setup),
}

impl Query {
    /// Adds its pipeline, with a source of so many events in as many parts as there are workers.
    pub fn build(&self, root: &Root, events: u64, setup: &Setup) {
        let source = Striped::new(events, setup.workers, generator::event, generator::watermark);
        (self.build)(&root.read(source), setup);
    }
}

const fn query(
    name: &'static str,
    about: &'static str,
    promise: Promise,
    build: fn(&PCollection<Event>, &Setup),
) -> Query {
    Query { name, about, promise, build }
}

/// All of them, in order.
pub const QUERIES: [Query; 14] = [
    query("q0", "pass through, each event encoded and decoded", Promise::Results, bids::pass_through),
    query("q0-typed", "pass through", Promise::Results, bids::pass_on),
    query("q1", "currency conversion", Promise::Results, bids::currency_conversion),
    query("q2", "selection", Promise::Results, bids::selection),
    query("q3", "local item suggestion", Promise::Results, local_items::local_items),
    query("q4", "average price for a category", Promise::Results, prices::category_averages),
    query("q5", "hot items", Promise::Results, users::hot_items),
    query("q6", "average selling price by seller", Promise::End, prices::seller_averages),
    query("q7", "highest bid", Promise::Results, prices::highest_bids),
    query("q8", "monitor new users", Promise::Results, users::new_users),
    query("q9", "winning bids", Promise::Results, winning_bids::all),
    query("q10", "log to files", Promise::Results, log::log_to_files),
    query("q11", "user sessions", Promise::Results, users::sessions),
    query("q12", "bids in processing time", Promise::Checksum, users::processing_time),
];
