//! Steps made of a `DoFn`.

use crate::dofn::dofn_step::{DoFnStep, TagFactory};
use crate::dofn::portable::{PortableDoFn, Restore, to_bytes};
use crate::dofn::side::{SideDeclaration, SideInputs};
use crate::dofn::{DoFn, Tag};
use crate::graph::{FnRef, NodeId, Portable, SideRef, Spec, StepCode, VIEW_FN};
use crate::pcollection::par_do;
use crate::windowing::WindowingStrategy;
use crate::{Element, PCollection, Root};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::requirements as urns;
use std::any::TypeId;
use std::panic::Location;
use std::sync::Arc;

/// The outputs of a step that declared additional ones.
#[must_use = "an additional output that nobody consumes is an error when the pipeline is built"]
#[derive(Debug)]
pub struct TaggedOutputs<T> {
    main: PCollection<T>,
    tags: Vec<DeclaredTag>,
}

/// An additional output: its name, its collection, and its type.
#[derive(Debug)]
struct DeclaredTag {
    name: &'static str,
    collection: u32,
    of: TypeId,
}

impl<T: Element> TaggedOutputs<T> {
    /// The main output.
    pub fn main(&self) -> PCollection<T> {
        self.main.clone()
    }

    /// An additional output; one that was not declared is an error when the pipeline is built.
    #[track_caller]
    pub fn get<V: Element>(&self, wanted: &Tag<V>) -> PCollection<V> {
        let root = &self.main.root;
        let mistake = match self.tags.iter().find(|tag| tag.name == wanted.name) {
            Some(tag) if tag.of == TypeId::of::<V>() => return self.main.sibling(tag.collection),
            Some(_) => format!("the output `{}` of this step was declared with another type, at", wanted.name),
            None => format!("no output `{}` was declared at", wanted.name),
        };
        root.mistake_about(Location::caller(), mistake, self.main.step);
        root.impulse().flat_map_step("Undeclared", |(), _: &mut Vec<V>| ())
    }
}

/// Additional outputs of a step: a tag, or a tuple of tags.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no outputs",
    label = "not a tag",
    note = "pass `&TAG`, or a tuple `(&THIS, &THAT)`, of constants `const TAG: Tag<String> = Tag::new(\"name\")`"
)]
pub trait Tags {
    #[doc(hidden)]
    fn declarations(&self) -> Vec<TagDeclaration>;
}

/// How one additional output is made.
#[doc(hidden)]
pub struct TagDeclaration {
    name: &'static str,
    factory: TagFactory,
    of: TypeId,
    output: fn(&Root, NodeId, &'static str, Arc<WindowingStrategy>, bool) -> u32,
}

/// No additional output.
impl Tags for () {
    fn declarations(&self) -> Vec<TagDeclaration> {
        Vec::new()
    }
}

impl<V: Element> Tags for &Tag<V> {
    fn declarations(&self) -> Vec<TagDeclaration> {
        vec![TagDeclaration {
            name: self.name,
            factory: TagFactory::of(self),
            of: TypeId::of::<V>(),
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
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// #[derive(Clone)]
    /// struct Repeat { times: usize }
    /// impl DoFn for Repeat {
    ///     type In = char;
    ///     type Out = String;
    ///     fn process(&mut self, letter: char, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
    ///         ctx.emit(std::iter::repeat_n(letter, self.times).collect());
    ///         Ok(())
    ///     }
    /// }
    /// let strings = root.create(['a', 'b']).par_do(Repeat { times: 3 });
    /// assert_that(&strings).contains_in_any_order(["aaa".to_owned(), "bbb".to_owned()]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn par_do<D: DoFn<In = T>>(&self, dofn: D) -> PCollection<D::Out> {
        self.do_fn("ParDo", dofn, (), Vec::new()).main
    }

    /// Processes each element with a [`DoFn`] that has additional outputs.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
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
    /// let sorted = root.create(["a".to_owned(), "abc".to_owned()]).par_do_tagged(Sort, &SHORT);
    /// assert_that(&sorted.main()).contains_in_any_order(["abc".to_owned()]);
    /// assert_that(&sorted.get(&SHORT)).contains_in_any_order(["a".to_owned()]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn par_do_tagged<D: DoFn<In = T>>(&self, dofn: D, tags: impl Tags) -> TaggedOutputs<D::Out> {
        self.do_fn("ParDo", dofn, tags, Vec::new())
    }

    /// Processes each element with a [`DoFn`] that reads side inputs: it holds the views and asks its context for them.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// #[derive(Clone)]
    /// struct Share { total: Singleton<u32> }
    /// impl DoFn for Share {
    ///     type In = u32;
    ///     type Out = f64;
    ///     fn process(&mut self, n: u32, ctx: &mut Context<'_, f64>) -> Result<(), BoxError> {
    ///         let total = *ctx.side(&self.total)?;
    ///         ctx.emit(f64::from(n) / f64::from(total));
    ///         Ok(())
    ///     }
    /// }
    /// let numbers = root.create([1, 3]);
    /// let total = numbers.sum_globally().as_singleton();
    /// let shares = numbers.par_do_with(total.clone(), Share { total });
    /// assert_that(&shares).contains_in_any_order([0.25, 0.75]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn par_do_with<D: DoFn<In = T>>(&self, sides: impl SideInputs, dofn: D) -> PCollection<D::Out> {
        self.do_fn("ParDo", dofn, (), sides.declarations()).main
    }

