//! Many runs become one.

use super::run::{Key, RunReader, RunWriter};
use ferrobeam_core::Result;

/// The place of the reader that has the least key; of equal ones the last, which is the newest.
pub(super) fn least(readers: &[RunReader]) -> Option<usize> {
    let keys = readers.iter().enumerate().filter_map(|(place, reader)| Some((reader.key()?, place)));
    keys.min_by(|(a, newer), (b, older)| a.cmp(b).then(older.cmp(newer))).map(|(_, place)| place)
}

/// Goes beyond all records that have the key of the one that comes next of a reader, that one last.
pub(super) fn skip(readers: &mut [RunReader], place: usize) -> Result<()> {
    let (before, rest) = readers.split_at_mut(place);
    let Some((reader, behind)) = rest.split_first_mut() else { return Ok(()) };
    for other in before.iter_mut().chain(behind) {
        while reader.key().is_some() && other.key() == reader.key() {
            other.advance()?;
        }
    }
    reader.advance()
}

/// Writes what readers have, the oldest first, to one run: of each key the newest record, if it is to be kept.
pub(super) fn merge(
    mut readers: Vec<RunReader>,
    into: &mut RunWriter,
    keeps: &mut dyn FnMut(Key<'_>, &[u8]) -> bool,
) -> Result<()> {
    while let Some(place) = least(&readers) {
        let reader = &readers[place];
        if let Some(key) = reader.key().filter(|key| keeps(*key, reader.value())) {
            into.put(key, reader.value())?;
        }
        skip(&mut readers, place)?;
    }
    Ok(())
}
