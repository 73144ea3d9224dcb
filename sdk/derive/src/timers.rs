//! `#[derive(Timers)]`: an enum of timers and families of timers.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Fields, LitStr, Path, Variant, parse_quote};

pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let root = root(&input.attrs)?;
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "timers are an enum: each variant is a timer"));
    };
    if !input.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&input.generics, "timers have no parameters: a step declares them all"));
    }
    let name = &input.ident;
    let (mut facts, mut ids, mut ofs) = (Vec::new(), Vec::new(), Vec::new());
    for variant in &data.variants {
        let domain = domain(variant)?;
        let ident = &variant.ident;
        let label = LitStr::new(&ident.unraw().to_string(), ident.span());
        let is_family = !variant.fields.is_empty();
        facts.push(quote!(__private::TimerFacts { name: #label, domain: #domain, is_family: #is_family }));
        match &variant.fields {
            Fields::Unit => {
                ids.push(
                    quote!(Self::#ident => __private::TimerId { name: #label, tag: ::std::string::String::new() }),
                );
                ofs.push(quote!(#label => ::std::result::Result::Ok(Self::#ident)));
            }
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                let at = fields.span();
                ids.push(quote_spanned!(at=> Self::#ident(ref tag) => __private::TimerId { name: #label, tag: __private::TimerTag::to_tag(tag) }));
                ofs.push(quote_spanned!(at=> #label => __private::TimerTag::of_tag(id).map(Self::#ident)));
            }
            fields => {
                let text = "a timer has no field, or one without a name, which makes it a family";
                return Err(syn::Error::new_spanned(fields, text));
            }
        }
    }
    Ok(quote! {
        const _: () = {
            use #root::__private;

            #[automatically_derived]
            impl __private::Timers for #name {
                const FACTS: &'static [__private::TimerFacts] = &[#(#facts),*];

                fn id(&self) -> __private::TimerId {
                    match *self { #(#ids),* }
                }

                fn of(id: &__private::TimerId) -> ::std::result::Result<Self, __private::BoxError> {
                    match id.name {
                        #(#ofs,)*
                        _ => ::std::result::Result::Err(__private::unknown(id)),
                    }
                }
            }
        };
    })
}

/// Returns where Ferrobeam is.
fn root(attributes: &[Attribute]) -> syn::Result<Path> {
    let mut root = parse_quote!(::ferrobeam);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("timer")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(
                    meta.error("expected `crate = \"path\"`; `event_time` and `processing_time` are for variants")
                );
            }
            root = meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?;
            Ok(())
        })?;
    }
    Ok(root)
}

/// Returns by which clock a timer is due.
fn domain(variant: &Variant) -> syn::Result<TokenStream> {
    let mut found = None;
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("timer")) {
        attribute.parse_nested_meta(|meta| {
            let domain = if meta.path.is_ident("event_time") {
                quote!(EventTime)
            } else if meta.path.is_ident("processing_time") {
                quote!(ProcessingTime)
            } else {
                return Err(meta.error("expected `event_time` or `processing_time`"));
            };
            match found.replace(domain) {
                None => Ok(()),
                Some(_) => Err(meta.error("a timer has one clock")),
            }
        })?;
    }
    let text = "by which clock is it due? Write `#[timer(event_time)]` or `#[timer(processing_time)]`";
    let domain = found.ok_or_else(|| syn::Error::new_spanned(variant, text))?;
    Ok(quote!(__private::TimeDomain::#domain))
}
