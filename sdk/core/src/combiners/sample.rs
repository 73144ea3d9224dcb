//! Some values, all with the same chance.

use super::{CombineFn, encoded};
use crate::Element;
use crate::coder::{CoderError, Decoded, Via, ViaCoder};
use std::marker::PhantomData;

/// See [`sample`].
#[derive(Clone, Debug)]
pub struct Sample<T> {
    n: usize,
    seed: u64,
    of: PhantomData<fn() -> T>,
}

/// Draws `n` of the values without replacement, each with the same chance; all of them if there are not more.
///
/// The choice is not random but looks so: it follows from the seed and the values, so a bundle that is repeated chooses
/// again what it chose before, and no result depends on a clock. It does depend on how the values were bundled. (A
/// choice that follows from the values alone is not to be had in bounded memory: of equal values the n-th would need a
/// number of its own, and who has forgotten the first n - 1 cannot give it.) Two samples of the same values with the
/// same seed are the same: see [`with_seed`](Sample::with_seed).
///
/// Each part is Vitter's algorithm R (*Random sampling with a reservoir*, 1985), steered by a hash of all that the
/// reservoir took in. Two reservoirs are merged by drawing without replacement from the two populations that they stand
/// for.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let some = root.create(0..1000u64).combine_globally(sample(10));
/// assert_that(&some).satisfies(|some| match some {
///     [ten] if ten.len() == 10 && ten.iter().all(|x| *x < 1000) => Ok(()),
///     other => Err(format!("{other:?}").into()),
/// });
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn sample<T: Element>(n: usize) -> Sample<T> {
    Sample { n, seed: 0, of: PhantomData }
}

impl<T> Sample<T> {
    /// Draws another sample for another seed.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Sample { seed, ..self }
    }
}

/// Some of the values that were seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Reservoir<T> {
    /// How many were seen.
    seen: u64,
    /// A hash of all values that the reservoir ever took in, and of what was merged.
    state: u64,
    kept: Vec<T>,
}

impl<T: Element> Via for Reservoir<T> {
    type As = ((u64, u64), Vec<T>);

    fn to(&self) -> Self::As {
        ((self.seen, self.state), self.kept.clone())
    }

    fn from(((seen, state), kept): Self::As) -> Decoded<Self> {
        if seen < kept.len() as u64 {
            return Err(CoderError::invalid("a reservoir", format!("{} of {seen} values", kept.len())));
        }
        Ok(Reservoir { seen, state, kept })
    }
}

impl<T: Element> Element for Reservoir<T> {
    type Coder = ViaCoder<<((u64, u64), Vec<T>) as Element>::Coder>;
    type ListCoder = crate::coder::IterableCoder<Self::Coder>;
}

/// A sequence of numbers that looks random.
struct Draws {
    state: u64,
    drawn: u64,
}

impl Draws {
    /// A number below `n`, all with the same chance (up to n / 2^64).
    #[inline]
    fn below(&mut self, n: u64) -> u64 {
        self.drawn += 1;
        ((u128::from(encoded::mix(self.drawn, self.state)) * u128::from(n)) >> 64) as u64
    }
}

impl<T: Element> CombineFn for Sample<T> {
    type In = T;
    type Acc = Reservoir<T>;
    type Out = Vec<T>;

    fn create_accumulator(&self) -> Reservoir<T> {
        Reservoir { seen: 0, state: self.seed, kept: Vec::new() }
    }

    #[inline]
    fn add_input(&self, reservoir: &mut Reservoir<T>, input: T) {
        let Reservoir { seen, state, kept } = reservoir;
        *seen += 1;
        // Most values are turned away by one hash of two numbers; only those that stay are encoded.
        if kept.len() < self.n {
            *state = encoded::mix(*state, encoded::hash(&input));
            kept.push(input);
        } else {
            let place = Draws { state: *state, drawn: *seen }.below(*seen);
            if let Some(old) = usize::try_from(place).ok().and_then(|place| kept.get_mut(place)) {
                *state = encoded::mix(*state, encoded::hash(&input));
                *old = input;
            }
        }
    }

    fn merge_accumulators(&self, into: &mut Reservoir<T>, from: Reservoir<T>) {
        if from.seen == 0 {
            return;
        }
        let (mut a, mut b) = (std::mem::replace(into, self.create_accumulator()), from);
        if (a.state, a.seen) > (b.state, b.seen) {
            // The same for either order.
            std::mem::swap(&mut a, &mut b);
        }
        if a.seen == 0 || b.seen == 0 {
            *into = if a.seen == 0 { b } else { a };
            return;
        }
        (into.seen, into.state) = (a.seen + b.seen, encoded::mix(a.state, b.state));
        if into.seen <= self.n as u64 {
            into.kept = a.kept;
            into.kept.append(&mut b.kept);
            return;
        }
        let mut draws = Draws { state: into.state, drawn: 0 };
        while into.kept.len() < self.n {
            // From which population the next one comes; `seen` is what is left of it.
            let part = if draws.below(a.seen + b.seen) < a.seen { &mut a } else { &mut b };
            part.seen -= 1;
            let which = draws.below(part.kept.len() as u64) as usize;
            into.kept.push(part.kept.swap_remove(which));
        }
    }

