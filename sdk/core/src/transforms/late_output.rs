//! What comes too late for the groupings of a collection.

use crate::graph::LATE_OUTPUT;
use crate::pcollection::primitive;
use crate::{Element, PCollection};
use std::panic::Location;

impl<T: Element> PCollection<T> {
    /// The elements of this collection that its groupings drop because their window has expired.
    ///
    /// A grouping drops an element from a window if the watermark is beyond the window's end plus the allowed lateness.
    /// This is a sibling of the groupings: it consumes the same collection, has the same watermark and applies the same
    /// rule, to each window of an element by itself and before windows merge. Elements keep their timestamp and pane, and
    /// are in those of their windows that have expired: give them another window before they are grouped, or they are
    /// dropped there. Late elements of a window that is still open do not come out here, nor do those that a grouping
    /// drops because its trigger has finished.
    ///
    /// Each grouping counts what it drops, once for each window, in counters of the namespace `ferrobeam`: the elements
    /// that come out here in `dropped_due_to_lateness`, those of a trigger that has finished in
    /// `dropped_due_to_closed_window`.
    ///
    /// ```
    /// use ferrobeam_core::{prelude::*, testing::*, time::*};
    /// let at = |second| Timestamp::EPOCH + seconds(second);
    /// let script = TestStream::new()
    ///     .add_elements([(1u64, at(1))])
    ///     .advance_watermark_to(at(60))
    ///     .add_elements([(2, at(2))])
    ///     .advance_watermark_to_infinity();
    /// # ferrobeam_direct::DirectRunner::new().run(|root| {
    /// let windows = root.test_stream(script).window(FixedWindows::of(seconds(10)));
    /// assert_that(&windows.sum_globally()).is_singleton(1);
    /// assert_that(&windows.late_output()).is_singleton(2);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn late_output(&self) -> PCollection<T> {
        let root = &self.root;
        let node = root.step("LateOutput", primitive(LATE_OUTPUT), vec![self.input("in")], None, Location::caller());
        root.output(node, None, root.windowing(self.id), root.is_bounded(self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{hours, minutes};
    use crate::transforms::test_steps::{graph, transform};
    use crate::windowing::Sessions;

    #[test]
    fn the_output_is_as_the_input() {
        let graph = graph(|root| {
            let sessions = root.create([1u64]).window(Sessions::with_gap(minutes(1)).allowed_lateness(hours(1)));
            sessions.late_output().discard();
        });
        let late = transform(&graph, "LateOutput");
        assert_eq!(late.spec.as_ref().unwrap().urn, LATE_OUTPUT);
        assert!(graph.code(late).unwrap().is_none() && late.environment_id.is_empty());
        let collection = |id: &str| {
            let collection = &graph.components().pcollections[id];
            (collection.coder_id.clone(), collection.windowing_strategy_id.clone(), collection.is_bounded)
        };
        assert_eq!(collection(&late.inputs["in"]), collection(&late.outputs["out"]));
        assert!(graph.windowing(&late.outputs["out"]).unwrap().needs_merge());
    }
}
