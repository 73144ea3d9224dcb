//! The laws of `coder`, for every type.

use crate::types::{Visitor, intervals, panes, strings, timestamps, visit, windows};
use bytes::Bytes;
use ferrobeam_core::coder::{
    self, Coder, CoderSpec, CustomWindowCoder, DynCoder, GlobalWindowCoder, IntervalWindowCoder, IterableCoder,
    LeafCoder, Metadata, ParamWindowedValueCoder, Part, ShardedKey, ShardedKeyCoder, TimerCoder, TimerData,
    TimerSetting, WindowCoder, WindowedValue, WindowedValueCoder, describe, urn,
};
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Element, Key};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::fmt::Debug;

type Checked = Result<(), TestCaseError>;

/// Puts length prefixes around some of the nodes, as engines do; `pick` says around which.
fn prefixed(spec: &CoderSpec, pick: &mut u64) -> CoderSpec {
    let this = *pick & 1 == 1;
    *pick = pick.rotate_right(1);
    let mut spec = spec.clone();
    // What is behind a prefix already is left alone.
    if spec.urn != urn::LENGTH_PREFIX {
        spec.components = spec.components.iter().map(|component| prefixed(component, pick)).collect();
    }
    if this { CoderSpec::of(urn::LENGTH_PREFIX, vec![spec]) } else { spec }
}

/// What holds for any coder.
pub(crate) fn coder_laws<T: Debug + PartialEq, C: Coder<T>>(coder: &C, values: &[T], stable: bool) -> Checked {
    let spec = coder.spec();
    let dynamic = DynCoder::from_spec(&spec)?;
    let mut stream = Vec::new();
    for value in values {
        let start = stream.len();
        coder.encode(value, &mut stream)?;
        let nested = &stream[start..];
        let text = describe(&spec, nested);
        prop_assert!(!text.contains(" .. broken: 0x") && !text.ends_with(" .. cut off"), "{}", text);

        let foreign = dynamic.decode_with(&mut &*nested, &|_: &[u8]| panic!("there is no state"))?;
        let mut again = Vec::new();
        dynamic.encode(&foreign, &mut again)?;
        prop_assert_eq!(&again, nested, "dynamic, nested: {:?}", foreign);

        let mut outer = Vec::new();
        coder.encode_outer(value, &mut outer)?;
        prop_assert_eq!(&coder::decode_all(coder, &outer)?, value);
        again.clear();
        dynamic.encode_outer(&dynamic.decode_outer(&outer)?, &mut again)?;
        prop_assert_eq!(&again, &outer, "dynamic, outer");

        if !nested.is_empty() {
            let cut = coder.decode(&mut &nested[..nested.len() - 1]);
            prop_assert!(cut.is_err(), "an encoding without its last byte decodes to {:?}", cut);
        }
    }
    let mut input = stream.as_slice();
    for value in values {
        let before = input;
        let decoded = coder.decode(&mut input)?;
        prop_assert_eq!(&decoded, value);
        let mut again = Vec::new();
        coder.encode(&decoded, &mut again)?;
        prop_assert!(!stable || again == before[..before.len() - input.len()]);
    }
    prop_assert!(input.is_empty());
    Ok(())
}

/// What holds for any element: also with prefixes put in.
fn element_laws<T: Element + Debug + PartialEq>(values: &[T], mut pick: u64, stable: bool) -> Checked {
    let coder = coder::of::<T>();
    coder_laws(&coder, values, stable)?;
    for value in values {
        let mut nested = Vec::new();
        coder::put(value, &mut nested)?;
        prop_assert!(!nested.is_empty());
    }
    let spec = prefixed(&coder.spec(), &mut pick);
    let engine = coder::from_spec::<T>(&spec)?;
    prop_assert_eq!(Coder::<T>::spec(&engine), spec);
    coder_laws::<T, Part<T::Coder>>(&engine, values, stable)
}

struct Laws;

impl Laws {
    fn run<S: Strategy>(&self, values: S, test: impl Fn(Vec<S::Value>, u64) -> Checked) {
        let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(60) });
        let cases = (vec(values, 0..4), any::<u64>());
        if let Err(error) = runner.run(&cases, |(values, pick)| test(values, pick)) {
            panic!("{}: {error}", std::any::type_name::<S::Value>());
        }
    }
}

