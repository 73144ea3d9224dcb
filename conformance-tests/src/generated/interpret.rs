//! What a step makes of collections that are plain lists.

use super::{Earlier, Op, Pair, View, digest, pair};
use std::collections::BTreeMap;

/// The collections that a step makes.
pub(super) fn made(op: &Op, earlier: &[Vec<Pair>]) -> Vec<Vec<Pair>> {
    let get = |c: &Earlier| earlier[*c % earlier.len()].iter().copied();
    let one: Vec<Pair> = match op {
        Op::Create(pairs) => pairs.clone(),
        Op::Read(end) => (0..*end).map(|x| pair(x, x)).collect(),
        Op::Map(c, n) => get(c).map(|(k, v)| pair(k + n, 3 * v + n)).collect(),
        Op::Filter(c, n) => get(c).filter(|(_, v)| v % 3 != *n).collect(),
        Op::FlatMap(c) => get(c).flat_map(|(k, v)| (0..v % 3).map(move |i| pair(k + i, v + i))).collect(),
        Op::Hold(c) | Op::Reshuffle(c) => get(c).collect(),
        Op::Split(c) => {
            let (even, odd) = get(c).partition(|(_, v)| v % 2 == 0);
            return vec![even, odd];
        }
        Op::Flatten(cs) => cs.iter().flat_map(get).collect(),
        Op::Group(c) => groups(get(c)).into_iter().map(|(k, vs)| pair(k, digest(vs.into_iter()))).collect(),
        Op::CombinePerKey(c) => groups(get(c)).into_iter().map(|(k, vs)| pair(k, vs.iter().sum())).collect(),
        Op::CombineGlobally(c) => vec![pair(0, sum(get(c)))],
        Op::CoGroup(a, b) => {
            let (a, b) = (groups(get(a)), groups(get(b)));
            let keys: BTreeMap<u64, ()> = a.keys().chain(b.keys()).map(|key| (*key, ())).collect();
            let of = |side: &BTreeMap<u64, Vec<u64>>, key| digest(side.get(key).into_iter().flatten().copied());
            keys.keys().map(|key| pair(*key, of(&a, key) + 2 * of(&b, key))).collect()
        }
        Op::Look(c, views) => {
            let seen = |(k, v): Pair| {
                let looks = views.iter().enumerate().map(|(i, (side, view))| {
                    let seen = match view {
                        View::Singleton | View::Iterable => sum(get(side)),
                        View::Map | View::Multimap => sum(get(side).filter(|(key, _)| *key == k)),
                    };
                    (i as u64 + 1) * seen
                });
                pair(k, v + looks.sum::<u64>())
            };
            get(c).map(seen).collect()
        }
    };
    vec![one]
}

fn groups(pairs: impl Iterator<Item = Pair>) -> BTreeMap<u64, Vec<u64>> {
    let mut groups: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    pairs.for_each(|(key, value)| groups.entry(key).or_default().push(value));
    groups
}

fn sum(pairs: impl Iterator<Item = Pair>) -> u64 {
    pairs.map(|(_, value)| value).sum()
}
