//! The panes of one windowing, as a table.

use super::own::Shifts;
use super::{Unit, script};
use crate::check::Log;
use crate::in_order::{Pane, by_mark, in_order};
use ferrobeam::prelude::*;
use ferrobeam::runner::Runner;
use ferrobeam::testing::assert_that;
use ferrobeam::time::seconds;
use ferrobeam::windowing::trigger::after_synchronized_processing_time;
use ferrobeam::windowing::{Complete, PaneInfo, Timing, Windows};
use std::fmt::Write;

/// An expression, and its text for the reader.
macro_rules! shown {
    ($expression:expr) => {
        (stringify!($expression), $expression)
    };
}

/// The choices of a windowing but its windows.
struct Choices<'a> {
    unit: Unit,
    trigger: (&'static str, Trigger),
    lateness: u64,
    others: &'a [&'a str],
}

/// The table for these choices: windows, trigger, lateness in the unit of the table, and others by name.
pub(super) fn panes(runner: &dyn Runner, choices: &[&str]) -> Result<String, BoxError> {
    let [windows, trigger, lateness, others @ ..] = choices else {
        return Err(format!("a table needs windows, a trigger and a lateness: {choices:?}").into());
    };
    let trigger = match *trigger {
        "default" => ("", Trigger::Default),
        "on-time" => shown!(AfterWatermark::new().into()),
        "early-late" => shown!(AfterWatermark::new().early(after_count(1)).late(after_count(1)).into()),
        "delay" => shown!(AfterWatermark::new().early(after_delay(seconds(20))).late(after_count(2)).into()),
        "count" => shown!(repeatedly(after_count(2))),
        "never" => shown!(Trigger::Never),
        "always" => shown!(Trigger::Always),
        "synchronized" => shown!(repeatedly(after_synchronized_processing_time())),
        "all" => shown!(repeatedly(after_all([after_count(2), after_delay(seconds(20))]))),
        "any" => shown!(repeatedly(after_any([after_count(2), after_delay(seconds(20))]))),
        "each" => shown!(after_each([after_count(1), repeatedly(after_count(2))])),
        "or-finally" => shown!(repeatedly(after_count(1)).or_finally(after_count(3))),
        "nested" => {
            shown!(repeatedly(after_each([after_any([after_count(2), after_delay(seconds(20))]), after_count(1)])))
        }
        other => return Err(format!("there is no trigger `{other}`").into()),
    };
    let unit = if *windows == "days" { Unit::Hour } else { Unit::Second };
    let choices = Choices { unit, trigger, lateness: lateness.parse()?, others };
    match *windows {
        "fixed" => choices.table(runner, shown!(FixedWindows::of(seconds(10)))),
        "sliding" => choices.table(runner, shown!(SlidingWindows::of(seconds(10)).every(seconds(5)))),
        "gaps" => choices.table(runner, shown!(SlidingWindows::of(seconds(5)).every(seconds(8)))),
        "sessions" => choices.table(runner, shown!(Sessions::with_gap(seconds(5)))),
        "global" => choices.table(runner, shown!(GlobalWindows::new())),
        "days" => choices.table(runner, shown!(CalendarWindows::days(1).time_zone("America/New_York"))),
        "own" => choices.table(runner, shown!(Windowing::of(Shifts))),
        other => Err(format!("there are no windows `{other}`").into()),
    }
}

/// What is seen of one run: the panes of each step, and what was dropped because it was late.
struct Shown {
    panes: Vec<Vec<Pane>>,
    late: Vec<(i64, Window)>,
}

