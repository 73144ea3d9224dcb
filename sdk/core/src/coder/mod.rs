//! How values become bytes, and which bytes: Beam's standard encodings, typed.
//!
//! A coder is a small value, not a type with static methods: an engine may wrap any component in a length prefix, and a
//! row's order of encoding comes from its schema, so two coders of one type can differ at run time. It is a concrete
//! associated type of the element ([`Element::Coder`]), so a list of pairs of integers still encodes without a virtual call.
//!
//! Beam has two contexts. In the *nested* one a value delimits itself ([`Coder::encode`]); in the *outer* one it ends where
//! the input ends, so strings and bytes leave their length out ([`Coder::encode_outer`]).
//!
//! ```
//! use ferrobeam_core::coder::{self, Coder};
//!
//! # fn main() -> Result<(), ferrobeam_core::CoderError> {
//! let coder = coder::of::<(String, i64)>();
//! let mut bytes = Vec::new();
//! coder.encode(&("beam".to_owned(), 300), &mut bytes)?;
//! assert_eq!(bytes, b"\x04beam\xac\x02");
//! assert_eq!(coder.decode(&mut bytes.as_slice())?, ("beam".to_owned(), 300));
//! # Ok(())
//! # }
//! ```
//!
//! Laws, for every value `x` and every coder here:
//! - `decode(encode(x)) == x`, consuming exactly what was written; the same for the outer context;
//! - any bytes at all give a value or a [`CoderError`], without a panic and without work or memory that their length does
//!   not justify: a count is a claim, and memory follows the items that were read, not the claim;
//! - the nested encoding of an [`Element`] is never empty, so a list can never be longer than its bytes.

mod array;
mod boxed;
#[doc(hidden)]
pub mod derived;
mod dynamic;
mod error;
mod iterable;
mod kv;
mod leaf;
mod list;
mod map;
mod nullable;
mod opaque;
mod pane;
mod part;
mod result;
pub mod row;
mod spec;
mod timer;
pub mod urn;
mod via;
mod window;
mod windowed;
pub mod wire;

pub use array::{ArrayCoder, SliceCoder};
pub use boxed::BoxCoder;
pub use dynamic::{CustomWindow, Decimal, DynCoder, Value, describe};
pub use error::{CoderError, CoderProblem, Decoded, Encoded};
pub use iterable::{IterableCoder, StateFetch};
pub use kv::KvCoder;
pub use leaf::{Leaf, LeafCoder};
pub use map::MapCoder;
pub use nullable::NullableCoder;
pub use opaque::{OpaqueCoder, PostcardCoder};
pub use pane::{put_pane, take_pane};
pub use part::{Part, Prefixed};
pub use result::ResultCoder;
pub use row::{FieldCoder, Row, RowCoder};
pub use spec::CoderSpec;
pub use timer::{TimerCoder, TimerData, TimerSetting};
pub use via::{Via, ViaCoder};
pub use window::{CustomWindowCoder, GlobalWindowCoder, IntervalWindowCoder, StrategyWindowCoder, WindowCoder};
pub use windowed::{Metadata, ParamWindowedValueCoder, ShardedKey, ShardedKeyCoder, WindowedValue, WindowedValueCoder};
pub use wire::{put_varint, take, take_prefixed, take_varint};

use crate::Element;
use std::cell::Cell;

