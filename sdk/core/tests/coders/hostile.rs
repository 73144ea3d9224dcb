//! Bytes that no coder wrote: a value or an error, never a panic, and no more work or memory than the bytes are worth.

use crate::types::{Event, Everything, Point, Visitor, visit};
use ferrobeam_core::coder::{self, Coder, CoderSpec, DynCoder, Value, describe, urn};
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Element, Key};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Inputs over all coders together. `cargo xtask hostile` gives each coder as many, in a release build.
const INPUTS: usize = 1_000_000;

/// How many inputs each of `probes` coders gets.
fn inputs_per_coder(probes: usize) -> usize {
    match std::env::var("FERROBEAM_INPUTS_PER_CODER") {
        Ok(inputs) => inputs.parse().unwrap(),
        Err(_) => INPUTS / probes,
    }
}

/// Decodes bytes and checks what comes of it.
type Run = Box<dyn Fn(&[u8])>;

/// One coder under test, and honest encodings to start from.
struct Probe {
    name: String,
    seeds: Vec<Vec<u8>>,
    run: Run,
}

struct Probes {
    runner: TestRunner,
    list: Vec<Probe>,
}

impl Visitor for Probes {
    fn element<S: Strategy<Value: Element + PartialEq>>(&mut self, values: S) {
        let coder = coder::of::<S::Value>();
        let seeds = (0..20).map(|_| {
            let mut out = Vec::new();
            coder.encode(&values.new_tree(&mut self.runner).unwrap().current(), &mut out).unwrap();
            out
        });
        let (seeds, spec) = (seeds.collect(), coder.spec());
        let dynamic = DynCoder::from_spec(&spec).unwrap();
        let run = move |input: &[u8]| {
            let (mut typed, mut foreign) = (input, input);
            if coder.decode(&mut typed).is_ok() {
                dynamic.decode(&mut foreign).unwrap();
                assert_eq!(typed, foreign, "both take the same bytes");
            }
            decode(&coder, input);
            decode_dynamic(&dynamic, input);
        };
        self.list.push(Probe { name: format!("{spec:?}"), seeds, run: Box::new(run) });
    }

    fn key<S: Strategy<Value: Key>>(&mut self, values: S) {
        self.element(values);
    }
}

/// Decodes in both contexts. What decodes can be encoded, and the encoding decodes to the same bytes again.
fn decode<T, C: Coder<T>>(coder: &C, input: &[u8]) {
    let mut rest = input;
    if let Ok(value) = coder.decode(&mut rest) {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        coder.encode(&value, &mut once).unwrap();
        let value = coder.decode(&mut once.as_slice()).unwrap();
        coder.encode(&value, &mut twice).unwrap();
        // Of hash maps and sets the order differs, but not the size.
        assert_eq!(once.len(), twice.len());
    }
    if let Ok(value) = coder::decode_all(coder, input) {
        let mut once = Vec::new();
        coder.encode_outer(&value, &mut once).unwrap();
        coder::decode_all(coder, &once).unwrap();
    }
}

fn decode_dynamic(coder: &DynCoder, input: &[u8]) {
    let mut rest = input;
    if let Ok(value) = coder.decode(&mut rest) {
        let mut once = Vec::new();
        coder.encode(&value, &mut once).unwrap();
        coder.decode(&mut once.as_slice()).unwrap();
    }
    let _ = coder.decode_outer(input);
    // A text costs more than a decoding: for one input in eight.
    if input.len().is_multiple_of(8) {
        assert!(describe(coder.spec(), input).len() < 700);
    }
}