    /// Processes each element with a [`DoFn`] that reads side inputs and has additional outputs: see
    /// [`par_do_with`](PCollection::par_do_with) and [`par_do_tagged`](PCollection::par_do_tagged).
    #[track_caller]
    pub fn par_do_tagged_with<D: DoFn<In = T>>(
        &self,
        sides: impl SideInputs,
        dofn: D,
        tags: impl Tags,
    ) -> TaggedOutputs<D::Out> {
        self.do_fn("ParDo", dofn, tags, sides.declarations())
    }

    /// Processes each element with a [`DoFn`] that travels as bytes: see [`PortableDoFn`].
    ///
    /// On every runner it is the copy that was read back from the bytes that runs. A function that does not survive the way,
    /// such as one that holds `f64::NAN`, is an error when the pipeline is built.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Scale { by: f64 }
    /// impl DoFn for Scale {
    ///     type In = f64;
    ///     type Out = f64;
    ///     fn process(&mut self, x: f64, ctx: &mut Context<'_, f64>) -> Result<(), BoxError> {
    ///         ctx.emit(x * self.by);
    ///         Ok(())
    ///     }
    /// }
    /// #[typetag::serde]
    /// impl PortableDoFn for Scale {}
    ///
    /// let scaled = root.create([1.0, 2.0]).par_do_portable(Scale { by: 0.5 });
    /// assert_that(&scaled).contains_in_any_order([0.5, 1.0]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn par_do_portable<D: PortableDoFn + DoFn<In = T>>(&self, dofn: D) -> PCollection<D::Out> {
        self.par_do_portable_tagged(dofn, ()).main
    }

    /// Processes each element with a [`DoFn`] that travels as bytes and has additional outputs: see
    /// [`par_do_portable`](PCollection::par_do_portable) and [`par_do_tagged`](PCollection::par_do_tagged).
    #[track_caller]
    pub fn par_do_portable_tagged<D: PortableDoFn + DoFn<In = T>>(
        &self,
        dofn: D,
        tags: impl Tags,
    ) -> TaggedOutputs<D::Out> {
        let restore = Restore::new::<D>(tags.declarations().into_iter().map(|tag| tag.factory).collect());
        let bytes = to_bytes(&dofn);
        let outputs = self.do_fn("ParDo", dofn, tags, Vec::new());
        match bytes {
            Ok(bytes) => self.root.carry(outputs.main.step, Portable { dofn: bytes.into(), restore }),
            Err(error) => self.root.mistake_of(outputs.main.step, format!("its function cannot travel: {error}")),
        }
        outputs
    }

    #[track_caller]
    pub(crate) fn do_fn<D: DoFn<In = T>>(
        &self,
        verb: &str,
        dofn: D,
        tags: impl Tags,
        sides: Vec<SideDeclaration>,
    ) -> TaggedOutputs<D::Out> {
        let code = |tags| StepCode::Step(Arc::new(DoFnStep::new(dofn, tags)));
        if D::FINALIZES {
            self.root.require(urns::REQUIRES_BUNDLE_FINALIZATION);
        }
        let spec = with_sides(&sides, |payload, _| payload.requests_finalization = D::FINALIZES);
        self.tagged_step(verb, spec, tags, sides, self.root.is_bounded(self.id), code)
    }

