//! Tuples that are no pair.

use super::{Coder, CoderSpec, Decoded, Encoded, Part};
use crate::coder::urn::TUPLE;

/// The coder of a tuple: part after part. It stands behind a length prefix, see `Prefixed`.
#[derive(Clone, Debug)]
pub struct TupleCoder<P>(P);

macro_rules! tuple_coder { ($n:literal: $($t:ident $c:ident $i:tt),*) => {
    impl<$($t: 'static, $c: Coder<$t>),*> Coder<($($t,)*)> for TupleCoder<($(Part<$c>,)*)> {
        #[inline]
        fn new() -> Self {
            TupleCoder(($(<Part<$c> as Coder<$t>>::new(),)*))
        }

        fn spec(&self) -> CoderSpec {
            CoderSpec::of(TUPLE, vec![$(Coder::<$t>::spec(&self.0.$i)),*])
        }

        fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
            spec.expect(TUPLE, $n)?;
            Ok(TupleCoder(($(<Part<$c> as Coder<$t>>::from_spec(&spec.components[$i]).map_err(|e| e.at_index($i))?,)*)))
        }

        #[inline]
        fn encode(&self, value: &($($t,)*), out: &mut Vec<u8>) -> Encoded {
            $(self.0.$i.encode(&value.$i, out).map_err(|e| e.at_index($i))?;)*
            Ok(())
        }

        #[inline]
        fn decode(&self, input: &mut &[u8]) -> Decoded<($($t,)*)> {
            Ok(($(self.0.$i.decode(input).map_err(|e| e.at_index($i))?,)*))
        }
    }
}}
tuple_coder!(1: A CA 0);
tuple_coder!(3: A CA 0, B CB 1, C CC 2);
tuple_coder!(4: A CA 0, B CB 1, C CC 2, D CD 3);
tuple_coder!(5: A CA 0, B CB 1, C CC 2, D CD 3, E CE 4);
tuple_coder!(6: A CA 0, B CB 1, C CC 2, D CD 3, E CE 4, F CF 5);
