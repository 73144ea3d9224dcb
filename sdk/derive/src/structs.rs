//! A struct: a row of its fields.

use crate::element::Parts;
use crate::fields::Fields;
use proc_macro2::Ident;
use quote::quote;

pub(crate) fn expand(name: &Ident, fields: &syn::Fields) -> syn::Result<Parts> {
    let fields = Fields::of(name, fields)?;
    let (names, types) = (fields.names(), fields.field_types());
    let (pattern, put, take) = (fields.pattern(), fields.put(), fields.take());
    let body = quote! {
        const NAMES: &'static [&'static str] = &[#(#names),*];

        fn types() -> ::std::vec::Vec<__private::FieldType> {
            ::std::vec![#types]
        }

        #[inline]
        fn put(&self, out: &mut ::std::vec::Vec<u8>) -> __private::Encoded {
            let Self #pattern = self;
            #put
            ::std::result::Result::Ok(())
        }

        // A row that is a call of its own is copied as a whole right after its fields were written, and waits for that.
        #[inline(always)]
        fn take(header: &__private::Header<'_>, input: &mut &[u8]) -> __private::Decoded<Self> {
            ::std::result::Result::Ok(Self #take)
        }
    };
    Ok(Parts { encoding: quote!(Row), body, coder: quote!(RowCoder), types: fields.types().cloned().collect() })
}
