//! Keys of a grouping that are in files: their windows, and what those have collected.

use super::records::{Record, Records, Resident, Times};
use crate::engine::grouping::OF_WINDOW;
use crate::engine::key::HashedKey;
use crate::engine::timers::{DOMAINS, is_due};
use crate::engine::{Grouping, Holds, Now};
use crate::files::damaged;
use bytes::Bytes;
use ferrobeam_core::grouping::{Cell, Cells, Command, KeyId, Rows, SpillSpace};
use ferrobeam_core::time::millis;
use ferrobeam_core::{Result, Timestamp};
use std::sync::Arc;

/// A key whose cells own more than this stays in memory: they go to files on their own, piece by piece.
const LARGE: usize = 4 << 10;

/// The places of the [`DOMAINS`].
const PROCESSING: usize = 0;
const EVENT: usize = 1;

/// Keys of a grouping that are in files.
pub struct ParkedWindows {
    records: Records,
    /// What the output watermark may not pass, where that is earlier than the time at which a key is woken.
    holds: Holds,
    /// How far time has come for the keys in memory: what is due later may be in files.
    until: Now,
    /// About how much memory keys take that cannot go to files: those that are large, and those for which something is due, which
    /// is until time moves on.
    large: usize,
    due: usize,
}

impl ParkedWindows {
    /// None yet.
    #[must_use]
    pub fn new(space: &Arc<dyn SpillSpace>) -> Self {
        ParkedWindows { records: Records::new(space), holds: Holds::default(), until: Now::START, large: 0, due: 0 }
    }

    /// Brings those of some keys back that are here, with all that is known of them. Nothing may be [due](Self::is_due).
    ///
    /// # Errors
    /// Those of files.
    pub fn bring(&mut self, keys: &[KeyId], driver: &mut Grouping, cells: &mut dyn Cells) -> Result<()> {
        if self.records.is_empty() {
            return Ok(());
        }
        let mut away: Vec<KeyId> = keys.iter().copied().filter(|key| !driver.has(*key)).collect();
        away.sort_unstable();
        away.dedup();
        for number in away {
            if let Some(record) = self.records.bring(&key(number, cells)?)? {
                self.load(&record, driver, cells)?;
            }
        }
        Ok(())
    }

    /// Puts back what is known of a key.
    fn load(&mut self, record: &Record, driver: &mut Grouping, cells: &mut dyn Cells) -> Result<()> {
        let mut body = record.body();
        let saved = driver.read(&mut body).map_err(|_| damaged())?;
        let places = driver.reserve(saved.cells());
        let key = cells.load(&mut body, &places)?;
        driver.restore(key, saved, &places);
        self.holds.replace(early_hold(key, &record.times, driver), None);
        Ok(())
    }

    /// Brings keys back for which something is due, so many in each domain, or of about so many bytes, at most. Tells how far
    /// time may come for those in memory before this is asked again: so things happen in the order of time, wherever they are.
    ///
    /// # Errors
    /// Those of files.
    pub fn wake(
        &mut self,
        now: Now,
        (most, room): (usize, usize),
        driver: &mut Grouping,
        cells: &mut dyn Cells,
    ) -> Result<Now> {
        if driver.is_due(self.until) {
            return Ok(self.until);
        }
        (self.until, self.due) = (now, 0);
        let before = self.held(driver, cells);
        for place in 0..DOMAINS.len() {
            let mut count = 0;
            while (count == 0 || self.held(driver, cells).saturating_sub(before) < room)
                && count < most
                && let Some((_, record)) = self.records.wake(place, now)?
            {
                self.load(&record, driver, cells)?;
                count += 1;
            }
            if self.records.is_domain_due(place, now)
                && let Some(last) = self.records.last(place)
            {
                self.until = match place {
                    // Processing time comes first: it sees the watermark as it was.
                    PROCESSING => Now { processing_time: last, ..Now::START },
                    _ => Now { input_watermark: last + millis(1), ..now },
                };
                break;
            }
        }
        Ok(self.until)
    }

    /// Whether something may be due for a key that is here.
    #[must_use]
    pub fn is_due(&self, now: Now) -> bool {
        self.records.is_due(now)
    }

    /// What the output watermark may not pass.
    #[must_use]
    pub fn hold(&self) -> Option<Timestamp> {
        self.holds.earliest().into_iter().chain(self.records.next_time(EVENT)).min()
    }

