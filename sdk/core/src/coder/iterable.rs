//! `iterable:v1`: lists and sets, of known or unknown length, and the lists whose rest lies in an engine's state.

use super::wire::{put_varint, take_array, take_prefixed, take_varint};
use super::{Coder, CoderError, CoderProblem, CoderSpec, Decoded, Encoded, Part};
use crate::coder::urn::{ITERABLE, STATE_BACKED_ITERABLE};
use bytes::Bytes;
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, Hash};

/// Items that take no bytes at all (global windows do) could be claimed by the billion in five bytes; more than this many in
/// one list are refused in both directions.
pub(crate) const MAX_ITEMS_WITHOUT_BYTES: usize = 1 << 16;

/// Items per chunk of a list of unknown length.
const CHUNK: usize = 1024;

/// Fetches the rest of an iterable that an engine keeps in its state.
pub trait StateFetch {
    /// Returns the concatenated nested encodings of the items that `token` stands for.
    ///
    /// # Errors
    /// If the engine does not answer.
    fn fetch(&self, token: &[u8]) -> Decoded<Bytes>;
}

impl<F: Fn(&[u8]) -> Decoded<Bytes>> StateFetch for F {
    fn fetch(&self, token: &[u8]) -> Decoded<Bytes> {
        self(token)
    }
}

/// The coder of lists and sets: a count of four bytes, then the items; or -1, then chunks.
#[derive(Clone, Debug)]
pub struct IterableCoder<C> {
    item: Part<C>,
    state_backed: bool,
}

impl<C> IterableCoder<C> {
    /// Returns the coder of one item.
    pub fn item(&self) -> &Part<C> {
        &self.item
    }

    /// Makes a coder of lists from the spec of one item.
    ///
    /// # Errors
    /// As [`Coder::from_spec`].
    pub fn of_items<T>(item: &CoderSpec) -> Decoded<Self>
    where
        C: Coder<T>,
    {
        Coder::<T>::from_spec(item).map(|item| IterableCoder { item, state_backed: false })
    }

    fn make<T>() -> Self
    where
        C: Coder<T>,
    {
        IterableCoder { item: Coder::<T>::new(), state_backed: false }
    }

    fn describe<T>(&self) -> CoderSpec
    where
        C: Coder<T>,
    {
        let urn = if self.state_backed { STATE_BACKED_ITERABLE } else { ITERABLE };
        CoderSpec::of(urn, vec![Coder::<T>::spec(&self.item)])
    }

    fn read_spec<T>(spec: &CoderSpec) -> Decoded<Self>
    where
        C: Coder<T>,
    {
        let state_backed = spec.urn == STATE_BACKED_ITERABLE;
        spec.expect(if state_backed { STATE_BACKED_ITERABLE } else { ITERABLE }, 1)?;
        let item = Coder::<T>::from_spec(&spec.components[0]).map_err(|e| e.at("item"))?;
        Ok(IterableCoder { item, state_backed })
    }

    /// Appends a list of known length, of items that are not in memory as the coder's own type.
    #[inline]
    pub(crate) fn write_with<I: ExactSizeIterator>(
        &self,
        items: I,
        out: &mut Vec<u8>,
        write: impl Fn(&C, bool, I::Item, &mut Vec<u8>) -> Encoded,
    ) -> Encoded {
        let n = items.len();
        put_count(n, out)?;
        let start = out.len();
        for (i, item) in items.enumerate() {
            self.item.write(false, out, |c, outer, out| write(c, outer, item, out)).map_err(|e| e.at_index(i))?;
        }
        check_bytes(n, out.len() - start)
    }

