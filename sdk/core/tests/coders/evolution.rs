//! Types and graphs of different versions.

use crate::laws::coder_laws;
use crate::types::{Everything, Point, everything};
use ferrobeam_core::Element;
use ferrobeam_core::coder::{self, Coder, CoderError, CoderSpec, Part, Row, describe, spec_of, urn};
use ferrobeam_model::pipeline::{AtomicType, Field, FieldType, Schema, field_type::TypeInfo};
use proptest::prelude::*;
use prost::Message;
use std::fmt::Debug;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
struct Old {
    name: String,
    count: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
struct New {
    name: String,
    count: Option<i64>,
    tags: Option<Vec<String>>,
    more: Option<Point>,
}

fn nested<T: Element>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    coder::put(value, &mut out).unwrap();
    out
}

fn new(tags: Option<Vec<String>>) -> New {
    New { name: "a".into(), count: None, tags, more: None }
}

#[test]
fn a_row_of_fewer_fields_has_nulls_for_the_rest() {
    let old = Old { name: "a".into(), count: None };
    assert_eq!(coder::take_as(&mut nested(&old).as_slice()), Ok(new(None)));
    assert_eq!(coder::decode_all(&coder::of::<New>(), &nested(&old)), Ok(new(None)));
    let error = coder::take_as::<New>(&mut [0, 0].as_slice()).unwrap_err();
    assert_eq!(error.to_string(), "expected a value, found null, and the field is not optional at name");
}

#[test]
fn a_row_of_more_fields_is_read_where_its_end_is_known() {
    let old = Old { name: "a".into(), count: None };
    let (without, with) = (nested(&new(None)), nested(&new(Some(vec!["x".into()]))));
    assert_eq!(coder::take_as(&mut without.as_slice()), Ok(old.clone()));
    assert_eq!(coder::decode_all(&coder::of::<Old>(), &with), Ok(old.clone()));
    assert!(coder::take_as::<Old>(&mut with.as_slice()).is_err());

    let prefix = CoderSpec::of(urn::LENGTH_PREFIX, vec![spec_of::<Old>()]);
    let prefixed = coder::from_spec::<Old>(&prefix).unwrap();
    let mut stream = Vec::new();
    coder::wire::put_prefixed(&with, &mut stream);
    stream.push(99);
    let mut input = stream.as_slice();
    assert_eq!(Coder::<Old>::decode(&prefixed, &mut input), Ok(old));
    assert_eq!(input, [99]);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
enum One {
    A(i64),
    B,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Element)]
enum Two {
    A(i64),
    B,
    C(String),
}

#[test]
fn variants_may_be_added_at_the_end() {
    assert_eq!(coder::take_as(&mut nested(&One::A(3)).as_slice()), Ok(Two::A(3)));
    assert_eq!(coder::take_as(&mut nested(&Two::B).as_slice()), Ok(One::B));
    let error = coder::take_as::<One>(&mut nested(&Two::C("c".into())).as_slice()).unwrap_err();
    assert_eq!(error.to_string(), "expected a variant, found one that this type does not know");
}

/// The spec with another schema.
fn with_schema<T: Element>(change: impl FnOnce(&mut Schema)) -> CoderSpec {
    let spec = spec_of::<T>();
    let mut schema = Schema::decode(spec.payload.clone()).unwrap();
    change(&mut schema);
    spec.with_payload(schema.encode_to_vec())
}

fn from_spec<T: Element>(spec: &CoderSpec) -> Result<Part<T::Coder>, CoderError> {
    coder::from_spec::<T>(spec)
}

