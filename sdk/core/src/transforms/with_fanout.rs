//! Combines whose keys have very many values.

use crate::combiners::CombineFn;
use crate::grouping::{Accumulators, Merge};
use crate::windowing::{AccumulationMode, WindowingStrategy};
use crate::{Element, Key, PCollection, Pair};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

impl<T: Element> PCollection<T> {
    /// Combines the values of each key and window as [`combine_per_key`](PCollection::combine_per_key) does, in two steps: first
    /// `fanout` parts of each key's values, wherever they are, then the parts.
    ///
    /// For engines that give all values of a key to one worker, where some keys have very many. The local runner combines
    /// on each worker before it shuffles, whenever windows fire as a whole, and gains nothing by it then.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let views = root.create([("/", 3), ("/", 1), ("/about", 2), ("/", 1)].map(|(page, n)| (page.to_owned(), n)));
    /// let sums = views.combine_per_key_with_fanout(sum(), 16);
    /// assert_that(&sums).contains_in_any_order([("/".to_owned(), 5), ("/about".to_owned(), 2)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn combine_per_key_with_fanout<K: Key, C: CombineFn>(&self, combine: C, fanout: u32) -> PCollection<(K, C::Out)>
    where
        T: Pair<K, C::In>,
    {
        let (fanout, next) = (fanout.max(1), AtomicU32::new(0));
        self.composite("CombinePerKeyWithFanout", || {
            let spread = self.map_step("Spread", move |pair| {
                let (key, value) = pair.into_pair();
                ((key, next.fetch_add(1, Ordering::Relaxed) % fanout), value)
            });
            // A part that fires twice must not count twice in the whole.
            let windowing = self.root.windowing(self.id);
            let discarding = WindowingStrategy {
                accumulation_mode: AccumulationMode::Discarding,
                ..WindowingStrategy::clone(&windowing)
            };
            self.root.set_windowing(spread.id, Arc::new(discarding));
            let parts = spread.combine_step("CombineParts", Accumulators(combine.clone()));
            let gathered = parts.map_step("Gather", |((key, _), part): ((K, u32), C::Acc)| (key, part));
            self.root.set_windowing(gathered.id, Arc::new(windowing.after_grouping()));
            gathered.combine_step("CombineWhole", Merge(combine))
        })
    }
}