    #[inline]
    fn write<'a, T: 'a>(&self, items: impl ExactSizeIterator<Item = &'a T>, out: &mut Vec<u8>) -> Encoded
    where
        C: Coder<T>,
    {
        let write = |c: &C, outer, item: &T, out: &mut Vec<u8>| {
            if outer { c.encode_outer(item, out) } else { c.encode(item, out) }
        };
        self.write_with(items, out, write)
    }

    /// Appends a list of unknown length, in chunks; only one chunk is buffered.
    ///
    /// # Errors
    /// As [`Coder::encode`].
    pub fn encode_chunks<'a, T: 'a>(&self, items: impl IntoIterator<Item = &'a T>, out: &mut Vec<u8>) -> Encoded
    where
        C: Coder<T>,
    {
        out.extend_from_slice(&(-1i32).to_be_bytes());
        let (mut chunk, mut n) = (Vec::new(), 0);
        for item in items {
            self.item.encode(item, &mut chunk)?;
            n += 1;
            if n == CHUNK {
                put_varint(n as u64, out);
                out.append(&mut chunk);
                n = 0;
            }
        }
        if n > 0 {
            put_varint(n as u64, out);
            out.append(&mut chunk);
        }
        put_varint(0, out);
        Ok(())
    }

    /// Reads the items that are here, and the token of those that are in the engine's state.
    ///
    /// # Errors
    /// As [`Coder::decode`].
    pub fn decode_parts<T>(&self, input: &mut &[u8]) -> Decoded<(Vec<T>, Option<Bytes>)>
    where
        C: Coder<T>,
    {
        let mut list = Vec::with_capacity(reserve::<T>(input));
        let token = self.read(input, |item| list.push(item))?;
        Ok((list, token.map(Bytes::copy_from_slice)))
    }

    /// Reads all items, those in the engine's state too.
    ///
    /// # Errors
    /// As [`Coder::decode`] and [`StateFetch::fetch`].
    pub fn decode_with<T>(&self, input: &mut &[u8], state: &dyn StateFetch) -> Decoded<Vec<T>>
    where
        C: Coder<T>,
    {
        let (mut list, token) = self.decode_parts(input)?;
        if let Some(token) = token {
            self.decode_page(&state.fetch(&token)?, &mut list)?;
        }
        Ok(list)
    }

    /// Reads concatenated items, such as a state response, to the end of `page`.
    ///
    /// # Errors
    /// As [`Coder::decode`]; and if the page does not end with an item.
    pub fn decode_page<T>(&self, mut page: &[u8], list: &mut Vec<T>) -> Encoded
    where
        C: Coder<T>,
    {
        while !page.is_empty() {
            let before = page.len();
            list.push(self.item.decode(&mut page).map_err(|e| e.at_index(list.len()))?);
            if page.len() == before {
                return Err(CoderError::invalid("items", "bytes that no item takes"));
            }
        }
        Ok(())
    }
}

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

fn check_bytes(items: usize, bytes: usize) -> Encoded {
    if bytes < items && items - bytes > MAX_ITEMS_WITHOUT_BYTES {
        return Err(CoderError::refused(format!("a list of {items} items in {bytes} bytes")));
    }
    Ok(())
}

/// A capacity that a claim of `n` items justifies: not more than the input can hold, and at most a megabyte in advance.
pub(crate) fn capacity<T>(n: usize, input: &[u8]) -> usize {
    n.min(input.len()).min((1 << 20) / size_of::<T>().max(1))
}

/// How many items to reserve memory for.
#[inline]
pub(crate) fn reserve<T>(input: &[u8]) -> usize {
    let count = input.first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes));
    capacity::<T>(usize::try_from(count).unwrap_or(0), input)
}

