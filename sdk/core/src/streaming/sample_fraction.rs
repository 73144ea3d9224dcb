//! A part of a stream.

use crate::combiners::encoded;
use crate::{Element, PCollection, PTransform};

/// Keeps about a fraction of the elements, chosen by a hash of what `by` makes of each.
///
/// So all elements of a user, say, stay or go together, on every run and every worker, and two streams that are sampled by
/// the same still join. Another seed chooses others.
///
/// ```
/// # use ferrobeam_core::{prelude::*, testing::assert_that};
/// # ferrobeam_direct::DirectRunner::new().run(|root| {
/// let clicks = root.create((0..4000u64).map(|n| (n % 2000, n)));
/// let some = clicks.apply(SampleFraction::of(0.1, |(user, _): &(u64, u64)| *user));
/// assert_that(&some.count_per_key().map(|(_, n)| n).distinct()).is_singleton(2);
/// let users = some.keys().distinct().count_globally();
/// assert_that(&users.map(|n| (150..250).contains(&n))).is_singleton(true);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a transform does nothing until it is applied"]
pub struct SampleFraction<F> {
    fraction: f64,
    by: F,
    seed: u64,
}

impl<F> SampleFraction<F> {
    /// Keeps this fraction of what `by` makes; all at 1.0, nothing at 0.0.
    pub fn of(fraction: f64, by: F) -> Self {
        SampleFraction { fraction, by, seed: 0 }
    }

    /// Chooses others for another seed.
    pub fn with_seed(self, seed: u64) -> Self {
        SampleFraction { seed, ..self }
    }
}

impl<T, B, F> PTransform<PCollection<T>> for SampleFraction<F>
where
    T: Element,
    B: Element,
    F: Fn(&T) -> B + Send + Sync + 'static,
{
    type Output = PCollection<T>;

    fn name(&self) -> String {
        "SampleFraction".to_owned()
    }

    #[track_caller]
    fn expand(self, elements: PCollection<T>) -> PCollection<T> {
        let SampleFraction { fraction, by, seed } = self;
        let keeps = move |element: &T| {
            let hash = encoded::mix(encoded::hash(&by(element)), seed);
            // 53 bits, which is what a float holds.
            ((hash >> 11) as f64) < fraction * (1u64 << 53) as f64
        };
        elements.filter(keeps)
    }
}