/// Encodes and decodes values of type `T`; made from its [`CoderSpec`].
///
/// The laws are in the module's documentation.
pub trait Coder<T>: Clone + Send + Sync + 'static {
    /// Makes the coder that this process puts into a new graph. Cheap: it allocates nothing.
    fn new() -> Self;

    /// Returns what goes into the graph.
    fn spec(&self) -> CoderSpec;

    /// Reads an engine's version of [`spec`](Coder::spec): the same tree, perhaps with length prefixes put in.
    ///
    /// # Errors
    /// If the tree is not one of type `T`; the error names the component.
    fn from_spec(spec: &CoderSpec) -> Decoded<Self>;

    /// Appends the nested encoding.
    ///
    /// # Errors
    /// If the value has no encoding: a serde type that refuses, a list of more than 2^31 - 1 items. Then `out` may end in
    /// the middle of the value.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Encoded;

    /// Reads one value from the front of `input` and moves `input` behind it.
    ///
    /// # Errors
    /// If `input` does not begin with an encoding of a `T`; then its position is anywhere.
    fn decode(&self, input: &mut &[u8]) -> Decoded<T>;

    /// Appends the outer encoding: the value ends with the output.
    ///
    /// # Errors
    /// As [`encode`](Coder::encode).
    fn encode_outer(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.encode(value, out)
    }

    /// Reads a value that ends with the input. Whether anything is left is for the caller to check: see [`decode_all`].
    ///
    /// # Errors
    /// As [`decode`](Coder::decode).
    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<T> {
        self.decode(input)
    }
}

/// Makes a type's own coder.
///
/// (`T::Coder::new()` alone is ambiguous: one coder type may serve many types.)
#[inline]
#[must_use]
pub fn of<T: Element>() -> T::Coder {
    <T::Coder as Coder<T>>::new()
}

/// Returns the spec of a type's own coder.
#[must_use]
pub fn spec_of<T: Element>() -> CoderSpec {
    Coder::<T>::spec(&of::<T>())
}

/// Makes a type's coder as the engine changed it: a length prefix is accepted at any component, and around the whole.
///
/// # Errors
/// If `spec` is not a spec of `T`.
pub fn from_spec<T: Element>(spec: &CoderSpec) -> Decoded<Part<T::Coder>> {
    <Part<T::Coder> as Coder<T>>::from_spec(spec)
}

/// Appends the nested encoding of `value`.
///
/// # Errors
/// As [`Coder::encode`].
#[inline]
pub fn put<T: Element>(value: &T, out: &mut Vec<u8>) -> Encoded {
    of::<T>().encode(value, out)
}

/// A value as people read it: see [`describe`].
pub(crate) fn shown<T: Element>(value: &T) -> String {
    let mut bytes = Vec::new();
    match put(value, &mut bytes) {
        Ok(()) => describe(&spec_of::<T>(), &bytes),
        Err(error) => format!("without an encoding: {error}"),
    }
}

thread_local! {
    /// Whether encodings are made for their length only.
    static ESTIMATES: Cell<bool> = const { Cell::new(false) };
}

/// About how long the encoding of a value is, of what it has in memory. What cannot be encoded is refused elsewhere.
pub(crate) fn estimate<T: Element>(value: &T, scratch: &mut Vec<u8>) -> usize {
    /// Also if a coder panics.
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            ESTIMATES.set(self.0);
        }
    }
    let _reset = Reset(ESTIMATES.replace(true));
    scratch.clear();
    let _ = put(value, scratch);
    scratch.len()
}

/// Whether an encoding is made for its [length](estimate) only: then a coder of something very large writes as many bytes, or fewer.
pub(crate) fn is_estimate() -> bool {
    ESTIMATES.get()
}

/// Reads one `T` in nested encoding from the front of `input`.
///
/// # Errors
/// As [`Coder::decode`].
#[inline]
pub fn take_as<T: Element>(input: &mut &[u8]) -> Decoded<T> {
    of::<T>().decode(input)
}

/// Reads the one value that `input` holds in the outer context.
///
/// # Errors
/// As [`Coder::decode`]; and if bytes are left over.
// A call of its own takes the input in two registers. Inlined, both halves of a vector that has just been written are loaded
// at once, which waits for the writing.
#[inline(never)]
pub fn decode_all<T, C: Coder<T>>(coder: &C, mut input: &[u8]) -> Decoded<T> {
    let value = coder.decode_outer(&mut input);
    // What was decoded is not taken apart, which would move it.
    if input.is_empty() { value } else { value.and(Err(CoderProblem::Trailing { bytes: input.len() }.into())) }
}
