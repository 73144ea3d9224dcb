//! Verbs that see side inputs.

use crate::dofn::side::SideInputs;
use crate::dofn::{Context, DoFn, Emitter};
use crate::error::BoxError;
use crate::{Element, PCollection};
use std::marker::PhantomData;
use std::sync::Arc;

impl<T: Element> PCollection<T> {
    /// [`map`](PCollection::map) that also sees side inputs: one view or a tuple of views.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let words = root.create([(1, "a".to_owned())]);
    /// let names = root.create([(1, "one".to_owned())]).as_map();
    /// let count = words.count_globally().as_singleton();
    /// let report = words.map_with((names, count), |(id, word), (names, count)| {
    ///     format!("{word} is {:?} of {count}", names.get(&id))
    /// });
    /// assert_that(&report).is_singleton("a is Some(\"one\") of 1".to_owned());
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn map_with<S: SideInputs, U: Element>(
        &self,
        sides: S,
        f: impl for<'a> Fn(T, S::Refs<'a>) -> U + Send + Sync + 'static,
    ) -> PCollection<U> {
        self.with_sides("Map", sides, move |x, sides, out| out.emit(f(x, sides)))
    }

    /// [`filter`](PCollection::filter) that also sees side inputs: one view or a tuple of views.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let numbers = root.create([1, 2, 6]);
    /// let mean = numbers.mean_globally().as_singleton();
    /// let above = numbers.filter_with(mean, |x, mean| f64::from(*x) > *mean);
    /// assert_that(&above).is_singleton(6);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn filter_with<S: SideInputs>(
        &self,
        sides: S,
        keep: impl for<'a> Fn(&T, S::Refs<'a>) -> bool + Send + Sync + 'static,
    ) -> PCollection<T> {
        let keep = move |x: T, sides: S::Refs<'_>, out: &mut Emitter<'_, T>| {
            if keep(&x, sides) {
                out.emit(x);
            }
        };
        self.with_sides("Filter", sides, keep)
    }

    /// [`flat_map_into`](PCollection::flat_map_into) that also sees side inputs: one view or a tuple of views.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let stop_words = root.create(["the".to_owned(), "a".to_owned()]).as_iterable();
    /// let lines = root.create(["the end of a line".to_owned()]);
    /// let words = lines.flat_map_with(stop_words, |line, stop_words, out| {
    ///     for word in line.split(' ').filter(|word| stop_words.iter().all(|stop| stop != word)) {
    ///         out.emit(word.to_owned());
    ///     }
    /// });
    /// assert_that(&words).contains_in_any_order(["end", "of", "line"].map(str::to_owned));
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn flat_map_with<S: SideInputs, U: Element>(
        &self,
        sides: S,
        f: impl for<'a> Fn(T, S::Refs<'a>, &mut Emitter<'_, U>) + Send + Sync + 'static,
    ) -> PCollection<U> {
        self.with_sides("FlatMap", sides, f)
    }

    #[track_caller]
    fn with_sides<S: SideInputs, U: Element>(
        &self,
        verb: &str,
        sides: S,
        f: impl for<'a> Fn(T, S::Refs<'a>, &mut Emitter<'_, U>) + Send + Sync + 'static,
    ) -> PCollection<U> {
        let declarations = sides.declarations();
        let dofn = WithSides { sides, f: Arc::new(f), of: PhantomData };
        self.do_fn(verb, dofn, (), declarations).main()
    }
}

struct WithSides<T, U, S, F> {
    sides: S,
    f: Arc<F>,
    of: PhantomData<fn(T) -> U>,
}

impl<T, U, S: Clone, F> Clone for WithSides<T, U, S, F> {
    fn clone(&self) -> Self {
        WithSides { sides: self.sides.clone(), f: self.f.clone(), of: PhantomData }
    }
}

impl<T, U, S, F> DoFn for WithSides<T, U, S, F>
where
    T: Element,
    U: Element,
    S: SideInputs,
    F: for<'a> Fn(T, S::Refs<'a>, &mut Emitter<'_, U>) + Send + Sync + 'static,
{
    type In = T;
    type Out = U;

    fn process(&mut self, element: T, ctx: &mut Context<'_, U>) -> Result<(), BoxError> {
        let window = ctx.window();
        self.sides.load(ctx.sides, window)?;
        let mut out = Vec::with_capacity(1);
        (self.f)(element, self.sides.get(ctx.sides)?, &mut Emitter { out: &mut out });
        out.into_iter().for_each(|value| ctx.emit(value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::dofn::erased::{Outputs, SharedRows, Wiring};
    use crate::dofn::side::SideReader;
    use crate::graph::StepCode;
    use crate::transforms::test_steps::{Rows, batch, graph, rows, run_to, transform};
    use crate::windowing::Window;
    use std::sync::{Arc, Mutex};

    #[test]
    fn steps_see_their_side_input_and_keep_time() {
        let graph = graph(|root| {
            let numbers = root.create([0u64]);
            let side = numbers.as_iterable();
            numbers.map_with(side.clone(), |x, side| x + side[0]).discard();
            numbers.filter_with(side.clone(), |x, side| side.contains(x)).discard();
            numbers.flat_map_with(side, |x, side, out| side.iter().for_each(|y| out.emit(x * y))).discard();
        });
        let run = |step: &str| {
            let sides = Arc::new(Rows(vec![2u64, 3]));
            rows(&run_to::<u64, u64>(&graph, step, &["out"], sides, batch([(5, 3), (7, 4)])).unwrap()[0])
        };
        assert_eq!(run("Map"), [(5, 5), (7, 6)]);
        assert_eq!(run("Filter"), [(5, 3)]);
        assert_eq!(run("FlatMap"), [(5, 6), (5, 9), (7, 8), (7, 12)]);
    }

    /// One row more each time that it is asked.
    #[derive(Default)]
    struct Growing(Mutex<Vec<u64>>);

    impl SideReader for Growing {
        fn rows(&self, _: &str, _: Window) -> crate::Result<SharedRows> {
            let mut rows = self.0.lock().unwrap();
            rows.push(0);
            Ok(SharedRows::new(rows.clone()))
        }
    }

    #[test]
    fn a_side_input_is_asked_for_again_in_each_bundle() {
        let graph = graph(|root| {
            let numbers = root.create([0u64]);
            numbers.map_with(numbers.as_iterable(), |_, side| assert!(side.len() < 3, "a third bundle")).discard();
        });
        let step = transform(&graph, "Map");
        let Some(StepCode::Step(code)) = graph.code(step).unwrap() else { panic!("no step") };
        let (name, mut outputs) = (graph.step_name(step).unwrap(), Outputs::default());
        let wiring = Wiring { step: name, outputs: &mut outputs, sides: Arc::new(Growing::default()), parts: 1 };
        let mut operator = code.wire(wiring).unwrap().typed::<u64>().unwrap();
        let mut bundle = || {
            operator.start_bundle()?;
            operator.receive(batch([(0, 1), (0, 2)]))?;
            operator.finish_bundle()
        };
        assert!(bundle().is_ok() && bundle().is_ok());
        assert!(bundle().unwrap_err().to_string().contains("a third bundle"));
    }
}
