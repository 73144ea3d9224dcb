//! Where a pipeline begins.

use crate::coder::CoderSpec;
use crate::dofn::guard::catch;
use crate::dofn::side::SideDeclaration;
use crate::error::{Error, Result};
use crate::graph::{Builder, Graph, Input, NewStep, NodeId, PipelineId, Portable, Spec, StepCode};
use crate::windowing::WindowingStrategy;
use crate::{Element, PCollection, PTransform};
use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

/// Where sources attach. It is handed to the function that constructs the pipeline.
///
/// The one rule of such a function: it depends on its options alone. It reads no clock, no random numbers and no files,
/// for a worker calls it again and must come to the same graph. Sources look at files when the pipeline runs.
#[derive(Clone)]
pub struct Root(Rc<RefCell<Builder>>);

impl Root {
    /// Builds a pipeline.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// let graph = Root::build(|root| {
    ///     root.create([1u64, 2, 3]).map(|x| x + 1).discard();
    ///     Ok(())
    /// })?;
    /// assert_eq!(graph.proto().root_transform_ids.len(), 2);
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The function's own, or [`Error::Graph`] with every mistake in the pipeline, each with file and line, and the step if
    /// it is of one.
    pub fn build(construct: impl FnOnce(&Root) -> Result<()>) -> Result<Graph> {
        let root = Root(Rc::default());
        catch(|| construct(&root)).unwrap_or_else(|message| Err(Error::Graph(vec![message])))?;
        let builder = root.0.take();
        // Handles may live on in the caller's variables; what they add to is this pipeline no more.
        root.0.borrow_mut().is_closed = true;
        builder.finish()
    }

    /// Applies a source: any function of the root, or any `PTransform<&Root>`.
    #[track_caller]
    pub fn apply<'a, X: PTransform<&'a Root>>(&'a self, transform: X) -> X::Output {
        let scope = self.open(&transform.name(), Location::caller());
        let output = transform.expand(self);
        self.leave(scope);
        output
    }

    /// Registers what the launcher does when the pipeline failed: a sink removes its temporary files.
    pub fn on_failure(&self, cleanup: impl Fn() + Send + Sync + 'static) {
        self.0.borrow_mut().cleanups.push(Arc::new(cleanup));
    }

    /// Reserves something that only one step of a pipeline may have, such as the files of a sink; a second step that
    /// wants it is an error when the pipeline is built.
    #[track_caller]
    pub fn reserve(&self, what: impl Into<String>) {
        self.0.borrow_mut().reserve(what.into(), Location::caller());
    }

    /// Counts an assertion, which must have run when the pipeline succeeds.
    pub(crate) fn count_assertion(&self) {
        self.0.borrow_mut().assertions += 1;
    }

    /// Requires something of the engine.
    pub(crate) fn require(&self, urn: &'static str) {
        self.0.borrow_mut().requirements.insert(urn);
    }

    pub(crate) fn mistake(&self, at: &Location<'_>, text: impl AsRef<str>) {
        self.0.borrow_mut().mistake(at, text);
    }

    pub(crate) fn mistake_of(&self, step: NodeId, text: impl Into<String>) {
        self.0.borrow_mut().mistake_of(step, text);
    }

    /// Checks that a grouping of a collection will emit something.
    pub(crate) fn check_grouping(&self, grouping: NodeId, collection: u32) {
        let mut builder = self.0.borrow_mut();
        if let Some(why) = builder.never_fires(collection) {
            builder.mistake_of_grouping(grouping, why);
        }
    }

    pub(crate) fn mistake_about(&self, at: &Location<'_>, text: impl Into<String>, step: NodeId) {
        self.0.borrow_mut().mistake_about(at, text, step);
    }

    pub(crate) fn discard(&self, collection: u32) {
        self.0.borrow_mut().discarded.insert(collection);
    }

    /// Which pipeline this is: handles of two must not meet.
    pub(crate) fn identity(&self) -> PipelineId {
        self.0.borrow().identity.clone()
    }

    pub(crate) fn coder_id<T: Element>(&self) -> String {
        self.coder_id_of(&crate::coder::spec_of::<T>())
    }

    pub(crate) fn coder_id_of(&self, spec: &CoderSpec) -> String {
        self.0.borrow_mut().coders.id(spec)
    }

    pub(crate) fn step(
        &self,
        verb: &str,
        spec: Spec,
        inputs: Vec<Input>,
        code: Option<StepCode>,
        at: &'static Location<'static>,
    ) -> NodeId {
        self.step_with_sides(verb, spec, inputs, Vec::new(), code, at)
    }

