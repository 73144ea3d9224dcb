//! q10: all events go to files, some for each ten seconds, and an index of these.

use super::events::{Digest, Event};
use super::{SIZE, Setup};
use ferrobeam::coder::{self, Coder};
use ferrobeam::prelude::*;
use ferrobeam::time::{hours, seconds};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No file has more events.
const MOST: u32 = 100_000;
const SHARDS_PER_WORKER: u64 = 5;

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Element)]
struct LogFile {
    path: Box<str>,
    events: u64,
    /// The sum of what the events add to the checksum of q0.
    sum: u64,
}

/// q10.
pub(super) fn log_to_files(events: &PCollection<Event>, setup: &Setup) {
    let shards = setup.workers as u64 * SHARDS_PER_WORKER;
    let (folder, index_folder): (Arc<Path>, Arc<Path>) = (setup.folder.as_path().into(), setup.folder.as_path().into());
    let until_the_end = repeatedly(after_count(MOST)).or_finally(AfterWatermark::new());
    let late = repeatedly(after_any([after_count(MOST), after_delay(seconds(10))]));
    let full_or_over = FixedWindows::of(SIZE).trigger(after_each([until_the_end, late])).discarding();
    events
        .key_by(move |event| shard(event) % shards)
        .window(full_or_over.allowed_lateness(hours(24)))
        .group_by_key::<u64, Event>()
        .par_do(WriteFile { folder })
        .key_by(|_| ())
        .window(FixedWindows::of(SIZE).allowed_lateness(hours(24)))
        .group_by_key::<(), LogFile>()
        .par_do(WriteIndex { folder: index_folder })
        .par_do(setup.tally.step(|done, window| check_done(*done, window)))
        .discard();
}

/// Spreads events.
fn shard(event: &Event) -> u64 {
    let digest = Digest::new();
    match event {
        Event::Person(person) => digest.number(person.id).finish(),
        Event::Auction(auction) => digest.number(auction.id).finish(),
        Event::Bid(bid) => digest.number(bid.auction).number(bid.bidder).number(bid.price).finish(),
    }
}

/// Of the events of a window, and the sum of what they are.
pub(super) fn check_done((events, sum): (u64, u64), window: Window) -> u64 {
    Digest::new().millis(window.max_timestamp().millis()).number(events).number(sum).finish()
}

/// Writes the events of a shard.
#[derive(Clone)]
struct WriteFile {
    folder: Arc<Path>,
}

impl DoFn for WriteFile {
    type In = (u64, Grouped<Event>);
    type Out = LogFile;

    fn process(
        &mut self,
        (shard, events): (u64, Grouped<Event>),
        ctx: &mut Context<'_, LogFile>,
    ) -> Result<(), BoxError> {
        let (pane, end) = (ctx.pane(), ctx.window().max_timestamp().millis());
        let path = self.folder.join(format!("LOG-{end}-{shard:05}-{:03}-{:?}", pane.index, pane.timing));
        let (mut file, mut buffer) = (BufWriter::with_capacity(1 << 16, File::create_new(&path)?), Vec::new());
        let coder = coder::of::<Event>();
        let mut log = LogFile { path: path.to_string_lossy().into(), events: 0, sum: 0 };
        for event in &events {
            buffer.clear();
            coder.encode(&event, &mut buffer)?;
            file.write_all(&(buffer.len() as u32).to_be_bytes())?;
            file.write_all(&buffer)?;
            log.events += 1;
            log.sum = log.sum.wrapping_add(super::bids::check_event(&event));
        }
        file.flush()?;
        ctx.emit(log);
        Ok(())
    }
}

/// Writes which files a window has; says how many events are in them, and the sum of what they are.
#[derive(Clone)]
struct WriteIndex {
    folder: Arc<Path>,
}

impl DoFn for WriteIndex {
    type In = ((), Grouped<LogFile>);
    type Out = (u64, u64);

    fn process(
        &mut self,
        ((), files): ((), Grouped<LogFile>),
        ctx: &mut Context<'_, (u64, u64)>,
    ) -> Result<(), BoxError> {
        let path = self.folder.join(format!("INDEX-{}", ctx.window().max_timestamp().millis()));
        let mut index = BufWriter::new(File::create_new(path)?);
        let mut done = (0, 0u64);
        for LogFile { path, events, sum } in &files {
            writeln!(index, "{path} {events} {sum:016x}")?;
            done = (done.0 + events, done.1.wrapping_add(sum));
        }
        index.flush()?;
        ctx.emit(done);
        Ok(())
    }
}

/// All events of all files in a folder that an index names, in no particular order.
///
/// # Errors
/// A file cannot be read, or has something else.
pub fn read(folder: &Path) -> Result<Vec<Event>, BoxError> {
    let mut events = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("INDEX-")) {
            continue;
        }
        for line in std::fs::read_to_string(path)?.lines() {
            let file = line.rsplitn(3, ' ').last().unwrap_or_default();
            let bytes = std::fs::read(file)?;
            let mut rest = &bytes[..];
            while let Some((length, more)) = rest.split_first_chunk::<4>() {
                let (event, more) =
                    more.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or("a file ends too soon")?;
                events.push(coder::decode_all(&coder::of::<Event>(), event)?);
                rest = more;
            }
        }
    }
    Ok(events)
}

/// A folder for files, which goes at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A folder of this process, below the system's temporary one.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(name: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("ferrobeam-nexmark-{name}-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Files that stay do no harm but that they take room.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
