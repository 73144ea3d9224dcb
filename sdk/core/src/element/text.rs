//! Strings and bytes. In the outer context they end with the input, so their length is left out.

use super::{element, key};
use crate::coder::urn::{BYTES, STRING_UTF8};
use crate::coder::wire::{put_prefixed, take_prefixed};
use crate::coder::{CoderError, Decoded, Leaf, LeafCoder};
use bytes::Bytes;
use std::sync::Arc;

#[inline]
fn utf8(bytes: &[u8]) -> Decoded<&str> {
    str::from_utf8(bytes).map_err(|e| CoderError::invalid("a string", e))
}

/// Texts of so many bytes at most are checked in a copy.
const SHORT: usize = 256;

/// In whole blocks: the library checks two words at a time, but what stands before a multiple of a word, or is left behind
/// the last two, byte by byte, which takes longer than all the rest of a short text.
#[repr(align(16))]
struct Copy([u8; SHORT]);

#[inline]
fn text<T: for<'a> From<&'a str>>(bytes: &[u8]) -> Decoded<T> {
    let len = bytes.len();
    if len <= SHORT {
        let mut copy = Copy([0; SHORT]);
        copy.0[..len].copy_from_slice(bytes);
        if let Ok(padded) = str::from_utf8(&copy.0[..len.next_multiple_of(16)]) {
            return Ok(T::from(&padded[..len]));
        }
    }
    utf8(bytes).map(T::from)
}

fn one_char(bytes: &[u8]) -> Decoded<char> {
    let text = utf8(bytes)?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(c),
        _ => Err(CoderError::invalid("a character", format!("{text:?}"))),
    }
}

macro_rules! blob {
    ($($t:ty, $urn:ident, |$value:ident| $bytes:expr, |$input:ident| $make:expr;)*) => {$(
        impl Leaf for $t {
            const URN: &'static str = $urn;
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                let $value = self;
                put_prefixed($bytes, out);
            }
            #[inline]
            fn take(input: &mut &[u8]) -> Decoded<Self> {
                let $input = take_prefixed(input, stringify!($t))?;
                $make
            }
            #[inline]
            fn put_outer(&self, out: &mut Vec<u8>) {
                let $value = self;
                out.extend_from_slice($bytes);
            }
            #[inline]
            fn take_outer(input: &mut &[u8]) -> Decoded<Self> {
                let $input = std::mem::take(input);
                $make
            }
        }
    )*};
}
blob! {
    String, STRING_UTF8, |value| value.as_bytes(), |input| text(input);
    Box<str>, STRING_UTF8, |value| value.as_bytes(), |input| text(input);
    Arc<str>, STRING_UTF8, |value| value.as_bytes(), |input| text(input);
    char, STRING_UTF8, |value| value.encode_utf8(&mut [0; 4]).as_bytes(), |input| one_char(input);
    Vec<u8>, BYTES, |value| value, |input| Ok(input.to_vec());
    Bytes, BYTES, |value| value, |input| Ok(Bytes::copy_from_slice(input));
}
element! {
    [] String, LeafCoder; [] Box<str>, LeafCoder; [] Arc<str>, LeafCoder; [] char, LeafCoder; [] Bytes, LeafCoder;
}
key! { [] String; [] Box<str>; [] Arc<str>; [] char; [] Bytes; }