    /// Before processing time has reached this, it makes nothing due.
    #[must_use]
    pub fn next_processing_time(&self) -> Option<Timestamp> {
        self.records.next_time(PROCESSING)
    }

    /// About how much memory can be given back.
    #[must_use]
    pub fn held(&self, driver: &Grouping, cells: &dyn Cells) -> usize {
        (driver.len() * OF_WINDOW + cells.held() + self.records.memory()).saturating_sub(self.stuck(driver))
    }

    /// About how much memory cannot be given back, as far as was known when keys last went to files.
    #[must_use]
    pub fn stuck(&self, driver: &Grouping) -> usize {
        self.due + self.large.min(driver.len() * OF_WINDOW)
    }

    /// Writes keys to files with all that is known of them, but for those for which something is due. Of large ones it writes what
    /// their cells have.
    ///
    /// # Errors
    /// Those of files; that something has no encoding.
    pub fn park(&mut self, driver: &mut Grouping, cells: &mut dyn Cells) -> Result<()> {
        let numbers = driver.keys().map(|number| Ok((key(number, cells)?, number)));
        let mut keys = numbers.collect::<Result<Vec<_>>>()?;
        keys.sort_unstable();
        let (count, places) = (keys.len(), Vec::new());
        let mut keys =
            Keys { keys, until: self.until, driver, cells, holds: &mut self.holds, large: 0, places, due: 0 };
        self.records.park(count, &mut keys)?;
        let Keys { cells, large, places, due, .. } = keys;
        (self.large, self.due) = (large, due);
        cells.spill_some(&places)
    }
}

/// The keys in memory.
struct Keys<'a> {
    /// In order.
    keys: Vec<(HashedKey, KeyId)>,
    until: Now,
    driver: &'a mut Grouping,
    cells: &'a mut dyn Cells,
    holds: &'a mut Holds,
    /// What stays of the memory of large keys, whose cells go to files on their own.
    large: usize,
    places: Vec<Cell>,
    /// What stays since something is due.
    due: usize,
}

impl Resident for Keys<'_> {
    fn behind(&self, key: Option<&HashedKey>) -> Option<HashedKey> {
        let place = self.keys.partition_point(|(known, _)| Some(known) <= key);
        self.keys.get(place).map(|(key, _)| key.clone())
    }

    fn pack(
        &mut self,
        key: &HashedKey,
        has_passed: &dyn Fn(&Times) -> bool,
        record: &mut Vec<u8>,
    ) -> Result<Option<Times>> {
        let Ok(place) = self.keys.binary_search_by(|(known, _)| known.cmp(key)) else { return Ok(None) };
        let number = self.keys[place].1;
        let open = self.driver.open_windows(number);
        let places: Vec<Cell> = open.iter().map(|(_, cell)| *cell).collect();
        let times = self.driver.times(number);
        let is_due = DOMAINS.iter().zip(times).any(|(domain, at)| at.is_some_and(|at| is_due(*domain, at, self.until)));
        let (windows, size) = (self.driver.windows_of(number) * OF_WINDOW, self.cells.size(&places));
        let Some(size) = size.filter(|size| *size <= LARGE) else {
            self.large += windows;
            self.places.extend(places);
            return Ok(None);
        };
        if is_due || has_passed(&times) {
            self.due += windows + size;
            return Ok(None);
        }
        self.driver.save(number, record).map_err(|_| damaged())?;
        self.cells.save(number, &places, record)?;
        self.holds.replace(None, early_hold(number, &times, self.driver));
        self.driver.take_key(number);
        let clear = places.iter().map(|cell| Command::Clear { cell: *cell });
        let commands: Vec<Command> = clear.chain([Command::Forget { key: number }]).collect();
        self.cells.apply(Rows::NONE, &commands)?;
        Ok(Some(times))
    }
}

/// The bytes of a key.
fn key(number: KeyId, cells: &dyn Cells) -> Result<HashedKey> {
    let mut bytes = Vec::new();
    cells.save(number, &[], &mut bytes)?;
    Ok(HashedKey::new(&Bytes::from(bytes)))
}

/// What the output watermark may not pass because of a key, if that is before it is woken.
fn early_hold(key: KeyId, times: &Times, driver: &Grouping) -> Option<Timestamp> {
    driver.hold_of(key).filter(|hold| times[EVENT].is_none_or(|woken| *hold < woken))
}
