//! What lies in the middle, at a quarter, at ninety percent.

use super::{ByKey, CombineFn, Natural, Order, Ordered};
use crate::Element;
use crate::coder::{CoderError, Decoded, Via, ViaCoder};
use std::marker::PhantomData;

/// See [`quantiles`].
pub struct Quantiles<T, O> {
    n: usize,
    buffer: usize,
    order: O,
    of: PhantomData<fn() -> T>,
}

impl<T, O: Clone> Clone for Quantiles<T, O> {
    fn clone(&self) -> Self {
        Quantiles { n: self.n, buffer: self.buffer, order: self.order.clone(), of: PhantomData }
    }
}

/// Finds `n` values that cut the sorted values into n - 1 parts of the same size: the smallest, the largest and those
/// between. With 3 that is minimum, median and maximum, with 101 all percentiles. Of nothing there are none.
///
/// The smallest and the largest are exact, and up to a few thousand values all are. Beyond, a value is at most
/// [`DEFAULT_ERROR`](Quantiles::DEFAULT_ERROR) of the number of values away from its place:
/// among a million the median is between the 495,000th and the 505,000th.
/// This is no probability but holds for all inputs of up to 2^40 values and however they were bundled;
/// [`with_error`](Quantiles::with_error) chooses another bound. Memory grows with the logarithm of the number of values.
///
/// The method is that of Munro and Paterson (*Selection and sorting with limited storage*, 1980), which Beam's other
/// SDKs use with the buffers of Manku, Rajagopalan and Lindsay (1998), in the mergeable form of Agarwal et al.
/// (*Mergeable summaries*, 2012): a buffer of values that stand for 2^i each is sorted when it is full, and every other
/// one goes on to the next buffer.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let quartiles = root.create((0..=100u32).rev()).combine_globally(quantiles(5));
/// assert_that(&quartiles).is_singleton(vec![0, 25, 50, 75, 100]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
///
/// # Panics
/// If `n` is less than 2.
#[track_caller]
pub fn quantiles<T: Element + Ordered<By>, By: 'static>(n: usize) -> Quantiles<T, Natural<By>> {
    Quantiles::new(n, Natural::ORDER)
}

/// Finds quantiles of elements that are compared by a key; see [`quantiles`].
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let words = root.create(["a", "ccc", "bb"].map(str::to_owned));
/// let by_length = words.combine_globally(quantiles_by(3, |word: &String| word.len()));
/// assert_that(&by_length).is_singleton(["a", "bb", "ccc"].map(str::to_owned).to_vec());
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
///
/// # Panics
/// If `n` is less than 2.
#[track_caller]
pub fn quantiles_by<T, S, By, F>(n: usize, key: F) -> Quantiles<T, ByKey<F, By>>
where
    T: Element,
    S: Ordered<By>,
    By: 'static,
    F: Fn(&T) -> S + Send + Sync + 'static,
{
    Quantiles::new(n, ByKey::new(key))
}

impl<T, O> Quantiles<T, O> {
    /// How far a quantile may be from its place, as a share of the number of values.
    pub const DEFAULT_ERROR: f64 = 0.005;

    #[track_caller]
    fn new(n: usize, order: O) -> Self {
        assert!(n >= 2, "{n} quantiles: the smallest and the largest value are two");
        Quantiles { n, buffer: buffer(Self::DEFAULT_ERROR), order, of: PhantomData }
    }

    /// Bounds how far a quantile may be from its place, as a share of the number of values: a tenth of the error takes
    /// about ten times the memory.
    ///
    /// # Panics
    /// If the error is not between 0.000001 and 1.
    #[must_use]
    #[track_caller]
    pub fn with_error(self, error: f64) -> Self {
        assert!((1e-6..=1.0).contains(&error), "an error of {error} is not between 0.000001 and 1");
        Quantiles { buffer: buffer(error), ..self }
    }
}

/// A compaction of values of weight w moves every other one of at least `buffer` values up: whatever is asked, that
/// changes the answer by at most w. With N values there are at most N / (buffer w) compactions of this weight, so they
/// all shift a rank by at most N / buffer; and weights are 1, 2, 4 .. as long as buffer w <= N. This is an even buffer
/// for which all weights together shift 2^40 values by no more than the error.
fn buffer(error: f64) -> usize {
    let weights = |buffer: usize| 41 - buffer.ilog2().min(40);
    let of_weights = |weights: u32| (f64::from(weights) / error).ceil() as usize;
    // The larger the buffer, the fewer the weights: what is too small is made from what is too large.
    let (too_large, too_small) = (of_weights(41), |large| of_weights(weights(large)));
    of_weights(weights(too_small(too_large))).next_multiple_of(2)
}

/// What values have come to.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileSketch<T> {
    /// The least and the greatest of all that left the first level.
    ends: Option<(T, T)>,
    /// For each level, whether its next compaction keeps the second of each two: taking turns, errors cancel out.
    turns: u64,
    /// A value in `levels[i]` stands for 2^i.
    levels: Vec<Vec<T>>,
}