impl<C> IterableCoder<C> {
    /// Hands each item to `add`; returns the token if the list goes on in the engine's state.
    #[inline]
    fn read<'b, T>(&self, input: &mut &'b [u8], mut add: impl FnMut(T)) -> Decoded<Option<&'b [u8]>>
    where
        C: Coder<T>,
    {
        const TOKEN: i64 = -1;
        let mut progress = Progress::default();
        let count = i32::from_be_bytes(take_array(input, "the count of a list")?);
        if let Ok(count) = u64::try_from(count) {
            self.read_chunk(count, input, &mut progress, &mut add)?;
            return Ok(None);
        }
        if count != -1 {
            return Err(CoderError::invalid("the count of a list", count));
        }
        loop {
            match take_varint(input)?.cast_signed() {
                0 => return Ok(None),
                TOKEN => return take_prefixed(input, "a state token").map(Some),
                n => {
                    let count = u64::try_from(n).map_err(|_| CoderError::invalid("the count of a chunk", n))?;
                    self.read_chunk(count, input, &mut progress, &mut add)?;
                }
            }
        }
    }

    #[inline]
    fn read_chunk<T>(
        &self,
        count: u64,
        input: &mut &[u8],
        progress: &mut Progress,
        add: &mut impl FnMut(T),
    ) -> Decoded<()>
    where
        C: Coder<T>,
    {
        for _ in 0..count {
            let before = input.len();
            add(self.item.decode(input).map_err(|e| e.at_index(progress.items))?);
            progress.items += 1;
            if input.len() == before {
                progress.without_bytes += 1;
                if progress.without_bytes > MAX_ITEMS_WITHOUT_BYTES {
                    return Err(CoderError::invalid("a list", "too many items without bytes"));
                }
            }
        }
        Ok(())
    }

    /// Reads a list that is all here.
    #[inline]
    pub(crate) fn read_whole<T>(&self, input: &mut &[u8], add: impl FnMut(T)) -> Decoded<()>
    where
        C: Coder<T>,
    {
        match self.read(input, add)? {
            None => Ok(()),
            Some(_) => Err(CoderProblem::State("no state is at hand here".to_owned()).into()),
        }
    }
}

#[derive(Default)]
struct Progress {
    items: usize,
    without_bytes: usize,
}

impl<T: 'static, C: Coder<T>> Coder<Vec<T>> for IterableCoder<C> {
    #[inline]
    fn new() -> Self {
        Self::make()
    }

    fn spec(&self) -> CoderSpec {
        self.describe()
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        Self::read_spec(spec)
    }

    #[inline]
    fn encode(&self, value: &Vec<T>, out: &mut Vec<u8>) -> Encoded {
        self.write(value.iter(), out)
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<Vec<T>> {
        let mut list = Vec::with_capacity(reserve::<T>(input));
        self.read_whole(input, |item| list.push(item))?;
        Ok(list)
    }
}

/// In the order of the items.
impl<T: Ord + 'static, C: Coder<T>> Coder<BTreeSet<T>> for IterableCoder<C> {
    #[inline]
    fn new() -> Self {
        Self::make()
    }

    fn spec(&self) -> CoderSpec {
        self.describe()
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        Self::read_spec(spec)
    }

    fn encode(&self, value: &BTreeSet<T>, out: &mut Vec<u8>) -> Encoded {
        self.write(value.iter(), out)
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<BTreeSet<T>> {
        let mut set = BTreeSet::new();
        self.read_whole(input, |item| {
            set.insert(item);
        })?;
        Ok(set)
    }
}

/// In no order: two equal sets may be different bytes.
impl<T: Eq + Hash + 'static, S: BuildHasher + Default + 'static, C: Coder<T>> Coder<HashSet<T, S>>
    for IterableCoder<C>
{
    #[inline]
    fn new() -> Self {
        Self::make()
    }

    fn spec(&self) -> CoderSpec {
        self.describe()
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        Self::read_spec(spec)
    }

    fn encode(&self, value: &HashSet<T, S>, out: &mut Vec<u8>) -> Encoded {
        self.write(value.iter(), out)
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<HashSet<T, S>> {
        let mut set = HashSet::with_capacity_and_hasher(reserve::<T>(input), S::default());
        self.read_whole(input, |item| {
            set.insert(item);
        })?;
        Ok(set)
    }
}
