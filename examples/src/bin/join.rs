//! Two files by key: the rows that match, or all.
//!
//! `join --users users.csv --orders orders.csv --output joined` writes one line per user and order; with `--outer` also
//! users without orders and orders without a user.

use ferrobeam::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct Join {
    /// CSV with the columns `id` and `name`
    #[arg(long)]
    users: String,
    /// CSV with the columns `user` and `item`
    #[arg(long)]
    orders: String,
    /// Where the lines go
    #[arg(long, value_name = "PREFIX")]
    output: String,
    /// Keep users and orders without a partner
    #[arg(long)]
    outer: bool,
}

#[derive(Clone, Debug, Deserialize, Element)]
struct User {
    id: u64,
    name: String,
}

#[derive(Clone, Debug, Deserialize, Element)]
struct Order {
    user: u64,
    item: String,
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &Join| {
        let users = root.apply(csv::read::<User>(&options.users)).map(|user| (user.id, user.name));
        let orders = root.apply(csv::read::<Order>(&options.orders)).map(|order| (order.user, order.item));
        let lines = if options.outer {
            users.full_outer_join(&orders).map(|(id, (name, item))| {
                let (name, item) = (name.unwrap_or("-".to_owned()), item.unwrap_or("-".to_owned()));
                format!("{id}\t{name}\t{item}")
            })
        } else {
            users.inner_join(&orders).map(|(id, (name, item))| format!("{id}\t{name}\t{item}"))
        };
        lines.apply(text::write(&options.output));
        Ok(())
    })
}