    pub(crate) fn step_with_sides(
        &self,
        verb: &str,
        spec: Spec,
        inputs: Vec<Input>,
        sides: Vec<SideDeclaration>,
        code: Option<StepCode>,
        at: &'static Location<'static>,
    ) -> NodeId {
        if self.0.borrow().is_closed {
            // Which pipeline is under construction is not known here. Its `build` catches this and tells.
            panic!("{}:{}: the input of `{verb}` is a collection of another pipeline", at.file(), at.line());
        }
        self.0.borrow_mut().add(NewStep { verb, spec, inputs, sides, code, at })
    }

    pub(crate) fn output<T: Element>(
        &self,
        node: NodeId,
        tag: Option<&'static str>,
        windowing: impl Into<Arc<WindowingStrategy>>,
        bounded: bool,
    ) -> PCollection<T> {
        let id = self.0.borrow_mut().output::<T>(node, tag, windowing, bounded);
        PCollection::new(self.clone(), id, node)
    }

    /// Steps added inside belong to one composite, and show the place where that was added; gives back its node as well.
    pub(crate) fn scope<R>(
        &self,
        verb: &str,
        spec: Spec,
        at: &'static Location<'static>,
        expand: impl FnOnce() -> R,
    ) -> (R, NodeId) {
        let place = self.0.borrow().place.unwrap_or(at);
        let scope = self.enter(verb, spec, at, Some(place));
        let (result, node) = (expand(), scope.node);
        self.leave(scope);
        (result, node)
    }

    /// Begins a composite of the user's. It is no function with a closure as `scope` is: the caller's place passes
    /// through a transform that is `#[track_caller]`, as those of libraries are, but through no closure.
    pub(crate) fn open(&self, name: &str, at: &'static Location<'static>) -> OpenScope {
        let place = self.0.borrow().place;
        let scope = self.enter(name, Spec::Scope, at, place);
        if let Some(node) = self.0.borrow_mut().nodes.get_mut(scope.node) {
            node.is_users = true;
        }
        scope
    }

    fn enter(
        &self,
        verb: &str,
        spec: Spec,
        at: &'static Location<'static>,
        place: Option<&'static Location<'static>>,
    ) -> OpenScope {
        let node = self.step(verb, spec, Vec::new(), None, at);
        let mut builder = self.0.borrow_mut();
        OpenScope { node, outer: (builder.scope.replace(node), std::mem::replace(&mut builder.place, place)) }
    }

    /// Ends a composite.
    pub(crate) fn leave(&self, scope: OpenScope) {
        let mut builder = self.0.borrow_mut();
        (builder.scope, builder.place) = scope.outer;
    }

    /// Gives a composite the code that stands for all of its parts.
    pub(crate) fn set_code(&self, node: NodeId, code: StepCode) {
        if let Some(node) = self.0.borrow_mut().nodes.get_mut(node) {
            node.code = Some(code);
        }
    }

    /// Has the function of a step travel as bytes.
    pub(crate) fn carry(&self, node: NodeId, portable: Portable) {
        if let Some(node) = self.0.borrow_mut().nodes.get_mut(node) {
            node.portable = Some(portable);
        }
    }

    pub(crate) fn rename(&self, node: NodeId, name: &str) {
        if let Some(node) = self.0.borrow_mut().nodes.get_mut(node) {
            node.label = name.to_owned();
        }
    }

    /// The windowing of a collection; the default for one that is not of this pipeline, which is a mistake elsewhere.
    pub(crate) fn windowing(&self, collection: u32) -> Arc<WindowingStrategy> {
        self.0.borrow().collections.get(collection as usize).map_or_else(Arc::default, |c| c.windowing.clone())
    }

    pub(crate) fn set_windowing(&self, collection: u32, windowing: Arc<WindowingStrategy>) {
        if let Some(collection) = self.0.borrow_mut().collections.get_mut(collection as usize) {
            collection.windowing = windowing;
        }
    }

    pub(crate) fn is_bounded(&self, collection: u32) -> bool {
        self.0.borrow().collections.get(collection as usize).is_none_or(|collection| collection.bounded)
    }
}

/// A composite that is being added to.
pub(crate) struct OpenScope {
    node: NodeId,
    /// What was open, and the place to show, before it.
    outer: (Option<NodeId>, Option<&'static Location<'static>>),
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root").finish_non_exhaustive()
    }
}
