//! Elements out of nothing.

use crate::graph::Spec;
use crate::pcollection::primitive;
use crate::windowing::WindowingStrategy;
use crate::{Element, PCollection, Root};
use ferrobeam_model::urns;
use std::panic::Location;

impl Root {
    /// One empty element at the beginning of time: what starts everything else.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.impulse().map(|()| "once".to_owned()).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn impulse(&self) -> PCollection<()> {
        let spec = primitive(urns::transforms::IMPULSE);
        let node = self.step("Impulse", spec, Vec::new(), None, Location::caller());
        self.output(node, None, WindowingStrategy::default(), true)
    }

    /// The given elements.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([("a".to_owned(), 1u64)]).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn create<T: Element>(&self, elements: impl IntoIterator<Item = T>) -> PCollection<T> {
        let elements: Vec<T> = elements.into_iter().collect();
        let at = Location::caller();
        let expand = || self.impulse().flat_map_step("Elements", move |(), out| out.extend(elements.iter().cloned()));
        let (created, node) = self.scope("Create", Spec::Scope, at, expand);
        created.made_by(node)
    }
}
