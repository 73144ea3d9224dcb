//! Steps that may fail on an element without failing the pipeline.

use crate::dofn::{Context, DoFn, Tag};
use crate::error::BoxError;
use crate::{Element, PCollection};
use std::marker::PhantomData;
use std::sync::Arc;

impl<T: Element> PCollection<T> {
    /// Maps each element to a result, and gives the values and the errors as two collections.
    ///
    /// Both must be used: errors that nobody looks at are a mistake in the pipeline unless they are
    /// [discarded](PCollection::discard).
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     let words = root.create(["1".to_owned(), "x".to_owned()]);
    ///     let (numbers, bad) = words.try_map(|word| word.parse::<u64>().map_err(|e| format!("{word}: {e}")));
    ///     numbers.discard();
    ///     bad.discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn try_map<U, E, F>(&self, f: F) -> (PCollection<U>, PCollection<E>)
    where
        U: Element,
        E: Element,
        F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
    {
        let errors = Tag::<E>::new("errors");
        let out = self.do_fn("TryMap", TryMap { f: Arc::new(f), of: PhantomData }, &errors, Vec::new());
        (out.main(), out.get(&errors))
    }
}

struct TryMap<T, U, E, F> {
    f: Arc<F>,
    of: PhantomData<fn(T) -> Result<U, E>>,
}

impl<T, U, E, F> Clone for TryMap<T, U, E, F> {
    fn clone(&self) -> Self {
        TryMap { f: self.f.clone(), of: PhantomData }
    }
}

impl<T, U, E, F> DoFn for TryMap<T, U, E, F>
where
    T: Element,
    U: Element,
    E: Element,
    F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
{
    type In = T;
    type Out = U;

    fn process(&mut self, element: T, ctx: &mut Context<'_, U>) -> Result<(), BoxError> {
        match (self.f)(element) {
            Ok(value) => ctx.emit(value),
            Err(error) => ctx.emit_to(&Tag::new("errors"), error),
        }
        Ok(())
    }
}