/// A generator of bits that needs no state beyond a number.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A byte that means something more often than chance would have it.
    fn byte(&mut self) -> u8 {
        const MEANINGFUL: [u8; 8] = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff];
        if self.next().is_multiple_of(2) { MEANINGFUL[self.below(8)] } else { self.next() as u8 }
    }

    /// Random bytes, or an honest encoding with some changes.
    fn input(&mut self, seeds: &[Vec<u8>], out: &mut Vec<u8>) {
        out.clear();
        if seeds.is_empty() || self.below(4) == 0 {
            let n = self.below(40);
            out.extend((0..n).map(|_| self.byte()));
            return;
        }
        out.extend_from_slice(&seeds[self.below(seeds.len())]);
        for _ in 0..=self.below(3) {
            let at = self.below(out.len() + 1);
            match self.below(5) {
                0 if at < out.len() => out[at] = self.byte(),
                1 if at < out.len() => out[at] ^= 1 << self.below(8),
                2 => out.truncate(at),
                3 => out.insert(at, self.byte()),
                _ => {
                    let (n, byte) = (self.below(9), self.byte());
                    out.splice(at..at, std::iter::repeat_n(byte, n));
                }
            }
        }
    }
}

/// The standard coders that no element has.
fn foreign() -> Vec<CoderSpec> {
    let leaf = |urn| CoderSpec::leaf(urn);
    let global = || leaf(urn::GLOBAL_WINDOW);
    vec![
        CoderSpec::of(urn::ITERABLE, vec![global()]),
        CoderSpec::of(urn::ITERABLE, vec![CoderSpec::of(urn::ITERABLE, vec![global()])]),
        CoderSpec::of(urn::STATE_BACKED_ITERABLE, vec![leaf(urn::STRING_UTF8)]),
        CoderSpec::of(urn::TIMER, vec![leaf(urn::STRING_UTF8), leaf(urn::INTERVAL_WINDOW)]),
        CoderSpec::of(urn::WINDOWED_VALUE, vec![leaf(urn::VARINT), global()]),
        CoderSpec::of(urn::CUSTOM_WINDOW, vec![leaf(urn::INTERVAL_WINDOW)]),
        CoderSpec::of(urn::SHARDED_KEY, vec![leaf(urn::DOUBLE)]),
        CoderSpec::of(urn::KV, vec![leaf("example:coder:unknown:v1"), leaf(urn::BOOL)]),
    ]
}

#[test]
fn a_million_inputs_do_no_harm() {
    std::thread::scope(|scope| {
        for seed in [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f] {
            scope.spawn(move || feed_half_of_the_inputs(seed));
        }
    });
}

fn feed_half_of_the_inputs(seed: u64) {
    let mut probes = Probes { runner: TestRunner::deterministic(), list: Vec::new() };
    visit(&mut probes);
    for spec in foreign() {
        let coder = DynCoder::from_spec(&spec).unwrap();
        let run = Box::new(move |input: &[u8]| decode_dynamic(&coder, input));
        probes.list.push(Probe { name: format!("{spec:?}"), seeds: Vec::new(), run });
    }
    probes.list.push(schemas());
    let (mut random, mut input) = (XorShift(seed), Vec::new());
    for i in 0..inputs_per_coder(probes.list.len()) * probes.list.len() / 2 {
        let probe = &probes.list[i % probes.list.len()];
        random.input(&probe.seeds, &mut input);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (probe.run)(&input)));
        assert!(result.is_ok(), "input {input:?} of {}", probe.name);
    }
}

/// Payloads of row coders, typed and not.
fn schemas() -> Probe {
    let payload = coder::spec_of::<Everything>().payload.to_vec();
    let point = coder::spec_of::<Point>().payload.to_vec();
    let run = |input: &[u8]| {
        let spec = CoderSpec::leaf(urn::ROW).with_payload(input.to_vec());
        if let Ok(coder) = DynCoder::from_spec(&spec) {
            decode_dynamic(&coder, input);
        }
        if let Ok(coder) = coder::from_spec::<Point>(&spec) {
            decode::<Point, _>(&coder, &[2, 1, 2, 5]);
        }
    };
    Probe { name: "schemas".to_owned(), seeds: vec![payload, point.clone(), point], run: Box::new(run) }
}

fn is_refused<T: Element>(input: &[u8]) {
    let mut rest = input;
    assert!(coder::take_as::<T>(&mut rest).is_err());
}

