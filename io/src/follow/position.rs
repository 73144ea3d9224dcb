//! How far each file of a directory has been read.

use ferrobeam_core::dofn::restriction::Restriction;
use ferrobeam_core::{Element, Timestamp};
use serde::{Deserialize, Serialize};

/// What a file is known by, whatever its path: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Element)]
#[element(crate = "ferrobeam_core")]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// How far a file has been read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Element)]
#[element(crate = "ferrobeam_core")]
pub(crate) struct Position {
    pub(crate) id: FileId,
    pub(crate) mark: Mark,
    /// The latest event time that moves the watermark.
    pub(crate) latest: Timestamp,
}

/// A place in a file, and what is before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, Element)]
#[element(crate = "ferrobeam_core")]
pub(crate) struct Mark {
    /// Where the next line starts.
    pub(crate) offset: u64,
    /// A hash of the first bytes of the file: a number that was given to another file is found out by it.
    pub(crate) head: u64,
    /// A hash of so many last bytes before the place: a file that was written anew is found out by it.
    pub(crate) tail: u64,
    pub(crate) tail_length: u64,
}

/// What reading comes to, a step at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// A line was read.
    Line(FileId, Mark, Timestamp),
    /// The file has become another one, or was cut: it begins anew.
    Restart(FileId),
    /// The file is gone, and all of it was read.
    Forget(FileId),
    /// All there was when the pipeline began to drain is read.
    Finish,
}

/// All of a directory: what was read of each file. It is never split but as a whole, for one worker reads all of it.
#[derive(Clone, Debug, PartialEq, Element)]
#[element(crate = "ferrobeam_core")]
pub(crate) struct Directory {
    /// In the order of their ids.
    files: Vec<Position>,
    steps: u64,
    /// The sizes of all files when the pipeline began to drain: nothing behind is read.
    ends: Option<Vec<(FileId, u64)>>,
    is_done: bool,
}

impl Directory {
    pub(crate) fn new(mut files: Vec<Position>) -> Directory {
        files.sort_by_key(|file| file.id);
        Directory { files, steps: 0, ends: None, is_done: false }
    }

    pub(crate) fn files(&self) -> &[Position] {
        &self.files
    }

    pub(crate) fn file(&self, id: FileId) -> Option<&Position> {
        self.place(id).ok().and_then(|place| self.files.get(place))
    }

    /// How many steps were made, also by those before.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn drained(self, ends: Vec<(FileId, u64)>) -> Directory {
        Directory { ends: Some(ends), ..self }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.ends.is_some()
    }

    /// Up to where a file is read: to its end, unless the pipeline drains.
    pub(crate) fn end(&self, id: FileId) -> u64 {
        let Some(ends) = &self.ends else { return u64::MAX };
        ends.iter().find(|(of, _)| *of == id).map_or(0, |(_, end)| *end)
    }

    fn place(&self, id: FileId) -> Result<usize, usize> {
        self.files.binary_search_by_key(&id, |file| file.id)
    }

    fn at(&mut self, id: FileId) -> &mut Position {
        let place = self.place(id).unwrap_or_else(|place| {
            self.files.insert(place, Position { id, mark: Mark::default(), latest: Timestamp::MIN });
            place
        });
        &mut self.files[place]
    }
}

impl Restriction for Directory {
    type Position = Step;

    fn try_claim(&mut self, step: Step) -> bool {
        if self.is_done {
            return false;
        }
        self.steps += 1;
        match step {
            Step::Line(id, mark, latest) => {
                let file = self.at(id);
                (file.mark, file.latest) = (mark, latest.max(file.latest));
            }
            Step::Restart(id) => self.at(id).mark = Mark::default(),
            Step::Forget(id) => self.files.retain(|file| file.id != id),
            Step::Finish => self.is_done = true,
        }
        true
    }

    fn split(&mut self, fraction: f64) -> Option<Self> {
        if self.is_done || fraction > 0.0 {
            return None;
        }
        let rest = self.clone();
        self.is_done = true;
        Some(rest)
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn progress(&self) -> (f64, f64) {
        let left = match (self.is_done, &self.ends) {
            (true, _) => 0.0,
            (false, None) => f64::INFINITY,
            (false, Some(_)) => 1.0,
        };
        (self.steps as f64, left)
    }

    fn is_bounded(&self) -> bool {
        self.ends.is_some() || self.is_done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferrobeam_core::testing::check_splits;
    use proptest::prelude::*;

    /// The steps of a reader that takes ten lines of three files, in turns.
    fn next(directory: &Directory) -> Step {
        let id = FileId { device: 1, inode: directory.steps() % 3 };
        let offset = directory.file(id).map_or(0, |file| file.mark.offset) + 7;
        let mark = Mark { offset, ..Mark::default() };
        if directory.steps() >= 30 { Step::Finish } else { Step::Line(id, mark, Timestamp::EPOCH) }
    }

    proptest! {
        #[test]
        fn directories_obey_the_laws(claims in proptest::collection::vec(0usize..12, 0..6), drained: bool) {
            let splits: Vec<_> = claims.into_iter().map(|claims| (claims, 0.0)).collect();
            let directory = Directory::new(Vec::new());
            let directory = if drained { directory.drained(Vec::new()) } else { directory };
            check_splits(directory, next, &splits)?;
        }
    }

    #[test]
    fn a_file_begins_anew_or_is_forgotten() {
        let id = FileId { device: 1, inode: 2 };
        let mut directory = Directory::new(Vec::new());
        let mark = Mark { offset: 10, head: 5, tail: 6, tail_length: 7 };
        assert!(directory.try_claim(Step::Line(id, mark, Timestamp::EPOCH)));
        assert!(directory.try_claim(Step::Restart(id)));
        assert_eq!(directory.file(id).map(|file| (file.mark, file.latest)), Some((Mark::default(), Timestamp::EPOCH)));
        assert!(directory.try_claim(Step::Forget(id)) && directory.files().is_empty());
    }
}
