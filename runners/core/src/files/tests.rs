//! Maps and queues in files against those of the standard library.

use super::testing::InMemory;
use super::{Map, Queue};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Key = (u64, Vec<u8>);

/// Few numbers, so that many keys have the same one, in several blocks.
fn key() -> impl Strategy<Value = Key> {
    (0..4_u64, vec(0..4_u8, 0..4)).prop_map(|(number, key)| (number << 62, key))
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => Just(Vec::new()), 3 => vec(any::<u8>(), 1..20), 1 => vec(any::<u8>(), 1..3000)]
}

fn borrowed((number, key): &Key) -> super::run::Key<'_> {
    (*number, key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_map_has_the_newest_records(
        batches in vec(btree_map(key(), value(), 0..20), 0..40),
        others in vec(key(), 20),
        // A little is united as if it were much.
        unites in any::<bool>(),
    ) {
        let (mut map, mut naive) = (Map::new(Arc::new(InMemory)), BTreeMap::new());
        if unites {
            map.waste = 1 << 10;
        }
        for batch in batches {
            let mut writer = map.writer(batch.len()).unwrap();
            batch.iter().for_each(|(key, value)| writer.put(borrowed(key), value).unwrap());
            // What is empty does not count.
            map.add(writer, &mut |_, value| !value.is_empty()).unwrap();
            naive.extend(batch);
            for key in naive.keys().chain(&others) {
                let found = map.find(borrowed(key)).unwrap().unwrap_or_default();
                prop_assert_eq!(found, naive.get(key).cloned().unwrap_or_default());
            }
            prop_assert!(map.runs() < 8 * 3);
        }
    }

    #[test]
    fn a_queue_gives_the_least_record(steps in vec((btree_set(key(), 0..20), 0..20_usize), 0..40)) {
        let (mut queue, mut naive) = (Queue::new(Arc::new(InMemory)), BTreeSet::new());
        let many = (0..40).map(|_| (BTreeSet::new(), 20));
        for (batch, pops) in steps.into_iter().chain(many) {
            let mut writer = queue.writer().unwrap();
            batch.iter().for_each(|key| writer.put(borrowed(key), &key.1).unwrap());
            queue.add(writer).unwrap();
            naive.extend(batch);
            for _ in 0..pops {
                let first: Option<Key> = naive.pop_first();
                prop_assert_eq!(queue.first(), first.as_ref().map(borrowed));
                let mut value = Vec::new();
                queue.pop(&mut value).unwrap();
                prop_assert_eq!(value, first.map(|(_, key)| key).unwrap_or_default());
            }
        }
        prop_assert!(naive.is_empty() && queue.first().is_none());
    }
}
