//! Pages that were shown, with the clicks on them within ten minutes, and with who clicked: two joins of streams.
//!
//! `click_join --input 'logs/*.jsonl' --users users.jsonl --output joined` reads lines such as
//! `{"openid": "u1", "page": "/a", "ctime": "2026-11-21T01:02:03.456Z"}`, with `"click": true` where it is a click, and a table of
//! users, `{"openid": "u1", "name": "Ann"}`. It writes `joined-*.jsonl`, a line for each page that was shown and each click of the
//! same user on it in the ten minutes after (`--within`), and one without a click if there was none:
//! `{"openid": "u1", "page": "/a", "shown": "2026-11-21T01:02:03.456Z", "clicked": "2026-11-21T01:03:04.567Z", "name": "Ann"}`.
//!
//! With `--follow` the input is a directory whose files grow, and the table is read again each minute: a click has the name that
//! was there when it was processed. A table that cannot be read then leaves the one before. What comes later than
//! `--out-of-order` allows may find nothing any more. Ctrl-C ends it.
//!
//! To try it:
//!
//! ```text
//! loggen --output logs --one-click-in 5
//! seq 0 9999 | sed 's/.*/{"openid":"u&","name":"User &"}/' >users.jsonl
//! ```

#![allow(clippy::print_stderr, reason = "a program that tells what it could not read")]

use ferrobeam::prelude::*;
use ferrobeam::time::minutes;
use ferrobeam_examples::{Logs, event_time};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(clap::Args, Serialize, Deserialize)]
struct ClickJoin {
    /// The table of users, as JSON Lines
    #[arg(long, value_name = "FILE")]
    users: String,
    /// For how many minutes a click belongs to what was shown, up to a week
    #[arg(long, value_name = "MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    within: u64,
    #[command(flatten)]
    #[serde(flatten)]
    logs: Logs,
}

#[derive(Clone, Debug, Deserialize, Element)]
struct Event {
    openid: String,
    page: String,
    #[serde(default)]
    click: bool,
    #[serde(rename = "ctime", deserialize_with = "event_time")]
    at: Timestamp,
}

#[derive(Deserialize)]
struct User {
    openid: String,
    name: String,
}

/// A line of the output.
#[derive(Clone, Debug, Serialize, Element)]
struct Joined {
    openid: String,
    page: String,
    shown: String,
    clicked: Option<String>,
    name: Option<String>,
}

/// Reads the table of users: their names.
fn names(file: &str) -> Result<HashMap<String, String>, BoxError> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read `{file}`: {error}"))?;
    let users = text.lines().map(serde_json::from_str::<User>);
    users
        .map(|user| user.map(|user| (user.openid, user.name)).map_err(|error| format!("`{file}`: {error}").into()))
        .collect()
}

/// Reads it once, for input that is complete.
#[derive(Clone)]
struct Names;

impl DoFn for Names {
    type In = String;
    type Out = HashMap<String, String>;

    fn process(&mut self, file: String, ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
        ctx.emit(names(&file)?);
        Ok(())
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, ClickJoin { users, within, logs }: &ClickJoin| {
        let file = users.clone();
        let names = match logs.follow {
            true => {
                let load = move || names(&file).inspect_err(|error| eprintln!("click_join: {error}"));
                root.apply(Refreshed::every(minutes(1), load).keep_when_failing())
            }
            false => root.create([file]).par_do(Names).as_singleton(),
        };
        let events =
            logs.read(root, |event: &Event| event.at).key_by(|event| (event.openid.clone(), event.page.clone()));
        let shown = events.filter(|(_, event)| !event.click).map(|(key, event)| (key, event.at)).named("Shown");
        let clicks = events.filter(|(_, event)| event.click).map_with(names, |(key, event), names| {
            let name = names.get(&event.openid).cloned();
            (key, (event.at, name))
        });
        let joined = shown.apply(IntervalJoin::with(&clicks).between(minutes(0), minutes(*within)).left_outer());
        logs.write(&joined.map(|((openid, page), (shown, click))| {
            let (clicked, name) = click.unzip();
            let (shown, clicked) = (shown.to_string(), clicked.map(|at: Timestamp| at.to_string()));
            Joined { openid, page, shown, clicked, name: name.flatten() }
        }));
        Ok(())
    })
}
