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
//! Lines that are no such events fail nothing: with `--errors PREFIX` they are written there, with file and offset.

use ferrobeam::prelude::*;
use ferrobeam::time::{hours, minutes, seconds};
use ferrobeam::transforms::flatten::flatten;
use ferrobeam::windowing::{Timing, Window};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(clap::Args, Serialize, Deserialize)]
struct PageViewsOptions {
    /// JSON Lines, as a glob; with --follow a directory
    #[arg(long)]
    input: String,
    /// Go on reading as files grow and others come
    #[arg(long)]
    follow: bool,
    /// Where the counts go
    #[arg(long, value_name = "PREFIX")]
    output: String,
    /// Where lines go that are no events
    #[arg(long, value_name = "PREFIX")]
    errors: Option<String>,
    /// Begin where this file says, and keep there how far files were read
    #[arg(long, value_name = "FILE", requires = "follow")]
    positions: Option<String>,
    /// Seconds that an event may be behind one before it in its file and not be late
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    out_of_order: u64,
}

/// Somebody looks at a page.
#[derive(Clone, Debug, Deserialize, Element)]
struct View {
    openid: String,
    page: String,
    /// Milliseconds since 1970.
    #[serde(rename = "ctime", deserialize_with = "plausible")]
    at: i64,
}

/// A time that a log of today may hold: a wrong clock must not close the windows of all others, and nothing gets lost unseen.
fn plausible<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    const THIS_CENTURY: i64 = 946_684_800_000;
    const DAY: i64 = 86_400_000;
    let text = String::deserialize(from)?;
    let time: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(de::Error::custom)?.as_millis();
    let latest = i64::try_from(now).unwrap_or(i64::MAX).saturating_add(DAY);
    match time.as_millisecond() {
        at if at < THIS_CENTURY => Err(de::Error::custom(format!("{text} is before this century"))),
        at if at > latest => Err(de::Error::custom(format!("{text} is in the future"))),
        at => Ok(at),
    }
}

/// Counts what is different, all of it.
#[derive(Clone)]
struct Visitors;

impl CombineFn for Visitors {
    type In = String;
    type Acc = BTreeSet<String>;
    type Out = u64;

    fn create_accumulator(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
    fn add_input(&self, visitors: &mut BTreeSet<String>, visitor: String) {
        visitors.insert(visitor);
    }
    fn merge_accumulators(&self, visitors: &mut BTreeSet<String>, others: BTreeSet<String>) {
        visitors.extend(others);
    }
    fn extract_output(&self, visitors: BTreeSet<String>) -> u64 {
        visitors.len() as u64
    }
}

/// A line of the output.
#[derive(Clone, Debug, Serialize, Deserialize, Element)]
struct PageViews {
    window_start: String,
    window_end: String,
    page: Option<String>,
    pv: u64,
    uv: u64,
    uv_approx: u64,
    timing: String,
    index: u64,
}

/// Says of which window and pane a count is.
#[derive(Clone)]
struct ToLine;

impl DoFn for ToLine {
    type In = (Option<String>, (u64, u64, u64));
    type Out = PageViews;

    fn process(&mut self, (page, counts): Self::In, ctx: &mut Context<'_, PageViews>) -> Result<(), BoxError> {
        let Window::Interval { start, end } = ctx.window() else { return Err("views without a minute".into()) };
        let pane = ctx.pane();
        let timing = match pane.timing {
            Timing::Early => "early",
            Timing::OnTime => "on_time",
            Timing::Late => "late",
            Timing::Unknown => "unknown",
        };
        let (pv, uv, uv_approx) = counts;
        let (window_start, window_end) = (start.to_string(), end.to_string());
        ctx.emit(PageViews {
            window_start,
            window_end,
            page,
            pv,
            uv,
            uv_approx,
            timing: timing.to_owned(),
            index: pane.index,
        });
        Ok(())
    }
}

/// The counts of each page and of all.
fn counts(views: &PCollection<View>) -> PCollection<PageViews> {
    let minute = FixedWindows::of(minutes(1))
        .trigger(AfterWatermark::new().early(after_delay(seconds(1))).late(after_count(1)))
        .accumulating()
        .allowed_lateness(hours(2));
    let views = views.window(minute);
    let of_pages = views.map(|view| (Some(view.page), view.openid)).named("ByPage");
    let of_all = views.map(|view| (None, view.openid)).named("All");
    flatten([&of_pages, &of_all]).combine_per_key((count(), Visitors, approximate_distinct())).par_do(ToLine)
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, options: &PageViewsOptions| {
        let PageViewsOptions { input, output, errors, .. } = options;
        if !options.follow {
            let (views, bad) = root.apply(json::read::<View>(input).with_errors());
            let views = views.with_timestamps(|view| Timestamp::from_millis(view.at));
            counts(&views).apply(json::write(output));
            match errors {
                Some(errors) => bad.apply(json::write(errors)),
                None => bad.discard(),
            }
            return Ok(());
        }
        let view = |line: &str| serde_json::from_str::<View>(line);
        let time = move |text: &str| view(text).ok().map(|view| Timestamp::from_millis(view.at));
        let mut lines = follow::directory(input)
            .event_time(seconds(options.out_of_order), move |line| time(&line.text))
            .ahead_at_most(minutes(1));
        if let Some(positions) = &options.positions {
            lines = lines.positions(positions);
        }
        let (views, bad) = root.apply(lines).try_map(move |line| view(&line.text).map_err(|error| line.bad(error)));
        counts(&views).apply(json::write(output).rolling(64 << 20, seconds(10)));
        match errors {
            Some(errors) => bad.apply(json::write(errors).rolling(64 << 20, seconds(10))),
            None => bad.discard(),
        }
        Ok(())
    })
}
