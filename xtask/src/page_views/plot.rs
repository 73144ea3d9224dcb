//! Memory over time, as a picture.

use crate::Failure;
use std::fmt::Write;

/// How much memory a program has, and how much it has been given to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) seconds: f64,
    pub(super) kib: u64,
    pub(super) bytes: u64,
}

/// What a process has of the memory.
pub(super) fn resident_kib(process: u32) -> Result<u64, Failure> {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| format!("{path}: no resident set"))
}

/// The most of each quarter: a program whose memory grows has other numbers.
pub(super) fn told(samples: &[Sample]) -> String {
    let quarters = samples.chunks(samples.len().div_ceil(4).max(1));
    let most = quarters.map(|quarter| quarter.iter().map(|sample| sample.kib).max().unwrap_or_default() / 1024);
    let most: Vec<String> = most.map(|mib| mib.to_string()).collect();
    format!("memory in the four quarters: at most {} MiB", most.join(", "))
}

const LEFT: f64 = 60.0;
const RIGHT: f64 = 660.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 250.0;

/// Two lines over time: the memory, with its scale on the left, and what was written, on the right.
pub(super) fn svg(samples: &[Sample]) -> String {
    let last = samples.last().map_or(1.0, |sample| sample.seconds);
    let mib = |sample: &Sample| sample.kib as f64 / 1024.0;
    let gigabytes = |sample: &Sample| sample.bytes as f64 / 1e9;
    let greatest = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).fold(0.0, f64::max);
    let (step_mib, step_gb, step) = (round(greatest(&mib) / 4.0), round(greatest(&gigabytes) / 4.0), round(last / 6.0));
    let x = |seconds: f64| LEFT + (RIGHT - LEFT) * seconds / last;
    let y = |share: f64| BOTTOM - (BOTTOM - TOP) * share / 4.0;
    let line = |of: &dyn Fn(&Sample) -> f64, step: f64, color: &str| {
        let points = samples.iter().map(|sample| format!("{:.1},{:.1}", x(sample.seconds), y(of(sample) / step)));
        let points = points.collect::<Vec<_>>().join(" ");
        format!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\n")
    };
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 300\" font-family=\"sans-serif\" font-size=\"12\" \
         role=\"img\">\n<title>Memory of page_views --follow, and the size of the logs that it follows</title>\n\
         <rect width=\"720\" height=\"300\" fill=\"#fff\"/>\n",
    );
    for tick in 0..=4 {
        let (tick, at) = (f64::from(tick), y(f64::from(tick)));
        let (memory, written) = (tick * step_mib, tick * step_gb);
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"52\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#1f5fa8\">{memory:.0} MiB</text>\
             <text x=\"668\" y=\"{:.1}\" fill=\"#a85b1f\">{written:.1} GB</text>",
            at + 4.0,
            at + 4.0
        );
    }
    for tick in 0..=6 {
        let seconds = f64::from(tick) * step;
        if seconds <= last {
            let _ =
                writeln!(svg, "<text x=\"{:.1}\" y=\"268\" text-anchor=\"middle\">{seconds:.0} s</text>", x(seconds));
        }
    }
    svg += &line(&gigabytes, step_gb, "#a85b1f");
    svg += &line(&mib, step_mib, "#1f5fa8");
    svg += "<text x=\"60\" y=\"24\" fill=\"#1f5fa8\">resident set</text>\
            <text x=\"660\" y=\"24\" text-anchor=\"end\" fill=\"#a85b1f\">size of the logs</text>\n</svg>\n";
    svg
}

/// A step of a scale that is easy to read, at least so large.
fn round(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1e-3).log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|step| *step >= least).unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round() {
        assert_eq!([171.0, 0.6, 33.0, 5.0].map(round), [200.0, 1.0, 50.0, 5.0]);
    }

    #[test]
    fn lines_stay_inside() {
        let sample =
            |n: u32| Sample { seconds: f64::from(n), kib: u64::from(n) * 1024, bytes: u64::from(n) * 1_000_000 };
        let samples: Vec<Sample> = (0..=100).map(sample).collect();
        let svg = svg(&samples);
        // 100 MiB of 4 times 25 are the top.
        assert!(svg.contains("660.0,40.0") && svg.contains("60.0,250.0") && svg.contains("100 MiB"), "{svg}");
        assert_eq!(told(&samples), "memory in the four quarters: at most 25, 51, 77, 100 MiB");
    }
}
