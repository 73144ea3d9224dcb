//! What stands before the fields of a row: how many there are, and which are null.

use super::field::FieldCoder;
use crate::Element;
use crate::coder::error::within;
use crate::coder::wire::{put_varint, take_prefixed, take_varint};
use crate::coder::{CoderError, Decoded, of};

/// Appends the header of a row of `N` fields.
#[inline]
pub fn put_header<const N: usize>(nulls: [bool; N], out: &mut Vec<u8>) {
    put_varint(N as u64, out);
    put_bitmap(nulls.iter().copied(), out);
}

/// Appends the header of a row of `fields` fields of which all but `variant` are null.
#[inline]
pub fn put_variant_header(fields: usize, variant: usize, out: &mut Vec<u8>) {
    put_varint(fields as u64, out);
    put_bitmap((0..fields).map(|i| i != variant), out);
}

/// Appends the bitmap, behind its length: only as many bytes as there are up to the last null.
#[inline]
pub(crate) fn put_bitmap(nulls: impl DoubleEndedIterator<Item = bool> + ExactSizeIterator + Clone, out: &mut Vec<u8>) {
    if nulls.len() > 64 {
        return put_long_bitmap(nulls, out);
    }
    // In one number, which the compiler knows for a type without optional fields.
    let bits = nulls.enumerate().fold(0, |bits, (i, null)| bits | u64::from(null) << i);
    let bytes = (64 - bits.leading_zeros() as usize).div_ceil(8);
    out.push(bytes as u8);
    out.extend_from_slice(&bits.to_le_bytes()[..bytes]);
}

fn put_long_bitmap(nulls: impl DoubleEndedIterator<Item = bool> + ExactSizeIterator + Clone, out: &mut Vec<u8>) {
    let bits = nulls.clone().rposition(|null| null).map_or(0, |last| last + 1);
    put_varint(bits.div_ceil(8) as u64, out);
    let start = out.len();
    out.resize(start + bits.div_ceil(8), 0);
    for (i, null) in nulls.take(bits).enumerate() {
        out[start + i / 8] |= u8::from(null) << (i % 8);
    }
}

/// The header of an encoded row.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    fields: u64,
    nulls: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads a header.
    ///
    /// # Errors
    /// If the input ends in it.
    #[inline(always)]
    pub fn read(input: &mut &'a [u8]) -> Decoded<Self> {
        // Both numbers have one byte mostly.
        if let [fields @ ..0x80, len @ ..0x80, rest @ ..] = *input
            && let Some((nulls, rest)) = rest.split_at_checked((*len).into())
        {
            *input = rest;
            return Ok(Header { fields: u64::from(*fields), nulls });
        }
        Self::read_any(input)
    }

    #[cold]
    fn read_any(input: &mut &'a [u8]) -> Decoded<Self> {
        Ok(Header { fields: take_varint(input)?, nulls: take_prefixed(input, "the nulls of a row")? })
    }

    /// Returns how many fields the writer knew.
    #[inline]
    #[must_use]
    pub fn fields(&self) -> u64 {
        self.fields
    }

    /// Tells whether field `index` is there: known to the writer, and not null.
    #[inline(always)]
    #[must_use]
    pub fn has(&self, index: usize) -> bool {
        (index as u64) < self.fields && self.nulls.get(index / 8).is_none_or(|byte| byte >> (index % 8) & 1 == 0)
    }

    /// Reads field `index`, or makes it null if it is not there.
    ///
    /// # Errors
    /// As [`Coder::decode`](crate::Coder::decode); and if it is not there and not optional.
    #[inline(always)]
    pub fn take<T: Element>(&self, name: &'static str, index: usize, input: &mut &[u8]) -> Decoded<T> {
        self.take_with(name, index, &of::<T>(), input)
    }

    /// Reads field `index` by its coder, or makes it null.
    #[inline(always)]
    pub(crate) fn take_with<T>(
        &self,
        name: &'static str,
        index: usize,
        coder: &impl FieldCoder<T>,
        input: &mut &[u8],
    ) -> Decoded<T> {
        if self.has(index) {
            within(name, coder.decode_field(input))
        } else {
            coder.null().ok_or_else(|| CoderError::invalid("a value", "null, and the field is not optional").at(name))
        }
    }

    /// Checks that there is nothing behind the known fields.
    ///
    /// # Errors
    /// If there is: fields of unknown type cannot be skipped.
    #[inline(always)]
    pub fn finish(&self, known: usize) -> Decoded<()> {
        if self.fields > known as u64 && self.has_beyond(known) {
            return Err(CoderError::invalid("a row of the fields of this type", format!("{} fields", self.fields)));
        }
        Ok(())
    }

    /// Returns the one field of `known` that is there.
    ///
    /// # Errors
    /// If it is not exactly one.
    #[inline(always)]
    pub fn variant(&self, known: usize) -> Decoded<usize> {
        if let [nulls] = *self.nulls
            && known <= 8
            && self.fields == known as u64
        {
            let there = !u32::from(nulls) & ((1 << known) - 1);
            if there.is_power_of_two() {
                return Ok(there.trailing_zeros() as usize);
            }
        }
        self.any_variant(known)
    }

    fn any_variant(&self, known: usize) -> Decoded<usize> {
        let mut there = (0..known).filter(|index| self.has(*index));
        match (there.next(), there.next(), self.has_beyond(known)) {
            (Some(variant), None, false) => Ok(variant),
            (None, _, true) => Err(CoderError::invalid("a variant", "one that this type does not know")),
            (None, ..) => Err(CoderError::invalid("a variant", "none")),
            _ => Err(CoderError::invalid("a variant", "several")),
        }
    }

    /// Tells whether a field from index `known` on is there.
    #[must_use]
    pub fn has_beyond(&self, known: usize) -> bool {
        // Bits that the bitmap lacks are fields that are there.
        let bits = self.nulls.len() as u64 * 8;
        self.fields > bits.max(known as u64)
            || (known..).take_while(|index| (*index as u64) < self.fields).any(|index| self.has(index))
    }
}
