//! Serializing within limits: what could not be decoded is refused.

use super::limits::Limited;
use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::fmt::Display;

impl<T: Serialize + ?Sized> Serialize for Limited<'_, &T> {
    fn serialize<S: Serializer>(&self, inner: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(Limited { inner, limits: self.limits })
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $t:ty),*);)*) => {$(
        fn $method(self, $($name: $t),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($name),*)
        }
    )*};
}

/// Lists and the like, whose parts are `levels` deeper: a variant is one, what is in it another.
macro_rules! deeper {
    ($($levels:literal $method:ident($($name:ident: $t:ty),*) -> $compound:ident;)*) => {$(
        fn $method(self, $($name: $t),*) -> Result<Self::$compound, S::Error> {
            let mut limits = self.limits;
            for _ in 0..$levels {
                limits = limits.deeper(S::Error::custom)?;
            }
            Ok(Limited { inner: self.inner.$method($($name),*)?, limits })
        }
    )*};
}

impl<'l, S: Serializer> Serializer for Limited<'l, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Limited<'l, S::SerializeSeq>;
    type SerializeTuple = Limited<'l, S::SerializeTuple>;
    type SerializeTupleStruct = Limited<'l, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Limited<'l, S::SerializeTupleVariant>;
    type SerializeMap = Limited<'l, S::SerializeMap>;
    type SerializeStruct = Limited<'l, S::SerializeStruct>;
    type SerializeStructVariant = Limited<'l, S::SerializeStructVariant>;

    forward! {
        serialize_bool(value: bool); serialize_char(value: char); serialize_str(value: &str);
        serialize_i8(value: i8); serialize_i16(value: i16); serialize_i32(value: i32); serialize_i64(value: i64);
        serialize_u8(value: u8); serialize_u16(value: u16); serialize_u32(value: u32); serialize_u64(value: u64);
        serialize_i128(value: i128); serialize_u128(value: u128); serialize_f32(value: f32); serialize_f64(value: f64);
        serialize_bytes(value: &[u8]); serialize_none(); serialize_unit(); serialize_unit_struct(name: &'static str);
    }
    deeper! {
        1 serialize_seq(len: Option<usize>) -> SerializeSeq;
        1 serialize_tuple(len: usize) -> SerializeTuple;
        1 serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        2 serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant;
        1 serialize_map(len: Option<usize>) -> SerializeMap;
        1 serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        2 serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let limits = self.limits.deeper(S::Error::custom)?;
        self.inner.serialize_some(&Limited { inner: value, limits })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        let limits = self.limits.deeper(S::Error::custom)?;
        self.inner.serialize_newtype_struct(name, &Limited { inner: value, limits })
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.limits.deeper(S::Error::custom)?;
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let limits = self.limits.deeper(S::Error::custom)?;
        self.inner.serialize_newtype_variant(name, index, variant, &Limited { inner: value, limits })
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The parts of lists, tuples and structs.
macro_rules! parts {
    ($($compound:ident::$method:ident($($name:ident: $t:ty),*) $(counted by $count:ident)?;)*) => {$(
        impl<C: $compound> $compound for Limited<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $t,)* value: &T) -> Result<(), C::Error> {
                $(self.limits.$count(C::Error::custom)?;)?
                self.inner.$method($($name,)* &Limited { inner: value, limits: self.limits })
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}
parts! {
    SerializeSeq::serialize_element() counted by item;
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(key: &'static str);
    SerializeStructVariant::serialize_field(key: &'static str);
}

impl<C: SerializeMap> SerializeMap for Limited<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.limits.item(C::Error::custom)?;
        self.inner.serialize_key(&Limited { inner: key, limits: self.limits })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_value(&Limited { inner: value, limits: self.limits })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
