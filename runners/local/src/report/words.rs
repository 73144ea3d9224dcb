//! Figures as people read them.

use super::figures::Figures;
use ferrobeam_core::Timestamp;
use ferrobeam_core::metrics::{Metrics, Value};
use std::time::Duration;

/// No more steps are shown at once.
const MOST_STEPS: usize = 24;

/// What has changed since a moment.
pub(super) struct Since<'a> {
    /// How far the steps had come then.
    pub(super) before: &'a [Figures],
    pub(super) length: Duration,
    /// How long the run has taken.
    pub(super) elapsed: Duration,
}

/// A table of all steps, a line each.
pub(super) fn table(now: &[Figures], since: &Since<'_>) -> Vec<String> {
    let width = now.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).clamp(4, 40);
    let header = format!("  {:width$}  {:>15}  {:>11}  {:24}  waiting", "step", "elements", "a second", "watermark");
    let shown = now.iter().take(MOST_STEPS).map(|row| {
        let name: String = row.name.chars().take(width).collect();
        let (elements, rate) = (thousands(row.elements), rate(row, since));
        let waits = [(row.waiting > 0).then(|| thousands(row.waiting)), read(row, since.elapsed)];
        let waits = waits.into_iter().flatten().collect::<Vec<_>>().join("; ");
        let line = format!("  {name:width$}  {elements:>15}  {rate:>11}  {:24}  {waits}", watermark(row.watermark));
        line.trim_end().to_owned()
    });
    let more = now.len().saturating_sub(MOST_STEPS);
    let more = (more > 0).then(|| format!("  and {more} more"));
    [header].into_iter().chain(shown).chain(more).collect()
}

/// All steps in one line, for a log.
pub(super) fn line(now: &[Figures], since: &Since<'_>) -> String {
    let steps = now.iter().map(|row| {
        let mut text = format!("{} {} ({}/s", row.name, thousands(row.elements), rate(row, since));
        if row.waiting > 0 {
            text += &format!(", {} waiting", thousands(row.waiting));
        }
        if row.watermark > Timestamp::MIN && row.watermark < Timestamp::MAX {
            text += &format!(", watermark {}", row.watermark);
        }
        if let Some(read) = read(row, since.elapsed) {
            text += &format!(", {read}");
        }
        text + ")"
    });
    format!("{}: {}", seconds(since.elapsed), steps.collect::<Vec<_>>().join("; "))
}

/// What remains to be said at the end.
pub(super) fn summary(end: &[Figures], elapsed: Duration) -> Vec<String> {
    let width = end.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).clamp(4, 60);
    let header = format!("  {:width$}  {:>15}  {:>11}", "step", "elements", "a second");
    let since = Since { before: &[], length: elapsed, elapsed };
    let line = |row: &Figures| {
        let name: String = row.name.chars().take(width).collect();
        format!("  {name:width$}  {:>15}  {:>11}", thousands(row.elements), rate(row, &since))
    };
    [header].into_iter().chain(end.iter().map(line)).collect()
}

/// What steps have counted: what the SDK has dropped, and what user code reports.
pub(super) fn counters(metrics: &Metrics) -> Vec<String> {
    let counted = metrics.iter().filter_map(|(step, _, name, value)| match value {
        Value::Counter(n) if *n != 0 => {
            let (sign, n) = (if *n < 0 { "-" } else { "" }, thousands(n.unsigned_abs()));
            Some(format!("  {name}: {sign}{n} ({step})"))
        }
        _ => None,
    });
    let mut lines: Vec<String> = counted.collect();
    let more = lines.len().saturating_sub(MOST_STEPS);
    lines.truncate(MOST_STEPS);
    lines.extend((more > 0).then(|| format!("  and {more} counters more")));
    lines
}

fn rate(row: &Figures, since: &Since<'_>) -> String {
    let before = since.before.iter().find(|before| before.name == row.name).map_or(0, |before| before.elements);
    let rate = row.elements.saturating_sub(before) as f64 / since.length.as_secs_f64().max(1e-3);
    match rate {
        rate if rate >= 1e7 => format!("{:.1} M", rate / 1e6),
        rate if rate >= 10.0 => thousands(rate as u64),
        rate => format!("{rate:.1}"),
    }
}

fn watermark(at: Timestamp) -> String {
    match at {
        Timestamp::MIN => "-".to_owned(),
        Timestamp::MAX => "done".to_owned(),
        at => at.to_string(),
    }
}

