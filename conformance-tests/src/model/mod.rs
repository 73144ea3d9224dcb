//! The page about windows, triggers and panes: prose from `page.md`, with tables that come out of pipelines.
//!
//! A line of the prose in double braces stands for a table: `{{script}}`, or `{{panes WINDOWS TRIGGER LATENESS ..}}` with
//! further choices behind it.

mod own;
mod panes;

use ferrobeam::prelude::*;
use ferrobeam::runner::Runner;
use ferrobeam::testing::TestStream;
use ferrobeam::time::{hours, seconds};
use panes::panes;
use std::fmt::Write;
use std::time::Duration;

/// One step of the script. Event times are in the unit of the table, and an element is its own event time.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Element(i64),
    Watermark(i64),
    /// So many seconds of processing time pass.
    Passes(u64),
    /// The watermark moves to the end of time.
    End,
}

const SCRIPT: [Step; 15] = [
    Step::Element(12),
    Step::Element(3),
    Step::Passes(30),
    Step::Element(7),
    Step::Watermark(10),
    Step::Element(5),
    Step::Element(18),
    Step::Passes(30),
    Step::Watermark(20),
    Step::Element(9),
    Step::Element(14),
    Step::Watermark(30),
    Step::Element(4),
    Step::Element(16),
    Step::End,
];

/// What an element counts: seconds of event time, or hours where windows are long.
#[derive(Clone, Copy)]
enum Unit {
    Second,
    Hour,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Second => "second",
            Unit::Hour => "hour",
        }
    }

    fn of(self, count: u64) -> Duration {
        match self {
            Unit::Second => seconds(count),
            Unit::Hour => hours(count),
        }
    }

    fn millis(self) -> i64 {
        match self {
            Unit::Second => 1000,
            Unit::Hour => 3_600_000,
        }
    }

    fn at(self, time: i64) -> Timestamp {
        Timestamp::from_millis(self.millis() * time)
    }
}

/// The page, as Markdown, from pipelines that this runner runs.
///
/// # Errors
/// A pipeline fails, or the prose asks for a table that is not known.
pub fn model(runner: &dyn Runner) -> Result<String, BoxError> {
    let mut page = String::new();
    for line in include_str!("page.md").lines() {
        match line.strip_prefix("{{").and_then(|line| line.strip_suffix("}}")) {
            Some("script") => script_table(&mut page)?,
            Some(table) => {
                let mut choices = table.split(' ');
                match choices.next() {
                    Some("panes") => page += &panes(runner, &choices.collect::<Vec<_>>())?,
                    _ => return Err(format!("there is no table `{table}`").into()),
                }
            }
            None => writeln!(page, "{line}")?,
        }
    }
    Ok(page)
}

fn script_table(page: &mut String) -> Result<(), BoxError> {
    writeln!(page, "| step | what happens |\n|---:|---|")?;
    let mut watermark = i64::MIN;
    for (number, step) in SCRIPT.iter().enumerate() {
        let text = match step {
            Step::Element(at) if *at < watermark => format!("**{at}** comes, late: the watermark is at {watermark}"),
            Step::Element(at) => format!("**{at}** comes"),
            Step::Watermark(to) => {
                watermark = *to;
                format!("the watermark moves to {to}")
            }
            Step::Passes(length) => format!("{length} s of processing time pass"),
            Step::End => "the input ends: the watermark moves to the end of time".to_owned(),
        };
        writeln!(page, "| {} | {text} |", number + 1)?;
    }
    Ok(())
}

/// The script with a mark behind each of its steps but the last one.
fn script(unit: Unit) -> TestStream<Option<i64>> {
    SCRIPT.iter().fold(TestStream::new(), |script, step| match *step {
        Step::Element(n) => crate::in_order::mark(script.add_elements([(Some(n), unit.at(n))])),
        Step::Watermark(to) => crate::in_order::mark(script.advance_watermark_to(unit.at(to))),
        Step::Passes(length) => crate::in_order::mark(script.advance_processing_time(seconds(length))),
        Step::End => script.advance_watermark_to_infinity(),
    })
}