impl Visitor for Laws {
    fn element<S: Strategy<Value: Element + PartialEq>>(&mut self, values: S) {
        self.run(values, |values, pick| element_laws(&values, pick, false));
    }

    fn stable<S: Strategy<Value: Element + PartialEq>>(&mut self, values: S) {
        self.run(values, |values, pick| element_laws(&values, pick, true));
    }

    fn key<S: Strategy<Value: Key>>(&mut self, values: S) {
        let nested = |value: &S::Value| {
            let mut out = Vec::new();
            coder::put(value, &mut out).map(|()| out)
        };
        self.run(values, |values, pick| {
            for (a, b) in values.iter().flat_map(|a| values.iter().map(move |b| (a, b))) {
                prop_assert_eq!(a == b, nested(a)? == nested(b)?, "{:?} and {:?}", a, b);
            }
            element_laws(&values, pick, true)
        });
    }
}

#[test]
fn of_all_elements() {
    visit(&mut Laws);
}

fn metadata(windows: impl Strategy<Value = Window>) -> impl Strategy<Value = Metadata> {
    (timestamps(), vec(windows, 0..3), panes()).prop_map(|(timestamp, windows, pane)| Metadata {
        timestamp,
        windows,
        pane,
    })
}

#[test]
fn of_what_engines_exchange() {
    let settings =
        (timestamps(), timestamps(), panes()).prop_map(|(fire, hold, pane)| TimerSetting { fire, hold, pane });
    let timers = (strings(), strings(), vec(Just(Window::Global), 0..3), prop::option::of(settings))
        .prop_map(|(key, tag, windows, setting)| TimerData { key, tag, windows, setting });
    let elements = (any::<Option<String>>(), metadata(intervals()))
        .prop_map(|(value, metadata)| WindowedValue { value, metadata });
    let keys = (any::<[u8; 3]>(), any::<i64>())
        .prop_map(|(shard, key)| ShardedKey { shard: Bytes::copy_from_slice(&shard), key });
    type Nullable = <Option<String> as Element>::Coder;
    Laws.run(timers, |timers, _| new_coder_laws::<_, TimerCoder<LeafCoder, GlobalWindowCoder>>(&timers));
    Laws.run(elements, |elements, _| new_coder_laws::<_, WindowedValueCoder<Nullable, IntervalWindowCoder>>(&elements));
    Laws.run(keys, |keys, _| new_coder_laws::<_, ShardedKeyCoder<LeafCoder>>(&keys));
    Laws.run(intervals(), |list, _| new_coder_laws::<_, IntervalWindowCoder>(&list));
    Laws.run(intervals(), |list, _| new_coder_laws::<_, CustomWindowCoder<IntervalWindowCoder>>(&list));
    Laws.run(windows(), |list, _| new_coder_laws::<_, WindowCoder>(&list));
}

fn new_coder_laws<T: Debug + PartialEq, C: Coder<T>>(values: &[T]) -> Checked {
    coder_laws(&C::new(), values, true)
}

#[test]
fn of_elements_with_common_metadata() {
    type Value = ParamWindowedValueCoder<LeafCoder, WindowCoder>;
    Laws.run((metadata(windows()), vec(strings(), 0..3)), |cases, _| {
        for (metadata, values) in cases {
            let mut payload = Vec::new();
            let windows = <IterableCoder<WindowCoder> as Coder<Vec<Window>>>::new();
            metadata.put(&windows, &mut payload)?;
            payload.push(0);
            let components = vec![CoderSpec::leaf(urn::STRING_UTF8), WindowCoder::new().spec()];
            let spec = CoderSpec::of(urn::PARAM_WINDOWED_VALUE, components).with_payload(payload);
            let coder = <Value as Coder<WindowedValue<String>>>::from_spec(&spec)?;
            prop_assert_eq!(Coder::<WindowedValue<String>>::spec(&coder), spec);
            let with_metadata = |value| WindowedValue { value, metadata: metadata.clone() };
            coder_laws(&coder, &values.into_iter().map(with_metadata).collect::<Vec<_>>(), true)?;
        }
        Ok(())
    });
}
