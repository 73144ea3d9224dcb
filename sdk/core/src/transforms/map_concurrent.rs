//! One element in, one element out, with many of them under way: for services that are asked about each.

use super::concurrent_step::ConcurrentStep;
use crate::error::BoxError;
use crate::{Element, PCollection};
use std::future::Future;

impl<T: Element> PCollection<T> {
    /// Replaces each element by what the future that `f` makes of it comes to; up to `most` of them are under way at a time
    /// in each worker, and their results go on as they come.
    ///
    /// Futures run on a Tokio runtime of the step, with timers and I/O. A bundle waits for all that it has begun, so what
    /// comes to nothing must end by itself: give a request a timeout. The first error fails the step.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// // In place of a client's request.
    /// let name_of = |id: u64| async move { Ok(format!("user {id}")) };
    /// let names = root.create([1, 2, 3]).map_concurrent(64, name_of);
    /// assert_that(&names).contains_in_any_order(["user 1", "user 2", "user 3"].map(str::to_owned));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_concurrent<U, F>(&self, most: usize, f: impl Fn(T) -> F + Send + Sync + 'static) -> PCollection<U>
    where
        U: Element,
        F: Future<Output = Result<U, BoxError>> + Send + 'static,
    {
        self.step("MapConcurrent", ConcurrentStep::new(most, false, f))
    }

    /// As [`map_concurrent`](PCollection::map_concurrent), with results in the order of a bundle's elements: one that is slow
    /// holds up those behind it.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let doubled = root.create([1, 2, 3]).map_concurrent_in_order(2, |n: u64| async move { Ok(2 * n) });
    /// assert_that(&doubled).contains_in_any_order([2, 4, 6]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_concurrent_in_order<U, F>(
        &self,
        most: usize,
        f: impl Fn(T) -> F + Send + Sync + 'static,
    ) -> PCollection<U>
    where
        U: Element,
        F: Future<Output = Result<U, BoxError>> + Send + 'static,
    {
        self.step("MapConcurrent", ConcurrentStep::new(most, true, f))
    }
}
