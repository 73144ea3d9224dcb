//! How the built-in types stand in a row: the Beam type of each coder's values.

use super::field::{FieldCoder, put_item, put_with, take_item};
use super::schema::{array, element_type, map, row_type};
use super::{Header, Row, RowCoder, put_header, schema};
use crate::coder::decode_all;
use crate::coder::list::{put_count, read_list, reserve, whole};
use crate::coder::result::one_of;
use crate::coder::wire::{prefixed, take_prefixed};
use crate::coder::{
    Coder, CoderError, Decoded, Encoded, IterableCoder, KvCoder, Leaf, LeafCoder, MapCoder, NullableCoder, Part,
    Prefixed, ResultCoder, Via, ViaCoder, WindowCoder,
};
use crate::windowing::Window;
use ferrobeam_model::pipeline::field_type::TypeInfo;
use ferrobeam_model::pipeline::{FieldType, RowType};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

impl<T: Leaf> FieldCoder<T> for LeafCoder {
    fn field_type(&self) -> FieldType {
        T::field_type()
    }

    #[inline]
    fn encode_field(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        value.put_field(out);
        Ok(())
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<T> {
        T::take_field(input)
    }
}

impl FieldCoder<Window> for WindowCoder {}

/// The prefix is that of the bytes that it stands as.
impl<T, C: Coder<T>> FieldCoder<T> for Prefixed<C> {
    #[inline]
    fn encode_field(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.encode(value, out)
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<T> {
        self.decode(input)
    }
}

/// A prefix in the graph is around elements, not within rows.
impl<T, C: FieldCoder<T>> FieldCoder<T> for Part<C> {
    fn field_type(&self) -> FieldType {
        self.coder().field_type()
    }

    #[inline]
    fn encode_field(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.coder().encode_field(value, out)
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<T> {
        self.coder().decode_field(input)
    }

    #[inline]
    fn null(&self) -> Option<T> {
        self.coder().null()
    }

    #[inline]
    fn is_null(&self, value: &T) -> bool {
        self.coder().is_null(value)
    }
}

impl<T: Via, C: FieldCoder<T::As>> FieldCoder<T> for ViaCoder<C> {
    fn field_type(&self) -> FieldType {
        T::field_type(self.stand_in().field_type())
    }

    #[inline]
    fn encode_field(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.stand_in().encode_field(&value.to(), out)
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<T> {
        T::from(self.stand_in().decode_field(input)?)
    }
}

impl<T: Row> FieldCoder<T> for RowCoder {
    fn field_type(&self) -> FieldType {
        let schema = Some(schema::schema_of::<T>());
        FieldType { nullable: false, type_info: Some(TypeInfo::RowType(RowType { schema })) }
    }

    #[inline]
    fn encode_field(&self, value: &T, out: &mut Vec<u8>) -> Encoded {
        self.encode(value, out)
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<T> {
        self.decode(input)
    }
}

/// An optional field. Beam has no option of an option: the inner one stands as bytes.
impl<T: 'static, C: FieldCoder<T>> FieldCoder<Option<T>> for NullableCoder<C> {
    fn field_type(&self) -> FieldType {
        let value = self.value();
        let inner = if value.null().is_some() { element_type(&value.spec()) } else { value.field_type() };
        FieldType { nullable: true, ..inner }
    }

    #[inline]
    fn encode_field(&self, value: &Option<T>, out: &mut Vec<u8>) -> Encoded {
        match value {
            Some(value) => put_some(self.value(), value, out),
            None => Err(CoderError::refused("null where a value must be")),
        }
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<Option<T>> {
        let coder = self.value();
        if coder.null().is_none() {
            return coder.decode_field(input).map(Some);
        }
        decode_all(coder, take_prefixed(input, "a field")?).map(Some)
    }

    #[inline]
    fn null(&self) -> Option<Option<T>> {
        Some(None)
    }

    #[inline]
    fn is_null(&self, value: &Option<T>) -> bool {
        value.is_none()
    }
}

#[inline]
fn put_some<T>(coder: &impl FieldCoder<T>, value: &T, out: &mut Vec<u8>) -> Encoded {
    if coder.null().is_some() {
        prefixed(out, |out| coder.encode_outer(value, out))
    } else {
        coder.encode_field(value, out)
    }
}

/// A pair in a row is a row.
impl<K: 'static, V: 'static, CK: FieldCoder<K>, CV: FieldCoder<V>> FieldCoder<(K, V)> for KvCoder<CK, CV> {
    fn field_type(&self) -> FieldType {
        row_type([("f0", self.key().field_type()), ("f1", self.value().field_type())])
    }

