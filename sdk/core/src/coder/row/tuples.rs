//! Tuples as rows of fields `f0`, `f1`, ..: those of one and of three to six as elements, a pair inside another row.

use super::Row;
use super::field::{field_type, is_null, put_field};
use super::header::{Header, put_header};
use crate::Element;
use crate::coder::{Decoded, Encoded};
use ferrobeam_model::pipeline::FieldType;

macro_rules! tuple_row { ($($t:ident $name:literal $i:tt),*) => {
    impl<$($t: Element),*> Row for ($($t,)*) {
        const NAMES: &'static [&'static str] = &[$($name),*];

        fn types() -> Vec<FieldType> {
            vec![$(field_type::<$t>()),*]
        }

        #[inline]
        fn put(&self, out: &mut Vec<u8>) -> Encoded {
            put_header([$(is_null(&self.$i)),*], out);
            $(put_field($name, &self.$i, out)?;)*
            Ok(())
        }

        #[inline]
        fn take(header: &Header<'_>, input: &mut &[u8]) -> Decoded<Self> {
            Ok(($(header.take::<$t>($name, $i, input)?,)*))
        }
    }
}}
tuple_row!(A "f0" 0);
tuple_row!(A "f0" 0, B "f1" 1);
tuple_row!(A "f0" 0, B "f1" 1, C "f2" 2);
tuple_row!(A "f0" 0, B "f1" 1, C "f2" 2, D "f3" 3);
tuple_row!(A "f0" 0, B "f1" 1, C "f2" 2, D "f3" 3, E "f4" 4);
tuple_row!(A "f0" 0, B "f1" 1, C "f2" 2, D "f3" 3, E "f4" 4, F "f5" 5);
