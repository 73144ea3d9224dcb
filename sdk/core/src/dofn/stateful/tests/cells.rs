//! Every kind of cell behaves as a plain collection, wherever the operator comes and goes, and reads and writes little.

use super::*;
use crate::State;
use crate::combiners::Sum;
use crate::dofn::stateful::visit::Visit;
use crate::dofn::stateful::{Bag, Combining, Map, Multimap, NewStateCell, OrderedList, Set, Value, state};
use crate::graph::StepName;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(State)]
struct Forever<C: 'static> {
    cell: C,
}

#[derive(State)]
struct Short<C: 'static> {
    #[state(ttl = "10ms")]
    cell: C,
}

/// A state with one cell, at one key and window.
struct Driver<S> {
    state: S,
    store: Arc<Store>,
    visit: Arc<Visit>,
}

impl<S: State> Driver<S> {
    fn new() -> Self {
        let store = Arc::new(Store::default());
        let visit = Visit::new(StepName::here("Test"), store.clone());
        let mut driver = Driver { state: S::new(), store, visit };
        driver.enter(0);
        driver
    }

    fn enter(&mut self, now: i64) {
        self.visit = Visit::new(StepName::here("Test"), self.store.clone());
        self.visit.set_now(at(now));
        state::enter(&mut self.state, &self.visit);
    }

    /// What has changed, after it was committed.
    fn leave(&mut self) -> Vec<CellChange> {
        let changes = state::leave(&mut self.state);
        assert!(self.visit.failure().is_none());
        self.store.apply(changes.clone());
        changes.into_iter().map(|change| change.change).collect()
    }
}

#[derive(Clone, Debug)]
enum Op {
    Put(u8, u8),
    Remove(u8, u8),
    Clear,
    Look(u8, u8),
    LookAll,
    Hop { joins: bool },
    Wait(i64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0u8..5, 0u8..5).prop_map(|(k, v)| Op::Put(k, v)),
        2 => (0u8..5, 0u8..3).prop_map(|(k, n)| Op::Remove(k, n)),
        1 => Just(Op::Clear),
        2 => (0u8..5, 0u8..3).prop_map(|(k, n)| Op::Look(k, n)),
        1 => Just(Op::LookAll),
        2 => any::<bool>().prop_map(|joins| Op::Hop { joins }),
        1 => (0i64..8).prop_map(Op::Wait),
    ];
    vec(op, 0..40)
}

/// Key, value, and until when it counts.
type Model = Vec<(u8, u64, i64)>;

/// A cell as a collection of keys and values.
trait Subject: NewStateCell + 'static {
    /// Whether a key has one value.
    const REPLACES: bool = false;

    /// The key under which the model has an entry.
    fn slot(key: u8) -> u8 {
        key
    }
    /// The value that the model has.
    fn value(value: u8, _: impl Iterator<Item = u64>) -> u64 {
        value.into()
    }
    fn put(&mut self, key: u8, value: u8);
    /// Removes the keys from `key` on.
    fn remove(&mut self, key: u8, more: u8);
    fn clear(&mut self);
    /// The values of the keys from `key` on.
    fn look(&mut self, key: u8, more: u8) -> Vec<u64>;
    fn all(&mut self) -> Vec<(u8, u64)>;
}

