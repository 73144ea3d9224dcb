//! `assert_that(&collection)`.

use super::ASSERTIONS;
use crate::batch::Batch;
use crate::coder::{self, Coder, decode_all};
use crate::dofn::batch_step::BatchStep;
use crate::dofn::{Context, DoFn};
use crate::error::BoxError;
use crate::graph::Spec;
use crate::transforms::flatten::flatten;
use crate::transforms::group_by_key::Grouped;
use crate::{Element, PCollection};
use bytes::Bytes;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// Says something about a collection; a pipeline in which it does not hold fails.
///
/// The assertion is a step of the pipeline and runs exactly once, also over an empty collection; a pipeline whose
/// assertions did not all run fails too.
///
/// ```
/// use ferrobeam_core::{prelude::*, testing::assert_that};
/// Root::build(|root| {
///     assert_that(&root.create([1u64, 2]).map(|x| x + 1)).contains_in_any_order([3, 2]);
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[must_use = "say what holds: `.contains_in_any_order(..)`"]
pub fn assert_that<T>(collection: &PCollection<T>) -> PAssert<'_, T> {
    PAssert(collection)
}

/// See [`assert_that`].
pub struct PAssert<'a, T>(&'a PCollection<T>);

impl<T: Element + Debug> PAssert<'_, T> {
    /// The collection has exactly these elements, each as often as here.
    #[track_caller]
    pub fn contains_in_any_order(self, expected: impl IntoIterator<Item = T>)
    where
        T: PartialEq,
    {
        let expected: Vec<T> = expected.into_iter().collect();
        self.satisfies(move |actual| {
            let mut unexpected: Vec<&T> = actual.iter().collect();
            let mut missing = Vec::new();
            for element in &expected {
                match unexpected.iter().position(|x| *x == element) {
                    Some(at) => drop(unexpected.swap_remove(at)),
                    None => missing.push(element),
                }
            }
            if unexpected.is_empty() && missing.is_empty() {
                return Ok(());
            }
            Err(format!("missing {}, not expected {}", list(&missing), list(&unexpected)).into())
        });
    }

    /// The collection has exactly one element, this one.
    #[track_caller]
    pub fn is_singleton(self, expected: T)
    where
        T: PartialEq,
    {
        self.contains_in_any_order([expected]);
    }

    /// The collection is empty.
    #[track_caller]
    pub fn is_empty(self) {
        self.satisfies(|actual| match actual {
            [] => Ok(()),
            some => Err(format!("not empty: {}", list(&some.iter().collect::<Vec<_>>())).into()),
        });
    }

    /// The check finds nothing wrong with the collection's elements, which come in no particular order.
    #[track_caller]
    pub fn satisfies(self, check: impl Fn(&[T]) -> Result<(), BoxError> + Send + Sync + 'static) {
        let (collection, root, at) = (self.0, &self.0.root, Location::caller());
        root.count_assertion();
        root.scope("Assert", Spec::Scope, at, || {
            // Without the impulse there would be no group, and no check, for an empty collection.
            // Encoded, so that what groups them is compiled once and not for every type.
            let always = root.impulse().map_step("Always", |()| ((), None));
            let data = collection.step::<((), Option<Bytes>)>("Data", BatchStep::new(encode::<T>)).in_one_window();
            root.set_windowing(always.id, root.windowing(data.id));
            let check = Check { check: Arc::new(check), of: PhantomData };
            flatten([&always, &data])
                .group_by_key::<(), Option<Bytes>>()
                .do_fn("Check", check, (), Vec::new())
                .main()
                .discard();
        });
    }
}

fn encode<T: Element>(batch: Batch<T>) -> Result<Batch<((), Option<Bytes>)>, BoxError> {
    let coder = coder::of::<T>();
    let encode = |x: &T| -> Result<_, BoxError> {
        let mut bytes = Vec::new();
        coder.encode_outer(x, &mut bytes)?;
        Ok(((), Some(bytes.into())))
    };
    Ok(Batch { values: batch.values.iter().map(encode).collect::<Result<_, _>>()?, meta: batch.meta })
}

fn list<T: Debug>(elements: &[&T]) -> String {
    const MOST: usize = 10;
    let more = elements.len().saturating_sub(MOST);
    let shown = &elements[..elements.len() - more];
    if more == 0 { format!("{shown:?}") } else { format!("{shown:?} and {more} more") }
}

struct Check<T, F> {
    check: Arc<F>,
    of: PhantomData<fn(T)>,
}

impl<T, F> Clone for Check<T, F> {
    fn clone(&self) -> Self {
        Check { check: self.check.clone(), of: PhantomData }
    }
}

impl<T, F> DoFn for Check<T, F>
where
    T: Element,
    F: Fn(&[T]) -> Result<(), BoxError> + Send + Sync + 'static,
{
    type In = ((), Grouped<Option<Bytes>>);
    type Out = ();

    fn process(&mut self, (_, group): Self::In, _: &mut Context<'_, ()>) -> Result<(), BoxError> {
        ASSERTIONS.inc();
        let coder = coder::of::<T>();
        let decode = |bytes: Bytes| decode_all(&coder, &bytes);
        (self.check)(&group.iter().flatten().map(decode).collect::<Result<Vec<T>, _>>()?)
    }
}
