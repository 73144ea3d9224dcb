//! `DoFn`s that travel as bytes in the graph, and what makes a step of those bytes.

use super::DoFn;
use super::dofn_step::{DoFnStep, TagFactory};
use super::erased::AnyStep;
use super::guard::guard;
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use std::any::{TypeId, type_name};
use std::sync::Arc;

/// A [`DoFn`] that travels as bytes: its fields are written into the graph, and whoever runs the step reads them from there.
///
/// Other functions stay in the program: a worker constructs the pipeline again and finds them by their step, so all that
/// they hold must come out of the construction in the same way everywhere. What a portable `DoFn` holds need not: the graph
/// has it, and what a worker's own construction puts there is not looked at. So it may come from where only the launcher
/// can look, and it stays with a graph that is kept.
///
/// A struct opts in by one line, beside serde's derive:
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize)]
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
/// #[typetag::serde]
/// impl PortableDoFn for Longer {}
///
/// Root::build(|root| {
///     root.create(["a".to_owned(), "abc".to_owned()]).par_do_portable(Longer { than: 2 }).discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
///
/// The crate `typetag` comes with this one's prelude. It finds types by name, so it takes no generic types, and a program
/// may have only one of a name; `#[typetag::serde(name = "..")]` gives another. Closures, and `DoFn`s with parameters or
/// with views of side inputs, stay with the rule above.
///
/// The bytes are JSON, and whoever may look at jobs can read them: hold no secrets in such a struct.
#[typetag::serde]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not travel as bytes",
    note = "derive `serde::Serialize` and `serde::Deserialize`, and add `#[typetag::serde] impl PortableDoFn for .. {{}}`"
)]
pub trait PortableDoFn: ErasedDoFn {}

/// What every [`DoFn`] is, whatever its types are.
pub trait ErasedDoFn: Send {
    /// The step that runs it.
    #[doc(hidden)]
    fn step(self: Box<Self>, tags: Vec<TagFactory>) -> Arc<dyn AnyStep>;

    /// What it takes and makes.
    #[doc(hidden)]
    fn signature(&self) -> Signature;
}

impl<D: DoFn> ErasedDoFn for D {
    fn step(self: Box<Self>, tags: Vec<TagFactory>) -> Arc<dyn AnyStep> {
        Arc::new(DoFnStep::new(*self, tags))
    }

    fn signature(&self) -> Signature {
        Signature::of::<D>()
    }
}

/// The types of a function's input and main output.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    types: [TypeId; 2],
    names: [&'static str; 2],
}

impl Signature {
    fn of<D: DoFn>() -> Self {
        Signature {
            types: [TypeId::of::<D::In>(), TypeId::of::<D::Out>()],
            names: [type_name::<D::In>(), type_name::<D::Out>()],
        }
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "takes `{}` and makes `{}`", self.names[0], self.names[1])
    }
}

/// The bytes of a function.
///
/// # Errors
/// Its fields cannot be written, or not be read again; or the program has two types of its name.
pub(crate) fn to_bytes(dofn: &dyn PortableDoFn) -> Result<Vec<u8>, BoxError> {
    let bytes = serde_json::to_vec(dofn)?;
    from_bytes(&bytes)?;
    Ok(bytes)
}

fn from_bytes(bytes: &[u8]) -> Result<Box<dyn PortableDoFn>, BoxError> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Makes a step of a function's bytes: what the graph's own step knows beside the function.
#[derive(Clone)]
pub(crate) struct Restore {
    tags: Vec<TagFactory>,
    signature: Signature,
}

impl Restore {
    pub(crate) fn new<D: DoFn>(tags: Vec<TagFactory>) -> Self {
        Restore { tags, signature: Signature::of::<D>() }
    }

