//! Steps made of a `DoFn`.

use crate::dofn::dofn_step::{DoFnStep, TagFactory};
use crate::dofn::side::{SideDeclaration, SideInputs};
use crate::dofn::{DoFn, Tag};
use crate::graph::{NodeId, Spec, StepCode, VIEW_FN, WINDOW_MAPPING_FN};
use crate::pcollection::par_do;
use crate::windowing::WindowingStrategy;
use crate::{Element, PCollection, Root};
use ferrobeam_model::pipeline as pb;
use std::panic::Location;
use std::sync::Arc;

/// The outputs of a step that declared additional ones.
#[must_use = "an additional output that nobody consumes is an error when the pipeline is built"]
#[derive(Debug)]
pub struct TaggedOutputs<T> {
    main: PCollection<T>,
    tags: Vec<(&'static str, u32)>,
}

impl<T: Element> TaggedOutputs<T> {
    /// The main output.
    pub fn main(&self) -> PCollection<T> {
        self.main.clone()
    }

    /// An additional output; one that was not declared is an error when the pipeline is built.
    #[track_caller]
    pub fn get<V: Element>(&self, tag: &Tag<V>) -> PCollection<V> {
        let root = &self.main.root;
        match self.tags.iter().find(|(name, _)| *name == tag.name) {
            Some((_, id)) => self.main.sibling(*id),
            None => {
                root.mistake(Location::caller(), format!("no output `{}` was declared at this step", tag.name));
                root.impulse().flat_map_step("Undeclared", |(), _: &mut Vec<V>| ())
            }
        }
    }
}

/// Additional outputs of a step: a tag, or a tuple of tags.
pub trait Tags {
    #[doc(hidden)]
    fn declarations(&self) -> Vec<TagDeclaration>;
}

/// How one additional output is made.
#[doc(hidden)]
pub struct TagDeclaration {
    name: &'static str,
    factory: TagFactory,
    output: fn(&Root, NodeId, &'static str, Arc<WindowingStrategy>, bool) -> u32,
}

impl<V: Element> Tags for &Tag<V> {
    fn declarations(&self) -> Vec<TagDeclaration> {
        vec![TagDeclaration {
            name: self.name,
            factory: TagFactory::of(self),
            output: |root, node, name, windowing, bounded| root.output::<V>(node, Some(name), windowing, bounded).id,
        }]
    }
}

macro_rules! tuples {
    ($(($($tag:ident $i:tt),*))*) => {$(
        impl<$($tag: Tags),*> Tags for ($($tag,)*) {
            fn declarations(&self) -> Vec<TagDeclaration> {
                [$(self.$i.declarations()),*].into_iter().flatten().collect()
            }
        }
    )*};
}
tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

impl<T: Element> PCollection<T> {
    /// Processes each element with a [`DoFn`].
    #[track_caller]
    pub fn par_do<D: DoFn<In = T>>(&self, dofn: D) -> PCollection<D::Out> {
        self.do_fn("ParDo", dofn, (), Vec::new()).main
    }

    /// Processes each element with a [`DoFn`] that has additional outputs.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    ///
    /// const SHORT: Tag<String> = Tag::new("short");
    ///
    /// #[derive(Clone)]
    /// struct Sort;
    /// impl DoFn for Sort {
    ///     type In = String;
    ///     type Out = String;
    ///     fn process(&mut self, word: String, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
    ///         if word.len() < 3 { ctx.emit_to(&SHORT, word) } else { ctx.emit(word) }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// Root::build(|root| {
    ///     let sorted = root.create(["a".to_owned(), "abc".to_owned()]).par_do_tagged(Sort, &SHORT);
    ///     flatten([&sorted.main(), &sorted.get(&SHORT)]).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn par_do_tagged<D: DoFn<In = T>>(&self, dofn: D, tags: impl Tags) -> TaggedOutputs<D::Out> {
        self.do_fn("ParDo", dofn, tags, Vec::new())
    }

    /// Processes each element with a [`DoFn`] that reads side inputs: it holds the views and asks its context for them.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    ///
    /// #[derive(Clone)]
    /// struct Share { total: Singleton<u64> }
    /// impl DoFn for Share {
    ///     type In = u64;
    ///     type Out = f64;
    ///     fn process(&mut self, n: u64, ctx: &mut Context<'_, f64>) -> Result<(), BoxError> {
    ///         let total = *ctx.side(&self.total)?;
    ///         ctx.emit(n as f64 / total as f64);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// Root::build(|root| {
    ///     let numbers = root.create([1u64, 3]);
    ///     let total = numbers.combine_globally(sum()).as_singleton();
    ///     numbers.par_do_with(total.clone(), Share { total }).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn par_do_with<D: DoFn<In = T>>(&self, sides: impl SideInputs, dofn: D) -> PCollection<D::Out> {
        self.do_fn("ParDo", dofn, (), sides.declarations()).main
    }

    #[track_caller]
    pub(crate) fn do_fn<D: DoFn<In = T>>(
        &self,
        verb: &str,
        dofn: D,
        tags: impl Tags,
        sides: Vec<SideDeclaration>,
    ) -> TaggedOutputs<D::Out> {
        let (root, at) = (&self.root, Location::caller());
        let (windowing, bounded) = (root.windowing(self.id), root.is_bounded(self.id));
        let (ends, factories): (Vec<_>, Vec<_>) =
            tags.declarations().into_iter().map(|tag| ((tag.name, tag.output), tag.factory)).unzip();
        let code = Some(StepCode::Step(Arc::new(DoFnStep::new(dofn, factories))));
        let spec = with_sides(&sides);
        let node = root.step_with_sides(verb, spec, vec![self.input("in")], sides, code, at);
        let main = root.output(node, None, windowing.clone(), bounded);
        let tags = ends.into_iter().map(|(name, output)| (name, output(root, node, name, windowing.clone(), bounded)));
        TaggedOutputs { main, tags: tags.collect() }
    }
}

impl Tags for () {
    fn declarations(&self) -> Vec<TagDeclaration> {
        Vec::new()
    }
}

fn with_sides(sides: &[SideDeclaration]) -> Spec {
    let views: Vec<_> = sides.iter().map(|side| (side.name.to_string(), side.access_pattern)).collect();
    par_do(move |payload, reference| {
        for (name, access_pattern) in &views {
            let access_pattern = pb::FunctionSpec { urn: (*access_pattern).to_owned(), payload: bytes::Bytes::new() };
            payload.side_inputs.insert(
                name.clone(),
                pb::SideInput {
                    access_pattern: Some(access_pattern),
                    view_fn: Some(reference.function(VIEW_FN)),
                    window_mapping_fn: Some(reference.function(WINDOW_MAPPING_FN)),
                },
            );
        }
    })
}
