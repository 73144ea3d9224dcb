//! `#[derive(State)]`: a struct of cells.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Expr, Field, Fields, LitStr, Path, parse_quote};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let root = root(&input.attrs)?;
    let fields = match &input.data {
        Data::Struct(data) if !matches!(data.fields, Fields::Unnamed(_)) => &data.fields,
        _ => return Err(syn::Error::new_spanned(&input.ident, "state is a struct whose fields are cells with names")),
    };
    let name = &input.ident;
    let mut generics = input.generics.clone();
    let (mut makes, mut members) = (Vec::new(), Vec::new());
    for field in fields {
        let (Some(ident), cell) = (&field.ident, &field.ty) else { continue };
        let CellAttributes { ttl, combine } = CellAttributes::of(field)?;
        let label = LitStr::new(&ident.unraw().to_string(), ident.span());
        let at = cell.span();
        let (bound, make) = match combine {
            None => (
                quote_spanned!(at=> NewStateCell),
                quote_spanned!(at=> <#cell as __private::NewStateCell>::named(#label, #ttl)),
            ),
            Some(combine) => (quote_spanned!(at=> StateCell), quote_spanned!(at=> <#cell>::by(#label, #ttl, #combine))),
        };
        // So that a field that is no cell is one error, at the field.
        let predicate = quote_spanned!(at=> #cell: __private::#bound);
        generics.make_where_clause().predicates.push(parse_quote!(#predicate));
        makes.push(quote!(#ident: #make));
        members.push(ident);
    }
    if !generics.params.is_empty() {
        generics.make_where_clause().predicates.push(parse_quote!(Self: ::std::marker::Send + 'static));
    }
    let (impl_generics, types, where_clause) = generics.split_for_impl();
    Ok(quote! {
        const _: () = {
            use #root::__private;

            #[automatically_derived]
            impl #impl_generics __private::State for #name #types #where_clause {
                fn new() -> Self {
                    Self { #(#makes),* }
                }

                fn cells(&mut self, see: &mut dyn ::std::ops::FnMut(&mut dyn __private::StateCell)) {
                    #(see(&mut self.#members);)*
                }
            }
        };
    })
}

/// Returns where Ferrobeam is.
fn root(attributes: &[Attribute]) -> syn::Result<Path> {
    let mut root = parse_quote!(::ferrobeam);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("state")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("expected `crate = \"path\"`"));
            }
            root = meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?;
            Ok(())
        })?;
    }
    Ok(root)
}

/// What the attributes of a cell say.
struct CellAttributes {
    /// An `Option<Duration>`.
    ttl: TokenStream,
    /// The function of a `Combining`.
    combine: Option<Expr>,
}

impl CellAttributes {
    fn of(field: &Field) -> syn::Result<Self> {
        let mut found = CellAttributes { ttl: quote!(::std::option::Option::None), combine: None };
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("state")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("ttl") {
                    let length: LitStr = meta.value()?.parse()?;
                    let millis = millis(&length)?;
                    found.ttl = quote! {
                        ::std::option::Option::Some(::std::time::Duration::from_millis(#millis))
                    };
                } else if meta.path.is_ident("combine") {
                    found.combine = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("expected `ttl = \"1h\"` or `combine = function`"));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// The milliseconds of a number with a unit.
fn millis(length: &LitStr) -> syn::Result<u64> {
    let text = length.value();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let millis = number.parse().ok().and_then(|number: u64| number.checked_mul(factor)).filter(|millis| *millis > 0);
    millis.ok_or_else(|| {
        syn::Error::new_spanned(
            length,
            "expected a length of time such as \"500ms\", \"30s\", \"15m\", \"1h\" or \"7d\"",
        )
    })
}
