//! Which values occur most often, in little memory.

use super::{CombineFn, encoded};
use crate::coder::{CoderError, Decoded, Via, ViaCoder};
use crate::grouping::hash;
use crate::{Element, Key};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::cmp::Reverse;
use std::marker::PhantomData;

/// A value, and how often it occurs: at least so often, at most so often.
pub type Counted<T> = (T, (u64, u64));

/// See [`frequent`].
#[derive(Clone, Debug)]
pub struct Frequent<T> {
    n: usize,
    /// How many values always have a counter.
    room: usize,
    of: PhantomData<fn() -> T>,
}

/// Lists the `n` values that occur most often, the most frequent first, each with how often it occurs: at least so often, at
/// most so often.
///
/// Both numbers are the same, and right, up to about two thousand different values. Beyond, at most lies above at least, and
/// above what is true, by no more than [`DEFAULT_ERROR`](Frequent::DEFAULT_ERROR) of the number of all values: of a million
/// that is a thousand. A value that occurs more often than that is not missed, unless there are `n` before it. This is no
/// probability but holds for all inputs and however they were bundled; [`with_error`](Frequent::with_error) chooses another
/// bound.
///
/// This is the Space-Saving algorithm of Metwally, Agrawal and El Abbadi, *Efficient computation of frequent and top-k elements
/// in data streams* (2005). That its summaries can be merged and keep the bound was shown by Agarwal et al., *Mergeable
/// summaries* (2012).
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let tags = root.create(["rust", "beam", "rust", "java", "beam", "rust"].map(str::to_owned));
/// let trending = tags.combine_globally(frequent(2));
/// assert_that(&trending).is_singleton(vec![("rust".to_owned(), (3, 3)), ("beam".to_owned(), (2, 2))]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn frequent<T: Key>(n: usize) -> Frequent<T> {
    Frequent { n, room: room(Frequent::<T>::DEFAULT_ERROR).max(n), of: PhantomData }
}

impl<T> Frequent<T> {
    /// How much too large a count may be, as a share of the number of all values.
    pub const DEFAULT_ERROR: f64 = 0.001;

    /// Bounds how much too large a count may be, as a share of the number of all values. There are up to two counters for each
    /// time that the error fits into 1, or for each of the `n` values.
    ///
    /// # Panics
    /// If the error is not between 0.000001 and 1.
    #[must_use]
    #[track_caller]
    pub fn with_error(self, error: f64) -> Self {
        assert!((1e-6..=1.0).contains(&error), "an error of {error} is not between 0.000001 and 1");
        Frequent { room: room(error).max(self.n), ..self }
    }
}

fn room(error: f64) -> usize {
    (1.0 / error).ceil() as usize
}

/// What values have come to: a counter for each of some, and for all others how often one of them may have come.
///
/// Law: take, for any `room` different values, the counter, or `others` where there is none. That adds up to no more than the
/// number of all values, as it does where each is counted. It stays so when a value comes, for the value's counter (or what
/// stands for it) grows by one; when two sketches merge, for both sides add up; and when only the `room` largest counters stay
/// and the next one becomes `others`, for nothing grows beyond those that stay. So `others`, which none of `room` counters is
/// below, is at most the number of all values divided by `room`. That is the bound.
#[derive(Clone, Debug)]
pub struct FrequentSketch<T> {
    others: u64,
    counters: Vec<Counter<T>>,
    /// The places of counters by the hash of their value.
    places: HashTable<usize>,
}

#[derive(Clone, Debug)]
struct Counter<T> {
    value: T,
    at_least: u64,
    at_most: u64,
}

impl<T: Key> FrequentSketch<T> {
    fn new(others: u64) -> Self {
        FrequentSketch { others, counters: Vec::new(), places: HashTable::new() }
    }

