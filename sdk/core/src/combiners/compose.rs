//! Several functions of the same values in one pass: a tuple of them.

use super::CombineFn;

macro_rules! tuples {
    ($(($first:ident 0 $(, $rest:ident $i:tt)+))*) => {$(
        impl<$first: CombineFn, $($rest: CombineFn<In = $first::In>),+> CombineFn for ($first, $($rest),+) {
            type In = $first::In;
            type Acc = ($first::Acc, $($rest::Acc),+);
            type Out = ($first::Out, $($rest::Out),+);
            // One that keeps all values keeps the whole from getting smaller.
            const LIFTS: bool = $first::LIFTS $(&& $rest::LIFTS)+;

            fn create_accumulator(&self) -> Self::Acc {
                (self.0.create_accumulator(), $(self.$i.create_accumulator()),+)
            }

            #[inline]
            fn add_input(&self, accumulator: &mut Self::Acc, input: Self::In) {
                $(self.$i.add_input(&mut accumulator.$i, input.clone());)+
                self.0.add_input(&mut accumulator.0, input);
            }

            fn merge_accumulators(&self, into: &mut Self::Acc, from: Self::Acc) {
                self.0.merge_accumulators(&mut into.0, from.0);
                $(self.$i.merge_accumulators(&mut into.$i, from.$i);)+
            }

            fn extract_output(&self, accumulator: Self::Acc) -> Self::Out {
                (self.0.extract_output(accumulator.0), $(self.$i.extract_output(accumulator.$i)),+)
            }

            fn peek_output(&self, accumulator: &Self::Acc) -> Self::Out {
                (self.0.peek_output(&accumulator.0), $(self.$i.peek_output(&accumulator.$i)),+)
            }

            fn default_output(&self) -> Option<Self::Out> {
                Some((self.0.default_output()?, $(self.$i.default_output()?),+))
            }
        }
    )*};
}
tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::combiners::laws::{exact, laws};
    use crate::combiners::{count, max, mean, min, sum, to_list};
    use proptest::collection::vec;

    #[test]
    fn laws_hold() {
        laws(
            (min(), max(), sum(), count(), mean()),
            vec(-100i64..100, 1..30),
            exact(|inputs: &[i64]| {
                let (sum, n) = (inputs.iter().sum::<i64>(), inputs.len() as u64);
                (*inputs.iter().min().unwrap(), *inputs.iter().max().unwrap(), sum, n, sum as f64 / n as f64)
            }),
        );
    }

    #[test]
    fn the_whole_has_what_all_parts_have() {
        assert_eq!((sum::<u64>(), count()).default_output(), Some((0, 0)));
        assert_eq!((sum::<u64>(), max()).default_output(), None);
        fn lifts<C: CombineFn<In = u64>>(_: &C) -> bool {
            C::LIFTS
        }
        assert!(lifts(&(count(), sum())) && !lifts(&(count(), to_list())));
    }
}
