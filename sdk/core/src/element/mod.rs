//! What may flow through a pipeline, what may be a key, and how each type is encoded.

mod containers;
mod numbers;
mod text;
mod times;

use crate::coder::FieldCoder;
use std::hash::Hash;

/// A type that may flow through a pipeline: it has a coder.
///
/// | type | coder | notes |
/// |---|---|---|
/// | `i64`, `u64` | `varint` | a `u64` from 2^63 on is a negative number to other languages |
/// | `i8` to `i32`, `u8` to `u32`, `isize`, `usize` | `varint` | decoding checks the range |
/// | `i128`, `u128` | ours, prefixed | 16 bytes, big-endian |
/// | `f64`, `f32` | `double` | an `f32` is widened; decoding checks that it is one |
/// | `bool` | `bool` | |
/// | `char` | `string_utf8` | a string of one character |
/// | `()` | `bytes` | always empty |
/// | `String`, `Box<str>`, `Arc<str>` | `string_utf8` | |
/// | [`Bytes`](bytes::Bytes), `Vec<u8>`, `[u8; N]` | `bytes` | an array has exactly N |
/// | `Option<T>` | `nullable<T>` | |
/// | `Vec<T>`, `[T; N]`, `BTreeSet<T>`, `HashSet<T>` | `iterable<T>` | except of `u8`; a list has at most 2^31 - 1 items |
/// | `BTreeMap<K, V>`, `HashMap<K, V>` | `iterable<kv<K, V>>` | of repeated keys the last wins |
/// | `(A, B)` | `kv<A, B>` | what engines group by |
/// | `(A,)`, `(A, B, C)` and longer | ours, prefixed | |
/// | `Result<T, E>` | `kv<nullable<T>, nullable<E>>` | exactly one is there |
/// | [`Timestamp`](crate::Timestamp) | `varint` | milliseconds |
/// | [`Duration`](std::time::Duration) | `kv<varint, varint>` | seconds, nanoseconds |
/// | [`Window`](crate::windowing::Window) | `nullable<interval_window>` | null is the global window |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a PCollection",
    label = "not an `Element`",
    note = "write `#[derive(Clone, Element)]` on your own type, or `#[element(opaque)]` for a serde type",
    note = "borrowed types such as `&str` must become owned (`String`)"
)]
pub trait Element: Clone + Send + Sync + 'static {
    /// The coder of one value.
    type Coder: FieldCoder<Self>;
    /// The coder of `Vec<Self>`. It lets `u8` say "bytes" where all others say "iterable", without specialisation.
    type ListCoder: FieldCoder<Vec<Self>>;
}

/// An element that may be grouped by: equal values, and only those, have equal bytes.
///
/// Law: `(a == b) <=> (the bytes of a == the bytes of b)`. So there is one for built-in types, and a derived one for
/// structs and enums of keys; floats have several encodings of what is equal (0.0 and -0.0), hash maps have no order.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "not a `Key`",
    note = "a key needs `Eq`, `Hash` and one encoding per value: `f64` and `HashMap` have none",
    note = "for your own type: `#[derive(Clone, PartialEq, Eq, Hash, Element)]` and only `Key` fields"
)]
pub trait Key: Element + Eq + Hash {}

/// Only pairs; the generics of the trait make the compiler print this text instead of `E0599: no method`.
#[diagnostic::on_unimplemented(
    message = "this transform needs elements of type `(K, V)`, found `{Self}`",
    label = "not a pair",
    note = "make pairs first, for example with `.key_by(|x| ..)`"
)]
pub trait Pair<K, V>: Element {
    /// Takes the pair apart.
    fn into_pair(self) -> (K, V);
}

impl<K: Element, V: Element> Pair<K, V> for (K, V) {
    #[inline]
    fn into_pair(self) -> (K, V) {
        self
    }
}

/// Implements `Element` by a coder, with the iterable list coder.
macro_rules! element {
    ($([$($g:tt)*] $t:ty, $coder:ty;)*) => {$(
        impl<$($g)*> $crate::Element for $t {
            type Coder = $coder;
            type ListCoder = $crate::coder::IterableCoder<$coder>;
        }
    )*};
}
pub(crate) use element;

macro_rules! key {
    ($([$($g:tt)*] $t:ty;)*) => { $(impl<$($g)*> $crate::Key for $t {})* };
}
pub(crate) use key;
