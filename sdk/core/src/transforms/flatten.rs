//! Several collections become one.

use crate::dofn::batch_step::identity;
use crate::graph::StepCode;
use crate::pcollection::primitive;
use crate::windowing::WindowingStrategy;
use crate::{Element, PCollection, Root};
use ferrobeam_model::urns;
use std::panic::Location;
use std::sync::Arc;

/// All elements of several collections; one that is named twice is delivered twice.
///
/// An array, so that the empty case does not compile; for a list see [`Root::flatten`].
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let (a, b) = (root.create([1]), root.create([2, 3]));
/// assert_that(&flatten([&a, &b, &a])).contains_in_any_order([1, 2, 3, 1]);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[track_caller]
pub fn flatten<T: Element, const N: usize>(inputs: [&PCollection<T>; N]) -> PCollection<T> {
    const { assert!(N > 0, "flatten needs at least one collection") }
    flattened(&inputs[0].root, &inputs, Location::caller())
}

impl Root {
    /// All elements of as many collections as there are, also of none.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, testing::assert_that};
    /// # ferrobeam_direct::DirectRunner::new().run(|root| {
    /// let parts: Vec<_> = (1..=3u64).map(|i| root.create([i]).map(|x| 10 * x)).collect();
    /// assert_that(&root.flatten(&parts)).contains_in_any_order([10, 20, 30]);
    /// assert_that(&root.flatten::<u64>([])).is_empty();
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flatten<'a, T: Element>(&self, inputs: impl IntoIterator<Item = &'a PCollection<T>>) -> PCollection<T> {
        flattened(self, &inputs.into_iter().collect::<Vec<_>>(), Location::caller())
    }
}

fn flattened<T: Element>(root: &Root, inputs: &[&PCollection<T>], at: &'static Location<'static>) -> PCollection<T> {
    for other in inputs.iter().filter(|input| input.root.identity() != root.identity()) {
        // Which of the two pipelines is the one that will be built is not known here: both are told.
        other.root.mistake(at, "an input of `Flatten` is a collection of another pipeline");
    }
    let code = Some(StepCode::Step(Arc::new(identity::<T>())));
    let named = inputs.iter().enumerate().map(|(i, input)| input.input(&format!("in{i}"))).collect();
    let node = root.step("Flatten", primitive(urns::transforms::FLATTEN), named, code, at);
    // One of another pipeline is a mistake that is reported above; this pipeline cannot be asked about it.
    let mut ours = inputs.iter().filter(|input| input.root.identity() == root.identity());
    let Some(first) = ours.next() else {
        return root.output(node, None, Arc::new(WindowingStrategy::default()), true);
    };
    let (mut windowing, mut bounded) = (root.windowing(first.id), root.is_bounded(first.id));
    for input in ours {
        match windowing.flatten(&root.windowing(input.id)) {
            Ok(both) => windowing = Arc::new(both),
            Err(why) => root.mistake_of(node, why),
        }
        bounded &= root.is_bounded(input.id);
    }
    root.output(node, None, windowing, bounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::test_steps::{graph, mistakes, transform};

    #[test]
    fn a_collection_may_come_twice() {
        let graph = graph(|root| {
            let a = root.create([1u64]);
            flatten([&a, &a]).discard();
        });
        let flatten = transform(&graph, "Flatten");
        assert_eq!(flatten.inputs.len(), 2);
        assert_eq!(flatten.inputs["in0"], flatten.inputs["in1"]);
    }

    #[test]
    fn two_pipelines_do_not_mix() {
        let mut stranger = None;
        let _other = graph(|root| stranger = Some(root.create([1u64])));
        let stranger = stranger.unwrap();
        let text = mistakes(|root| flatten([&root.create([2u64]), &stranger]).discard());
        assert!(text.contains("collection of another pipeline"), "{text}");
    }
}
