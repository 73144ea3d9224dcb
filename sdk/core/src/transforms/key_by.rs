//! Pairs from elements.

use crate::{Element, Key, PCollection};

impl<T: Element> PCollection<T> {
    /// Pairs each element with its key.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let by_length = root.create(["a".to_owned()]).key_by(|word| word.len());
    /// assert_that(&by_length).contains_in_any_order([(1, "a".to_owned())]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn key_by<K: Key>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> PCollection<(K, T)> {
        self.map_step("KeyBy", move |x| (key(&x), x))
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{batch, graph, rows, run};

    #[test]
    fn pairs_have_the_time_of_their_element() {
        let graph = graph(|root| root.create([0i64]).key_by(|x| x % 2).discard());
        let out = run::<i64, (i64, i64)>(&graph, "KeyBy", batch([(5, 3), (7, 4)])).unwrap();
        assert_eq!(rows(&out), [(5, (1, 3)), (7, (0, 4))]);
    }
}