    /// Adds a step with additional outputs, whose code is made with what makes their ends.
    #[track_caller]
    pub(crate) fn tagged_step<U: Element>(
        &self,
        verb: &str,
        spec: Spec,
        tags: impl Tags,
        sides: Vec<SideDeclaration>,
        bounded: bool,
        code: impl FnOnce(Vec<TagFactory>) -> StepCode,
    ) -> TaggedOutputs<U> {
        let (root, at) = (&self.root, Location::caller());
        let windowing = root.windowing(self.id);
        let (ends, factories): (Vec<_>, Vec<_>) =
            tags.declarations().into_iter().map(|tag| ((tag.name, tag.of, tag.output), tag.factory)).unzip();
        let node = root.step_with_sides(verb, spec, vec![self.input("in")], sides, Some(code(factories)), at);
        let main = root.output(node, None, windowing.clone(), bounded);
        let tags = ends.into_iter().map(|(name, of, output)| {
            let collection = output(root, node, name, windowing.clone(), bounded);
            DeclaredTag { name, collection, of }
        });
        TaggedOutputs { main, tags: tags.collect() }
    }
}

/// A ParDo with side inputs; `change` adds what else its payload needs.
pub(crate) fn with_sides(sides: &[SideDeclaration], change: impl Fn(&mut pb::ParDoPayload, &FnRef) + 'static) -> Spec {
    let views: Vec<_> = sides.iter().map(|side| (side.name.to_string(), side.access_pattern)).collect();
    par_do(move |payload, reference| {
        change(payload, reference);
        for (name, access_pattern) in &views {
            let access_pattern = pb::FunctionSpec { urn: (*access_pattern).to_owned(), payload: bytes::Bytes::new() };
            let FnRef { step, fingerprint } = reference.clone();
            let mapping = SideRef { step, fingerprint, side: name.clone() };
            payload.side_inputs.insert(
                name.clone(),
                pb::SideInput {
                    access_pattern: Some(access_pattern),
                    view_fn: Some(reference.function(VIEW_FN)),
                    window_mapping_fn: Some(mapping.function()),
                },
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::BoxError;
    use crate::dofn::erased::MAIN;
    use crate::dofn::side::NoSides;
    use crate::dofn::{BundleContext, Context, DoFn, Tag};
    use crate::time::Timestamp;
    use crate::transforms::test_steps::{Rows, batch, graph, mistakes, rows, run, run_to, transform};
    use crate::windowing::Window;
    use ferrobeam_model::pipeline as pb;
    use prost::Message;
    use std::sync::Arc;

    const ODD: Tag<u64> = Tag::new("odd");
    const LARGE: Tag<u64> = Tag::new("large");

    /// Sorts numbers, delays the large ones and counts all of them when the bundle ends.
    #[derive(Clone)]
    struct Sort(u64);

    impl DoFn for Sort {
        type In = u64;
        type Out = u64;

        fn start_bundle(&mut self) -> Result<(), BoxError> {
            self.0 = 0;
            Ok(())
        }
        fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
            self.0 += 1;
            match x {
                100.. => ctx.emit_at(x, Timestamp::from_millis(x.cast_signed())),
                50.. => ctx.emit_to(&LARGE, x),
                _ if x % 2 == 1 => ctx.emit_to(&ODD, x),
                _ => ctx.emit(x),
            }
            Ok(())
        }
        fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
            ctx.emit(self.0, Timestamp::EPOCH, Window::Global);
            Ok(())
        }
    }

    #[test]
    fn outputs_go_where_and_when_they_are_sent() {
        let graph = graph(|root| {
            let sorted = root.create([0u64]).par_do_tagged(Sort(0), (&ODD, &LARGE));
            sorted.get(&ODD).discard();
            sorted.get(&LARGE).discard();
        });
        let (names, input) = ([MAIN, "odd", "large"], batch([(5, 1), (6, 2), (7, 60), (8, 100)]));
        let out = run_to::<u64, u64>(&graph, "ParDo", &names, Arc::new(NoSides), input).unwrap();
        assert_eq!(rows(&out[0]), [(6, 2), (100, 100), (0, 4)]);
        assert_eq!((rows(&out[1]), rows(&out[2])), (vec![(5, 1)], vec![(7, 60)]));
    }

    fn window(n: i64) -> Window {
        Window::Interval { start: Timestamp::from_millis(n), end: Timestamp::from_millis(n + 1) }
    }

    /// Counts in windows of its own when the bundle ends.
    #[derive(Clone)]
    struct Windows(i64);

    impl DoFn for Windows {
        type In = u64;
        type Out = i64;

        fn process(&mut self, _: u64, _: &mut Context<'_, i64>) -> Result<(), BoxError> {
            Ok(())
        }
        fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, i64>) -> Result<(), BoxError> {
            let millis = Timestamp::from_millis;
            (0..self.0).for_each(|n| ctx.emit(n, millis(n), window(n)));
            Ok(())
        }
    }

    #[test]
    fn a_bundle_ends_with_any_number_of_windows() {
        let graph = graph(|root| root.create([0u64]).par_do(Windows(70_000)).discard());
        let out = run::<u64, i64>(&graph, "ParDo", batch([])).unwrap();
        let all = out.iter().flat_map(|batch| batch.values.iter().enumerate().map(move |(row, n)| (*n, batch, row)));
        assert!(all.clone().all(|(n, batch, row)| batch.meta.windows.get(row).as_slice() == [window(n)]));
        assert!(all.map(|(n, ..)| n).eq(0..70_000));
    }

    #[test]
    fn an_output_before_its_input_fails_the_step() {
        let graph = graph(|root| root.create([0u64]).par_do(Sort(0)).discard());
        let error = run::<u64, u64>(&graph, "ParDo", batch([(200, 100)])).err().unwrap().to_string();
        assert!(error.contains("output at 1970-01-01T00:00:00.100Z is before its input"), "{error}");
        let error = run::<u64, u64>(&graph, "ParDo", batch([(0, 1)])).err().unwrap().to_string();
        assert!(error.contains("no output `odd` of this type was declared"), "{error}");
    }

    /// Emits at this time in the first millisecond's window when the bundle ends.
    #[derive(Clone)]
    struct Behind(i64);

    impl DoFn for Behind {
        type In = u64;
        type Out = u64;

        fn process(&mut self, _: u64, _: &mut Context<'_, u64>) -> Result<(), BoxError> {
            Ok(())
        }
        fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
            ctx.emit(1, Timestamp::from_millis(self.0), window(0));
            Ok(())
        }
    }

    #[test]
    fn an_output_behind_its_window_fails_the_step() {
        let graph = |at| graph(move |root| root.create([0u64]).par_do(Behind(at)).discard());
        assert_eq!(rows(&run::<u64, u64>(&graph(0), "ParDo", batch([])).unwrap()), [(0, 1)]);
        let error = run::<u64, u64>(&graph(1), "ParDo", batch([])).err().unwrap().to_string();
        assert!(error.contains("output at 1970-01-01T00:00:00.001Z is behind the end of its window, ["), "{error}");
    }

    #[test]
    fn an_output_that_was_not_declared_is_a_mistake() {
        let text = mistakes(|root| {
            let sorted = root.create([0u64]).par_do_tagged(Sort(0), &ODD);
            sorted.get(&ODD).discard();
            sorted.get(&LARGE).discard();
        });
        assert!(
            text.contains(": no output `large` was declared at `ParDo` (sdk/core/src/transforms/par_do.rs:"),
            "{text}"
        );
    }

    #[test]
    fn side_inputs_are_declared_in_the_graph() {
        let graph = graph(|root| {
            let numbers = root.create([0u64]);
            let side = numbers.as_iterable();
            numbers.par_do_with(side, Sort(0)).discard();
        });
        let step = transform(&graph, "ParDo");
        let payload = pb::ParDoPayload::decode(&step.spec.as_ref().unwrap().payload[..]).unwrap();
        let (name, _) = payload.side_inputs.first_key_value().unwrap();
        assert_eq!(step.inputs[name], step.inputs["in"]);
        let out = run_to::<u64, u64>(&graph, "ParDo", &[MAIN], Arc::new(Rows(vec![1u64])), batch([(5, 2)])).unwrap();
        assert_eq!(rows(&out[0]), [(5, 2), (0, 1)]);
    }
}
