//! Several collections become one.

use crate::dofn::batch_step::identity;
use crate::graph::StepCode;
use crate::pcollection::primitive;
use crate::{Element, PCollection};
use ferrobeam_model::urns;
use std::panic::Location;
use std::sync::Arc;

/// All elements of several collections; one that is named twice is delivered twice.
///
/// An array, so that the empty case does not compile.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// Root::build(|root| {
///     let (a, b) = (root.create([1u64]), root.create([2u64]));
///     flatten([&a, &b]).discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[track_caller]
pub fn flatten<T: Element, const N: usize>(inputs: [&PCollection<T>; N]) -> PCollection<T> {
    const { assert!(N > 0, "flatten needs at least one collection") }
    let (root, at) = (&inputs[0].root, Location::caller());
    for other in inputs.iter().filter(|input| input.root.identity() != root.identity()) {
        // Which of the two pipelines is the one that will be built is not known here: both are told.
        other.root.mistake(at, "an input of `Flatten` is a collection of another pipeline");
    }
    let code = Some(StepCode::Step(Arc::new(identity::<T>())));
    let named = inputs.iter().enumerate().map(|(i, input)| input.input(&format!("in{i}"))).collect();
    let node = root.step("Flatten", primitive(urns::transforms::FLATTEN), named, code, at);
    let windowing = root.windowing(inputs[0].id);
    let bounded = inputs.iter().all(|input| input.root.is_bounded(input.id));
    root.output(node, None, windowing, bounded)
}
