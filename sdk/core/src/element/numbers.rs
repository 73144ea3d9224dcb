//! Integers, floats, `bool` and unit.

use super::{element, key};
use crate::Element;
use crate::coder::row::{InRow, atomic};
use crate::coder::urn::{BOOL, BYTES, DOUBLE, INT128, VARINT};
use crate::coder::wire::{put_varint, take_array, take_prefixed, take_varint};
use crate::coder::{CoderError, Decoded, Leaf, LeafCoder, Prefixed};
use ferrobeam_model::pipeline::{AtomicType, FieldType};

fn narrow<T: TryFrom<i64>>(input: &mut &[u8], expected: &'static str) -> Decoded<T> {
    let n = take_varint(input)?.cast_signed();
    T::try_from(n).map_err(|_| CoderError::invalid(expected, n))
}

/// Narrow integers: the varint of the same number as `i64`. In a row, the smallest Beam type that holds all of them.
macro_rules! narrow {
    ($($t:ident in $beam:ident as $field:ident;)*) => {$(
        impl Leaf for $t {
            const URN: &'static str = VARINT;
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                put_varint(i64::from(*self).cast_unsigned(), out);
            }
            #[inline]
            fn take(input: &mut &[u8]) -> Decoded<Self> {
                narrow(input, stringify!($t))
            }
            fn field_type() -> FieldType {
                atomic(AtomicType::$beam)
            }
            #[inline]
            fn put_field(&self, out: &mut Vec<u8>) {
                $field::from(*self).put_in_row(out);
            }
            #[inline]
            fn take_field(input: &mut &[u8]) -> Decoded<Self> {
                let n = $field::take_from_row(input)?;
                $t::try_from(n).map_err(|_| CoderError::invalid(stringify!($t), n))
            }
        }
        key! { [] $t; }
    )*};
}
narrow! {
    i8 in Byte as i8;
    i16 in Int16 as i16; u8 in Int16 as i16;
    i32 in Int32 as i32; u16 in Int32 as i32;
    u32 in Int64 as i64;
}

/// Integers of 64 bits, and of the machine's width (at most 64 bits): the varint of their bits.
macro_rules! wide {
    ($($t:ident as $wide:ident)*) => {$(
        impl Leaf for $t {
            const URN: &'static str = VARINT;
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                put_varint(*self as u64, out);
            }
            #[inline]
            fn take(input: &mut &[u8]) -> Decoded<Self> {
                let n = take_varint(input)? as $wide;
                $t::try_from(n).map_err(|_| CoderError::invalid(stringify!($t), n))
            }
        }
        key! { [] $t; }
    )*};
}
wide! { i64 as i64 u64 as u64 isize as i64 usize as u64 }

macro_rules! int128 {
    ($($t:ident)*) => {$(
        impl Leaf for $t {
            const URN: &'static str = INT128;
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            #[inline]
            fn take(input: &mut &[u8]) -> Decoded<Self> {
                Ok(Self::from_be_bytes(take_array(input, stringify!($t))?))
            }
        }
        key! { [] $t; }
    )*};
}
int128! { i128 u128 }

impl Leaf for f64 {
    const URN: &'static str = DOUBLE;
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
    #[inline]
    fn take(input: &mut &[u8]) -> Decoded<Self> {
        Ok(f64::from_be_bytes(take_array(input, "a double")?))
    }
}

impl Leaf for f32 {
    const URN: &'static str = DOUBLE;
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        f64::from(*self).put(out);
    }
    #[inline]
    fn take(input: &mut &[u8]) -> Decoded<Self> {
        let wide = f64::take(input)?;
        let narrow = wide as f32;
        if f64::from(narrow) == wide || wide.is_nan() { Ok(narrow) } else { Err(CoderError::invalid("f32", wide)) }
    }
    fn field_type() -> FieldType {
        atomic(AtomicType::Float)
    }
    #[inline]
    fn put_field(&self, out: &mut Vec<u8>) {
        self.put_in_row(out);
    }
    #[inline]
    fn take_field(input: &mut &[u8]) -> Decoded<Self> {
        f32::take_from_row(input)
    }
}

impl Leaf for bool {
    const URN: &'static str = BOOL;
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    #[inline]
    fn take(input: &mut &[u8]) -> Decoded<Self> {
        match take_array(input, "a bool")? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(CoderError::invalid("a bool, 0 or 1", other)),
        }
    }
}

/// Empty bytes, of which the length is written in the nested context: a list of units is never a claim without bytes.
impl Leaf for () {
    const URN: &'static str = BYTES;
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.push(0);
    }
    #[inline]
    fn take(input: &mut &[u8]) -> Decoded<Self> {
        empty(take_prefixed(input, "unit")?)
    }
    #[inline]
    fn put_outer(&self, _: &mut Vec<u8>) {}
    #[inline]
    fn take_outer(input: &mut &[u8]) -> Decoded<Self> {
        empty(std::mem::take(input))
    }
}

fn empty(bytes: &[u8]) -> Decoded<()> {
    if bytes.is_empty() { Ok(()) } else { Err(CoderError::invalid("unit", format!("{} bytes", bytes.len()))) }
}

key! { [] bool; [] (); }
element! {
    [] i8, LeafCoder; [] i16, LeafCoder; [] i32, LeafCoder; [] i64, LeafCoder; [] isize, LeafCoder;
    [] u16, LeafCoder; [] u32, LeafCoder; [] u64, LeafCoder; [] usize, LeafCoder;
    [] i128, Prefixed<LeafCoder>; [] u128, Prefixed<LeafCoder>;
    [] f32, LeafCoder; [] f64, LeafCoder; [] bool, LeafCoder; [] (), LeafCoder;
}
impl Element for u8 {
    type Coder = LeafCoder;
    // `Vec<u8>` is a leaf itself: bytes.
    type ListCoder = LeafCoder;
}
