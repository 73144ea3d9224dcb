//! Derive macros of Ferrobeam. They are used through the `ferrobeam` crate, which documents the traits.

mod attributes;
mod element;
mod enums;
mod fields;
mod state;
mod structs;
mod timers;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a type an `Element`, and a `Key` if all its fields are keys and it has `Eq` and `Hash`.
///
/// - A struct becomes a Beam row: its fields are those of the schema, in the order of the source; a tuple struct's are `f0`,
///   `f1`, ..
/// - An enum without data becomes its discriminant, so give discriminants if variants may be reordered.
/// - An enum with data becomes a row with an optional field per variant, which holds a row of the variant's fields; exactly
///   one is there.
///
/// A field may be of any type that is an `Element`, but a row cannot contain itself: of two types that contain each other the
/// compiler says "overflow evaluating the requirement". Type parameters are elements. Fields may be added at the end if they are
/// optional, and variants at the end: older bytes still decode.
///
/// # Attributes
/// - `#[element(opaque)]` on the type: serde decides, in postcard's encoding, and other languages see bytes. Such a type is no
///   key.
/// - `#[element(rename = "name")]` on a field or a variant: its name in the schema.
/// - `#[element(crate = "path")]` on the type: where Ferrobeam is, if not at `::ferrobeam`.
#[proc_macro_derive(Element, attributes(element))]
pub fn derive_element(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    element::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a struct of cells the `State` of a step. The names of its fields are those of the cells.
///
/// # Attributes
/// - `#[state(ttl = "1h")]` on a field: what was written so long ago, in processing time, counts no more. Units are `ms`, `s`,
///   `m`, `h` and `d`.
/// - `#[state(combine = largest(3))]` on a field: the function of a `Combining`, if its type has no default.
/// - `#[state(crate = "path")]` on the type: where Ferrobeam is, if not at `::ferrobeam`.
#[proc_macro_derive(State, attributes(state))]
pub fn derive_state(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    state::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum the `Timers` of a step. The names of its variants are those of the timers; one with a field is a family,
/// with a timer for each value of the field.
///
/// # Attributes
/// - `#[timer(event_time)]` or `#[timer(processing_time)]` on a variant: by which clock it is due.
/// - `#[timer(crate = "path")]` on the type: where Ferrobeam is, if not at `::ferrobeam`.
#[proc_macro_derive(Timers, attributes(timer))]
pub fn derive_timers(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    timers::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
