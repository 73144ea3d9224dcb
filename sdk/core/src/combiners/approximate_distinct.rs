//! How many different values, in little memory.

use super::{CombineFn, encoded};
use crate::coder::{CoderError, Decoded, LeafCoder, Via, ViaCoder};
use crate::{Element, Key};
use std::marker::PhantomData;

/// See [`approximate_distinct`].
#[derive(Clone, Debug)]
pub struct ApproximateDistinct<T> {
    precision: u8,
    of: PhantomData<fn() -> T>,
}

/// Counts different values: exactly up to 1,024 of them, beyond with a standard error of 0.8 %, in 16 KiB.
///
/// [`with_precision`](ApproximateDistinct::with_precision) chooses other numbers. The result depends on the values
/// alone, not on their order or on how they were bundled.
///
/// Above its limit this is HyperLogLog over a fixed 64-bit hash (xxh3) of a value's encoding, read with the improved
/// raw estimator of Otmar Ertl, *New cardinality estimation algorithms for HyperLogLog sketches* (arXiv:1702.01284,
/// algorithm 6), which needs no bias tables at any size. Below, the hashes themselves are kept.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let visitors = root.create((0..3000u64).map(|visit| visit % 700));
/// assert_that(&visitors.combine_globally(approximate_distinct())).is_singleton(700);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn approximate_distinct<T: Key>() -> ApproximateDistinct<T> {
    ApproximateDistinct { precision: 14, of: PhantomData }
}

impl<T> ApproximateDistinct<T> {
    /// Uses 2^`precision` registers of a byte: the standard error is 1.04 / sqrt(2^`precision`), and counts up to
    /// 2^`precision` / 16 are exact.
    ///
    /// # Panics
    /// If the precision is not in 4..=18.
    #[must_use]
    #[track_caller]
    pub fn with_precision(self, precision: u8) -> Self {
        assert!(PRECISIONS.contains(&precision), "a precision of {precision} is not in {PRECISIONS:?}");
        ApproximateDistinct { precision, ..self }
    }
}

const PRECISIONS: std::ops::RangeInclusive<u8> = 4..=18;

/// What a set of values has come to: a function of the set alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinctSketch(State);

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// The hashes, sorted.
    Exact(Vec<u64>),
    /// For each value of a hash's first bits: one more than the most zeros that the other bits began with; 0 if there
    /// was no such hash.
    Registers(Vec<u8>),
}

impl DistinctSketch {
    fn add(&mut self, hash: u64, precision: u8) {
        match &mut self.0 {
            State::Registers(registers) => register(registers, hash),
            State::Exact(hashes) => {
                if let Err(at) = hashes.binary_search(&hash) {
                    hashes.insert(at, hash);
                    if hashes.len() > 1 << precision >> 4 {
                        let mut registers = vec![0; 1 << precision];
                        hashes.iter().for_each(|&hash| register(&mut registers, hash));
                        self.0 = State::Registers(registers);
                    }
                }
            }
        }
    }

    fn merge(&mut self, other: DistinctSketch, precision: u8) {
        match (&mut self.0, other.0) {
            (_, State::Exact(hashes)) => hashes.into_iter().for_each(|hash| self.add(hash, precision)),
            (State::Exact(hashes), State::Registers(mut registers)) => {
                hashes.iter().for_each(|&hash| register(&mut registers, hash));
                self.0 = State::Registers(registers);
            }
            (State::Registers(into), State::Registers(from)) => {
                assert_eq!(into.len(), from.len(), "two sketches of different precision were merged");
                into.iter_mut().zip(from).for_each(|(into, from)| *into = from.max(*into));
            }
        }
    }

    fn estimate(&self) -> u64 {
        match &self.0 {
            State::Exact(hashes) => hashes.len() as u64,
            State::Registers(registers) => estimate(registers).round() as u64,
        }
    }
}

#[inline]
fn register(registers: &mut [u8], hash: u64) {
    let precision = registers.len().trailing_zeros();
    let register = &mut registers[(hash >> (64 - precision)) as usize];
    // The bit that is set ends the run of zeros where the other bits are all zero.
    let rank = (hash << precision | 1 << (precision - 1)).leading_zeros() as u8 + 1;
    *register = rank.max(*register);
}

