//! Elements out of nothing.

use crate::graph::Spec;
use crate::pcollection::primitive;
use crate::windowing::WindowingStrategy;
use crate::{Element, PCollection, Root};
use ferrobeam_model::urns;
use std::panic::Location;
use std::sync::Arc;

impl Root {
    /// One empty element at the beginning of time: what starts everything else.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let once = root.impulse().map(|()| "once".to_owned());
    /// assert_that(&once).is_singleton("once".to_owned());
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn impulse(&self) -> PCollection<()> {
        let spec = primitive(urns::transforms::IMPULSE);
        let node = self.step("Impulse", spec, Vec::new(), None, Location::caller());
        self.output(node, None, WindowingStrategy::default(), true)
    }

    /// The given elements, at the beginning of time.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let pairs = root.create([('a', 1), ('b', 2)]);
    /// assert_that(&pairs).contains_in_any_order([('b', 2), ('a', 1)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn create<T: Element>(&self, elements: impl IntoIterator<Item = T>) -> PCollection<T> {
        self.create_shared(elements.into_iter().collect())
    }

    /// Not generic in where the elements come from: arrays of every length are types of their own.
    #[track_caller]
    fn create_shared<T: Element>(&self, elements: Arc<[T]>) -> PCollection<T> {
        let clones = move |()| {
            let elements = elements.clone();
            (0..elements.len()).map(move |i| elements[i].clone())
        };
        let expand = || self.impulse().expand_step("Elements", clones);
        let (created, node) = self.scope("Create", Spec::Scope, Location::caller(), expand);
        created.made_by(node)
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{graph, plain, rows, run, transform};
    use crate::{PCollection, Timestamp};
    use ferrobeam_model::urns;

    #[test]
    fn elements_are_made_of_an_impulse() {
        let graph = graph(|root| root.create([1u64, 2]).named("Numbers").discard());
        assert_eq!(transform(&graph, "Numbers/Impulse").spec.as_ref().unwrap().urn, urns::transforms::IMPULSE);
        let beginning = Timestamp::MIN.millis();
        let made = run::<(), u64>(&graph, "Numbers/Elements", plain(vec![()])).unwrap();
        assert_eq!(rows(&made), [(beginning, 1), (beginning, 2)]);
    }

    #[test]
    fn no_elements_are_a_collection_too() {
        let graph = graph(|root| {
            let none: PCollection<u64> = root.create([]);
            none.discard();
        });
        assert!(run::<(), u64>(&graph, "Create/Elements", plain(vec![()])).unwrap().is_empty());
    }
}
