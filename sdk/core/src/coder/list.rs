//! Counts and chunks: what lists look like, whatever their items are.

use super::wire::{take_array, take_prefixed, take_varint};
use super::{CoderError, CoderProblem, Decoded, Encoded};

/// Items that take no bytes at all (global windows do) could be claimed by the billion in five bytes; more than this many
/// in one value are refused in both directions.
const MAX_ITEMS_WITHOUT_BYTES: usize = 1 << 10;

/// Appends the count of a list.
pub(crate) fn put_count(n: usize, out: &mut Vec<u8>) -> Encoded {
    match i32::try_from(n) {
        Ok(n) => {
            out.extend_from_slice(&n.to_be_bytes());
            Ok(())
        }
        Err(_) => Err(CoderError::refused(format!("a list of {n} items: Beam counts to 2147483647"))),
    }
}

/// How many items to reserve memory for: as many as the count says, but not more than the input can hold, and not more
/// than a megabyte in advance.
#[inline]
pub(crate) fn reserve<T>(input: &[u8]) -> usize {
    let count = input.first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes));
    usize::try_from(count).unwrap_or(0).min(input.len()).min((1 << 20) / size_of::<T>().max(1))
}

/// Counts the items of a value that took no bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Idle(usize);

impl Idle {
    /// Counts one item that took `bytes`.
    ///
    /// # Errors
    /// If there were too many without.
    #[inline]
    pub(crate) fn count(&mut self, bytes: usize) -> Encoded {
        if bytes == 0 {
            self.0 += 1;
            if self.0 > MAX_ITEMS_WITHOUT_BYTES {
                return Err(CoderError::refused("a list of too many items without bytes"));
            }
        }
        Ok(())
    }
}

/// Reads a list, each item by `item`; returns the token if it goes on in an engine's state.
#[inline]
pub(crate) fn read_list<'b>(
    input: &mut &'b [u8],
    mut item: impl FnMut(&mut &'b [u8]) -> Decoded<()>,
) -> Decoded<Option<&'b [u8]>> {
    const TOKEN: i64 = -1;
    let count = i32::from_be_bytes(take_array(input, "the count of a list")?);
    if let Ok(count) = u64::try_from(count) {
        read_items(count, 0, input, &mut item)?;
        return Ok(None);
    }
    if count != -1 {
        return Err(CoderError::invalid("the count of a list", count));
    }
    let mut index = 0;
    loop {
        match take_varint(input)?.cast_signed() {
            0 => return Ok(None),
            TOKEN => return take_prefixed(input, "a state token").map(Some),
            n => {
                let count = u64::try_from(n).map_err(|_| CoderError::invalid("the count of a chunk", n))?;
                index = read_items(count, index, input, &mut item)?;
            }
        }
    }
}

/// Reads `count` items, of which the first has index `index`; returns the index behind.
#[inline]
fn read_items<'b>(
    count: u64,
    mut index: usize,
    input: &mut &'b [u8],
    item: &mut impl FnMut(&mut &'b [u8]) -> Decoded<()>,
) -> Decoded<usize> {
    for _ in 0..count {
        item(input).map_err(|e| e.at_index(index))?;
        index += 1;
    }
    Ok(index)
}

/// What is read where no engine's state is at hand.
#[inline]
pub(crate) fn whole(token: Option<&[u8]>) -> Decoded<()> {
    match token {
        None => Ok(()),
        Some(_) => Err(CoderProblem::State("no state is at hand here".to_owned()).into()),
    }
}
