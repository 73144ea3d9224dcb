//! Page views and visitors by page and minute, from logs that are complete or still being written.
//!
//! `page_views --input 'logs/*.jsonl' --output views` reads lines such as
//! `{"openid": "u1", "page": "/a", "ctime": "2026-11-21T01:02:03.456Z"}`, of which other fields are ignored, and writes
//! `views-*.jsonl`: for each minute a line for each page and one for all of them (`"page": null`), with the number of views, of
//! visitors, and about of visitors. With `--follow` the input is a directory whose files grow: each second there is an early
//! result of a minute that goes on, one when it is over, and one more for each event that comes later, for two hours; the last
//! one of a minute and page counts all. Ctrl-C ends it: what is there is read, and all minutes are counted. With
//! `--positions FILE` the next run goes on where this one ended.
//!
//! Lines that are no such events fail nothing: with `--errors PREFIX` they are written there, with file and offset, and views
//! that come later than two hours after their minute to `PREFIX-late`. The summary says how many there were.
//!
//! How it counts is in `src/page_views.rs`, which `backfill` uses, too; how it reads and writes is in `src/lib.rs`.

use ferrobeam::prelude::*;
use ferrobeam_examples::Logs;
use ferrobeam_examples::page_views::{View, by_minute, counts};

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, logs: &Logs| {
        let views = by_minute(&logs.read(root, |view: &View| view.at));
        logs.write(&counts(&views));
        logs.write_late(&views);
        Ok(())
    })
}
