//! The source that reads what is appended to the files of a directory.

use super::line::FollowedLine;
use super::position::{Directory, FileId, Step};
use super::saved::Positions;
use super::table::{Table, Turn};
use ferrobeam_core::dofn::source::{Claims, Source};
use ferrobeam_core::{BoxError, Timestamp};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a line says of its time.
pub(crate) type EventTime = Arc<dyn Fn(&FollowedLine) -> Option<Timestamp> + Send + Sync>;

/// How lines are made, and what time they have.
#[derive(Clone)]
pub(crate) struct Lines {
    pub(crate) of_path: Option<Regex>,
    pub(crate) of_line: Option<Regex>,
    /// None for the time of arrival.
    pub(crate) event_time: Option<EventTime>,
    pub(crate) bound: Duration,
    /// How far before processing time no event time moves the watermark.
    pub(crate) ahead: Option<Duration>,
}

/// `FINALIZES` is whether there is a positions file.
pub(crate) struct FollowSource<const FINALIZES: bool> {
    pub(crate) table: Mutex<Table>,
    pub(crate) lines: Lines,
    pub(crate) poll: Duration,
    pub(crate) positions: Option<Positions>,
    /// After how many steps they were saved: what comes later counts.
    pub(crate) saved: Arc<Mutex<Option<u64>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked has failed the run.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lines {
    fn line(&self, path: &str, offset: u64, bytes: &[u8]) -> FollowedLine {
        let mark: &[u8] = if offset == 0 { b"\xef\xbb\xbf" } else { b"" };
        let bytes = bytes.strip_prefix(mark).unwrap_or(bytes);
        let text = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let is_utf8 = std::str::from_utf8(text).is_ok();
        let text = String::from_utf8_lossy(text).into_owned();
        let mut fields = BTreeMap::new();
        for (pattern, text) in [(&self.of_path, path), (&self.of_line, text.as_str())] {
            let Some(pattern) = pattern else { continue };
            let Some(captures) = pattern.captures(text) else { continue };
            let named = pattern.capture_names().flatten();
            fields.extend(
                named.filter_map(|name| captures.name(name).map(|found| (name.to_owned(), found.as_str().to_owned()))),
            );
        }
        FollowedLine { path: path.to_owned(), offset, text, is_utf8, fields }
    }

    /// A line's own time, and the one that moves the watermark.
    fn times(&self, line: &FollowedLine, latest: Timestamp, now: Timestamp) -> (Timestamp, Timestamp) {
        let Some(event_time) = &self.event_time else { return (now, now) };
        // A line without a time has that of the one before it.
        let at = event_time(line).unwrap_or(latest).min(Timestamp::END_OF_GLOBAL_WINDOW);
        let is_ahead = self.ahead.is_some_and(|ahead| at > now + ahead);
        (at, if is_ahead { latest } else { at })
    }
}

impl<const FINALIZES: bool> FollowSource<FINALIZES> {
    /// Reads as long as there is something, and room for it; whether there may be more.
    fn read_on(
        &self,
        table: &mut Table,
        claims: &mut Claims<'_, Directory, FollowedLine>,
        now: Timestamp,
    ) -> Result<Reading, BoxError> {
        while claims.has_room() {
            let step = match table.turn(claims.restriction(), now)? {
                Turn::Read(id, offset, bytes) => match self.read_lines(table, claims, now, (id, offset, &bytes)) {
                    true => continue,
                    false => return Ok(Reading::Refused),
                },
                Turn::Restart(id) => Step::Restart(id),
                Turn::Forget(id) => Step::Forget(id),
                Turn::Nothing => return Ok(Reading::Nothing),
            };
            if claims.claim(step).is_none() {
                return Ok(Reading::Refused);
            }
        }
        Ok(Reading::Full)
    }

    /// Reads lines as far as there is room; false if a claim was refused.
    fn read_lines(
        &self,
        table: &Table,
        claims: &mut Claims<'_, Directory, FollowedLine>,
        now: Timestamp,
        (id, mut offset, bytes): (FileId, u64, &[u8]),
    ) -> bool {
        let path = table.path(id).unwrap_or_default();
        for bytes in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !claims.has_room() {
                return true;
            }
            let line = self.lines.line(path, offset, bytes);
            let latest = claims.restriction().file(id).map_or(Timestamp::MIN, |file| file.latest);
            let (at, moves_to) = self.lines.times(&line, latest, now);
            offset += bytes.len() as u64;
            let Some(mut claim) = claims.claim(Step::Line(id, table.mark(id, offset, bytes), moves_to)) else {
                return false;
            };
            claim.emit_at(line, at);
        }
        true
    }

    /// Says how far event time has come, and has it noted how far was read once nothing of that can be lost.
    fn conclude(&self, table: &Table, claims: &mut Claims<'_, Directory, FollowedLine>, now: Timestamp) {
        let watermark = match self.lines.event_time {
            None => Some(now),
            Some(_) => table.event_time(claims.restriction(), now).map(|at| at - self.lines.bound),
        };
        if let Some(watermark) = watermark {
            claims.set_watermark(watermark);
        }
        let Some(positions) = &self.positions else { return };
        let (directory, positions, saved) = (claims.restriction().clone(), positions.clone(), self.saved.clone());
        claims.when_durable(move || {
            let mut saved = lock(&saved);
            if saved.is_none_or(|steps| steps < directory.steps()) {
                positions.save(&directory)?;
                *saved = Some(directory.steps());
            }
            Ok(())
        });
    }
}

/// Why reading stopped.
#[derive(PartialEq)]
enum Reading {
    Full,
    Refused,
    Nothing,
}

impl<const FINALIZES: bool> Source for FollowSource<FINALIZES> {
    type Out = FollowedLine;
    type Restriction = Directory;
    type Reader = ();

    const BOUNDED: bool = false;
    const FINALIZES: bool = FINALIZES;

    fn split(&self, _: usize) -> Result<Vec<Directory>, BoxError> {
        lock(&self.table).clear();
        *lock(&self.saved) = None;
        let files = self.positions.as_ref().map(Positions::load).transpose()?;
        let directory = Directory::new(files.unwrap_or_default());
        // Whether that can be done is better known now than at the end.
        self.positions.as_ref().map_or(Ok(()), |positions| positions.save(&directory))?;
        Ok(vec![directory])
    }

    fn open(&self, _: &Directory) -> Result<(), BoxError> {
        Ok(())
    }

    fn read(&self, (): &mut (), claims: &mut Claims<'_, Directory, FollowedLine>) -> Result<(), BoxError> {
        let mut table = lock(&self.table);
        let now = claims.now();
        table.settle(claims.restriction());
        let mut reading = self.read_on(&mut table, claims, now)?;
        if reading == Reading::Nothing {
            table.scan(now)?;
            reading = self.read_on(&mut table, claims, now)?;
        }
        self.conclude(&table, claims, now);
        if reading == Reading::Nothing {
            if claims.restriction().is_draining() {
                claims.claim(Step::Finish);
            } else {
                claims.resume_after(self.poll);
            }
        }
        Ok(())
    }

    /// What is in the files at this moment is read, and nothing that comes after it.
    fn truncate(&self, directory: Directory) -> Result<Option<Directory>, BoxError> {
        let mut table = lock(&self.table);
        table.scan(Timestamp::MIN)?;
        Ok(Some(directory.drained(table.sizes())))
    }
}
