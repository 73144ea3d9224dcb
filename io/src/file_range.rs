use crate::files::{Compression, FileError, RangeSizes, cut, expand};
use ferrobeam_core::Element;
use ferrobeam_core::dofn::restriction::{OffsetRange, Restriction};

/// A part of the rows of one file: those that start in a range of its decompressed bytes.
#[derive(Clone, Debug, Element)]
#[element(crate = "ferrobeam_core")]
pub(crate) struct FileRange {
    path: String,
    range: OffsetRange,
    /// Whether reading may start in the middle, at a place where nobody has read before.
    splittable: bool,
}

/// An offset behind every file, whatever it decompresses to.
pub(crate) const END: u64 = u64::MAX;

impl FileRange {
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Fails if the file ends at this offset, and there was more when it was found.
    ///
    /// # Errors
    /// It was cut while it was read.
    pub(crate) fn check_end(&self, at: u64) -> Result<(), FileError> {
        let end = self.range.end();
        if end == END || at >= end {
            return Ok(());
        }
        let message = format!("it has become shorter: nothing is there at byte {at}, and it had at least {end} bytes");
        Err(FileError::io("read", &self.path)(std::io::Error::other(message)))
    }

    /// The first offset that is not claimed.
    pub(crate) fn next(&self) -> u64 {
        self.range.next()
    }
}

impl Restriction for FileRange {
    type Position = u64;

    const UNIT: &'static str = "bytes";

    fn try_claim(&mut self, position: u64) -> bool {
        self.range.try_claim(position)
    }

    fn split(&mut self, fraction: f64) -> Option<Self> {
        // What is behind the last claim starts at a row, and can be read from there also in a compressed file.
        let rest = if self.splittable || fraction <= 0.0 { self.range.split(fraction)? } else { return None };
        Some(FileRange { path: self.path.clone(), range: rest, splittable: self.splittable })
    }

    fn is_done(&self) -> bool {
        self.range.is_done()
    }

    fn progress(&self) -> (f64, f64) {
        let (done, left) = self.range.progress();
        // How many bytes a compressed file has, nobody knows.
        if self.range.end() < END { (done, left) } else { (done, if self.is_done() { 0.0 } else { 1.0 }) }
    }

    fn mistake(&self, position: u64) -> Option<String> {
        self.range.mistake(position)
    }
}

/// Which files to read, and how to cut them.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) pattern: String,
    pub(crate) sizes: RangeSizes,
    /// How many bytes a row may have.
    pub(crate) longest: Option<u64>,
}

impl Files {
    pub(crate) fn new(pattern: String) -> Files {
        Files { pattern, sizes: RangeSizes::default(), longest: Some(LONGEST_ROW) }
    }

    /// Looks for the files, and cuts into about `parts` ranges those that may be cut.
    pub(crate) fn ranges(&self, parts: usize, may_cut: bool) -> Result<Vec<FileRange>, FileError> {
        let files = expand(&self.pattern)?;
        // A size of nothing may be a lie: files of the Linux `/proc` say so.
        let is_cut = |path: &str, size| may_cut && size > 0 && Compression::of(path) == Compression::None;
        let total = files.iter().filter(|file| is_cut(&file.path, file.size)).map(|file| file.size).sum();
        let most = self.sizes.choose(total, parts);
        let mut ranges = Vec::new();
        for file in files {
            let range = |start, end, splittable| FileRange {
                path: file.path.clone(),
                range: OffsetRange::new(start, end),
                splittable,
            };
            if is_cut(&file.path, file.size) {
                ranges.extend(cut(file.size, most).map(|piece| range(piece.start, piece.end, true)));
            } else {
                ranges.push(range(0, END, false));
            }
        }
        Ok(ranges)
    }
}

/// Far above what a row should be, and far below what would exhaust the memory if a file has no line ends at all.
pub(crate) const LONGEST_ROW: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use ferrobeam_core::testing::check_splits;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_obey_the_laws(
            rows in proptest::collection::btree_set(0u64..100, 0..20),
            end in prop_oneof![Just(END), Just(100)],
            splittable in any::<bool>(),
            splits in proptest::collection::vec((0usize..20, prop_oneof![Just(0.0), 0.0..1.0]), 0..5),
        ) {
            let whole = FileRange { path: "a".into(), range: OffsetRange::new(0, end), splittable: splittable && end < END };
            // A reader claims where its next row starts, and behind the last one the end.
            let next = |range: &FileRange| rows.range(range.next()..).next().copied().unwrap_or(END);
            check_splits(whole, next, &splits)?;
        }

        #[test]
        fn a_compressed_file_is_given_away_only_behind_a_claim(claims in 0..5_u64, fraction in 0.01..1.0) {
            let new = |splittable| {
                let mut range = FileRange { path: "a".into(), range: OffsetRange::new(0, 100), splittable };
                assert!((0..claims).all(|row| range.try_claim(10 * row)));
                range
            };
            let next = claims.checked_sub(1).map_or(0, |last| 10 * last + 1);
            prop_assert!(new(false).split(fraction).is_none());
            prop_assert_eq!(new(false).split(0.0).map(|rest| rest.next()), Some(next));
            prop_assert!(new(true).split(fraction).is_some_and(|rest| rest.next() >= next));
        }
    }

    #[test]
    fn only_plain_files_are_cut() {
        let place = tempfile::tempdir().unwrap();
        for (name, size) in [("a.txt", 100), ("b.gz", 100), ("c.txt", 40), ("empty", 0)] {
            std::fs::write(place.path().join(name), vec![b'x'; size]).unwrap();
        }
        let mut files = Files::new(place.path().join("*").display().to_string());
        files.sizes = RangeSizes::new(30..=1000);
        let ends = |parts, may_cut| {
            let ranges = files.ranges(parts, may_cut).unwrap();
            ranges.iter().map(|range| (range.next(), range.range.end(), range.splittable)).collect::<Vec<_>>()
        };
        let whole = (0, END, false);
        assert_eq!(ends(2, true), [(0, 50, true), (50, 100, true), whole, (0, 40, true), whole]);
        assert_eq!(ends(9, true).len(), 4 + 1 + 2 + 1);
        assert_eq!(ends(9, false), [whole; 4]);
    }
}
