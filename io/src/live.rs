//! Lines from where they can be read only once: a connection, the standard input.
//!
//! A thread reads ahead. Lines stay until what was made of them is committed, so that a bundle can be repeated.

use ferrobeam_core::dofn::restriction::OffsetRange;
use ferrobeam_core::dofn::source::{Claims, Source};
use ferrobeam_core::{BoxError, PCollection, PTransform, Root};
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many lines may wait.
const MOST: usize = 65_536;

/// How long a bundle waits for a line; longer, and others would wait for its worker.
const PATIENCE: Duration = Duration::from_millis(2);

/// Reads lines from a server until it closes the connection: connects to `address` (`localhost:9999`) when the pipeline runs.
///
/// A line has the processing time at which it is read. A pipeline that drains emits what has been received. There is one
/// connection, so what was received by a run that fails is lost; a run fails if it cannot connect, or the connection breaks.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use ferrobeam_io::live;
/// Root::build(|root| {
///     root.apply(live::tcp("localhost:9999")).discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn tcp(address: impl Into<String>) -> Live {
    let address = address.into();
    let what = format!("`{address}`");
    Live::of(what, move || Ok(Box::new(TcpStream::connect(&address)?)))
}

/// Reads lines from the standard input until it ends, as they come, with the times of [`tcp`].
///
/// It is that of the worker that reads: with an engine, not the terminal's.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use ferrobeam_io::live;
/// Root::build(|root| {
///     root.apply(live::stdin()).discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn stdin() -> Live {
    Live::of("the standard input".to_owned(), || Ok(Box::new(io::stdin())))
}

type Open = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

/// The transform that [`tcp`] and [`stdin`] make.
#[derive(Clone)]
#[must_use = "a transform does nothing until it is applied"]
pub struct Live {
    what: String,
    open: Arc<Open>,
}

impl Live {
    fn of(what: String, open: impl Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync + 'static) -> Live {
        Live { what, open: Arc::new(open) }
    }
}

impl PTransform<&Root> for Live {
    type Output = PCollection<String>;

    fn name(&self) -> String {
        "ReadLive".to_owned()
    }

    #[track_caller]
    fn expand(self, root: &Root) -> PCollection<String> {
        root.read(LiveSource { live: self, feed: Mutex::default() }).reshuffle()
    }
}

struct LiveSource {
    live: Live,
    /// That of the run.
    feed: Mutex<Arc<Feed>>,
}

/// What was read ahead.
#[derive(Default)]
struct Feed {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    /// The number of the first of them.
    first: u64,
    /// Whether there are no more, or why.
    end: Option<Result<(), String>>,
    /// Nobody reads any more.
    is_over: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked has failed the run.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    fn fill(&self, input: Box<dyn Read + Send>) {
        let mut input = BufReader::new(input);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let end = match input.read_until(b'\n', &mut bytes) {
                Ok(0) => Some(Ok(())),
                Ok(_) => None,
                Err(error) => Some(Err(error.to_string())),
            };
            let mut state = lock(&self.state);
            while state.lines.len() >= MOST && !state.is_over {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            match end {
                None => {
                    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    state.lines.push_back(String::from_utf8_lossy(line).into_owned());
                }
                Some(_) => state.end = end,
            }
            self.changed.notify_all();
            if state.end.is_some() || state.is_over {
                return;
            }
        }
    }

    /// The line of a number; `Ok(None)` if it has not come, an end if it never will.
    fn line(&self, number: u64) -> Result<Option<String>, Result<(), String>> {
        let mut state = lock(&self.state);
        for is_last in [false, true] {
            let place = number.checked_sub(state.first).and_then(|place| usize::try_from(place).ok());
            let Some(place) = place else { return Err(Err("a line is asked for that was committed".to_owned())) };
            match (state.lines.get(place), &state.end) {
                (Some(line), _) => return Ok(Some(line.clone())),
                (None, Some(end)) => return Err(end.clone()),
                (None, None) if is_last => {}
                (None, None) => {
                    let waited = self.changed.wait_timeout(state, PATIENCE);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        Ok(None)
    }

    fn forget_before(&self, number: u64) {
        let mut state = lock(&self.state);
        while state.first < number && state.lines.pop_front().is_some() {
            state.first += 1;
        }
        self.changed.notify_all();
    }
}

impl LiveSource {
    fn feed(&self) -> Arc<Feed> {
        lock(&self.feed).clone()
    }

    fn close(&self) {
        let feed = self.feed();
        lock(&feed.state).is_over = true;
        feed.changed.notify_all();
    }
}

impl Drop for LiveSource {
    fn drop(&mut self) {
        self.close();
    }
}

impl Source for LiveSource {
    type Out = String;
    type Restriction = OffsetRange;
    type Reader = ();

    const BOUNDED: bool = false;
    const FINALIZES: bool = true;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        // Another run begins.
        self.close();
        *lock(&self.feed) = Arc::default();
        Ok(vec![OffsetRange::unbounded(0)])
    }

    fn open(&self, range: &OffsetRange) -> Result<(), BoxError> {
        let mut feed = lock(&self.feed);
        // A bundle that is repeated finds it begun.
        let is_begun = Arc::strong_count(&feed) > 1 || lock(&feed.state).end.is_some();
        if range.next() > 0 || is_begun {
            return Ok(());
        }
        let what = &self.live.what;
        let input = (self.live.open)().map_err(|error| format!("cannot read from {what}: {error}"))?;
        *feed = Arc::default();
        let filled = feed.clone();
        thread::Builder::new().name("ferrobeam-live".to_owned()).spawn(move || filled.fill(input))?;
        Ok(())
    }

    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, String>) -> Result<(), BoxError> {
        let (feed, now) = (self.feed(), claims.now());
        claims.set_watermark(now);
        while claims.has_room() {
            let next = claims.restriction().next();
            match feed.line(next) {
                Ok(Some(line)) => {
                    let Some(mut claim) = claims.claim(next) else { return Ok(()) };
                    claim.emit_at(line, now);
                }
                Ok(None) => {
                    claims.resume_after(Duration::from_millis(20));
                    break;
                }
                Err(Ok(())) => {
                    claims.claim(u64::MAX);
                    return Ok(());
                }
                Err(Err(error)) => return Err(format!("cannot read from {}: {error}", self.live.what).into()),
            }
        }
        let next = claims.restriction().next();
        claims.after_commit(move || {
            feed.forget_before(next);
            Ok(())
        });
        Ok(())
    }

    /// What has been received is emitted.
    fn truncate(&self, range: OffsetRange) -> Result<Option<OffsetRange>, BoxError> {
        let feed = self.feed();
        let state = lock(&feed.state);
        Ok(Some(OffsetRange::new(range.next(), state.first + state.lines.len() as u64)))
    }
}
