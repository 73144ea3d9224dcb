//! Metrics in the text format of Prometheus, over HTTP, for as long as a run lasts.

use super::Overview;
use super::figures::Figures;
use crate::LocalRunner;
use crate::shared::Shared;
use ferrobeam_core::metrics::{Metrics, Value};
use ferrobeam_core::{Error, Result, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Whoever asks must have asked, all of it, after so long: one is served at a time.
const PATIENCE: Duration = Duration::from_millis(500);

/// No question is longer.
const LONGEST: u64 = 16 << 10;

/// The thread that answers, until this is dropped.
pub(crate) struct Exporter {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn begin(listener: &TcpListener, overview: Arc<Overview>, shared: Arc<Shared>) -> Result<Self> {
        let failed = |source| Error::Io { what: "cannot serve metrics".to_owned(), source };
        let (mut address, listener) = (listener.local_addr().map_err(failed)?, listener.try_clone().map_err(failed)?);
        if address.ip().is_unspecified() {
            let local = |v4| if v4 { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
            address.set_ip(local(address.is_ipv4()));
        }
        let ends = Arc::new(AtomicBool::new(false));
        let until = ends.clone();
        let life = move || {
            for stream in listener.incoming() {
                if until.load(Ordering::Acquire) {
                    return;
                }
                // Somebody who went away is nobody's trouble.
                let _ = stream.and_then(|stream| answer(&stream, || text(&overview.look(&shared), &shared)));
            }
        };
        let name = format!("{}-metrics", LocalRunner::NAME);
        let thread = Builder::new().name(name).spawn(life).map_err(failed)?;
        Ok(Exporter { address, ends, thread: Some(thread) })
    }

    /// Where it answers people on this machine.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        // It waits for somebody who asks.
        if TcpStream::connect(self.address).is_ok() {
            // It calls no user code that could have panicked.
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}

/// What somebody asks, byte by byte perhaps, until a moment.
struct Question<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Read for Question<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(bytes)
    }
}

/// Answers one question.
fn answer(stream: &TcpStream, metrics: impl FnOnce() -> String) -> std::io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let question = Question { stream, until: Instant::now() + PATIENCE };
    let mut lines = BufReader::new(question.take(LONGEST)).lines();
    let question = lines.next().transpose()?.unwrap_or_default();
    // What is left unread would break the connection off before the answer has come.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = question.strip_prefix("GET ").and_then(|rest| rest.split_whitespace().next());
    let (status, body) = match path.map(|path| path.split('?').next().unwrap_or_default()) {
        Some("/metrics" | "/") => ("200 OK", metrics()),
        Some(_) => ("404 Not Found", "there is only /metrics\n".to_owned()),
        None => ("405 Method Not Allowed", "there is only GET /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// All metrics of a run so far.
fn text(steps: &[Figures], shared: &Shared) -> String {
    let mut page = Page::default();
    let elapsed = shared.tally.begun.elapsed().as_secs_f64();
    page.metric("ferrobeam_run_seconds", "gauge", "How long the run has taken so far.", [(String::new(), elapsed)]);
    let count = shared.workers() as f64;
    page.metric("ferrobeam_workers", "gauge", "How many workers there are.", [(String::new(), count)]);
    let by_step = |value: fn(&Figures) -> Option<f64>| {
        let of = move |row: &Figures| Some((format!("{{step=\"{}\"}}", escaped(&row.name)), value(row)?));
        steps.iter().filter_map(of).collect::<Vec<_>>()
    };
    let elements = by_step(|row| Some(row.elements as f64));
    page.metric(
        "ferrobeam_elements_total",
        "counter",
        "Elements that a step has made, or taken, if it makes none.",
        elements,
    );
    let waiting = by_step(|row| Some(row.waiting as f64));
    page.metric("ferrobeam_waiting_elements", "gauge", "Elements that wait for a step.", waiting);
    let watermarks = by_step(|row| {
        let is_known = row.watermark > Timestamp::MIN && row.watermark < Timestamp::MAX;
        is_known.then(|| row.watermark.millis() as f64 / 1e3)
    });
    page.metric(
        "ferrobeam_watermark_seconds",
        "gauge",
        "How far event time has come, in seconds since 1970.",
        watermarks,
    );
    let read = by_step(|row| row.read.map(|(done, all, _)| done / all));
    page.metric("ferrobeam_read_ratio", "gauge", "How much of the input that has an end was read.", read);
    page.user(&shared.tally.metrics());
    page.0
}

/// A page of metrics.
#[derive(Default)]
struct Page(String);

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str, values: impl IntoIterator<Item = (String, f64)>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    /// What user code has reported.
    fn user(&mut self, metrics: &Metrics) {
        let mut all: BTreeMap<&str, Vec<(String, f64)>> = BTreeMap::new();
        for (step, namespace, name, value) in metrics.iter() {
            let [step, namespace, name] = [step, namespace, name].map(escaped);
            let labels = format!("{{step=\"{step}\",namespace=\"{namespace}\",name=\"{name}\"}}");
            for (metric, value) in values_of(value) {
                all.entry(metric).or_default().push((labels.clone(), value));
            }
        }
        for (name, values) in all {
            self.metric(name, "gauge", "What user code has reported.", values);
        }
    }
}

/// The values of a metric of user code, each with a name.
fn values_of(value: &Value) -> Vec<(&'static str, f64)> {
    match value {
        Value::Counter(sum) => vec![("ferrobeam_user_counter", *sum as f64)],
        Value::Gauge(x) => vec![("ferrobeam_user_gauge", *x as f64)],
        Value::StringSet(set) => vec![("ferrobeam_user_set_size", set.len() as f64)],
        Value::Distribution(data) => vec![
            ("ferrobeam_user_distribution_count", data.count as f64),
            ("ferrobeam_user_distribution_sum", data.sum as f64),
            ("ferrobeam_user_distribution_min", data.min as f64),
            ("ferrobeam_user_distribution_max", data.max as f64),
        ],
    }
}

/// A label's value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
