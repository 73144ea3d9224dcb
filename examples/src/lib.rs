//! What the streaming examples share: logs to read, complete or still growing, and where their lines go.

pub mod moments;
pub mod page_views;

use clap::builder::NonEmptyStringValueParser;
use clap::value_parser;
use ferrobeam::metrics::Counter;
use ferrobeam::prelude::*;
use ferrobeam::time::{days, minutes, seconds};
use ferrobeam::windowing::Timing;
use serde::de::{self, DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Once;
use std::time::SystemTime;
use std::{fmt, fs};

/// Lines that are no events.
const MALFORMED: Counter = Counter::new("logs", "malformed_lines");

// The options of a pipeline that reads a log and writes lines: all that it has, or flattened into its own.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a doc comment would become the description of every program")]
pub struct Logs {
    /// JSON Lines, as a glob; with --follow a directory, or a glob of files that grow
    #[arg(long)]
    pub input: String,
    /// Go on reading as files grow and others come (not compressed ones); Ctrl-C reads what is there and ends
    #[arg(long)]
    pub follow: bool,
    /// Where the results go: files PREFIX-*, with --follow a new one each ten seconds
    #[arg(long, value_name = "PREFIX", value_parser = NonEmptyStringValueParser::new())]
    pub output: String,
    /// Where lines go that are no events; page_views and backfill write events that came too late to PREFIX-late
    #[arg(long, value_name = "PREFIX", value_parser = NonEmptyStringValueParser::new())]
    pub errors: Option<String>,
    /// Begin where this file says, and keep there how far files were read when the run ends well; for one run at a time.
    /// What was remembered of events, as of a visit that goes on, is written at the end, and the next run begins without it
    #[arg(long, value_name = "FILE", requires = "follow")]
    pub positions: Option<String>,
    /// Seconds that an event may be behind one before it in its file and not be late
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = value_parser!(u64).range(..=31_536_000))]
    pub out_of_order: u64,
}

impl Logs {
    /// Reads the events with the times that `at` finds in them. Lines that are none are written to `errors`, with file and
    /// place.
    #[track_caller]
    pub fn read<T: Element + DeserializeOwned>(&self, root: &Root, at: fn(&T) -> Timestamp) -> PCollection<T> {
        if self.follow {
            let parse =
                |line: &str| if line.trim_ascii().is_empty() { Ok(None) } else { serde_json::from_str(line).map(Some) };
            return self.follow(root, parse, at);
        }
        let (events, bad) = root.apply(json::read::<T>(&self.input).with_errors());
        self.write_errors(&bad);
        events.with_timestamps(at)
    }