fn laws_of<T: Element + Debug + PartialEq>(spec: &CoderSpec, values: &[T]) -> Result<(), TestCaseError> {
    let coder = from_spec::<T>(spec)?;
    prop_assert_eq!(Coder::<T>::spec(&coder), spec.clone());
    coder_laws::<T, Part<T::Coder>>(&coder, values, true)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    /// An engine that updates a running pipeline assigns positions; the SDK follows.
    #[test]
    fn fields_are_encoded_in_the_order_of_the_graph(
        values in prop::collection::vec(everything(), 1..3),
        positions in Just((0..Everything::NAMES.len() as i32).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let shuffled = with_schema::<Everything>(|schema| {
            for (field, position) in schema.fields.iter_mut().zip(&positions) {
                field.encoding_position = *position;
            }
        });
        laws_of(&shuffled, &values)?;
    }
}

#[test]
fn the_graph_may_have_more_fields() -> Result<(), TestCaseError> {
    let value = Old { name: "a".into(), count: Some(2) };
    laws_of(&spec_of::<New>(), std::slice::from_ref(&value))?;
    // Written by a type that fills them, they are skipped, even in the middle of a stream.
    let coder = from_spec::<Old>(&spec_of::<New>())?;
    let full = New { more: Some(Point { x: 1, y: None }), ..new(Some(vec!["x".into()])) };
    let stream = [nested(&full), nested(&full)].concat();
    let mut input = stream.as_slice();
    let old = Old { name: "a".into(), count: None };
    prop_assert_eq!(Coder::<Old>::decode(&coder, &mut input)?, old.clone());
    prop_assert_eq!(Coder::<Old>::decode(&coder, &mut input)?, old);
    prop_assert!(input.is_empty());
    laws_of(&spec_of::<Old>(), &[new(None)])
}

#[test]
fn what_does_not_fit_is_named() {
    let refused = |spec: CoderSpec| from_spec::<Old>(&spec).unwrap_err().to_string();
    let other_type = with_schema::<Old>(|schema| {
        let int32 = TypeInfo::AtomicType(AtomicType::Int32.into());
        schema.fields[0].r#type = Some(FieldType { nullable: false, type_info: Some(int32) });
    });
    assert!(refused(other_type).starts_with("expected a field of this type, found another type in the graph at"));
    let missing = with_schema::<Old>(|schema| {
        schema.fields.remove(0);
        schema.fields[0].encoding_position = 0;
    });
    assert!(refused(missing).ends_with("Old.name"));
    let needed = with_schema::<Old>(|schema| {
        schema.fields.push(Field { name: "extra".into(), encoding_position: 2, ..schema.fields[0].clone() });
    });
    assert!(refused(needed).ends_with("Old.extra"));
    let twice = with_schema::<Old>(|schema| schema.fields[0].encoding_position = 1);
    assert!(refused(twice).starts_with("expected encoding positions from 0 on, found 1"));
    let error = from_spec::<(String, Old)>(&CoderSpec::of(urn::KV, vec![spec_of::<String>(), spec_of::<i64>()]));
    let text = "expected a coder `beam:coder:row:v1`, the graph has `beam:coder:varint:v1` at value";
    assert_eq!(error.unwrap_err().to_string(), text);
}

#[test]
fn the_schema_of_a_type_never_changes() {
    let hex: String = spec_of::<Point>().payload.iter().map(|byte| format!("{byte:02x}")).collect();
    // x: INT64, y: nullable INT16, an id that follows from them, positions set.
    let schema = "0a070a01781a0210040a0d0a01791a04080110022001280112243236626461623661\
                  2d313730302d386364382d626666322d3230383430373932666561352001";
    assert_eq!(hex, schema);
}

#[test]
fn other_languages_see_names_and_values() {
    let value = (Point { x: 4, y: None }, Two::C("c".into()));
    let text = "({x: 4, y: null}, {A: null, B: null, C: {f0: \"c\"}})";
    assert_eq!(describe(&spec_of::<(Point, Two)>(), &nested(&value)), text);
    // Cut, it is shown as far as it goes; what does not even begin well is hexadecimal.
    assert_eq!(describe(&spec_of::<(Point, i64)>(), &nested(&(value.0, 1))[..4]), "({x: 4, y: null},  .. cut off");
    assert_eq!(describe(&spec_of::<Point>(), &[1, 2, 4]), "0x010204");
    assert_eq!(describe(&spec_of::<i128>(), &nested(&1i128)), "0x00000000000000000000000000000001");
    let long = describe(&spec_of::<Vec<String>>(), &nested(&vec!["€uro".to_owned(); 1000]));
    assert!(long.len() < 210 && long.starts_with("[\"€uro\", ") && long.ends_with(".."), "{long}");
}
