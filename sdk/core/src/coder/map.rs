//! Maps, as iterables of pairs: Beam has no coder of maps outside of rows.

use super::list::reserve;
use super::{Coder, CoderSpec, Decoded, Encoded, IterableCoder, KvCoder};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

/// The coder of maps: `iterable<kv<K, V>>`, which other languages read as a list of pairs. Of repeated keys the last wins.
#[derive(Clone, Debug)]
pub struct MapCoder<CK, CV>(IterableCoder<KvCoder<CK, CV>>);

impl<CK, CV> MapCoder<CK, CV> {
    /// Returns the coder of the entries.
    pub(crate) fn entries(&self) -> &IterableCoder<KvCoder<CK, CV>> {
        &self.0
    }
}

macro_rules! map_coder {
    ($map:ty, [$($key:tt)*] [$($hasher:tt)*], $with_capacity:expr) => {
        impl<K: 'static + $($key)*, V: 'static, CK: Coder<K>, CV: Coder<V>, $($hasher)*> Coder<$map> for MapCoder<CK, CV> {
            #[inline]
            fn new() -> Self {
                MapCoder(Coder::<Vec<(K, V)>>::new())
            }

            fn spec(&self) -> CoderSpec {
                Coder::<Vec<(K, V)>>::spec(&self.0)
            }

            fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
                Coder::<Vec<(K, V)>>::from_spec(spec).map(MapCoder)
            }

            fn encode(&self, value: &$map, out: &mut Vec<u8>) -> Encoded {
                self.0.write_with(value.iter(), out, |coder, outer, (key, value), out| {
                    coder.write(key, value, outer, out)
                })
            }

            fn decode(&self, input: &mut &[u8]) -> Decoded<$map> {
                let mut map = ($with_capacity)(reserve::<(K, V)>(input));
                self.0.read_whole(input, |(key, value)| {
                    map.insert(key, value);
                })?;
                Ok(map)
            }
        }
    };
}
// In the order of the keys.
map_coder!(BTreeMap<K, V>, [Ord][], |_| BTreeMap::new());
// In no order: two equal maps may be different bytes.
map_coder!(HashMap<K, V, S>, [Eq + Hash][S: BuildHasher + Default + 'static], |n| {
    HashMap::with_capacity_and_hasher(n, S::default())
});
