//! Types made of other elements.

use super::{element, key};
use crate::coder::{ArrayCoder, BoxCoder, IterableCoder, KvCoder, MapCoder, NullableCoder, ResultCoder, RowCoder};
use crate::{Element, Key};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

element! {
    [T: Element] Vec<T>, T::ListCoder;
    [T: Element, const N: usize] [T; N], ArrayCoder<T::ListCoder>;
    [T: Element] Box<T>, BoxCoder<T::Coder>;
    [T: Element] Option<T>, NullableCoder<T::Coder>;
    [T: Element, E: Element] Result<T, E>, ResultCoder<T::Coder, E::Coder>;
    [T: Element + Ord] BTreeSet<T>, IterableCoder<T::Coder>;
    [T: Element + Eq + Hash, S: BuildHasher + Default + Clone + Send + Sync + 'static]
        HashSet<T, S>, IterableCoder<T::Coder>;
    [K: Element + Ord, V: Element] BTreeMap<K, V>, MapCoder<K::Coder, V::Coder>;
    [K: Element + Eq + Hash, V: Element, S: BuildHasher + Default + Clone + Send + Sync + 'static]
        HashMap<K, V, S>, MapCoder<K::Coder, V::Coder>;
    [A: Element, B: Element] (A, B), KvCoder<A::Coder, B::Coder>;
    [A: Element] (A,), RowCoder;
    [A: Element, B: Element, C: Element] (A, B, C), RowCoder;
    [A: Element, B: Element, C: Element, D: Element] (A, B, C, D), RowCoder;
    [A: Element, B: Element, C: Element, D: Element, E: Element] (A, B, C, D, E), RowCoder;
    [A: Element, B: Element, C: Element, D: Element, E: Element, F: Element] (A, B, C, D, E, F), RowCoder;
}

key! {
    [T: Key] Vec<T>; [T: Key, const N: usize] [T; N]; [T: Key] Option<T>; [T: Key] Box<T>; [T: Key, E: Key] Result<T, E>;
    [T: Key + Ord] BTreeSet<T>; [K: Key + Ord, V: Key] BTreeMap<K, V>;
    [A: Key] (A,); [A: Key, B: Key] (A, B); [A: Key, B: Key, C: Key] (A, B, C);
    [A: Key, B: Key, C: Key, D: Key] (A, B, C, D);
    [A: Key, B: Key, C: Key, D: Key, E: Key] (A, B, C, D, E);
    [A: Key, B: Key, C: Key, D: Key, E: Key, F: Key] (A, B, C, D, E, F);
}
