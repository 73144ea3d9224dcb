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
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let words = root.create(["1".to_owned(), "x".to_owned()]);
    /// let (numbers, bad) = words.try_map(|word| word.parse::<u64>().map_err(|_| word));
    /// assert_that(&numbers).contains_in_any_order([1]);
    /// assert_that(&bad).contains_in_any_order(["x".to_owned()]);
    /// # Ok(())
    /// # })?;
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

#[cfg(test)]
mod tests {
    use crate::dofn::erased::MAIN;
    use crate::dofn::side::NoSides;
    use crate::transforms::test_steps::{batch, graph, mistakes, rows, run_to};
    use std::sync::Arc;

    #[test]
    fn errors_have_the_time_of_their_element() {
        let graph = graph(|root| {
            let (even, odd) = root.create([0u64]).try_map(|x| if x % 2 == 0 { Ok(x) } else { Err(x) });
            even.discard();
            odd.discard();
        });
        let input = batch([(5, 1u64), (6, 2), (7, 3)]);
        let out = run_to::<u64, u64>(&graph, "TryMap", &[MAIN, "errors"], Arc::new(NoSides), input).unwrap();
        assert_eq!((rows(&out[0]), rows(&out[1])), (vec![(6, 2)], vec![(5, 1), (7, 3)]));
    }

    #[test]
    fn errors_that_nobody_looks_at_are_a_mistake() {
        let text = mistakes(|root| root.create([0u64]).try_map(Ok::<u64, String>).0.discard());
        assert!(text.contains("`TryMap` (") && text.contains("): nothing consumes the output `errors`"), "{text}");
    }
}