/// How much of an input was read, and how long the rest will take if it goes on so.
fn read(row: &Figures, elapsed: Duration) -> Option<String> {
    let (done, all, unit) = row.read?;
    if row.watermark == Timestamp::MAX || done >= all {
        return None;
    }
    let mut text = format!("{:.0} %", 100.0 * done / all);
    // A compressed file has an unknown number of bytes, and counts as one.
    if unit == "bytes" && all >= 1024.0 {
        text += &format!(" of {}", bytes(all));
    } else if !unit.is_empty() && unit != "bytes" {
        text += &format!(" of {} {unit}", thousands(all as u64));
    } else {
        text += " read";
    }
    if done > 0.0 && done < all {
        let left = elapsed.mul_f64(((all - done) / done).min(1e6));
        text += &format!(", {} left", seconds(left));
    }
    Some(text)
}

/// So many bytes.
pub(super) fn bytes(n: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut n, mut unit) = (n, 0);
    while n >= 1024.0 && unit + 1 < UNITS.len() {
        n /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n:.0} B") } else { format!("{n:.1} {}", UNITS[unit]) }
}

/// A length of time, as exact as it matters.
pub(super) fn seconds(length: Duration) -> String {
    match length.as_secs() {
        0 => format!("{:.3} s", length.as_secs_f64()),
        1..60 => format!("{:.1} s", length.as_secs_f64()),
        all @ 60..3600 => format!("{} min {:02} s", all / 60, all % 60),
        all => format!("{} h {:02} min", all / 3600, all / 60 % 60),
    }
}

/// `1,234,567`.
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, elements: u64, read: Option<(f64, f64, &'static str)>) -> Figures {
        Figures { name: name.to_owned(), elements, watermark: Timestamp::MIN, waiting: 0, read }
    }

    #[test]
    fn rates_are_of_what_came_since() {
        let before = [row("Read", 1_000_000, None), row("Count", 5, None)];
        let mut now = [row("Read", 3_500_000, Some((256.0, 1024.0 * 1024.0, "bytes"))), row("Count", 8, None)];
        now[1].watermark = Timestamp::from_millis(1_500);
        now[1].waiting = 4096;
        let since = Since { before: &before, length: Duration::from_secs(2), elapsed: Duration::from_secs(10) };
        let expected = [
            "  step          elements     a second  watermark                 waiting",
            "  Read         3,500,000    1,250,000  -                         0 % of 1.0 MiB, 11 h 22 min left",
            "  Count                8          1.5  1970-01-01T00:00:01.500Z  4,096",
        ];
        assert_eq!(table(&now, &since), expected);
        let expected = "10.0 s: Read 3,500,000 (1,250,000/s, 0 % of 1.0 MiB, 11 h 22 min left); \
                        Count 8 (1.5/s, 4,096 waiting, watermark 1970-01-01T00:00:01.500Z)";
        assert_eq!(line(&now, &since), expected);
        assert_eq!(summary(&now, Duration::from_secs(10))[1], "  Read         3,500,000      350,000");
    }

    #[test]
    fn what_was_counted_is_told() {
        let mut metrics = Metrics::default();
        metrics.insert("Count", "ferrobeam", "dropped_due_to_lateness", Value::Counter(1234));
        metrics.insert("Parse", "parse", "bad", Value::Counter(-7));
        metrics.insert("Parse", "parse", "none", Value::Counter(0));
        assert_eq!(counters(&metrics), ["  dropped_due_to_lateness: 1,234 (Count)", "  bad: -7 (Parse)"]);
        (0..30).for_each(|n| metrics.insert(&format!("Step{n}"), "more", "of", Value::Counter(1)));
        assert_eq!(counters(&metrics)[MOST_STEPS..], ["  and 8 counters more"]);
    }

    #[test]
    fn what_was_read_is_told_in_its_unit() {
        let told = |done, all, unit| read(&row("Read", 0, Some((done, all, unit))), Duration::from_secs(30));
        assert_eq!(told(25.0, 100.0, "").unwrap(), "25 % read, 1 min 30 s left");
        assert_eq!(told(25.0, 100.0, "pages").unwrap(), "25 % of 100 pages, 1 min 30 s left");
        assert_eq!(told(0.0, 3e9, "bytes").unwrap(), "0 % of 2.8 GiB");
        assert_eq!(told(1.0, 2.0, "bytes").unwrap(), "50 % read, 30.0 s left");
        assert_eq!(told(100.0, 100.0, "bytes"), None, "all of it was read");
    }
}
