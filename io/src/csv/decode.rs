//! From a record to a value of the author's type.

use csv::ByteRecord;
use serde::de::DeserializeOwned;

/// Makes a value of a record's fields; the error says which column is wrong and why.
///
/// With a header, fields go by its names, and a record has as many of them as the header. `width` is the number of
/// fields of the first record.
pub(crate) fn decode<T: DeserializeOwned>(
    fields: &ByteRecord,
    header: Option<&ByteRecord>,
    width: usize,
) -> Result<T, String> {
    if fields.len() != width {
        let first = if header.is_some() { "the header" } else { "the first row" };
        let plural = if fields.len() == 1 { "" } else { "s" };
        return Err(format!("the row has {} column{plural}, {first} has {width}", fields.len()));
    }
    fields.deserialize(header).map_err(|error| match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|index| {
                let name = header.and_then(|header| header.get(index as usize));
                name.map(|name| format!("column `{}`: ", String::from_utf8_lossy(name)))
                    .or(Some(format!("column {}: ", index + 1)))
            });
            format!("{}{}", column.unwrap_or_default(), err.kind())
        }
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Person {
        name: String,
        age: Option<u8>,
    }

    fn person(header: Option<&[&str]>, row: &[&[u8]]) -> Result<Person, String> {
        let header = header.map(|header| ByteRecord::from(header.to_vec()));
        decode(&ByteRecord::from(row.to_vec()), header.as_ref(), header.as_ref().map_or(2, ByteRecord::len))
    }

    #[test]
    fn fields_go_by_name_with_a_header_and_by_place_without() {
        let ada = Person { name: "Ada".into(), age: Some(36) };
        assert_eq!(person(Some(&["age", "name"]), &[b"36", b"Ada"]), Ok(ada));
        assert_eq!(person(None, &[b"Ada", b""]), Ok(Person { name: "Ada".into(), age: None }));
    }

    #[test]
    fn errors_name_the_column() {
        let header = Some(&["name", "age"][..]);
        assert_eq!(person(header, &[b"Ada"]), Err("the row has 1 column, the header has 2".into()));
        assert_eq!(person(None, &[b"a", b"1", b"2"]), Err("the row has 3 columns, the first row has 2".into()));
        assert_eq!(person(header, &[b"Ada", b"x"]), Err("column `age`: invalid digit found in string".into()));
        assert_eq!(person(None, &[b"Ada", b"256"]), Err("column 2: number too large to fit in target type".into()));
        assert_eq!(person(Some(&["nam", "age"]), &[b"Ada", b"1"]), Err("missing field `name`".into()));
        let error = person(header, &[b"\xff", b"1"]).unwrap_err();
        assert!(error.starts_with("column `name`: "), "{error}");
    }
}
