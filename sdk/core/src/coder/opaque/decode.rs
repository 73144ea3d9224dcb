//! Deserializing within limits: every deserializer, visitor and accessor that serde hands around is wrapped.

use super::limits::Limited;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::fmt;

/// A visitor, or an accessor that a visitor gets: the items of lists and maps are counted, those of tuples are not.
struct Counted<X> {
    inner: X,
    counted: bool,
}

type Guarded<'l, X> = Limited<'l, Counted<X>>;

impl<'l, X> Limited<'l, X> {
    fn visitor<V>(&self, inner: V, counted: bool) -> Guarded<'l, V> {
        Limited { inner: Counted { inner, counted }, limits: self.limits }
    }
}

macro_rules! forward {
    ($counted:literal: $($method:ident($($name:ident: $t:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $t,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.visitor(visitor, $counted);
            self.inner.$method($($name,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Limited<'_, D> {
    type Error = D::Error;

    forward! { true:
        deserialize_any(); deserialize_seq(); deserialize_map();
    }
    forward! { false:
        deserialize_bool(); deserialize_char(); deserialize_str(); deserialize_string();
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_f32(); deserialize_f64(); deserialize_bytes(); deserialize_byte_buf();
        deserialize_option(); deserialize_unit(); deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str); deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier(); deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($t:ty);)*) => {$(
        fn $method<E: Error>(self, value: $t) -> Result<V::Value, E> {
            self.inner.inner.$method(value)
        }
    )*};
}

macro_rules! visit_deeper {
    ($($method:ident<$party:ident: $bound:path>;)*) => {$(
        fn $method<$party: $bound>(self, party: $party) -> Result<V::Value, $party::Error> {
            let limits = self.limits.deeper($party::Error::custom)?;
            let counted = self.inner.counted;
            self.inner.inner.$method(Limited { inner: Counted { inner: party, counted }, limits })
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Guarded<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.inner.expecting(f)
    }

    visit! {
        visit_bool(bool); visit_char(char); visit_str(&str); visit_borrowed_str(&'de str); visit_string(String);
        visit_i8(i8); visit_i16(i16); visit_i32(i32); visit_i64(i64); visit_i128(i128);
        visit_u8(u8); visit_u16(u16); visit_u32(u32); visit_u64(u64); visit_u128(u128);
        visit_f32(f32); visit_f64(f64); visit_bytes(&[u8]); visit_borrowed_bytes(&'de [u8]); visit_byte_buf(Vec<u8>);
    }
    visit_deeper! {
        visit_seq<A: SeqAccess<'de>>;
        visit_map<A: MapAccess<'de>>;
        visit_enum<A: EnumAccess<'de>>;
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let limits = self.limits.deeper(D::Error::custom)?;
        self.inner.inner.visit_some(Limited { inner, limits })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let limits = self.limits.deeper(D::Error::custom)?;
        self.inner.inner.visit_newtype_struct(Limited { inner, limits })
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Limited<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Limited { inner, limits: self.limits })
    }
}

impl<X> Guarded<'_, X> {
    fn count<T, E: Error>(&self, item: &Option<T>) -> Result<(), E> {
        if self.inner.counted && item.is_some() { self.limits.item(E::custom) } else { Ok(()) }
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let item = self.inner.inner.next_element_seed(Limited { inner: seed, limits: self.limits })?;
        self.count(&item)?;
        Ok(item)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let key = self.inner.inner.next_key_seed(Limited { inner: seed, limits: self.limits })?;
        self.count(&key)?;
        Ok(key)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.inner.next_value_seed(Limited { inner: seed, limits: self.limits })
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.inner.size_hint()
    }
}

impl<'de, 'l, A: EnumAccess<'de>> EnumAccess<'de> for Guarded<'l, A> {
    type Error = A::Error;
    type Variant = Limited<'l, A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        let limits = self.limits;
        let (value, variant) = self.inner.inner.variant_seed(Limited { inner: seed, limits })?;
        Ok((value, Limited { inner: variant, limits }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Limited<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.newtype_variant_seed(Limited { inner: seed, limits: self.limits })
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.visitor(visitor, false);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.visitor(visitor, false);
        self.inner.struct_variant(fields, visitor)
    }
}
