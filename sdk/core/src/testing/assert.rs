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
use crate::{Element, PCollection, Root};
use bytes::Bytes;
use std::fmt::Debug;
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
        self.are(expected.into_iter().collect());
    }

    #[track_caller]
    fn are(self, expected: Vec<T>)
    where
        T: PartialEq,
    {
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
        let decoded = move |encoded: Vec<Bytes>| {
            let coder = coder::of::<T>();
            let decode = |bytes: Bytes| decode_all(&coder, &bytes);
            check(&encoded.into_iter().map(decode).collect::<Result<Vec<T>, _>>()?)
        };
        let (collection, at) = (self.0, Location::caller());
        let encode = || collection.step::<Encoded>("Data", BatchStep::new(encode::<T>));
        add(&collection.root, &encode, Check(Arc::new(decoded)), at);
    }
}

/// An element as assertions group it, or none from the impulse. Encoded, so that what groups and checks them is compiled once
/// and not for every type.
type Encoded = ((), Option<Bytes>);

fn add(root: &Root, encode: &dyn Fn() -> PCollection<Encoded>, check: Check, at: &'static Location<'static>) {
    root.count_assertion();
    root.scope("Assert", Spec::Scope, at, || {
        // Without the impulse there would be no group, and no check, for an empty collection.
        let always = root.impulse().map_step("Always", |()| ((), None));
        let data = encode().in_one_window();
        root.set_windowing(always.id, root.windowing(data.id));
        let groups = flatten([&always, &data]).group_by_key::<(), Option<Bytes>>();
        groups.do_fn("Check", check, (), Vec::new()).main().discard();
    });
}

fn encode<T: Element>(batch: Batch<T>) -> Result<Batch<Encoded>, BoxError> {
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

/// What an assertion finds wrong with the elements.
#[derive(Clone)]
struct Check(Arc<dyn Fn(Vec<Bytes>) -> Result<(), BoxError> + Send + Sync>);

impl DoFn for Check {
    type In = ((), Grouped<Option<Bytes>>);
    type Out = ();

    fn process(&mut self, (_, group): Self::In, _: &mut Context<'_, ()>) -> Result<(), BoxError> {
        ASSERTIONS.inc();
        (self.0)(group.iter().flatten().collect())
    }
}
