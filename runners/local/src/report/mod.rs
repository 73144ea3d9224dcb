//! What people see of a run: its progress, a summary, the plan as it was executed, and metrics for Prometheus.
//!
//! A thread of its own looks at the counters (`tally.rs`) now and then. Nobody who works waits for it.

pub(crate) mod executed;
mod figures;
pub(crate) mod prometheus;
pub(crate) mod teller;
mod words;

use crate::LocalRunner;
use crate::shared::Shared;
use ferrobeam_core::{Error, Result};
pub(crate) use figures::Overview;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, park_timeout};
use std::time::{Duration, Instant};
use teller::Teller;
use words::{Since, counters, line, seconds, summary, table};

/// What a run tells on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// Nothing.
    #[default]
    Nothing,
    /// A line every five seconds, and a summary at the end: for a log.
    Lines,
    /// A display that is drawn anew four times a second, and a summary at the end: for a terminal. Lines, if its size is unknown or
    /// too small.
    Screen,
}

/// Runs that are shorter are not worth more than a line.
const SHORT: Duration = Duration::from_secs(1);

impl Show {
    /// Where lines go, if any do.
    pub(crate) fn teller(self) -> Option<Arc<Teller>> {
        (self != Show::Nothing).then(|| Arc::new(Teller::of_process()))
    }

    fn interval(self) -> Duration {
        if self == Show::Screen { Duration::from_millis(250) } else { Duration::from_secs(5) }
    }
}

/// The thread that shows how far a run has come, until this is dropped.
pub(crate) struct Progress {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn begin(show: Show, teller: Arc<Teller>, overview: Arc<Overview>, shared: Arc<Shared>) -> Result<Self> {
        let show = if show == Show::Screen && !teller.has_room() { Show::Lines } else { show };
        let ends = Arc::new(AtomicBool::new(false));
        let until = ends.clone();
        let life = move || {
            let (mut before, mut last) = (Vec::new(), shared.tally.begun);
            let mut next = last + SHORT.max(show.interval());
            while !until.load(Ordering::Acquire) {
                let now = Instant::now();
                if now < next {
                    park_timeout(next - now);
                    continue;
                }
                let figures = overview.look(&shared);
                let elapsed = now - shared.tally.begun;
                let since = Since { before: &before, length: now - last, elapsed };
                if show == Show::Screen {
                    let header = format!("{} on {}", seconds(elapsed), workers(&shared));
                    teller.draw(&[vec![header], table(&figures, &since)].concat());
                } else {
                    teller.say([&*line(&figures, &since)]);
                }
                (before, last, next) = (figures, now, now + show.interval());
            }
        };
        let name = format!("{}-progress", LocalRunner::NAME);
        let failed = |source| Error::Io { what: "cannot start the display of progress".to_owned(), source };
        let thread = Builder::new().name(name).spawn(life).map_err(failed)?;
        Ok(Progress { ends, thread: Some(thread) })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It calls no user code that could have panicked.
            let _ = thread.join();
        }
    }
}

/// Tells at the end what came of it.
pub(crate) fn conclude(teller: &Teller, overview: &Overview, shared: &Shared, is_well: bool) {
    let elapsed = shared.tally.begun.elapsed();
    // The error of one that has failed says more.
    let mut lines = Vec::new();
    if is_well {
        lines.push(format!("done in {} on {}", seconds(elapsed), workers(shared)));
        if elapsed >= SHORT {
            lines.extend(summary(&overview.look(shared), elapsed));
        }
        lines.extend(counters(&shared.tally.metrics()));
    }
    teller.say(lines.iter().map(String::as_str));
}

fn workers(shared: &Shared) -> String {
    match shared.workers() {
        1 => "1 worker".to_owned(),
        many => format!("{many} workers"),
    }
}
