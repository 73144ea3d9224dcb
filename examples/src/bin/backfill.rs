//! Page views by minute over history and live input: one pipeline and one answer, where two systems were needed before.
//!
//! `backfill --history 'old/*.jsonl' --until 2026-11-21T00:30:00Z --input logs --follow --output views` counts what
//! `page_views` counts, in lines such as `{"openid": "u1", "page": "/a", "ctime": "2026-11-21T01:02:03.456Z"}`: events before
//! `--until` from the complete files of the history, and all others from the log that is still being written. An event that
//! both have counts once, and a minute that lies across the seam is one. Minutes are over when the history has been read and
//! the log has passed them; before that there are early results. Without `--follow` the log is complete, too.
//!
//! To try it, with a history and a log that overlap:
//!
//! ```text
//! loggen --output old --length 3600
//! loggen --output logs --length 3600 --rate 10000 &
//! backfill --history 'old/*.jsonl' --until 2026-11-21T00:30:00Z --input logs --follow --output views
//! ```

use ferrobeam::prelude::*;
use ferrobeam_examples::page_views::{View, by_minute, counts};
use ferrobeam_examples::{Logs, instant};
use serde::{Deserialize, Serialize};

#[derive(clap::Args, Serialize, Deserialize)]
struct Backfill {
    /// The files of the history, as a glob
    #[arg(long)]
    history: String,
    /// Where the log takes over, as an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Timestamp,
    #[command(flatten)]
    #[serde(flatten)]
    logs: Logs,
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &Backfill| {
        let Backfill { history, until, logs } = options;
        let until = *until;
        if logs.positions.is_some() {
            let why = "--positions is not for a backfill: the next run would count the history once more".to_owned();
            return Err(ferrobeam::Error::Graph(vec![why]));
        }
        let errors = logs.errors.as_ref().map(|errors| format!("{errors}-history"));
        let complete = Logs { input: history.clone(), follow: false, positions: None, errors, ..logs.clone() };
        let past = complete.read(root, |view: &View| view.at).filter(move |view| view.at < until).named("Past");
        let live = logs.read(root, |view: &View| view.at).filter(move |view| view.at >= until).named("Live");
        let views = by_minute(&flatten([&past, &live]));
        logs.write(&counts(&views));
        logs.write_late(&views);
        Ok(())
    })
}