    /// The value's counter: a new one that starts with what it may have missed, if there is none. And whether there was one.
    fn counter(&mut self, value: T) -> (&mut Counter<T>, bool) {
        let FrequentSketch { others, counters, places } = self;
        let entry = places.entry(hash(&value), |&at| counters[at].value == value, |&at| hash(&counters[at].value));
        let (at, is_known) = match entry {
            Entry::Occupied(entry) => (*entry.get(), true),
            Entry::Vacant(entry) => {
                entry.insert(counters.len());
                counters.push(Counter { value, at_least: 0, at_most: *others });
                (counters.len() - 1, false)
            }
        };
        (&mut counters[at], is_known)
    }

    /// Gives up all but the `room` largest counters once there are twice as many, so that it takes constant time for each value.
    fn cut(&mut self, room: usize) {
        if self.counters.len() < 2 * room {
            return;
        }
        let (_, largest_of_rest, _) =
            self.counters.select_nth_unstable_by_key(room, |counter| Reverse(counter.at_most));
        self.others = largest_of_rest.at_most;
        self.counters.truncate(room);
        self.places.clear();
        for (at, counter) in self.counters.iter().enumerate() {
            self.places.insert_unique(hash(&counter.value), at, |&at| hash(&self.counters[at].value));
        }
    }
}

/// `others`, and values with their counters, as [`frequent`] lists them.
impl<T: Key> Via for FrequentSketch<T> {
    type As = (u64, Vec<Counted<T>>);

    fn to(&self) -> Self::As {
        let counters = self.counters.iter().map(|counter| (counter.value.clone(), (counter.at_least, counter.at_most)));
        (self.others, counters.collect())
    }

    fn from((others, counters): Self::As) -> Decoded<Self> {
        let invalid = |found: &str| Err(CoderError::invalid("a sketch of frequent values", found));
        let mut sketch = FrequentSketch::new(others);
        for (value, (at_least, at_most)) in counters {
            if at_least > at_most || at_most < others {
                return invalid("a counter that contradicts itself");
            }
            let (counter, is_known) = sketch.counter(value);
            if is_known {
                return invalid("two counters of one value");
            }
            (counter.at_least, counter.at_most) = (at_least, at_most);
        }
        Ok(sketch)
    }
}

impl<T: Key> Element for FrequentSketch<T> {
    type Coder = ViaCoder<<(u64, Vec<Counted<T>>) as Element>::Coder>;
    type ListCoder = crate::coder::IterableCoder<Self::Coder>;
}

impl<T: Key> CombineFn for Frequent<T> {
    type In = T;
    type Acc = FrequentSketch<T>;
    type Out = Vec<Counted<T>>;

    fn create_accumulator(&self) -> FrequentSketch<T> {
        FrequentSketch::new(0)
    }

    #[inline]
    fn add_input(&self, sketch: &mut FrequentSketch<T>, input: T) {
        let (counter, is_known) = sketch.counter(input);
        counter.at_least += 1;
        counter.at_most += 1;
        if !is_known {
            sketch.cut(self.room);
        }
    }

    fn merge_accumulators(&self, into: &mut FrequentSketch<T>, from: FrequentSketch<T>) {
        // Each counter that the other does not have gets what that may have missed, once.
        into.counters.iter_mut().for_each(|counter| counter.at_most += from.others);
        for theirs in from.counters {
            let (ours, is_known) = into.counter(theirs.value);
            ours.at_least += theirs.at_least;
            ours.at_most += theirs.at_most - if is_known { from.others } else { 0 };
        }
        into.others += from.others;
        into.cut(self.room);
    }

