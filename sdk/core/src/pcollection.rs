//! The handle that pipelines are written with.

use crate::dofn::erased::AnyStep;
use crate::graph::{DO_FN, FnRef, Input, NodeId, Spec, StepCode};
use crate::{Element, Root};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;
use prost::Message;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// A handle to a collection: a method adds a step to the graph and returns another handle.
///
/// Nothing is computed before the pipeline runs. Copies cost nothing, and one collection may feed many steps.
#[must_use = "a PCollection does nothing until a step consumes it; `.discard()` says that none will"]
pub struct PCollection<T> {
    pub(crate) root: Root,
    pub(crate) id: u32,
    pub(crate) step: NodeId,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for PCollection<T> {
    fn clone(&self) -> Self {
        PCollection::new(self.root.clone(), self.id, self.step)
    }
}

impl<T> std::fmt::Debug for PCollection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PCollection<{}>({})", std::any::type_name::<T>(), self.id)
    }
}

/// A composite: every function of its input is one, and a struct may be one too.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// fn lengths(words: PCollection<String>) -> PCollection<u64> {
///     words.map(|word| word.len() as u64)
/// }
///
/// struct Longer { than: u64 }
/// impl PTransform<PCollection<u64>> for Longer {
///     type Output = PCollection<u64>;
///     fn expand(self, lengths: PCollection<u64>) -> PCollection<u64> {
///         lengths.filter(move |n| *n > self.than)
///     }
/// }
///
/// Root::build(|root| {
///     root.create(["a".to_owned()]).apply(lengths).apply(Longer { than: 3 }).discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transform of `{In}`",
    note = "`.apply(..)` takes a function of the collection, or a type with `impl PTransform<{In}>`"
)]
pub trait PTransform<In> {
    /// What it makes: a collection, several, or nothing.
    type Output;

    /// Adds the steps. A library marks its implementation `#[track_caller]`: errors then name the line that applies it.
    fn expand(self, input: In) -> Self::Output;

    /// The composite's name in the graph; by default the last part of the type's or function's path.
    fn name(&self) -> String
    where
        Self: Sized,
    {
        short_name(std::any::type_name::<Self>())
    }
}

#[diagnostic::do_not_recommend]
impl<In, Out, F: FnOnce(In) -> Out> PTransform<In> for F {
    type Output = Out;

    #[track_caller]
    fn expand(self, input: In) -> Out {
        self(input)
    }
}

/// A transform under a name of the user's choice.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// Root::build(|root| {
///     let double = |c: PCollection<u64>| c.map(|x| 2 * x);
///     root.create([1u64]).apply(named("Double", double)).discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub fn named<X>(name: impl Into<String>, transform: X) -> Named<X> {
    Named { name: name.into(), transform }
}

/// See [`named`].
pub struct Named<X> {
    name: String,
    transform: X,
}

impl<In, X: PTransform<In>> PTransform<In> for Named<X> {
    type Output = X::Output;

    #[track_caller]
    fn expand(self, input: In) -> X::Output {
        self.transform.expand(input)
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// `my_crate::words::count_words` is `count_words`; a closure has no name of its own.
fn short_name(path: &str) -> String {
    let path = path.split('<').next().unwrap_or(path);
    match path.rsplit("::").next() {
        Some("{{closure}}") | None => "Apply".to_owned(),
        Some(last) => last.to_owned(),
    }
}

impl<T> PCollection<T> {
    pub(crate) fn new(root: Root, id: u32, step: NodeId) -> Self {
        PCollection { root, id, step, of: PhantomData }
    }

    /// Names the step, or the built-in composite, that made this collection.
    ///
    /// Two steps of one name in one composite are an error when the pipeline is built.
    pub fn named(self, name: &str) -> Self {
        self.root.rename(self.step, name);
        self
    }

    /// Applies a composite: a function of the collection, or a [`PTransform`].
    #[track_caller]
    pub fn apply<X: PTransform<PCollection<T>>>(&self, transform: X) -> X::Output {
        let scope = self.root.open(&transform.name(), Location::caller());
        let output = transform.expand(self.clone());
        self.root.leave(scope);
        output
    }

    /// Applies a closure, whose parameter needs no type here.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create([1u64]).then(|c| c.map(|x| x + 1)).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn then<R>(&self, closure: impl FnOnce(PCollection<T>) -> R) -> R {
        let scope = self.root.open("Then", Location::caller());
        let output = closure(self.clone());
        self.root.leave(scope);
        output
    }

    /// Where the pipeline of this collection begins: a sink attaches to it what starts its work.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Says that nothing consumes this collection, on purpose.
    pub fn discard(&self) {
        self.root.discard(self.id);
    }

    /// The collection as an input of a step.
    pub(crate) fn input(&self, name: &str) -> Input {
        Input { name: name.to_owned(), collection: self.id, pipeline: self.root.identity() }
    }

    /// Another output of the same step.
    pub(crate) fn sibling<U>(&self, id: u32) -> PCollection<U> {
        PCollection::new(self.root.clone(), id, self.step)
    }

    /// The same collection, as the output of a composite, so that `.named(..)` names that.
    pub(crate) fn made_by(self, step: NodeId) -> Self {
        PCollection { step, ..self }
    }
}

impl<T: Element> PCollection<T> {
    /// Adds an element-wise step: Beam's ParDo with the same windowing.
    #[track_caller]
    pub(crate) fn step<U: Element>(&self, verb: &str, step: impl AnyStep + 'static) -> PCollection<U> {
        let code = StepCode::Step(Arc::new(step));
        let node = plain_step(&self.root, verb, self.input("in"), code, Location::caller());
        self.root.output(node, None, self.root.windowing(self.id), self.root.is_bounded(self.id))
    }
}

/// A ParDo of which only the step's id is known in the graph.
fn plain_step(root: &Root, verb: &str, input: Input, code: StepCode, at: &'static Location<'static>) -> NodeId {
    root.step(verb, par_do(|_, _| ()), vec![input], Some(code), at)
}

/// A ParDo whose payload holds the step's id; `change` adds what else the payload needs.
pub(crate) fn par_do(change: impl Fn(&mut pb::ParDoPayload, &FnRef) + 'static) -> Spec {
    Spec::Sdk(Box::new(move |reference: &FnRef| {
        let mut payload = pb::ParDoPayload { do_fn: Some(reference.function(DO_FN)), ..Default::default() };
        change(&mut payload, reference);
        pb::FunctionSpec { urn: urns::transforms::PAR_DO.to_owned(), payload: payload.encode_to_vec().into() }
    }))
}

/// A primitive of the engine without a payload.
pub(crate) fn primitive(urn: &'static str) -> Spec {
    Spec::Runner(Box::new(move |_| pb::FunctionSpec { urn: urn.to_owned(), payload: bytes::Bytes::new() }))
}

#[cfg(test)]
mod tests {
    use super::short_name;

    #[test]
    fn composites_are_called_as_in_the_code() {
        assert_eq!(short_name("my_crate::words::count_words"), "count_words");
        assert_eq!(short_name("my_crate::Top<alloc::string::String>"), "Top");
        assert_eq!(short_name("my_crate::main::{{closure}}"), "Apply");
    }
}
