//! Derive macros of Ferrobeam. They are used through the `ferrobeam` crate, which documents the traits.

mod attributes;
mod element;
mod enums;
mod fields;
mod structs;

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
