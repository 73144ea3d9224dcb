//! `iterable:v1`: lists and sets, of known or unknown length, and the lists whose rest lies in an engine's state.

use super::list::{Idle, put_count, read_list, reserve, whole};
use super::wire::put_varint;
use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, Part};
use crate::coder::urn::{ITERABLE, STATE_BACKED_ITERABLE};
use crate::windowing::Window;
use bytes::Bytes;
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, Hash};

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

    /// Makes the coder of the windows of an element.
    pub fn of_windows(windows: C) -> Self
    where
        C: Coder<Window>,
    {
        IterableCoder { item: Part::plain(windows), state_backed: false }
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
        put_count(items.len(), out)?;
        let mut idle = Idle::default();
        for (i, item) in items.enumerate() {
            let before = out.len();
            self.item.write(false, out, |c, outer, out| write(c, outer, item, out)).map_err(|e| e.at_index(i))?;
            idle.count(out.len() - before)?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn write<'a, T: 'a>(&self, items: impl ExactSizeIterator<Item = &'a T>, out: &mut Vec<u8>) -> Encoded
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
        let (mut chunk, mut n, mut idle) = (Vec::new(), 0, Idle::default());
        for item in items {
            let before = chunk.len();
            self.item.encode(item, &mut chunk)?;
            idle.count(chunk.len() - before)?;
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

impl<C> IterableCoder<C> {
    /// Hands each item to `add`; returns the token if the list goes on in the engine's state.
    #[inline]
    fn read<'b, T>(&self, input: &mut &'b [u8], mut add: impl FnMut(T)) -> Decoded<Option<&'b [u8]>>
    where
        C: Coder<T>,
    {
        let mut idle = Idle::default();
        read_list(input, |input| {
            let before = input.len();
            add(self.item.decode(input)?);
            idle.count(before - input.len())
        })
    }

    /// Reads a list that is all here.
    #[inline]
    pub(crate) fn read_whole<T>(&self, input: &mut &[u8], add: impl FnMut(T)) -> Decoded<()>
    where
        C: Coder<T>,
    {
        whole(self.read(input, add)?)
    }
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