/// With more the weights would be for more values than there can be.
const LEVELS: usize = 60;

impl<T: Element> QuantileSketch<T> {
    fn level(&mut self, i: usize) -> &mut Vec<T> {
        if self.levels.len() <= i {
            self.levels.resize_with(i + 1, Vec::new);
        }
        &mut self.levels[i]
    }

    fn widen(&mut self, (least, greatest): (T, T), order: &impl Order<T>) {
        match &mut self.ends {
            None => self.ends = Some((least, greatest)),
            Some((min, max)) => {
                if order.compare(&least, min).is_lt() {
                    *min = least;
                }
                if order.compare(&greatest, max).is_gt() {
                    *max = greatest;
                }
            }
        }
    }

    /// Moves every other value of each full buffer up.
    fn compact(&mut self, buffer: usize, order: &impl Order<T>) {
        let mut i = 0;
        while i < self.levels.len().min(LEVELS - 1) {
            if self.levels[i].len() >= buffer {
                let mut level = std::mem::take(&mut self.levels[i]);
                // What comes from below comes in sorted runs, which this sort makes use of.
                level.sort_by(|a, b| order.compare(a, b));
                if let (0, [least, .., greatest]) = (i, &level[..]) {
                    self.widen((least.clone(), greatest.clone()), order);
                }
                // Of an odd number one has to wait.
                self.levels[i].extend(if level.len() % 2 == 1 { level.pop() } else { None });
                let turn = (self.turns >> i & 1) as usize;
                self.turns ^= 1 << i;
                self.level(i + 1).extend(level.into_iter().skip(turn).step_by(2));
            }
            i += 1;
        }
    }

    /// All values with their weights, sorted; the ends weigh nothing.
    fn sorted(self, order: &impl Order<T>) -> Vec<(T, u64)> {
        let levels = self.levels.into_iter().enumerate();
        let mut values: Vec<_> = levels.flat_map(|(i, level)| level.into_iter().map(move |x| (x, 1 << i))).collect();
        values.extend(self.ends.into_iter().flat_map(|(min, max)| [(min, 0), (max, 0)]));
        values.sort_by(|(a, _), (b, _)| order.compare(a, b));
        values
    }
}

impl<T: Element> Via for QuantileSketch<T> {
    type As = (Option<(T, T)>, u64, Vec<Vec<T>>);

    fn to(&self) -> Self::As {
        (self.ends.clone(), self.turns, self.levels.clone())
    }

    fn from((ends, turns, levels): Self::As) -> Decoded<Self> {
        if levels.len() > LEVELS || ends.is_none() && levels.len() > 1 {
            let found = format!("{} levels, ends: {}", levels.len(), ends.is_some());
            return Err(CoderError::invalid("a sketch of quantiles", found));
        }
        Ok(QuantileSketch { ends, turns, levels })
    }
}

impl<T: Element> Element for QuantileSketch<T> {
    type Coder = ViaCoder<<(Option<(T, T)>, u64, Vec<Vec<T>>) as Element>::Coder>;
    type ListCoder = crate::coder::IterableCoder<Self::Coder>;
}

impl<T: Element, O: Order<T>> CombineFn for Quantiles<T, O> {
    type In = T;
    type Acc = QuantileSketch<T>;
    type Out = Vec<T>;

    fn create_accumulator(&self) -> QuantileSketch<T> {
        QuantileSketch { ends: None, turns: 0, levels: Vec::new() }
    }

    #[inline]
    fn add_input(&self, sketch: &mut QuantileSketch<T>, input: T) {
        let newest = sketch.level(0);
        newest.push(input);
        if newest.len() >= self.buffer {
            sketch.compact(self.buffer, &self.order);
        }
    }

    fn merge_accumulators(&self, into: &mut QuantileSketch<T>, from: QuantileSketch<T>) {
        into.turns ^= from.turns;
        if let Some(ends) = from.ends {
            into.widen(ends, &self.order);
        }
        for (i, mut level) in from.levels.into_iter().enumerate() {
            into.level(i).append(&mut level);
        }
        into.compact(self.buffer, &self.order);
    }

