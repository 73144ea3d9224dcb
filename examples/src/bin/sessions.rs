//! The visits of each user: when each began, how long it was, and which pages it went to.
//!
//! `sessions --input 'logs/*.jsonl' --output visits` reads lines such as
//! `{"openid": "u1", "page": "/a", "ctime": "2026-11-21T01:02:03.456Z"}` and writes `visits-*.jsonl`, a line for each visit:
//! `{"openid": "u1", "first": "2026-11-21T01:02:03.456Z", "last": "..", "seconds": 61.5, "pages": ["/a", "/b"]}`. A visit is
//! over when the user has looked at nothing for thirty minutes (`--gap`). An event that comes after that, up to an hour late,
//! changes its visit, and may join it with another: then there is a line more, which takes the place of those that it overlaps.
//!
//! `loggen --output logs --users 30000` makes such a log. With `--follow` the input is a directory whose files grow; Ctrl-C
//! reads what is there, and all visits are over.

use ferrobeam::prelude::*;
use ferrobeam::time::{hours, minutes};
use ferrobeam_examples::{Logs, event_time};
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct SessionsOptions {
    /// Minutes without a view that end a visit, up to a week
    #[arg(long, value_name = "MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    gap: u64,
    #[command(flatten)]
    #[serde(flatten)]
    logs: Logs,
}

#[derive(Clone, Debug, Deserialize, Element)]
struct View {
    openid: String,
    page: String,
    #[serde(rename = "ctime", deserialize_with = "event_time")]
    at: Timestamp,
}

/// A line of the output.
#[derive(Clone, Debug, Serialize, Element)]
struct Visit {
    openid: String,
    first: String,
    last: String,
    seconds: f64,
    pages: Vec<String>,
}

#[derive(Clone)]
struct ToVisit;

impl DoFn for ToVisit {
    type In = (String, Grouped<(Timestamp, String)>);
    type Out = Visit;

    fn process(&mut self, (openid, views): Self::In, ctx: &mut Context<'_, Visit>) -> Result<(), BoxError> {
        let mut views: Vec<(Timestamp, String)> = views.into_iter().collect();
        views.sort();
        let (Some((first, _)), Some((last, _))) = (views.first(), views.last()) else { return Ok(()) };
        let (first, last) = (*first, *last);
        ctx.emit(Visit {
            openid,
            first: first.to_string(),
            last: last.to_string(),
            seconds: last.saturating_since(first).as_secs_f64(),
            pages: views.into_iter().map(|(_, page)| page).collect(),
        });
        Ok(())
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, SessionsOptions { gap, logs }: &SessionsOptions| {
        let visits = Sessions::with_gap(minutes(*gap))
            .trigger(AfterWatermark::new().late(after_count(1)))
            .accumulating()
            .allowed_lateness(hours(1));
        let visits = logs
            .read(root, |view: &View| view.at)
            .window(visits)
            .map(|view| (view.openid, (view.at, view.page)))
            .group_by_key()
            .par_do(ToVisit);
        logs.write(&visits);
        Ok(())
    })
}