#[test]
fn claims_are_not_believed() {
    let claim = |count: i32, tail: &[u8]| [&count.to_be_bytes(), tail].concat();
    is_refused::<Vec<i64>>(&claim(i32::MAX, &[1; 100]));
    is_refused::<Vec<()>>(&claim(i32::MAX, &[0; 100]));
    is_refused::<Vec<Vec<Vec<String>>>>(&claim(i32::MAX, &i32::MAX.to_be_bytes().repeat(3)));
    is_refused::<HashMap<String, [f64; 100]>>(&claim(i32::MAX, &[0; 1000]));
    is_refused::<Vec<i64>>(&claim(-2, &[0; 100]));
    // A chunk of 2^63 - 1 items; a length of 2^64 - 1 bytes.
    is_refused::<Vec<()>>(&claim(-1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0]));
    is_refused::<String>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]);
    is_refused::<Vec<u8>>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]);
    // A row of 2^64 - 1 fields.
    is_refused::<Event>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]);
}

#[test]
fn lists_of_nothing_are_short() {
    let global = CoderSpec::leaf(urn::GLOBAL_WINDOW);
    let list = |item| CoderSpec::of(urn::ITERABLE, vec![item]);
    let pair = CoderSpec::of(urn::KV, vec![global.clone(), global.clone()]);
    let claims = [i32::MAX.to_be_bytes(); 3].concat();
    for spec in [list(global.clone()), list(pair), list(list(global.clone()))] {
        let coder = DynCoder::from_spec(&spec).unwrap();
        assert!(coder.decode(&mut claims.as_slice()).is_err());
        assert!(describe(&spec, &claims).starts_with('['));
    }
    // Thousands of lists may not claim a thousand windows each.
    let many = [&1000i32.to_be_bytes(), [0, 0, 3, 0xe8].repeat(1000).as_slice()].concat();
    assert!(DynCoder::from_spec(&list(list(global.clone()))).unwrap().decode(&mut many.as_slice()).is_err());

    let coder = DynCoder::from_spec(&list(global)).unwrap();
    let windows = |n| Value::List(vec![Value::Window(Window::Global); n]);
    let mut out = Vec::new();
    coder.encode(&windows(1000), &mut out).unwrap();
    assert_eq!(coder.decode(&mut out.as_slice()), Ok(windows(1000)));
    assert!(coder.encode(&windows(2000), &mut out).is_err());
}

#[test]
fn specs_nested_too_deep_are_refused() {
    let nest =
        |n: usize| (0..n).fold(CoderSpec::leaf(urn::VARINT), |inner, _| CoderSpec::of(urn::NULLABLE, vec![inner]));
    let deep = DynCoder::from_spec(&nest(100)).unwrap();
    deep.decode(&mut [1u8; 101].as_slice()).unwrap();
    assert!(DynCoder::from_spec(&nest(101)).is_err());
    assert_eq!(describe(&nest(5000), &[1, 2]), "0x0102");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Element)]
#[element(opaque)]
struct Chain(Option<Box<Chain>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Element)]
#[element(opaque)]
struct Units(Vec<()>);

#[test]
fn serde_types_are_limited_in_both_directions() {
    let chain = |n: usize| (0..n).fold(Chain(None), |inner, _| Chain(Some(Box::new(inner))));
    let mut out = Vec::new();
    // Two levels a link: the struct and the option.
    coder::put(&chain(63), &mut out).unwrap();
    assert_eq!(coder::take_as(&mut out.as_slice()), Ok(chain(63)));
    assert!(coder::put(&chain(64), &mut Vec::new()).is_err());
    let n = 1_000_000;
    let mut bomb = Vec::new();
    coder::put_varint(n, &mut bomb);
    bomb.resize(bomb.len() + n as usize, 1);
    is_refused::<Chain>(&bomb);

    let mut out = b"before".to_vec();
    coder::put(&Units(vec![(); 60_000]), &mut out).unwrap();
    assert_eq!(coder::take_as(&mut &out[6..]), Ok(Units(vec![(); 60_000])));
    assert!(coder::put(&Units(vec![(); 70_000]), &mut out).is_err());
    assert!(out.starts_with(b"before"));
    is_refused::<Units>(&[9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
}