impl Subject for Value<u8> {
    const REPLACES: bool = true;
    fn slot(_: u8) -> u8 {
        0
    }
    fn put(&mut self, _: u8, value: u8) {
        self.set(value);
    }
    fn remove(&mut self, _: u8, _: u8) {
        let before = self.get().copied();
        assert_eq!(self.take(), before);
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn look(&mut self, _: u8, _: u8) -> Vec<u64> {
        self.get().map(|&value| value.into()).into_iter().collect()
    }
    fn all(&mut self) -> Vec<(u8, u64)> {
        self.look(0, 0).into_iter().map(|value| (0, value)).collect()
    }
}

impl Subject for Bag<u8> {
    fn slot(_: u8) -> u8 {
        0
    }
    fn put(&mut self, _: u8, value: u8) {
        self.add(value);
    }
    fn remove(&mut self, _: u8, _: u8) {
        let is_empty = self.is_empty();
        assert_eq!(self.take().is_empty(), is_empty);
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn look(&mut self, _: u8, _: u8) -> Vec<u64> {
        self.iter().map(|&value| value.into()).collect()
    }
    fn all(&mut self) -> Vec<(u8, u64)> {
        self.look(0, 0).into_iter().map(|value| (0, value)).collect()
    }
}

impl Subject for Combining<Sum<u64>> {
    const REPLACES: bool = true;
    fn slot(_: u8) -> u8 {
        0
    }
    fn value(value: u8, before: impl Iterator<Item = u64>) -> u64 {
        before.sum::<u64>() + u64::from(value)
    }
    fn put(&mut self, _: u8, value: u8) {
        self.add(value.into());
    }
    fn remove(&mut self, _: u8, _: u8) {
        self.clear();
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn look(&mut self, _: u8, _: u8) -> Vec<u64> {
        let sum = self.get().unwrap();
        if self.is_empty() { Vec::new() } else { vec![sum] }
    }
    fn all(&mut self) -> Vec<(u8, u64)> {
        self.look(0, 0).into_iter().map(|value| (0, value)).collect()
    }
}

impl Subject for Set<u8> {
    const REPLACES: bool = true;
    fn value(_: u8, _: impl Iterator<Item = u64>) -> u64 {
        0
    }
    fn put(&mut self, key: u8, _: u8) {
        self.insert(key);
    }
    fn remove(&mut self, key: u8, more: u8) {
        (key..=key + more).for_each(|key| self.remove(&key));
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn look(&mut self, key: u8, more: u8) -> Vec<u64> {
        (key..=key + more).filter(|key| self.contains(key)).map(|_| 0).collect()
    }
    fn all(&mut self) -> Vec<(u8, u64)> {
        let all: Vec<_> = self.iter().map(|&key| (key, 0)).collect();
        assert_eq!(self.is_empty(), all.is_empty());
        all
    }
}

impl Subject for Map<u8, u8> {
    const REPLACES: bool = true;
    fn put(&mut self, key: u8, value: u8) {
        self.insert(key, value);
    }
    fn remove(&mut self, key: u8, more: u8) {
        (key..=key + more).for_each(|key| self.remove(&key));
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn look(&mut self, key: u8, more: u8) -> Vec<u64> {
        (key..=key + more).filter_map(|key| self.get(&key).map(|&value| value.into())).collect()
    }
    fn all(&mut self) -> Vec<(u8, u64)> {
        let keys: Vec<_> = self.keys().copied().collect();
        let all: Vec<_> = self.iter().map(|(&key, &value)| (key, value.into())).collect();
        assert_eq!(all.iter().map(|(key, _)| *key).collect::<Vec<_>>(), keys);
        all
    }
}

impl Subject for Multimap<u8, u8> {
    fn put(&mut self, key: u8, value: u8) {
        self.insert(key, value);
    }
    fn remove(&mut self, key: u8, more: u8) {
        (key..=key + more).for_each(|key| self.remove(&key));
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn look(&mut self, key: u8, more: u8) -> Vec<u64> {
        (key..=key + more).flat_map(|key| self.get(&key).map(|&value| value.into()).collect::<Vec<_>>()).collect()
    }
    fn all(&mut self) -> Vec<(u8, u64)> {
        let keys: Vec<_> = self.keys().copied().collect();
        let all: Vec<_> = self.iter().map(|(&key, &value)| (key, value.into())).collect();
        let mut with_values: Vec<_> = all.iter().map(|(key, _)| *key).collect();
        with_values.dedup();
        assert_eq!(with_values, keys);
        all
    }
}

impl Subject for OrderedList<u8> {
    fn put(&mut self, key: u8, value: u8) {
        self.insert(at(key.into()), value);
    }
    fn remove(&mut self, key: u8, more: u8) {
        self.clear_range(at(key.into())..=at((key + more).into()));
    }
    fn clear(&mut self) {
        self.clear();
    }
    fn look(&mut self, key: u8, more: u8) -> Vec<u64> {
        let range = at(key.into())..at((key + more).into()) + millis(1);
        self.range(range).map(|(_, &value)| value.into()).collect()
    }
    fn all(&mut self) -> Vec<(u8, u64)> {
        let all: Vec<_> = self.iter().map(|(at, &value)| (u8::try_from(at.millis()).unwrap(), value.into())).collect();
        assert!(all.is_sorted_by_key(|(key, _)| *key));
        all
    }
}

/// Runs operations on the cell and on the model, which must agree wherever somebody looks.
fn agree<C: Subject, S: State>(ops: &[Op], ttl: i64, cell: fn(&mut S) -> &mut C) {
    let (mut driver, mut model, mut now) = (Driver::<S>::new(), Model::new(), 0);
    let sorted = |mut values: Vec<u64>| {
        values.sort_unstable();
        values
    };
    let live = |model: &Model, now: i64| {
        let mut live: Vec<_> = model.iter().filter(|entry| entry.2 > now).map(|entry| (entry.0, entry.1)).collect();
        live.sort_unstable();
        live
    };
    let all = |driver: &mut Driver<S>| {
        let mut all = cell(&mut driver.state).all();
        all.sort_unstable();
        all
    };
    for op in ops {
        let subject = cell(&mut driver.state);
        match *op {
            Op::Put(key, value) => {
                subject.put(key, value);
                let slot = C::slot(key);
                let before = live(&model, now).into_iter().filter(|(key, _)| *key == slot).map(|(_, value)| value);
                let value = C::value(value, before);
                if C::REPLACES {
                    model.retain(|entry| entry.0 != slot);
                }
                model.push((slot, value, now.saturating_add(ttl)));
            }
            Op::Remove(key, more) => {
                subject.remove(key, more);
                model.retain(|entry| !(C::slot(key)..=C::slot(key + more)).contains(&entry.0));
            }
            Op::Clear => {
                Subject::clear(subject);
                model.clear();
            }
            Op::Look(key, more) => {
                let range = C::slot(key)..=C::slot(key + more);
                let expected = live(&model, now).into_iter().filter(|(key, _)| range.contains(key));
                assert_eq!(sorted(subject.look(key, more)), sorted(expected.map(|(_, value)| value).collect()));
            }
            Op::LookAll => assert_eq!(all(&mut driver), live(&model, now)),
            Op::Hop { joins } => {
                driver.leave();
                driver.store.joins.store(joins, Ordering::Relaxed);
                driver.enter(now);
            }
            Op::Wait(time) => {
                now += time;
                driver.visit.set_now(at(now));
            }
        }
    }
    driver.leave();
    driver.enter(now);
    assert_eq!(all(&mut driver), live(&model, now));
    // What does not count any more goes with that look; after it nothing is written for looking.
    driver.leave();
    driver.enter(now);
    assert_eq!(all(&mut driver), live(&model, now));
    assert_eq!(driver.leave(), []);
}

fn behaves<C: Subject>() {
    proptest!(ProptestConfig { cases: 400, ..ProptestConfig::default() }, |(ops in ops())| {
        agree::<C, Forever<C>>(&ops, i64::MAX, |state| &mut state.cell);
        agree::<C, Short<C>>(&ops, 10, |state| &mut state.cell);
    });
}

#[test]
fn values_behave() {
    behaves::<Value<u8>>();
}

#[test]
fn bags_behave() {
    behaves::<Bag<u8>>();
}

#[test]
fn combined_values_behave() {
    behaves::<Combining<Sum<u64>>>();
}

#[test]
fn sets_behave() {
    behaves::<Set<u8>>();
}

#[test]
fn maps_behave() {
    behaves::<Map<u8, u8>>();
}

#[test]
fn multimaps_behave() {
    behaves::<Multimap<u8, u8>>();
}

#[test]
fn ordered_lists_behave() {
    behaves::<OrderedList<u8>>();
}

fn append(key: &'static [u8], value: &'static [u8]) -> CellChange {
    CellChange::Append { key: Bytes::from_static(key), value: Bytes::from_static(value) }
}

/// What a visit writes, and how often it reads, after another has written.
fn visit<C: Subject>(first: impl FnOnce(&mut C), then: impl FnOnce(&mut C)) -> (Vec<CellChange>, usize) {
    let mut driver = Driver::<Forever<C>>::new();
    first(&mut driver.state.cell);
    driver.leave();
    driver.enter(0);
    let before = driver.store.reads();
    then(&mut driver.state.cell);
    let reads = driver.store.reads() - before;
    (driver.leave(), reads)
}

#[test]
fn writing_does_not_read() {
    let clear_key = CellChange::ClearKey { key: Bytes::from_static(&[1]) };
    assert_eq!(visit::<Value<u8>>(|_| (), |c| c.set(7)), (vec![CellChange::Clear, append(b"", &[7])], 0));
    assert_eq!(visit::<Bag<u8>>(|_| (), |c| c.add(7)), (vec![append(b"", &[7])], 0));
    assert_eq!(visit::<Set<u8>>(|_| (), |c| c.insert(1)), (vec![clear_key.clone(), append(&[1], &[0])], 0));
    assert_eq!(visit::<Map<u8, u8>>(|_| (), |c| c.insert(1, 7)), (vec![clear_key.clone(), append(&[1], &[7])], 0));
    assert_eq!(visit::<Map<u8, u8>>(|_| (), |c| c.remove(&1)), (vec![clear_key], 0));
    assert_eq!(visit::<Multimap<u8, u8>>(|_| (), |c| c.insert(1, 7)), (vec![append(&[1], &[7])], 0));
    let list = visit::<OrderedList<u8>>(|_| (), |c| c.insert(at(5), 7));
    assert_eq!(list, (vec![CellChange::Insert { at: at(5), value: Bytes::from_static(&[7]) }], 0));
    let list = visit::<OrderedList<u8>>(|_| (), |c| c.clear_range(at(5)..at(7)));
    assert_eq!(list, (vec![CellChange::ClearRange { range: at(5)..at(7) }], 0));
    assert_eq!(visit::<OrderedList<u8>>(|_| (), |c| c.clear_range(at(7)..at(5))), (vec![], 0));
}

#[test]
fn clearing_and_adding_is_clear_and_append() {
    let refill = |bag: &mut Bag<u8>| {
        bag.add(1);
        bag.clear();
        bag.add(2);
    };
    assert_eq!(visit(|bag: &mut Bag<u8>| bag.add(9), refill), (vec![CellChange::Clear, append(b"", &[2])], 0));
    let refill = |map: &mut Multimap<u8, u8>| {
        map.insert(1, 1);
        map.clear();
        map.insert(2, 2);
    };
    let (changes, reads) = visit(|map: &mut Multimap<u8, u8>| map.insert(1, 9), refill);
    assert_eq!((changes, reads), (vec![CellChange::Clear, append(&[2], &[2])], 0));
}

#[test]
fn what_does_not_change_is_not_written() {
    let same = |value: &mut Value<u8>| {
        let value_now = *value.get().unwrap();
        value.set(1);
        value.set(value_now);
    };
    assert_eq!(visit(|value: &mut Value<u8>| value.set(9), same), (vec![], 1));
    assert_eq!(visit(|_: &mut Value<u8>| (), |value| assert_eq!(value.take(), None)), (vec![], 1));
    let same = |map: &mut Map<u8, u8>| {
        let value = *map.get(&1).unwrap();
        map.insert(1, value);
        assert!(!map.contains_key(&2));
        map.remove(&2);
    };
    assert_eq!(visit(|map: &mut Map<u8, u8>| map.insert(1, 9), same), (vec![], 2));
    let same = |list: &mut OrderedList<u8>| {
        assert_eq!(list.range(at(3)..at(9)).count(), 1);
        list.clear_range(at(6)..at(9));
    };
    assert_eq!(visit(|list: &mut OrderedList<u8>| list.insert(at(5), 9), same), (vec![], 1));
}

#[test]
fn nothing_is_read_twice() {
    let look = |map: &mut Map<u8, u8>| {
        for _ in 0..2 {
            assert_eq!(map.get(&1), Some(&9));
            assert_eq!(map.keys().count(), 1);
            assert_eq!(map.get(&2), None);
            assert_eq!(map.iter().count(), 1);
        }
    };
    assert_eq!(visit(|map: &mut Map<u8, u8>| map.insert(1, 9), look), (vec![], 2));
    let look = |list: &mut OrderedList<u8>| {
        assert_eq!(list.range(at(3)..=at(4)).count(), 0);
        assert_eq!(list.range(at(7)..at(9)).count(), 0);
        assert_eq!(list.range(at(3)..at(9)).count(), 1);
        assert_eq!(list.range(at(4)..at(8)).count(), 1);
    };
    assert_eq!(visit(|list: &mut OrderedList<u8>| list.insert(at(5), 9), look), (vec![], 3));
}

#[test]
fn a_time_to_live_stands_beside_the_value() {
    let mut driver = Driver::<Short<Value<u8>>>::new();
    driver.visit.set_now(at(100));
    driver.state.cell.set(7);
    assert_eq!(driver.leave(), [CellChange::Clear, append(b"", &[110, 7])]);
    driver.enter(109);
    assert_eq!(driver.state.cell.get(), Some(&7));
    driver.visit.set_now(at(110));
    assert_eq!(driver.state.cell.get(), None);
}

#[test]
fn what_cannot_be_read_is_told() {
    let mut driver = Driver::<Forever<Map<u8, u8>>>::new();
    driver.store.is_broken.store(true, Ordering::Relaxed);
    assert_eq!(driver.state.cell.get(&1), None);
    assert_eq!(driver.visit.failure().unwrap().to_string(), "the test runner stopped: the disk is full");

    let mut driver = Driver::<Forever<Value<u8>>>::new();
    driver.store.apply(vec![StateChange { cell: "cell", change: append(b"", &[0x80]) }]);
    assert_eq!(driver.state.cell.get(), None);
    let error = driver.visit.failure().unwrap().to_string();
    assert!(error.starts_with("`Test` (sdk/core/src/dofn/stateful/tests/cells.rs:"), "{error}");
    assert!(error.ends_with("the input ends inside a varint at the state `cell`"), "{error}");

    let mut driver = Driver::<Forever<OrderedList<u8>>>::new();
    driver.state.cell.insert(Timestamp::MAX, 1);
    let error = driver.visit.failure().unwrap().to_string();
    assert!(error.contains("an ordered list holds nothing at the end of time"), "{error}");
}
