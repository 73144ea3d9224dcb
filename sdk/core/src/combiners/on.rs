//! A function of a part of each value.

use super::CombineFn;
use crate::Element;
use std::marker::PhantomData;
use std::sync::Arc;

/// See [`CombineFn::on`].
pub struct On<C, X, F> {
    combine: C,
    f: Arc<F>,
    of: PhantomData<fn(X)>,
}

impl<C, X, F> On<C, X, F> {
    pub(super) fn new(combine: C, f: F) -> Self {
        On { combine, f: Arc::new(f), of: PhantomData }
    }
}

impl<C: Clone, X, F> Clone for On<C, X, F> {
    fn clone(&self) -> Self {
        On { combine: self.combine.clone(), f: self.f.clone(), of: PhantomData }
    }
}

impl<C, X, F> CombineFn for On<C, X, F>
where
    C: CombineFn,
    X: Element,
    F: Fn(X) -> C::In + Send + Sync + 'static,
{
    type In = X;
    type Acc = C::Acc;
    type Out = C::Out;
    const LIFTS: bool = C::LIFTS;

    fn create_accumulator(&self) -> C::Acc {
        self.combine.create_accumulator()
    }

    #[inline]
    fn add_input(&self, accumulator: &mut C::Acc, input: X) {
        self.combine.add_input(accumulator, (self.f)(input));
    }

    fn merge_accumulators(&self, into: &mut C::Acc, from: C::Acc) {
        self.combine.merge_accumulators(into, from);
    }

    fn extract_output(&self, accumulator: C::Acc) -> C::Out {
        self.combine.extract_output(accumulator)
    }

    fn peek_output(&self, accumulator: &C::Acc) -> C::Out {
        self.combine.peek_output(accumulator)
    }

    fn default_output(&self) -> Option<C::Out> {
        self.combine.default_output()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::{exact, laws};
    use crate::combiners::{max, sum};
    use proptest::collection::vec;

    #[test]
    fn laws_hold() {
        let inputs = vec(("[a-c]", 0u64..100), 0..30);
        laws(
            sum().on(|(_, n): (String, u64)| n),
            inputs,
            exact(|inputs: &[(String, u64)]| inputs.iter().map(|(_, n)| n).sum()),
        );
        assert_eq!(max().on(|x: u8| x + 1).default_output(), None);
    }
}
