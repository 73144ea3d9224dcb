//! The laws of [`CombineFn`], checked on any split of any inputs.

use super::CombineFn;
use crate::coder::{self, Coder};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use std::fmt::Debug;

/// What happens before the next input is added.
#[derive(Clone, Debug)]
enum Event {
    Nothing,
    /// Another bundle begins, perhaps one that stays empty.
    Create,
    /// An accumulator goes over the wire.
    Encode(Index),
    /// Two become one, and may be added to afterwards.
    Merge(Index, Index),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Nothing),
        1 => Just(Event::Create),
        1 => any::<Index>().prop_map(Event::Encode),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(into, from)| Event::Merge(into, from)),
    ]
}

/// Checks that all inputs in one accumulator, and all ways to spread them over accumulators, encode those and merge
/// them, come to an output that `check` finds right for these inputs.
pub(crate) fn laws<C>(
    combine: C,
    inputs: impl Strategy<Value = Vec<C::In>>,
    check: impl Fn(&[C::In], &C::Out) -> Result<(), String>,
) where
    C: CombineFn<In: Debug, Out: Debug>,
{
    let strategy = inputs.prop_flat_map(|inputs| {
        let events = vec((event(), any::<Index>()), inputs.len());
        (Just(inputs), events, vec((any::<Index>(), any::<Index>()), 16))
    });
    let result = TestRunner::deterministic().run(&strategy, |(inputs, events, merges)| {
        let mut all = combine.create_accumulator();
        inputs.iter().for_each(|input| combine.add_input(&mut all, input.clone()));
        let (whole, encoded) = (combine.extract_output(all.clone()), combine.extract_output(round_trip::<C>(&all)));
        let peeked = combine.peek_output(&all);
        check(&inputs, &whole).map_err(|e| fail("in one pass", &whole, e))?;
        check(&inputs, &peeked).map_err(|e| fail("as it goes on", &peeked, e))?;
        check(&inputs, &encoded).map_err(|e| fail("after encoding", &encoded, e))?;

        let mut parts = vec![combine.create_accumulator()];
        for (input, (event, at)) in inputs.iter().zip(events) {
            match event {
                Event::Nothing => (),
                Event::Create => parts.push(combine.create_accumulator()),
                Event::Encode(at) => {
                    let at = at.index(parts.len());
                    parts[at] = round_trip::<C>(&parts[at]);
                }
                Event::Merge(into, from) => merge(&combine, &mut parts, into, from),
            }
            let at = at.index(parts.len());
            combine.add_input(&mut parts[at], input.clone());
        }
        parts.push(combine.create_accumulator());
        let mut merges = merges.into_iter().cycle();
        while parts.len() > 1 {
            let Some((into, from)) = merges.next() else { break };
            merge(&combine, &mut parts, into, from);
        }
        let merged = combine.extract_output(parts.swap_remove(0));
        check(&inputs, &merged).map_err(|e| fail("in parts", &merged, e))
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The check of a function that is not approximate.
pub(crate) fn exact<T, O: PartialEq + Debug>(expected: impl Fn(&[T]) -> O) -> impl Fn(&[T], &O) -> Result<(), String> {
    move |inputs, output| {
        let expected = expected(inputs);
        if *output == expected { Ok(()) } else { Err(format!("expected {expected:?}")) }
    }
}

fn fail(how: &str, output: &impl Debug, error: String) -> TestCaseError {
    TestCaseError::fail(format!("{how}: {output:?}: {error}"))
}

fn merge<C: CombineFn>(combine: &C, parts: &mut Vec<C::Acc>, into: Index, from: Index) {
    let from = parts.swap_remove(from.index(parts.len()));
    if parts.is_empty() {
        parts.push(combine.create_accumulator());
    }
    let into = into.index(parts.len());
    combine.merge_accumulators(&mut parts[into], from);
}

/// What is left of an accumulator on the other side of a shuffle.
pub(crate) fn round_trip<C: CombineFn>(accumulator: &C::Acc) -> C::Acc {
    let coder = coder::of::<C::Acc>();
    let (mut bytes, mut again) = (Vec::new(), Vec::new());
    coder.encode(accumulator, &mut bytes).unwrap();
    let mut input = &bytes[..];
    let decoded = coder.decode(&mut input).unwrap();
    assert!(input.is_empty(), "bytes are left");
    coder.encode(&decoded, &mut again).unwrap();
    assert_eq!(bytes, again, "an accumulator changes in its coder");
    decoded
}
