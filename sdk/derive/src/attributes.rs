//! What `#[element(..)]` says.

use syn::{Attribute, LitStr, Path};

/// The attributes of a type.
pub(crate) struct TypeAttributes {
    pub(crate) opaque: bool,
    /// Where Ferrobeam is.
    pub(crate) root: Path,
}

impl TypeAttributes {
    pub(crate) fn of(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut found = TypeAttributes { opaque: false, root: syn::parse_quote!(::ferrobeam) };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("element")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("opaque") {
                    found.opaque = true;
                } else if meta.path.is_ident("crate") {
                    found.root = meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?;
                } else {
                    return Err(meta.error("expected `opaque` or `crate = \"path\"`"));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// Returns the name that `rename` gives to a field or a variant.
pub(crate) fn renamed(attributes: &[Attribute]) -> syn::Result<Option<LitStr>> {
    let mut name = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("element")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename") {
                return Err(meta.error("expected `rename = \"name\"`"));
            }
            name = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(name)
}
