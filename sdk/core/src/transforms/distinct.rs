//! Each once.

use crate::combiners::{CombineFn, encoded};
use crate::{Element, Key, PCollection};
use std::marker::PhantomData;

impl<T: Element> PCollection<T> {
    /// Keeps each element once.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let visitors = root.create(["ann", "bob", "ann"].map(str::to_owned)).distinct();
    /// assert_that(&visitors).contains_in_any_order(["ann".to_owned(), "bob".to_owned()]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn distinct(&self) -> PCollection<T>
    where
        T: Key,
    {
        self.composite("Distinct", || {
            self.map_step("Key", |x| (x, ())).combine_step("Once", Once).map_step("Element", |(x, ())| x)
        })
    }

    /// Keeps one element for each key that `key` makes: the one with the least encoding, so always the same one.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let words = root.create(["a", "be", "by"].map(str::to_owned));
    /// let one_a_length = words.distinct_by(|word| word.len());
    /// assert_that(&one_a_length).contains_in_any_order(["a".to_owned(), "be".to_owned()]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn distinct_by<K: Key>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> PCollection<T> {
        self.composite("DistinctBy", || {
            let pairs = self.map_step("Key", move |x| (key(&x), x));
            pairs.combine_step("One", One(PhantomData)).map_step("Element", |(_, x)| x)
        })
    }
}

/// That a key is there at all.
#[derive(Clone)]
struct Once;

impl CombineFn for Once {
    type In = ();
    type Acc = ();
    type Out = ();

    fn create_accumulator(&self) {}
    fn add_input(&self, (): &mut (), (): ()) {}
    fn merge_accumulators(&self, (): &mut (), (): ()) {}
    fn extract_output(&self, (): ()) {}
}

/// The value with the least encoding.
#[derive(Clone)]
struct One<T>(PhantomData<fn() -> T>);

impl<T: Element> CombineFn for One<T> {
    type In = T;
    type Acc = Option<T>;
    type Out = T;

    fn create_accumulator(&self) -> Option<T> {
        None
    }

    fn add_input(&self, one: &mut Option<T>, input: T) {
        match one {
            Some(one) if encoded::compare(&input, one).is_ge() => (),
            _ => *one = Some(input),
        }
    }

    fn merge_accumulators(&self, into: &mut Option<T>, from: Option<T>) {
        if let Some(from) = from {
            self.add_input(into, from);
        }
    }

    fn extract_output(&self, one: Option<T>) -> T {
        one.unwrap_or_else(|| crate::combiners::of_nothing("element"))
    }

    fn default_output(&self) -> Option<T> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::{exact, laws};
    use crate::transforms::test_steps::{graph, is_lifted, steps};
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn laws_hold() {
        laws(One(PhantomData), vec(0u8..100, 1..20), exact(|inputs: &[u8]| *inputs.iter().min().unwrap()));
        laws(Once, vec(Just(()), 0..20), exact(|_: &[()]| ()));
    }

    #[test]
    fn repeated_elements_go_before_the_shuffle() {
        let graph = graph(|root| {
            root.create([1u64]).distinct().discard();
            root.create([1u64]).distinct_by(|x| x % 2).discard();
        });
        assert_eq!(steps(&graph)[..4], ["Distinct", "Distinct/Key", "Distinct/Once", "Distinct/Element"]);
        assert!(is_lifted(&graph, "Distinct/Once") && is_lifted(&graph, "DistinctBy/One"));
    }
}
