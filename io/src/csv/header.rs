//! Whether a header can be that of a type, told without a row.
//!
//! A type says which fields it must have only while it is read. So it is given a row of the header's names and of values
//! that are made up; what it says of names is right whatever the values are. A type that will not have the values (an
//! email address that is checked, say) tells nothing, and rows have to.

use csv::ByteRecord;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::borrow::Cow;
use std::fmt;

/// Looks whether rows below this header could be a `T`.
///
/// # Errors
/// What is missing or too much, if that is certain.
pub(crate) fn check<T: DeserializeOwned>(header: &ByteRecord) -> Result<(), String> {
    match T::deserialize(Row(header)) {
        Err(Unfit::Names(why)) => Err(format!("the header does not fit: {why}")),
        Err(Unfit::Values) | Ok(_) => Ok(()),
    }
}

/// Why a made-up row cannot be read.
#[derive(Debug)]
enum Unfit {
    /// A field is missing, not known, or there twice.
    Names(String),
    /// Something else, for which the made-up values may be to blame.
    Values,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if let Unfit::Names(why) = self { why } else { "a value cannot be made up" })
    }
}

impl std::error::Error for Unfit {}

impl serde::de::Error for Unfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Unfit::Values
    }
    fn missing_field(field: &'static str) -> Self {
        Unfit::Names(format!("missing field `{field}`"))
    }
    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Unfit::Names(format!("unknown field `{field}`"))
    }
    fn duplicate_field(field: &'static str) -> Self {
        Unfit::Names(format!("duplicate field `{field}`"))
    }
}

/// A made-up row.
struct Row<'a>(&'a ByteRecord);

impl<'de> Deserializer<'de> for Row<'_> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unfit> {
        Err(Unfit::Values)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_map(Columns { header: self.0, next: 0 })
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        self.deserialize_map(visitor)
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unfit> {
        let (columns, mut read) = (self.0.len(), Columns { header: self.0, next: 0 });
        let result = visitor.visit_seq(&mut read);
        // A place in the tuple that is one value and for which there was no column.
        if read.next > columns {
            return Err(Unfit::Names(format!("it has {columns} of at least {len} columns")));
        }
        result
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        self.deserialize_tuple(len, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        enum identifier ignored_any
    }
}

struct Columns<'a> {
    header: &'a ByteRecord,
    next: usize,
}

impl<'de> MapAccess<'de> for Columns<'_> {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unfit> {
        let Some(name) = self.header.get(self.next) else { return Ok(None) };
        self.next += 1;
        let name: Cow<'_, str> = String::from_utf8_lossy(name);
        let name: StrDeserializer<'_, Unfit> = name.as_ref().into_deserializer();
        seed.deserialize(name).map(Some)
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unfit> {
        seed.deserialize(Field)
    }
}

impl<'de> SeqAccess<'de> for &mut Columns<'_> {
    type Error = Unfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unfit> {
        self.next += 1;
        if self.next > self.header.len() { Ok(None) } else { seed.deserialize(Field).map(Some) }
    }
}

/// A made-up value, as simple as its type allows.
struct Field;

macro_rules! values {
    ($($method:ident $visit:ident($value:expr))*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Field {
    type Error = Unfit;

    values! {
        deserialize_any visit_str("")
        deserialize_bytes visit_bytes(b"") deserialize_byte_buf visit_bytes(b"")
        deserialize_bool visit_bool(false) deserialize_char visit_char('0')
        deserialize_i8 visit_i8(1) deserialize_i16 visit_i16(1) deserialize_i32 visit_i32(1) deserialize_i64 visit_i64(1)
        deserialize_u8 visit_u8(1) deserialize_u16 visit_u16(1) deserialize_u32 visit_u32(1) deserialize_u64 visit_u64(1)
        deserialize_i128 visit_i128(1) deserialize_u128 visit_u128(1)
        deserialize_f32 visit_f32(1.0) deserialize_f64 visit_f64(1.0)
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_none()
    }
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_unit()
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_unit()
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        let first: StrDeserializer<'static, Unfit> = variants.first().ok_or(Unfit::Values)?.into_deserializer();
        visitor.visit_enum(first)
    }
    // Several columns may belong to a field that has parts: which, only the parser of rows knows. So they get a string,
    // which they refuse.
    forward_to_deserialize_any! { str string unit_struct seq tuple tuple_struct map struct identifier }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use std::num::NonZeroU8;

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only names matter")]
    struct Person {
        name: String,
        #[serde(rename = "years")]
        age: NonZeroU8,
        email: Option<String>,
        #[serde(default)]
        points: f32,
        letter: char,
        kind: Kind,
    }

    #[derive(Deserialize)]
    enum Kind {
        Adult,
        Child,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only names matter")]
    struct Strict {
        a: (u8, u8),
        b: u8,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only names matter")]
    struct Even {
        #[serde(deserialize_with = "even")]
        n: u8,
        m: u8,
    }

    fn even<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        let n = u8::deserialize(deserializer)?;
        if n % 2 == 0 { Ok(n) } else { Err(serde::de::Error::custom("odd")) }
    }

    fn found<T: DeserializeOwned>(header: &[&str]) -> Result<(), String> {
        check::<T>(&ByteRecord::from(header.to_vec()))
    }

    #[test]
    fn a_field_that_must_be_there_is_missed() {
        assert!([Kind::Adult, Kind::Child].len() == 2);
        assert_eq!(found::<Person>(&["kind", "x", "years", "name", "letter"]), Ok(()));
        let missing = |field| Err(format!("the header does not fit: missing field `{field}`"));
        assert_eq!(found::<Person>(&["name", "age", "letter", "kind"]), missing("years"));
        assert_eq!(found::<Person>(&["Name", "years", "letter", "kind"]), missing("name"));
        assert_eq!(found::<Person>(&["name", "years", "letter"]), missing("kind"));
        let twice = found::<Person>(&["name", "name"]).unwrap_err();
        assert!(twice.ends_with("duplicate field `name`"), "{twice}");
        assert!(found::<Strict>(&["b", "c"]).unwrap_err().ends_with("unknown field `c`"));
        assert_eq!(found::<BTreeMap<String, u32>>(&["any"]), Ok(()));
    }

    #[test]
    fn places_are_counted() {
        assert_eq!(found::<(String, u32)>(&["a", "b", "c"]), Ok(()));
        let short = found::<(String, u32)>(&["a"]).unwrap_err();
        assert_eq!(short, "the header does not fit: it has 1 of at least 2 columns");
    }

    #[test]
    fn what_is_not_certain_is_left_to_rows() {
        assert_eq!(found::<Even>(&["n"]), Ok(()), "the made-up value is odd");
        assert_eq!(found::<Strict>(&["a"]), Ok(()), "`a` has two columns");
        assert_eq!(found::<Vec<u8>>(&["a"]), Ok(()));
        assert_eq!(found::<((u8, u8), u8)>(&["a", "b", "c"]), Ok(()));
    }
}