    fn extract_output(&self, reservoir: Reservoir<T>) -> Vec<T> {
        reservoir.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::laws;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn laws_hold() {
        for n in [0, 1, 5] {
            laws(sample(n), vec(0u8..20, 0..40), move |inputs: &[u8], sample| {
                let mut left = inputs.to_vec();
                let came =
                    sample.iter().all(|x| left.iter().position(|y| x == y).map(|at| left.swap_remove(at)).is_some());
                let size = sample.len() == n.min(inputs.len());
                if came && size { Ok(()) } else { Err("no sample of these".to_owned()) }
            });
        }
    }

    fn reservoir(combine: &Sample<u32>, values: impl IntoIterator<Item = u32>) -> Reservoir<u32> {
        let mut reservoir = combine.create_accumulator();
        values.into_iter().for_each(|value| combine.add_input(&mut reservoir, value));
        reservoir
    }

    proptest! {
        #[test]
        fn merging_is_commutative_with_a_neutral_element(a in vec(0u32..50, 0..30), b in vec(0u32..50, 0..30)) {
            let combine = sample(8);
            let (a, b) = (reservoir(&combine, a), reservoir(&combine, b));
            let merge = |mut a: Reservoir<u32>, b| {
                combine.merge_accumulators(&mut a, b);
                a
            };
            prop_assert_eq!(merge(a.clone(), b.clone()), merge(b.clone(), a.clone()));
            prop_assert_eq!(merge(a.clone(), combine.create_accumulator()), a.clone());
            prop_assert_eq!(merge(combine.create_accumulator(), a.clone()), a);
        }
    }

    /// How often each of 60 values is drawn in 4000 samples of 6, against the expected 400 times: the sum of squared
    /// deviations, in units of what chance makes of it (mean 1, standard deviation 0.18).
    fn chi_square(draw: impl Fn(Sample<u32>) -> Reservoir<u32>) -> f64 {
        let mut drawn = [0f64; 60];
        for seed in 0..4000 {
            let combine = sample(6).with_seed(seed);
            draw(combine.clone()).kept.into_iter().for_each(|x| drawn[x as usize] += 1.0);
        }
        drawn.iter().map(|n| (n - 400.0).powi(2) / 400.0).sum::<f64>() / (60.0 * 0.9)
    }

    #[test]
    fn all_values_have_the_same_chance() {
        let merged = |parts: &'static [std::ops::Range<u32>]| {
            move |combine: Sample<u32>| {
                let mut all = combine.create_accumulator();
                parts.iter().for_each(|part| combine.merge_accumulators(&mut all, reservoir(&combine, part.clone())));
                all
            }
        };
        for (how, spread) in [
            ("in one pass", chi_square(|combine| reservoir(&combine, 0..60))),
            ("in halves", chi_square(merged(&[0..30, 30..60]))),
            ("in unequal parts", chi_square(merged(&[0..2, 2..5, 5..50, 50..59, 59..60]))),
            (
                "added after a merge",
                chi_square(|combine| {
                    let mut all = merged(&[0..10, 10..30])(combine.clone());
                    (30..60).for_each(|x| combine.add_input(&mut all, x));
                    all
                }),
            ),
        ] {
            assert!((0.4..1.7).contains(&spread), "{how}: {spread}");
        }
    }

    /// Bundles that look alike must not choose alike: of 50 bundles of the same two values, half and half, samples hold
    /// as many of one as chance says.
    #[test]
    fn equal_values_in_many_bundles_are_drawn_independently() {
        let share = |seed: u64| {
            let combine = sample(20).with_seed(seed);
            let mut all = combine.create_accumulator();
            for bundle in 0..50u32 {
                // Half ones, in an order of the bundle's own.
                let bits = (0..40).map(|i| encoded::mix(u64::from(bundle), i) as u32 & 1);
                combine.merge_accumulators(&mut all, reservoir(&combine, bits));
            }
            f64::from(all.kept.iter().sum::<u32>()) / 20.0
        };
        let shares: Vec<f64> = (0..500).map(share).collect();
        let mean = shares.iter().sum::<f64>() / 500.0;
        let variance = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 500.0;
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
        // A quarter over 20: what drawing 20 times from half and half gives.
        assert!((0.7..1.4).contains(&(variance * 80.0)), "{variance}");
    }
}
