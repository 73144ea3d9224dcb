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

/// A copy is easier to check than the input: it begins at an address that is a multiple of a word.
#[inline]
fn string(bytes: &[u8]) -> Decoded<String> {
    String::from_utf8(bytes.to_vec()).map_err(|e| CoderError::invalid("a string", e.utf8_error()))
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
    String, STRING_UTF8, |value| value.as_bytes(), |input| string(input);
    Box<str>, STRING_UTF8, |value| value.as_bytes(), |input| string(input).map(String::into_boxed_str);
    Arc<str>, STRING_UTF8, |value| value.as_bytes(), |input| utf8(input).map(Arc::from);
    char, STRING_UTF8, |value| value.encode_utf8(&mut [0; 4]).as_bytes(), |input| one_char(input);
    Vec<u8>, BYTES, |value| value, |input| Ok(input.to_vec());
    Bytes, BYTES, |value| value, |input| Ok(Bytes::copy_from_slice(input));
}
element! {
    [] String, LeafCoder; [] Box<str>, LeafCoder; [] Arc<str>, LeafCoder; [] char, LeafCoder; [] Bytes, LeafCoder;
}
key! { [] String; [] Box<str>; [] Arc<str>; [] char; [] Bytes; }
