//! User code per element.

pub mod batch_step;
pub mod context;
pub mod dofn_step;
pub mod erased;
pub(crate) mod fill;
pub mod finalize;
pub mod guard;
pub mod portable;
pub mod restriction;
pub mod side;
pub mod source;
pub(crate) mod source_step;
pub mod splittable;
pub mod stateful;

pub use context::{BundleContext, Context, Emitter, Tag};

use crate::Element;
use crate::error::BoxError;

/// A function from an element to any number of elements, with a life cycle.
///
/// One instance serves one bundle processor: it is cloned from the one in the graph, set up once, lives through any
/// number of bundles and is torn down when the processor goes, also after a failure. A bundle is the unit of work that
/// counts as a whole or not at all, and it may be repeated, so what `process` does outside of the pipeline must bear
/// being done again.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(Clone)]
/// struct Longer { than: usize }
///
/// impl DoFn for Longer {
///     type In = String;
///     type Out = String;
///     fn process(&mut self, word: String, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
///         if word.len() > self.than {
///             ctx.emit(word);
///         }
///         Ok(())
///     }
/// }
///
/// let graph = Root::build(|root| {
///     root.create(["a".to_owned(), "abc".to_owned()]).par_do(Longer { than: 2 }).discard();
///     Ok(())
/// });
/// assert!(graph.is_ok());
/// ```
pub trait DoFn: Clone + Send + 'static {
    /// What comes in.
    type In: Element;
    /// What goes out by the main output.
    type Out: Element;

    /// Whether the step may call `after_commit`: see [`Context::after_commit`]. Engines must know it beforehand.
    const FINALIZES: bool = false;

    /// Called once before the first bundle: opens connections, loads models.
    fn setup(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called before the elements of each bundle.
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called with each element.
    ///
    /// # Errors
    /// Any error fails the bundle; its text is reported with the step's name, file and line.
    fn process(&mut self, element: Self::In, ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError>;

    /// Called after the elements of each bundle; it may still emit, with a time and a window of its own choice.
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, Self::Out>) -> Result<(), BoxError> {
        let _ = ctx;
        Ok(())
    }

    /// Called once when the instance goes, whether the last bundle succeeded or not. It has nobody to report to: all
    /// that counts is committed by then, or has failed for another reason, so even a panic here is ignored.
    fn teardown(&mut self) {}
}