/// Ertl's improved raw estimator; the names are the paper's.
fn estimate(registers: &[u8]) -> f64 {
    let m = registers.len() as f64;
    let q = 64 - registers.len().trailing_zeros() as usize;
    let mut c = [0u32; 66];
    registers.iter().for_each(|&rank| c[usize::from(rank)] += 1);
    // The paper's term for hashes whose counted bits are all zero is left out: with 64 bits it is about counts of 2^60.
    let mut z = 0.0;
    for k in (1..=q).rev() {
        z = 0.5 * (z + f64::from(c[k]));
    }
    z += m * sigma(f64::from(c[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// A zero and the hashes in eight bytes each, big-endian; or the precision and the registers, a byte each.
impl Via for DistinctSketch {
    type As = Vec<u8>;

    fn to(&self) -> Vec<u8> {
        match &self.0 {
            State::Exact(hashes) => std::iter::once(0).chain(hashes.iter().flat_map(|h| h.to_be_bytes())).collect(),
            State::Registers(registers) => {
                std::iter::once(registers.len().trailing_zeros() as u8).chain(registers.iter().copied()).collect()
            }
        }
    }

    fn from(bytes: Vec<u8>) -> Decoded<Self> {
        let invalid = |found: &str| CoderError::invalid("a sketch of distinct values", found);
        let (&precision, rest) = bytes.split_first().ok_or_else(|| invalid("nothing"))?;
        if precision == 0 {
            let (hashes, []) = rest.as_chunks() else { return Err(invalid("half a hash")) };
            let hashes: Vec<u64> = hashes.iter().map(|hash| u64::from_be_bytes(*hash)).collect();
            let sorted = hashes.is_sorted_by(|a, b| a < b);
            return if sorted { Ok(DistinctSketch(State::Exact(hashes))) } else { Err(invalid("hashes out of order")) };
        }
        if !PRECISIONS.contains(&precision) || rest.len() != 1 << precision {
            return Err(invalid(&format!("{} registers for a precision of {precision}", rest.len())));
        }
        if rest.iter().any(|&rank| rank > 65 - precision) {
            return Err(invalid("a register beyond the hash's end"));
        }
        Ok(DistinctSketch(State::Registers(rest.to_vec())))
    }
}

impl Element for DistinctSketch {
    type Coder = ViaCoder<LeafCoder>;
    type ListCoder = crate::coder::IterableCoder<Self::Coder>;
}

impl<T: Key> CombineFn for ApproximateDistinct<T> {
    type In = T;
    type Acc = DistinctSketch;
    type Out = u64;

    fn create_accumulator(&self) -> DistinctSketch {
        DistinctSketch(State::Exact(Vec::new()))
    }

    #[inline]
    fn add_input(&self, sketch: &mut DistinctSketch, input: T) {
        sketch.add(encoded::hash(&input), self.precision);
    }

    fn merge_accumulators(&self, into: &mut DistinctSketch, from: DistinctSketch) {
        into.merge(from, self.precision);
    }

    fn extract_output(&self, sketch: DistinctSketch) -> u64 {
        sketch.estimate()
    }

    fn peek_output(&self, sketch: &DistinctSketch) -> u64 {
        sketch.estimate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::{self, Coder};
    use crate::combiners::laws::laws;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn one_pass(combine: &ApproximateDistinct<u64>, inputs: impl IntoIterator<Item = u64>) -> DistinctSketch {
        let mut sketch = combine.create_accumulator();
        inputs.into_iter().for_each(|x| combine.add_input(&mut sketch, x));
        sketch
    }

    /// At every precision, within and beyond what is exact, the result is the one of a single pass.
    #[test]
    fn laws_hold() {
        for precision in [4, 6, 12] {
            let combine = approximate_distinct().with_precision(precision);
            let again = combine.clone();
            laws(combine, vec(0u64..500, 0..100), move |inputs: &[u64], n| {
                let distinct = inputs.iter().collect::<BTreeSet<_>>().len();
                let expected = again.extract_output(one_pass(&again, inputs.iter().copied()));
                let is_exact = distinct > 1 << precision >> 4 || *n == distinct as u64;
                if *n == expected && is_exact { Ok(()) } else { Err(format!("{expected} in one pass of {distinct}")) }
            });
        }
    }

    /// 40 sets of each size: none is off by 4 standard errors, and on average they are off by about one.
    #[test]
    fn the_error_is_as_promised() {
        for (precision, n) in [(8, 17), (8, 100), (8, 1000), (10, 100_000), (12, 257), (12, 3000), (12, 20_000)] {
            let combine = approximate_distinct().with_precision(precision);
            let standard = 1.04 / f64::from(1u32 << precision).sqrt();
            let error = |set: u64| {
                let sketch = one_pass(&combine, (0..n).map(|x| set << 32 | x));
                (sketch.estimate() as f64 - n as f64) / n as f64
            };
            let errors: Vec<f64> = (0..40).map(error).collect();
            let worst = errors.iter().copied().fold(0.0, |worst: f64, e| worst.max(e.abs()));
            let typical = (errors.iter().map(|e| e * e).sum::<f64>() / 40.0).sqrt();
            let bias = errors.iter().sum::<f64>() / 40.0;
            assert!(worst < 4.0 * standard, "{precision} {n}: {worst}");
            // Small sets are counted better than the asymptotic formula says.
            assert!(typical < 1.3 * standard, "{precision} {n}: {typical} of {standard}");
            assert!(bias.abs() < 4.0 * standard / 40f64.sqrt(), "{precision} {n}: bias {bias}");
        }
    }

    #[test]
    fn the_estimator_knows_the_ends() {
        assert_eq!(estimate(&[0; 16]), 0.0);
        assert!(estimate(&[60; 16]) > 1e18);
    }

    #[test]
    fn ranks_end_with_the_hash() {
        let mut registers = [0; 16];
        register(&mut registers, 0);
        register(&mut registers, u64::MAX);
        assert_eq!((registers[0], registers[15]), (61, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail(bytes in vec(prop_oneof![Just(0u8), Just(4), any::<u8>()], 0..20)) {
            let sketch: Decoded<DistinctSketch> = coder::decode_all(&coder::of::<DistinctSketch>(), &bytes);
            if let Ok(sketch) = sketch {
                let mut again = Vec::new();
                coder::of::<DistinctSketch>().encode_outer(&sketch, &mut again).unwrap();
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