    fn extract_output(&self, sketch: FrequentSketch<T>) -> Vec<Counted<T>> {
        let counted = |Counter { value, at_least, at_most }| (value, (at_least, at_most));
        let mut found: Vec<_> = sketch.counters.into_iter().map(counted).collect();
        // Of those that occur equally often always the same ones are listed.
        found.sort_by(|(a, (_, a_at_most)), (b, (_, b_at_most))| {
            b_at_most.cmp(a_at_most).then_with(|| encoded::compare(a, b))
        });
        found.truncate(self.n);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::{self, Coder};
    use crate::combiners::laws::{exact, laws};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn counted(inputs: &[u8]) -> BTreeMap<u8, u64> {
        let mut counts = BTreeMap::new();
        inputs.iter().for_each(|&x| *counts.entry(x).or_default() += 1);
        counts
    }

    /// Whether all that is promised for a room of `room` counters holds.
    fn check(inputs: &[u8], found: &[Counted<u8>], room: usize) -> Result<(), String> {
        let (mut counts, bound) = (counted(inputs), (inputs.len() / room) as u64);
        for (value, (at_least, at_most)) in found {
            let Some(n) = counts.remove(value) else { return Err(format!("{value} twice, or from nowhere")) };
            if !(*at_least..=*at_most).contains(&n) || at_most - at_least > bound {
                return Err(format!("{n} of {value}, and the bound is {bound}"));
            }
        }
        let missed = counts.iter().find(|(_, n)| **n > bound);
        let is_sorted = found.is_sorted_by(|(_, (_, a)), (_, (_, b))| a >= b);
        match missed {
            Some((value, n)) => Err(format!("{value} is missed, which occurs {n} times, and the bound is {bound}")),
            None => {
                if is_sorted {
                    Ok(())
                } else {
                    Err("out of order".to_owned())
                }
            }
        }
    }

    /// Small values are frequent, and there are many large ones.
    fn skewed() -> impl Strategy<Value = Vec<u8>> {
        vec(prop_oneof![2 => 0u8..3, 2 => 0u8..20, 1 => any::<u8>()], 0..200)
    }

    #[test]
    fn laws_hold_and_the_bound_is_kept_in_all_splits() {
        for room in [1, 2, 5, 16] {
            let combine = Frequent { room, ..frequent(room) };
            laws(combine, skewed(), move |inputs, found| check(inputs, found, room));
        }
    }

    #[test]
    fn few_values_are_exact() {
        let combine = frequent(3).with_error(0.1);
        assert_eq!(combine.room, 10);
        laws(
            combine,
            vec(0u8..19, 0..200),
            exact(|inputs: &[u8]| {
                let mut found: Vec<_> = counted(inputs).into_iter().map(|(value, n)| (value, (n, n))).collect();
                found.sort_by_key(|(value, (n, _))| (Reverse(*n), *value));
                found.truncate(3);
                found
            }),
        );
    }

    #[test]
    fn memory_is_bounded() {
        let combine = frequent(1).with_error(0.1);
        let (mut sketch, mut other) = (combine.create_accumulator(), combine.create_accumulator());
        for x in 0..10_000u64 {
            combine.add_input(&mut sketch, x % 1000);
            combine.add_input(&mut other, x);
            assert!(sketch.counters.len() < 20 && sketch.places.len() == sketch.counters.len());
        }
        combine.merge_accumulators(&mut sketch, other);
        assert!(sketch.counters.len() < 20);
    }

    #[test]
    fn there_is_room_for_what_is_listed() {
        assert_eq!((frequent::<u8>(0).room, frequent::<u8>(5000).room), (1000, 5000));
        assert_eq!(frequent::<u8>(20).with_error(0.1).room, 20);
    }

    #[test]
    fn sketches_that_contradict_themselves_are_refused() {
        type Parts = (u64, Vec<Counted<u8>>);
        let decoded = |parts: Parts| {
            let mut bytes = Vec::new();
            coder::of::<Parts>().encode_outer(&parts, &mut bytes).unwrap();
            let sketch: Decoded<FrequentSketch<u8>> = coder::decode_all(&coder::of::<FrequentSketch<u8>>(), &bytes);
            sketch.map(|sketch| sketch.to())
        };
        let good = (2, vec![(7, (1, 3)), (8, (2, 2))]);
        assert_eq!(decoded(good.clone()), Ok(good));
        for bad in [(0, vec![(7, (2, 1))]), (2, vec![(7, (1, 1))]), (0, vec![(7, (1, 1)), (7, (1, 1))])] {
            assert!(decoded(bad.clone()).is_err(), "{bad:?}");
        }
    }
}
