//! Enums: without data a number, with data a row of which one field is there.

use crate::attributes::renamed;
use crate::element::Parts;
use crate::fields::{Fields, unique};
use proc_macro2::Ident;
use quote::quote;
use std::collections::HashSet;
use syn::ext::IdentExt;
use syn::{DataEnum, LitStr};

struct Variant<'a> {
    ident: &'a Ident,
    name: LitStr,
    fields: Fields,
}

pub(crate) fn expand(name: &Ident, data: &DataEnum) -> syn::Result<Parts> {
    if data.variants.is_empty() {
        return Err(syn::Error::new_spanned(name, "an enum without variants has no values to encode"));
    }
    let mut names = HashSet::new();
    let mut variants = Vec::new();
    for variant in &data.variants {
        let own = LitStr::new(&variant.ident.unraw().to_string(), variant.ident.span());
        let label = renamed(&variant.attrs)?.unwrap_or(own);
        unique(&mut names, &label)?;
        variants.push(Variant { ident: &variant.ident, name: label, fields: Fields::of(name, &variant.fields)? });
    }
    let plain = data.variants.iter().all(|variant| matches!(variant.fields, syn::Fields::Unit));
    Ok(if plain { discriminant(&variants) } else { one_of(&variants) })
}

fn discriminant(variants: &[Variant<'_>]) -> Parts {
    let (idents, names): (Vec<_>, Vec<_>) = variants.iter().map(|variant| (variant.ident, &variant.name)).unzip();
    let body = quote! {
        const URN: &'static str = __private::VARINT;

        #[inline]
        fn put(&self, out: &mut ::std::vec::Vec<u8>) {
            let discriminant = match self { #(Self::#idents => Self::#idents as i64),* };
            __private::put_varint(discriminant as u64, out);
        }

        #[inline]
        fn take(input: &mut &[u8]) -> __private::Decoded<Self> {
            let discriminant = __private::take_varint(input)? as i64;
            #(if discriminant == Self::#idents as i64 {
                return ::std::result::Result::Ok(Self::#idents);
            })*
            ::std::result::Result::Err(__private::CoderError::invalid("a discriminant of this enum", discriminant))
        }

        fn field_type() -> __private::FieldType {
            __private::enum_type(&[#((#names, Self::#idents as i64)),*])
        }
    };
    Parts { encoding: quote!(Leaf), body, coder: quote!(LeafCoder), types: Vec::new() }
}

fn one_of(variants: &[Variant<'_>]) -> Parts {
    let names = variants.iter().map(|variant| &variant.name);
    let count = variants.len();
    let types = variants.iter().map(|Variant { fields, .. }| {
        let (names, types) = (fields.names(), fields.field_types());
        quote!(__private::variant_type(&[#(#names),*], ::std::vec![#types]))
    });
    let puts = variants.iter().enumerate().map(|(index, Variant { ident, name, fields })| {
        let (pattern, put) = (fields.pattern(), fields.put());
        quote! {
            Self::#ident #pattern => {
                __private::put_variant_header(#count, #index, out);
                let mut put = || -> __private::Encoded {
                    #put
                    ::std::result::Result::Ok(())
                };
                put().map_err(|error| error.at(#name))
            }
        }
    });
    let takes = variants.iter().enumerate().map(|(index, Variant { ident, name, fields })| {
        let (take, known) = (fields.take(), fields.len());
        quote! {
            #index => {
                let mut take = || -> __private::Decoded<Self> {
                    let header = __private::Header::read(input)?;
                    header.finish(#known)?;
                    ::std::result::Result::Ok(Self::#ident #take)
                };
                __private::within(#name, take())
            }
        }
    });
    let body = quote! {
        const NAMES: &'static [&'static str] = &[#(#names),*];

        fn types() -> ::std::vec::Vec<__private::FieldType> {
            ::std::vec![#(#types),*]
        }

        #[inline]
        fn put(&self, out: &mut ::std::vec::Vec<u8>) -> __private::Encoded {
            match self { #(#puts)* }
        }

        #[inline]
        fn take(header: &__private::Header<'_>, input: &mut &[u8]) -> __private::Decoded<Self> {
            match header.variant(#count)? {
                #(#takes)*
                other => ::std::result::Result::Err(__private::CoderError::invalid("a variant", other)),
            }
        }
    };
    let types = variants.iter().flat_map(|variant| variant.fields.types().cloned()).collect();
    Parts { encoding: quote!(Row), body, coder: quote!(RowCoder), types }
}
