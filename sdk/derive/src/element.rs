//! The implementations around an encoding.

use crate::attributes::TypeAttributes;
use crate::{enums, structs};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, GenericParam, Type, parse_quote};

/// What is particular to a struct, or to a kind of enum.
pub(crate) struct Parts {
    /// The trait that says how values are encoded, and its items.
    pub(crate) encoding: TokenStream,
    pub(crate) body: TokenStream,
    /// The coder of types with that trait.
    pub(crate) coder: TokenStream,
    /// The types of all fields.
    pub(crate) types: Vec<Type>,
}

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let attributes = TypeAttributes::of(&input.attrs)?;
    let root = &attributes.root;
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let text = "an element owns its data: borrowed types such as `&str` must become owned (`String`)";
        return Err(syn::Error::new_spanned(lifetime, text));
    }
    let impls = if attributes.opaque { opaque(input) } else { row(input)? };
    Ok(quote! {
        const _: () = {
            use #root::__private;
            #impls
        };
    })
}

/// Serde decides.
fn opaque(input: &DeriveInput) -> TokenStream {
    let name = &input.ident;
    let mut generics = input.generics.clone();
    let (_, types, _) = input.generics.split_for_impl();
    generics.make_where_clause().predicates.push(parse_quote!(#name #types: __private::Opaque));
    let (impl_generics, types, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics __private::Element for #name #types #where_clause {
            type Coder = __private::OpaqueCoder<Self>;
            type ListCoder = __private::IterableCoder<Self::Coder>;
        }
    }
}

/// Fields decide.
fn row(input: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let Parts { encoding, body, coder, types } = match &input.data {
        Data::Struct(data) => structs::expand(name, &data.fields)?,
        Data::Enum(data) => enums::expand(name, data)?,
        Data::Union(_) => return Err(syn::Error::new_spanned(name, "a union has no encoding: use an enum")),
    };
    let mut generics = input.generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(__private::Element));
        }
    }
    // The bounds on concrete types, too: a field that is no element is then one error, at the field, not one per use.
    let mut keys = generics.clone();
    for field in &types {
        let at = field.span();
        let element = quote_spanned!(at=> #field: __private::Element);
        generics.make_where_clause().predicates.push(parse_quote!(#element));
        // `for<'a>` makes the bound non-trivial to the compiler: one that does not hold removes this impl, and is named
        // by the error where a key is needed, instead of failing here.
        keys.make_where_clause().predicates.push(parse_quote!(for<'__a> #field: __private::Key));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let equal = quote!(::std::cmp::Eq + ::std::hash::Hash);
    keys.make_where_clause().predicates.push(parse_quote!(for<'__a> #name #type_generics: #equal));
    let keys = &keys.where_clause;
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics __private::Element for #name #type_generics #where_clause {
            type Coder = __private::#coder;
            type ListCoder = __private::IterableCoder<__private::#coder>;
        }

        #[automatically_derived]
        #[allow(unused_variables)]
        impl #impl_generics __private::#encoding for #name #type_generics #where_clause {
            #body
        }

        #[automatically_derived]
        impl #impl_generics __private::Key for #name #type_generics #keys {}
    })
}
