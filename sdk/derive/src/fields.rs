//! The fields of a struct, or of one variant of an enum.

use crate::attributes::renamed;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use std::collections::HashSet;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{LitStr, Member, Type};

/// One field.
struct Field {
    member: Member,
    /// Its name in the schema.
    name: LitStr,
    /// What its value is bound to.
    binding: Ident,
    field_type: Type,
}

/// The fields, in order.
pub(crate) struct Fields(Vec<Field>);

impl Fields {
    /// Reads the fields of `owner`, which none of them may contain.
    pub(crate) fn of(owner: &Ident, fields: &syn::Fields) -> syn::Result<Self> {
        let mut names = HashSet::new();
        let mut list = Vec::new();
        for ((index, field), member) in fields.iter().enumerate().zip(fields.members()) {
            if mentions(field.ty.to_token_stream(), owner) {
                let text =
                    format!("`{owner}` contains itself, which a Beam row cannot: write `#[element(opaque)]` on it");
                return Err(syn::Error::new_spanned(&field.ty, text));
            }
            let own = match &field.ident {
                Some(ident) => LitStr::new(&ident.unraw().to_string(), ident.span()),
                None => LitStr::new(&format!("f{index}"), field.ty.span()),
            };
            let name = renamed(&field.attrs)?.unwrap_or(own);
            unique(&mut names, &name)?;
            list.push(Field { member, name, binding: format_ident!("__f{index}"), field_type: field.ty.clone() });
        }
        Ok(Fields(list))
    }

    pub(crate) fn types(&self) -> impl Iterator<Item = &Type> {
        self.0.iter().map(|field| &field.field_type)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &LitStr> {
        self.0.iter().map(|field| &field.name)
    }

    /// `{ a: __f0, b: __f1 }`: takes a value apart.
    pub(crate) fn pattern(&self) -> TokenStream {
        let parts = self.0.iter().map(|Field { member, binding, .. }| quote!(#member: #binding));
        quote!({ #(#parts),* })
    }

    /// The Beam type of each field; an error about a type that is no element points at it.
    pub(crate) fn field_types(&self) -> TokenStream {
        let types = self.types().map(|field| quote_spanned!(field.span()=> __private::field_type::<#field>()));
        quote!(#(#types),*)
    }

    /// Appends header and fields, which are bound.
    pub(crate) fn put(&self) -> TokenStream {
        let bindings: Vec<_> = self.0.iter().map(|field| &field.binding).collect();
        let names = self.names();
        quote! {
            __private::put_header([#(__private::is_null(#bindings)),*], out);
            #(__private::put_field(#names, #bindings, out)?;)*
        }
    }

    /// `{ a: .., b: .. }`: reads the fields behind `header`.
    pub(crate) fn take(&self) -> TokenStream {
        let parts = self.0.iter().enumerate().map(|(index, Field { member, name, field_type, .. })| {
            quote!(#member: header.take::<#field_type>(#name, #index, input)?)
        });
        quote!({ #(#parts),* })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Refuses a name that is there already: schemas know fields by name.
pub(crate) fn unique(names: &mut HashSet<String>, name: &LitStr) -> syn::Result<()> {
    if names.insert(name.value()) {
        Ok(())
    } else {
        Err(syn::Error::new_spanned(name, format!("there are two `{}`", name.value())))
    }
}

/// Tells whether a type names `owner`, other than by a path through a module.
fn mentions(tokens: TokenStream, owner: &Ident) -> bool {
    let mut in_path = false;
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => !std::mem::take(&mut in_path) && (ident == *owner || ident == "Self"),
        TokenTree::Punct(punct) => {
            in_path = punct.as_char() == ':';
            false
        }
        TokenTree::Group(group) => mentions(group.stream(), owner),
        TokenTree::Literal(_) => false,
    })
}
