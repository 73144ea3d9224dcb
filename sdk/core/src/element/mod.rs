//! What may flow through a pipeline, what may be a key, and how each type is encoded.

mod containers;
mod numbers;
mod text;
mod times;

use crate::coder::{FieldCoder, SliceCoder};
use std::hash::Hash;

/// A type that may flow through a pipeline: it has a coder.
///
/// Built-in types have the standard coder that is exactly theirs, so that engines and other languages can read them. The
/// few that have none stand behind a length prefix, so that engines can skip them.
///
/// | type | coder | as a field of a row |
/// |---|---|---|
/// | `i64`, `isize` | `varint` | INT64 |
/// | `u64`, `usize` | `varint`; from 2^63 on, others see a negative number | INT64 |
/// | `i8`, `i16`, `i32` | `varint`; decoding checks the range | BYTE, INT16, INT32 |
/// | `u8`, `u16`, `u32` | `varint`; decoding checks the range | INT16, INT32, INT64 |
/// | `i128`, `u128` | ours, prefixed: 16 bytes, big-endian | logical type of bytes |
/// | `f64` | `double` | DOUBLE |
/// | `f32` | `double`; decoding checks that it is an `f32` | FLOAT |
/// | `bool` | `bool` | BOOLEAN |
/// | `()` | `bytes`, empty | BYTES |
/// | `char` | `string_utf8`, of one character | STRING |
/// | `String`, `Box<str>`, `Arc<str>` | `string_utf8` | STRING |
/// | [`Bytes`](bytes::Bytes), `Vec<u8>`, `[u8; N]` | `bytes` | BYTES |
/// | `Box<T>` | that of `T` | that of `T` |
/// | `Option<T>` | `nullable<T>` | nullable T |
/// | `Vec<T>`, `[T; N]`, `BTreeSet<T>`, `HashSet<T>` | `iterable<T>`, of at most 2^31 - 1 items | ARRAY of T |
/// | `BTreeMap<K, V>`, `HashMap<K, V>` | `iterable<kv<K, V>>`; of repeated keys the last wins | MAP of K to V |
/// | `(A, B)` | `kv<A, B>`: what engines group by | ROW of `f0`, `f1` |
/// | `(A,)`, `(A, B, C)` up to six | `row` of `f0`, `f1`, .. | ROW |
/// | `Result<T, E>` | `kv<nullable<T>, nullable<E>>` | ROW of `ok`, `error` |
/// | [`Timestamp`](crate::Timestamp) | `varint`, in milliseconds | logical type `millis_instant` |
/// | [`Duration`](std::time::Duration) | `kv<varint, varint>`: seconds, nanoseconds | logical type `nanos_duration` |
/// | [`Window`](crate::windowing::Window) | `nullable<interval_window>`; null is the global window | logical type of bytes |
/// | [`PaneInfo`](crate::windowing::PaneInfo), [`Timing`](crate::windowing::Timing) | as derived | as derived |
/// | derived struct | `row` | ROW |
/// | derived enum with data | `row` of nullable rows, one a variant | ROW |
/// | derived enum without data | `varint`: the discriminant | logical type of INT64 |
/// | `#[element(opaque)]` type | ours, prefixed: postcard | logical type of bytes |
///
/// # Example
/// ```
/// use ferrobeam_core::{Element, Timestamp, coder};
///
/// #[derive(Clone, Debug, PartialEq, Element)]
/// # #[element(crate = "ferrobeam_core")]
/// struct Click {
///     user: String,
///     at: Timestamp,
///     referrer: Option<String>,
///     kind: Kind,
/// }
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
/// # #[element(crate = "ferrobeam_core")]
/// enum Kind {
///     Touch,
///     Key(char),
/// }
///
/// # fn main() -> Result<(), ferrobeam_core::CoderError> {
/// let click = Click { user: "ann".into(), at: Timestamp::EPOCH, referrer: None, kind: Kind::Key('x') };
/// let mut bytes = Vec::new();
/// coder::put(&click, &mut bytes)?;
/// assert_eq!(coder::take_as::<Click>(&mut bytes.as_slice())?, click);
///
/// let text = coder::describe(&coder::spec_of::<Click>(), &bytes);
/// let expected = r#"{user: "ann", at: 1970-01-01T00:00:00Z, referrer: null, kind: {Touch: null, Key: {f0: "x"}}}"#;
/// assert_eq!(text, expected);
/// # Ok(())
/// # }
/// ```
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
    type ListCoder: FieldCoder<Vec<Self>> + SliceCoder<Self>;
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
