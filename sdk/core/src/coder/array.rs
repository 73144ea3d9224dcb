//! Arrays: lists of a fixed length, which need no vector on the way.

use super::row::FieldCoder;
use super::wire::{put_prefixed, take_prefixed};
use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, IterableCoder, LeafCoder};
use ferrobeam_model::pipeline::FieldType;

/// A coder of lists that also takes items which are not in a vector.
///
/// Laws: the bytes are those of the same items in a vector.
pub trait SliceCoder<T>: Coder<Vec<T>> {
    /// Appends the nested encoding of a list, or the outer one.
    ///
    /// # Errors
    /// As [`Coder::encode`].
    fn encode_slice(&self, items: &[T], outer: bool, out: &mut Vec<u8>) -> Encoded;

    /// Reads a list of `N` items.
    ///
    /// # Errors
    /// As [`Coder::decode`]; if there are not as many items.
    fn decode_array<const N: usize>(&self, input: &mut &[u8], outer: bool) -> Decoded<[T; N]>;
}

fn other_length<const N: usize>(items: usize) -> CoderError {
    CoderError::invalid("an array", format!("{items} items instead of {N}"))
}

fn array_of<T, const N: usize>(list: Vec<T>) -> Decoded<[T; N]> {
    list.try_into().map_err(|list: Vec<T>| other_length::<N>(list.len()))
}

/// A list of `u8` is bytes.
impl SliceCoder<u8> for LeafCoder {
    #[inline]
    fn encode_slice(&self, bytes: &[u8], outer: bool, out: &mut Vec<u8>) -> Encoded {
        if outer {
            out.extend_from_slice(bytes)
        } else {
            put_prefixed(bytes, out)
        }
        Ok(())
    }

    #[inline]
    fn decode_array<const N: usize>(&self, input: &mut &[u8], outer: bool) -> Decoded<[u8; N]> {
        let bytes = if outer { std::mem::take(input) } else { take_prefixed(input, "an array of bytes")? };
        bytes.try_into().map_err(|_| other_length::<N>(bytes.len()))
    }
}

impl<T: 'static, C: Coder<T>> SliceCoder<T> for IterableCoder<C> {
    #[inline]
    fn encode_slice(&self, items: &[T], _: bool, out: &mut Vec<u8>) -> Encoded {
        self.write(items.iter(), out)
    }

    #[inline]
    fn decode_array<const N: usize>(&self, input: &mut &[u8], outer: bool) -> Decoded<[T; N]> {
        array_of(if outer { self.decode_outer(input)? } else { self.decode(input)? })
    }
}

/// The coder of arrays, of which `C` is the coder as lists.
#[derive(Clone, Copy, Debug)]
pub struct ArrayCoder<C>(C);

impl<T, const N: usize, C: SliceCoder<T>> Coder<[T; N]> for ArrayCoder<C> {
    #[inline]
    fn new() -> Self {
        ArrayCoder(C::new())
    }

    fn spec(&self) -> CoderSpec {
        self.0.spec()
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        C::from_spec(spec).map(ArrayCoder)
    }

    #[inline]
    fn encode(&self, value: &[T; N], out: &mut Vec<u8>) -> Encoded {
        self.0.encode_slice(value, false, out)
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<[T; N]> {
        self.0.decode_array(input, false)
    }

    #[inline]
    fn encode_outer(&self, value: &[T; N], out: &mut Vec<u8>) -> Encoded {
        self.0.encode_slice(value, true, out)
    }

    #[inline]
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<[T; N]> {
        self.0.decode_array(input, true)
    }
}

/// In a row an array is the list.
impl<T: Clone, const N: usize, C: SliceCoder<T> + FieldCoder<Vec<T>>> FieldCoder<[T; N]> for ArrayCoder<C> {
    fn field_type(&self) -> FieldType {
        self.0.field_type()
    }

    #[inline]
    fn encode_field(&self, value: &[T; N], out: &mut Vec<u8>) -> Encoded {
        self.0.encode_field(&value.to_vec(), out)
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<[T; N]> {
        array_of(self.0.decode_field(input)?)
    }
}

#[cfg(test)]
mod tests {
    use crate::Element;
    use crate::coder::{self, Coder};
    use proptest::prelude::*;

    /// The bytes of an array are those of the list, nested and outer, and come back only as so many items.
    fn is_the_list<T: Element + PartialEq + std::fmt::Debug>(array: [T; 3]) {
        let (arrays, lists) = (coder::of::<[T; 3]>(), coder::of::<Vec<T>>());
        let list = array.to_vec();
        let bytes = |encode: &dyn Fn(&mut Vec<u8>)| {
            let mut out = vec![7];
            encode(&mut out);
            out
        };
        let nested = bytes(&|out| arrays.encode(&array, out).unwrap());
        assert_eq!(nested, bytes(&|out| lists.encode(&list, out).unwrap()));
        let outer = bytes(&|out| arrays.encode_outer(&array, out).unwrap());
        assert_eq!(outer, bytes(&|out| lists.encode_outer(&list, out).unwrap()));
        assert_eq!(arrays.decode(&mut &nested[1..]).unwrap(), array);
        assert_eq!(arrays.decode_outer(&mut &outer[1..]).unwrap(), array);
        let shorter = coder::of::<[T; 2]>();
        assert!(Coder::<[T; 2]>::decode(&shorter, &mut &nested[1..]).unwrap_err().to_string().contains("3 items"));
        assert!(Coder::<[T; 2]>::decode_outer(&shorter, &mut &outer[1..]).is_err());
        let rows = coder::of::<([T; 3], u8)>();
        let row = (array, 1);
        let mut out = Vec::new();
        rows.encode(&row, &mut out).unwrap();
        assert_eq!(rows.decode(&mut &out[..]).unwrap(), row);
    }

    proptest! {
        #[test]
        fn arrays_are_lists(bytes: [u8; 3], numbers: [u64; 3], lists: [Vec<u16>; 3]) {
            is_the_list(bytes);
            is_the_list(numbers);
            is_the_list(lists);
        }
    }
}