impl Choices<'_> {
    /// Both modes side by side: they differ in what panes contain only.
    fn table<W: Into<Windows> + Clone>(
        &self,
        runner: &dyn Runner,
        (windows_text, windows): (&str, Windowing<W>),
    ) -> Result<String, BoxError> {
        let triggered = windows.trigger(self.trigger.1.clone());
        let discarding = run(runner, self.unit, self.complete(triggered.clone().discarding())?)?;
        let accumulating = run(runner, self.unit, self.complete(triggered.accumulating())?)?;
        let mut table = format!("`{}`\n\n", self.text(windows_text));
        writeln!(table, "| after step | window | pane | discarding | accumulating | timestamp |")?;
        writeln!(table, "|---:|---|---|---|---|---|")?;
        for (step, (panes, all)) in discarding.panes.into_iter().zip(accumulating.panes).enumerate() {
            let rows: Vec<_> = panes.iter().zip(&all).collect();
            if panes.len() != all.len() || rows.iter().any(|(a, b)| (a.0, a.1.1, a.1.2) != (b.0, b.1.1, b.1.2)) {
                return Err(format!("the modes differ in more than contents: {panes:?} and {all:?}").into());
            }
            for ((window, (values, timestamp, pane)), (_, (all, ..))) in rows {
                let (window, pane) = (show_window(window, self.unit), show_pane(pane));
                let timestamp = show_time(*timestamp, self.unit);
                let (values, all) = (show_values(values), show_values(all));
                writeln!(table, "| {} | {window} | {pane} | {values} | {all} | {timestamp} |", step + 1)?;
            }
        }
        if !discarding.late.is_empty() {
            let show = |(n, window): &(i64, Window)| format!("{n} for {}", show_window(window, self.unit));
            let late = discarding.late.iter().map(show);
            writeln!(table, "\nToo late, and dropped: {}.", late.collect::<Vec<_>>().join(", "))?;
        }
        Ok(table)
    }

    fn text(&self, windows: &str) -> String {
        let mut text = windows.to_owned();
        // A long expression comes in several lines.
        let trigger = self.trigger.0.trim_end_matches(".into()").replace('\n', " ");
        if !trigger.is_empty() {
            text += &format!(".trigger({trigger})");
        }
        if self.lateness > 0 {
            text += &format!(".allowed_lateness({}s({}))", self.unit.name(), self.lateness);
        }
        for other in self.others {
            text += match *other {
                "earliest" => ".timestamp_combiner(TimestampCombiner::Earliest)",
                "latest" => ".timestamp_combiner(TimestampCombiner::Latest)",
                "close-always" => ".closing_behavior(ClosingBehavior::EmitAlways)",
                "on-time-nonempty" => ".on_time_behavior(OnTimeBehavior::FireIfNonempty)",
                _ => "",
            };
        }
        text
    }

    fn complete<W>(&self, windowing: Windowing<W, Complete>) -> Result<Windowing<W, Complete>, BoxError> {
        let windowing = windowing.allowed_lateness(self.unit.of(self.lateness)).allow_data_loss();
        self.others.iter().try_fold(windowing, |windowing, other| match *other {
            "earliest" => Ok(windowing.timestamp_combiner(TimestampCombiner::Earliest)),
            "latest" => Ok(windowing.timestamp_combiner(TimestampCombiner::Latest)),
            "close-always" => Ok(windowing.closing_behavior(ClosingBehavior::EmitAlways)),
            "on-time-nonempty" => Ok(windowing.on_time_behavior(OnTimeBehavior::FireIfNonempty)),
            other => Err(format!("there is no choice `{other}`").into()),
        })
    }
}

fn run<W: Into<Windows> + Clone>(runner: &dyn Runner, unit: Unit, windowing: Windowing<W>) -> Result<Shown, BoxError> {
    let (panes, late) = (Log::new(), Log::new());
    runner.run(|root| {
        let stream = root.test_stream(script(unit));
        let (panes, late) = (panes.clone(), late.clone());
        assert_that(&in_order(&stream, windowing.clone())).satisfies(move |seen| {
            panes.add(by_mark(seen)?);
            Ok(())
        });
        let dropped = stream.flat_map(|element| element).window(windowing).late_output().par_do(ReifyWindow);
        assert_that(&dropped).satisfies(move |dropped| {
            late.add(dropped.to_vec());
            Ok(())
        });
        Ok(())
    })?;
    // A bundle may have run more than once; what it saw is the same.
    let mut panes = panes.entries().pop().ok_or("no panes were seen")?;
    panes.iter_mut().for_each(|panes| panes.sort_by_key(|(window, (_, _, pane))| (*window, pane.index)));
    let mut late = late.entries().pop().ok_or("nothing was seen of what is late")?;
    late.sort_unstable();
    Ok(Shown { panes, late })
}

#[derive(Clone)]
struct ReifyWindow;

impl DoFn for ReifyWindow {
    type In = i64;
    type Out = (i64, Window);

    fn process(&mut self, n: i64, ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
        ctx.emit((n, ctx.window()));
        Ok(())
    }
}

fn show_window(window: &Window, unit: Unit) -> String {
    match window {
        Window::Interval { start, end } => {
            format!("[{}, {})", start.millis() / unit.millis(), end.millis() / unit.millis())
        }
        Window::Global => "global".to_owned(),
    }
}

fn show_pane(pane: &PaneInfo) -> String {
    let timing = match pane.timing {
        Timing::Early => "early",
        Timing::OnTime => "on time",
        Timing::Late => "late",
        Timing::Unknown => "unknown",
    };
    format!("{}: {timing}{}", pane.index, if pane.is_last { ", the last" } else { "" })
}

fn show_values(values: &[i64]) -> String {
    let values: Vec<_> = values.iter().map(i64::to_string).collect();
    if values.is_empty() { "nothing".to_owned() } else { values.join(", ") }
}

fn show_time(at: Timestamp, unit: Unit) -> String {
    let (whole, rest) = (at.millis() / unit.millis(), at.millis() % unit.millis());
    match unit {
        _ if at == Timestamp::END_OF_GLOBAL_WINDOW => "end of time".to_owned(),
        _ if rest == 0 => whole.to_string(),
        Unit::Second => format!("{whole}.{rest:03}"),
        Unit::Hour => format!("{whole}:{:02}:{:02}.{:03}", rest / 60_000, rest / 1000 % 60, rest % 1000),
    }
}
