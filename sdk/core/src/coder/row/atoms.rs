//! The numbers that only rows have.

use crate::coder::wire::{put_varint, take_array, take_varint};
use crate::coder::{CoderError, Decoded};

/// A number in the encoding that Beam's rows have for it.
pub(crate) trait InRow: Sized {
    fn put_in_row(self, out: &mut Vec<u8>);
    fn take_from_row(input: &mut &[u8]) -> Decoded<Self>;
}

macro_rules! fixed {
    ($($t:ident $name:literal;)*) => {$(
        impl InRow for $t {
            #[inline]
            fn put_in_row(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            #[inline]
            fn take_from_row(input: &mut &[u8]) -> Decoded<Self> {
                take_array(input, $name).map($t::from_be_bytes)
            }
        }
    )*};
}
fixed! { i8 "a byte"; i16 "an integer of 16 bits"; f32 "a float"; }

/// The varint of the 32 bits: at most five bytes.
impl InRow for i32 {
    #[inline]
    fn put_in_row(self, out: &mut Vec<u8>) {
        put_varint(self.cast_unsigned().into(), out);
    }
    /// Takes negative numbers of 64 bits, too, which some SDKs write.
    #[inline]
    fn take_from_row(input: &mut &[u8]) -> Decoded<Self> {
        let n = take_varint(input)?;
        u32::try_from(n)
            .map(u32::cast_signed)
            .or_else(|_| i32::try_from(n.cast_signed()))
            .map_err(|_| CoderError::invalid("an integer of 32 bits", n.cast_signed()))
    }
}

impl InRow for i64 {
    #[inline]
    fn put_in_row(self, out: &mut Vec<u8>) {
        put_varint(self.cast_unsigned(), out);
    }
    #[inline]
    fn take_from_row(input: &mut &[u8]) -> Decoded<Self> {
        take_varint(input).map(u64::cast_signed)
    }
}