    /// The step of a function.
    ///
    /// # Errors
    /// The bytes are damaged, of a type that this program does not have, or of one that takes or makes something else.
    pub(crate) fn step(&self, step: &StepName, bytes: &[u8]) -> Result<Arc<dyn AnyStep>> {
        guard(step, || {
            let dofn =
                from_bytes(bytes).map_err(|error| format!("the function in its payload cannot be read: {error}"))?;
            if dofn.signature() != self.signature {
                let (name, found, wanted) = (dofn.typetag_name(), dofn.signature(), self.signature);
                return Err(format!("the function in its payload, `{name}`, {found}; the step {wanted}").into());
            }
            Ok(dofn.step(self.tags.clone()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dofn::erased::{AnyReceiver, MAIN, Outputs, Wiring};
    use crate::dofn::side::NoSides;
    use crate::dofn::{Context, Tag};
    use crate::graph::{FnRef, Graph, StepCode};
    use crate::transforms::test_steps::{Collect, batch, graph, mistakes, rows, transform};
    use serde::{Deserialize, Serialize};

    const SMALL: Tag<f64> = Tag::new("small");

    #[derive(Clone, Serialize, Deserialize)]
    struct Scale {
        by: f64,
    }

    impl DoFn for Scale {
        type In = f64;
        type Out = f64;

        fn process(&mut self, x: f64, ctx: &mut Context<'_, f64>) -> Result<(), BoxError> {
            if x < 1.0 {
                ctx.emit_to(&SMALL, x)
            } else {
                ctx.emit(x * self.by)
            }
            Ok(())
        }
    }

    #[typetag::serde]
    impl PortableDoFn for Scale {}

    #[derive(Clone, Serialize, Deserialize)]
    struct Length;

    impl DoFn for Length {
        type In = String;
        type Out = u64;

        fn process(&mut self, word: String, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
            ctx.emit(word.len() as u64);
            Ok(())
        }
    }

    #[typetag::serde(name = "the length of a word")]
    impl PortableDoFn for Length {}

    fn scaled(by: f64) -> Graph {
        graph(|root| {
            let scaled = root.create([1.0]).par_do_portable_tagged(Scale { by }, &SMALL);
            scaled.get(&SMALL).discard();
        })
    }

    /// What a process with a graph of its own makes of 3 and 0.5, when it runs another's step.
    fn ran(own: &Graph, theirs: &Graph) -> Result<[Vec<f64>; 2]> {
        let step = transform(theirs, "ParDo");
        let Some(StepCode::Step(code)) = own.running_code(step)? else { panic!("not a step") };
        let (main, small) = (Collect::default(), Collect::default());
        let mut outputs = Outputs::main(vec![AnyReceiver::new(main.clone())]);
        outputs.insert("small", vec![AnyReceiver::new(small.clone())]);
        let step = own.step_name(step)?;
        let wiring = Wiring { step, outputs: &mut outputs, sides: Arc::new(NoSides), parts: 1 };
        let mut receiver = code.wire(wiring)?.typed::<f64>()?;
        receiver.start_bundle()?;
        receiver.receive(batch([(1, 3.0), (1, 0.5)]))?;
        receiver.finish_bundle()?;
        Ok([main, small].map(|end: Collect<f64>| rows(&end.taken()).into_iter().map(|(_, x)| x).collect()))
    }

    #[test]
    fn what_is_in_the_payload_runs() {
        // Not every reader of JSON gives this number back to its last bit.
        let (one, other) = (scaled(0.1 + 0.2), scaled(7.0));
        assert_eq!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.proto(), other.proto());
        assert_eq!(ran(&other, &one).unwrap(), [vec![3.0 * (0.1 + 0.2)], vec![0.5]]);
        assert_eq!(ran(&one, &other).unwrap(), [vec![21.0], vec![0.5]]);
        let reference = FnRef { step: "ParDo".to_owned(), fingerprint: one.fingerprint() };
        assert_eq!(FnRef::of(transform(&one, "ParDo")), Some(reference));
        assert_eq!(transform(&one, "ParDo").outputs.keys().collect::<Vec<_>>(), [MAIN, "small"]);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_of_its_step() {
        let graph = scaled(2.0);
        let failure = |dofn: &'static str| {
            let mut step = transform(&graph, "ParDo").clone();
            FnRef::of(&step).unwrap().carry(&mut step, dofn.into()).unwrap();
            graph.running_code(&step).err().unwrap().to_string()
        };
        let read = "the function in its payload cannot be read: ";
        for (dofn, expected) in [
            ("", format!("{read}EOF while parsing a value")),
            (r#"{"Scale":{"by":"x"}}"#, format!("{read}invalid type: string \"x\", expected f64")),
            (r#"{"Scale":{}}"#, format!("{read}missing field `by`")),
            (r#"{"Gone":{"by":2.0}}"#, format!("{read}unknown variant `Gone`")),
            (
                r#"{"the length of a word":null}"#,
                "`the length of a word`, takes `alloc::string::String` and makes `u64`; the step takes `f64`"
                    .to_owned(),
            ),
        ] {
            let error = failure(dofn);
            assert!(error.starts_with("`ParDo` (sdk/core/src/dofn/portable.rs:"), "{error}");
            assert!(error.contains(&expected), "{error}");
        }
    }

    #[test]
    fn bytes_for_a_step_that_takes_none_are_an_error() {
        let plain = graph(|root| root.create([1.0]).par_do(Scale { by: 2.0 }).discard());
        let error = plain.running_code(transform(&scaled(2.0), "ParDo")).err().unwrap().to_string();
        assert!(error.contains("its function came as bytes"), "{error}");
    }

    #[test]
    fn what_does_not_survive_is_a_mistake_of_the_pipeline() {
        let text = mistakes(|root| root.create([1.0]).par_do_portable(Scale { by: f64::NAN }).named("Scale").discard());
        assert!(text.contains("`Scale` (sdk/core/src/dofn/portable.rs:"), "{text}");
        assert!(text.contains("its function cannot travel: invalid type: null, expected f64"), "{text}");
    }
}