    /// Reads as [`read`](Logs::read) does with `--follow`, lines of any form; those of which `parse` makes none are left out.
    #[track_caller]
    #[expect(clippy::print_stderr, reason = "a mistyped directory is not to wait in silence")]
    pub fn follow<T: Element, E: fmt::Display + 'static>(
        &self,
        root: &Root,
        parse: fn(&str) -> Result<Option<T>, E>,
        at: fn(&T) -> Timestamp,
    ) -> PCollection<T> {
        static TOLD: Once = Once::new();
        if fs::metadata(&self.input).is_err() && !self.input.contains(['*', '?', '[', '{']) {
            // A pipeline may be constructed more than once.
            TOLD.call_once(|| eprintln!("`{}` is not there yet: waiting for it", self.input));
        }
        // A line with a date that is too late must not make all others late.
        let lines = follow::directory(&self.input)
            .event_time(seconds(self.out_of_order), move |line| {
                let event = if line.is_utf8 { parse(&line.text).ok().flatten() } else { None };
                event.map(|event| at(&event))
            })
            .ahead_at_most(minutes(1));
        let lines = self.own_names().fold(lines, |lines, own| lines.clone().except(&own).unwrap_or(lines));
        let lines = match &self.positions {
            Some(positions) => lines.positions(positions),
            None => lines,
        };
        let parsed = move |line: follow::FollowedLine| match parse(&line.text) {
            _ if !line.is_utf8 => Err(line.bad("it is not UTF-8")),
            event => event.map_err(|error| line.bad(error)),
        };
        let (events, bad) = root.apply(lines).try_map(parsed);
        self.write_errors(&bad);
        events.flat_map(|event| event)
    }

    /// The names of what is written, which is not to be read if it lies in the same directory.
    fn own_names(&self) -> impl Iterator<Item = String> {
        let name = |path: &String| Path::new(path).file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let outputs = [Some(&self.output), self.errors.as_ref()].into_iter().flatten().filter_map(name);
        let positions = self.positions.iter().filter_map(name);
        outputs.map(|name| format!("{name}-*")).chain(positions.map(|name| format!("{name}*")))
    }

    /// Writes results as JSON Lines, for input that grows to a new file each ten seconds.
    #[track_caller]
    pub fn write<T: Element + Serialize>(&self, results: &PCollection<T>) {
        self.write_to(&self.output, results);
    }

    /// Counts what could not be read, and writes it to `errors`, if that is where it is to go.
    #[track_caller]
    pub fn write_errors<T: Element + Serialize>(&self, bad: &PCollection<T>) {
        let bad = bad.map(|line| {
            MALFORMED.inc();
            line
        });
        match &self.errors {
            Some(errors) => self.write_to(errors, &bad),
            None => bad.discard(),
        }
    }

    /// Writes events that come too late for their windows beside what could not be read. Complete logs have none, and without
    /// `errors` they are only counted where they are dropped.
    #[track_caller]
    pub fn write_late<T: Element + Serialize>(&self, events: &PCollection<T>) {
        if let (Some(errors), true) = (&self.errors, self.follow) {
            // In a window of their own, in which they are not late.
            self.write_to(&format!("{errors}-late"), &events.late_output().window(GlobalWindows::new()));
        }
    }

    #[track_caller]
    fn write_to<T: Element + Serialize>(&self, prefix: &str, lines: &PCollection<T>) {
        if self.follow {
            lines.apply(json::write(prefix).rolling(64 << 20, seconds(10)));
        } else {
            lines.apply(json::write(prefix));
        }
    }
}

/// Reads an RFC 3339 time, as clap's `value_parser` wants it.
///
/// # Errors
/// It is none.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Ok(Timestamp::from_millis(time.as_millisecond()))
}

/// Reads the RFC 3339 time of an event, as serde's `deserialize_with` wants it.
///
/// # Errors
/// It is none, or none that a log of today may hold: one of this century, up to tomorrow. A wrong clock must not close the
/// windows of all others, and what it says goes to the errors and is not lost unseen.
pub fn event_time<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    const THIS_CENTURY: Timestamp = Timestamp::from_millis(946_684_800_000);
    let text = String::deserialize(from)?;
    let at = instant(&text).map_err(de::Error::custom)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(de::Error::custom)?;
    if at < THIS_CENTURY {
        Err(de::Error::custom(format!("{text} is before this century")))
    } else if at > Timestamp::EPOCH + now + days(1) {
        Err(de::Error::custom(format!("{text} is in the future")))
    } else {
        Ok(at)
    }
}

/// Reads a number that is one, as serde's `deserialize_with` wants it.
///
/// # Errors
/// It is none, or not finite.
pub fn finite<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(from)?;
    if number.is_finite() { Ok(number) } else { Err(de::Error::custom(format!("{number} is no number"))) }
}

/// What a result says of its window.
#[derive(Clone, Debug, Serialize, Element)]
pub struct Place {
    /// Where the window begins.
    pub window_start: String,
    /// The first time behind it.
    pub window_end: String,
}

impl Place {
    /// That of the element which is processed.
    ///
    /// # Errors
    /// It is in no window of time.
    pub fn of<U>(ctx: &Context<'_, U>) -> Result<Place, BoxError> {
        let Window::Interval { start, end } = ctx.window() else { return Err("a result without a window".into()) };
        Ok(Place { window_start: start.to_string(), window_end: end.to_string() })
    }
}

/// What a result says of its pane.
#[derive(Clone, Debug, Serialize, Element)]
pub struct Pane {
    /// `early`, `on_time` or `late`.
    pub timing: String,
    /// The number of the result among those of its key and window: a later one takes the place of those before.
    pub index: u64,
}

impl Pane {
    /// That of the element which is processed.
    #[must_use]
    pub fn of<U>(ctx: &Context<'_, U>) -> Pane {
        let timing = match ctx.pane().timing {
            Timing::Early => "early",
            Timing::OnTime => "on_time",
            Timing::Late => "late",
            Timing::Unknown => "unknown",
        };
        Pane { timing: timing.to_owned(), index: ctx.pane().index }
    }
}
