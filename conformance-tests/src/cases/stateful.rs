//! Steps with state that cases need again and again.

use super::prelude::*;

/// Does something with each element and the state.
pub(super) struct Each<K, V, U, S>(pub(super) fn(&K, V, &mut S, &mut StatefulContext<'_, U, ()>));

impl<K, V, U, S> Clone for Each<K, V, U, S> {
    fn clone(&self) -> Self {
        Each(self.0)
    }
}

impl<K: Key, V: Element, U: Element, S: State> StatefulDoFn for Each<K, V, U, S> {
    type Key = K;
    type In = V;
    type Out = U;
    type State = S;
    type Timer = ();

    fn process(
        &mut self,
        key: &K,
        element: V,
        state: &mut S,
        ctx: &mut StatefulContext<'_, U, ()>,
    ) -> Result<(), BoxError> {
        (self.0)(key, element, state, ctx);
        Ok(())
    }
}

/// Texts that come one after the other, each when all is done with the one before.
pub(super) fn said(root: &Root, texts: &[&str]) -> PCollection<((), String)> {
    let say = |stream: TestStream<((), String)>, text: &&str| stream.add_elements([(((), (*text).to_owned()), at(0))]);
    root.test_stream(texts.iter().fold(TestStream::new(), say))
}

/// Numbers of bounded data, each at its own time in milliseconds.
pub(super) fn together(root: &Root, numbers: impl IntoIterator<Item = i64>) -> PCollection<i64> {
    root.create(numbers).with_timestamps(|millis| at(*millis))
}