    fn extract_output(&self, sketch: QuantileSketch<T>) -> Vec<T> {
        let values = sketch.sorted(&self.order);
        let (Some((least, _)), Some((greatest, _))) = (values.first(), values.last()) else { return Vec::new() };
        let n = values.iter().map(|(_, weight)| u128::from(*weight)).sum::<u128>();
        let parts = self.n as u128 - 1;
        let mut out = vec![least.clone()];
        let (mut at, mut before) = (0, 0);
        for i in 1..parts {
            // The value in whose weight this place of the sorted sequence lies.
            let place = i * (n - 1) / parts;
            while before + u128::from(values[at].1) <= place {
                before += u128::from(values[at].1);
                at += 1;
            }
            out.push(values[at].0.clone());
        }
        out.push(greatest.clone());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::laws;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Whether each quantile is in its place up to what `buffer` promises for this many values.
    fn check(inputs: &[i32], quantiles: &[i32], n: usize, buffer: usize) -> Result<(), String> {
        let mut sorted = inputs.to_vec();
        sorted.sort_unstable();
        if inputs.is_empty() {
            return if quantiles.is_empty() { Ok(()) } else { Err("of nothing".to_owned()) };
        }
        let error: usize = (0..40).map(|i| (inputs.len() / (buffer << i)) << i).sum();
        for (i, x) in quantiles.iter().enumerate() {
            let place = i * (inputs.len() - 1) / (n - 1);
            let (first, end) = (sorted.partition_point(|y| y < x), sorted.partition_point(|y| y <= x));
            let ends_are_exact = i != 0 && i != n - 1 || first <= place && place < end;
            if place + error < first || place >= end + error || !ends_are_exact {
                return Err(format!("{x} is at {first}..{end}, not at {place} +- {error}"));
            }
        }
        if quantiles.len() == n { Ok(()) } else { Err("not as many as asked for".to_owned()) }
    }

    #[test]
    fn laws_hold() {
        for (n, buffer) in [(2, 4), (5, 16), (11, 32)] {
            let combine = Quantiles { buffer, ..quantiles(n) };
            laws(combine, vec(-1000i32..1000, 0..300), move |inputs, found| check(inputs, found, n, buffer));
        }
    }

    #[test]
    fn few_values_are_exact() {
        laws(quantiles(4), vec(any::<i32>(), 0..100), |inputs, found| check(inputs, found, 4, usize::MAX >> 40));
    }

    #[test]
    fn the_bound_holds_for_many_values_in_any_order() {
        let combine = quantiles(101).with_error(0.01);
        let bound = |n: usize| (n as f64 * 0.01) as usize;
        for order in [|x| x, |x: u32| 199_999 - x, |x: u32| x.wrapping_mul(2_654_435_761) % 200_000] {
            let inputs: Vec<u32> = (0..200_000).map(order).collect();
            // 40 bundles, merged one after the other; then the same in a balanced tree.
            let mut parts: Vec<_> = inputs
                .chunks(5_000)
                .map(|bundle| {
                    let mut sketch = combine.create_accumulator();
                    bundle.iter().for_each(|&x| combine.add_input(&mut sketch, x));
                    sketch
                })
                .collect();
            let mut one = combine.create_accumulator();
            parts.iter().for_each(|part| combine.merge_accumulators(&mut one, part.clone()));
            while let (Some(a), Some(b)) = (parts.pop(), parts.pop()) {
                let mut merged = a;
                combine.merge_accumulators(&mut merged, b);
                if parts.is_empty() {
                    parts.push(merged);
                    break;
                }
                parts.insert(0, merged);
            }
            let mut sorted = inputs;
            sorted.sort_unstable();
            for sketch in [one, parts.swap_remove(0)] {
                let kept: usize = sketch.levels.iter().map(Vec::len).sum();
                assert!(kept < 20_000, "{kept} of 200,000 values are kept");
                for (i, x) in combine.extract_output(sketch).iter().enumerate() {
                    let place = i * (sorted.len() - 1) / 100;
                    let (first, end) = (sorted.partition_point(|y| y < x), sorted.partition_point(|y| y <= x));
                    let distance = first.saturating_sub(place).max((place + 1).saturating_sub(end));
                    assert!(distance <= bound(sorted.len()), "percentile {i} is {distance} away");
                }
            }
        }
    }

    /// The bound allows 17 %; compactions that all kept the first of two would come to 5.
    #[test]
    fn errors_cancel_out() {
        let combine = Quantiles { buffer: 64, ..quantiles(11) };
        let mut sketch = combine.create_accumulator();
        (0..100_000u32).for_each(|x| combine.add_input(&mut sketch, x.wrapping_mul(2_654_435_761) % 100_000));
        let deciles = combine.extract_output(sketch);
        for (i, decile) in (0..).zip(deciles) {
            assert!(decile.abs_diff(10_000 * i) < 2_500, "decile {i} is {decile}");
        }
    }

    #[test]
    fn buffers_keep_the_promise() {
        for error in [1.0, 0.1, 0.01, Quantiles::<u64, Natural<()>>::DEFAULT_ERROR, 1e-6] {
            let buffer = buffer(error);
            let shift: u128 = (0..41).map(|i| ((1u128 << 40) / (buffer as u128 * (1 << i))) << i).sum();
            assert!(shift as f64 <= error * 2f64.powi(40), "{error}: {buffer}");
            assert!(buffer as f64 <= 42.0 / error + 2.0);
        }
    }
}