    #[inline]
    fn encode_field(&self, (key, value): &(K, V), out: &mut Vec<u8>) -> Encoded {
        put_header([self.key().is_null(key), self.value().is_null(value)], out);
        put_with("f0", self.key(), key, out)?;
        put_with("f1", self.value(), value, out)
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<(K, V)> {
        let header = Header::read(input)?;
        let pair = (header.take_with("f0", 0, self.key(), input)?, header.take_with("f1", 1, self.value(), input)?);
        header.finish(2).map(|()| pair)
    }
}

type Sides<T, E> = (Option<T>, Option<E>);

/// A row of two optional fields of which one is there.
impl<T: 'static, E: 'static, CT: FieldCoder<T>, CE: FieldCoder<E>> FieldCoder<Result<T, E>> for ResultCoder<CT, CE> {
    fn field_type(&self) -> FieldType {
        let (ok, error) = (self.sides().key().coder(), self.sides().value().coder());
        row_type([
            ("ok", FieldCoder::<Option<T>>::field_type(ok)),
            ("error", FieldCoder::<Option<E>>::field_type(error)),
        ])
    }

    #[inline]
    fn encode_field(&self, value: &Result<T, E>, out: &mut Vec<u8>) -> Encoded {
        put_header([value.is_err(), value.is_ok()], out);
        match value {
            Ok(ok) => put_some(self.sides().key().coder().value(), ok, out).map_err(|e| e.at("ok")),
            Err(error) => put_some(self.sides().value().coder().value(), error, out).map_err(|e| e.at("error")),
        }
    }

    #[inline]
    fn decode_field(&self, input: &mut &[u8]) -> Decoded<Result<T, E>> {
        let sides: Sides<T, E> = self.sides().decode_field(input)?;
        one_of(sides)
    }
}

macro_rules! list_field {
    ($([$($g:tt)*] $list:ty, |$n:ident| $make:expr, $add:ident;)*) => {$(
        impl<$($g)*, C: FieldCoder<T>> FieldCoder<$list> for IterableCoder<C> {
            fn field_type(&self) -> FieldType {
                array(self.item().field_type())
            }

            #[inline]
            fn encode_field(&self, value: &$list, out: &mut Vec<u8>) -> Encoded {
                put_count(value.len(), out)?;
                for (i, item) in value.iter().enumerate() {
                    put_item(self.item(), item, out).map_err(|e| e.at_index(i))?;
                }
                Ok(())
            }

            #[inline]
            fn decode_field(&self, input: &mut &[u8]) -> Decoded<$list> {
                let $n = reserve::<T>(input);
                let mut list: $list = $make;
                whole(read_list(input, |input| {
                    list.$add(take_item(self.item(), input)?);
                    Ok(())
                })?)?;
                Ok(list)
            }
        }
    )*};
}
list_field! {
    [T: 'static] Vec<T>, |n| Vec::with_capacity(n), push;
    [T: Ord + 'static] BTreeSet<T>, |_n| BTreeSet::new(), insert;
    [T: Eq + Hash + 'static, S: BuildHasher + Default + 'static]
        HashSet<T, S>, |n| HashSet::with_capacity_and_hasher(n, S::default()), insert;
}

macro_rules! map_field {
    ($([$($g:tt)*] $map:ty, |$n:ident| $make:expr;)*) => {$(
        impl<$($g)*, V: 'static, CK: FieldCoder<K>, CV: FieldCoder<V>> FieldCoder<$map> for MapCoder<CK, CV> {
            fn field_type(&self) -> FieldType {
                let entry = self.entries().item().coder();
                map(entry.key().field_type(), entry.value().field_type())
            }

            #[inline]
            fn encode_field(&self, value: &$map, out: &mut Vec<u8>) -> Encoded {
                let entry = self.entries().item().coder();
                put_count(value.len(), out)?;
                for (i, (key, value)) in value.iter().enumerate() {
                    put_item(entry.key(), key, out).map_err(|e| e.at("key").at_index(i))?;
                    put_item(entry.value(), value, out).map_err(|e| e.at("value").at_index(i))?;
                }
                Ok(())
            }

            #[inline]
            fn decode_field(&self, input: &mut &[u8]) -> Decoded<$map> {
                let entry = self.entries().item().coder();
                let $n = reserve::<(K, V)>(input);
                let mut map: $map = $make;
                whole(read_list(input, |input| {
                    let key = take_item(entry.key(), input).map_err(|e| e.at("key"))?;
                    map.insert(key, take_item(entry.value(), input).map_err(|e| e.at("value"))?);
                    Ok(())
                })?)?;
                Ok(map)
            }
        }
    )*};
}
map_field! {
    [K: Ord + 'static] BTreeMap<K, V>, |_n| BTreeMap::new();
    [K: Eq + Hash + 'static, S: BuildHasher + Default + 'static]
        HashMap<K, V, S>, |n| HashMap::with_capacity_and_hasher(n, S::default());
}
