//! Panes are the same whether or not they were in files meanwhile.

use super::testing::Memory;
use crate::Element;
use crate::batch::{Batch, Meta, MetaBuilder, WindowSet};
use crate::combiners::{CombineFn, sum, to_list};
use crate::dofn::erased::{AnyReceiver, Parcel, Receiver};
use crate::error::Result;
use crate::graph::StepName;
use crate::grouping::{AnyGrouping, DROPPED, Grouping, Panes, Slot};
use crate::time::Timestamp;
use crate::transforms::group_by_key::{Grouped, ToGrouped};
use crate::windowing::{PaneInfo, Window};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

/// The rows that came out, and in how many batches.
struct Log<T>(Arc<Mutex<Logged<T>>>);

type Logged<T> = (Vec<(String, T)>, usize);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(self.0.clone())
    }
}

impl<T: Element> Receiver<(String, T)> for Log<T> {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }
    fn receive(&mut self, batch: Batch<(String, T)>) -> Result<()> {
        let mut log = self.0.lock().unwrap();
        log.0.extend(batch.values);
        log.1 += 1;
        Ok(())
    }
    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A store, and what it emits.
fn store<C: CombineFn>(grouping: &Grouping<String, C>) -> (Box<dyn Panes>, Log<C::Out>) {
    let log = Log(Arc::new(Mutex::new((Vec::new(), 0))));
    let panes = grouping.panes(&StepName::here("Group"), vec![AnyReceiver::new(log.clone())]).unwrap();
    (panes, log)
}

/// A row: a key, a value, and the window that it is in.
type Row = (String, u64, u32);

fn parcel(rows: &[Row]) -> (Parcel, Vec<Slot>) {
    let (mut values, mut meta, mut slots) = (Vec::new(), MetaBuilder::default(), BTreeMap::new());
    for (key, value, slot) in rows {
        let at = Timestamp::from_millis(i64::from(*slot));
        let next = slots.len();
        slots.entry(*slot).or_insert(next);
        meta.push(at, &WindowSet::One(Window::interval(at, at + crate::time::millis(1))), PaneInfo::NO_FIRING);
        values.push((key.clone(), *value));
    }
    let meta = meta.finish();
    let of_window = |set: &WindowSet| match set.as_slice() {
        // One of the windows is over.
        [Window::Interval { start, .. }] if start.millis() < 3 => start.millis() as Slot,
        _ => DROPPED,
    };
    let codes = meta.windows.table().iter().map(of_window).collect();
    (Parcel::new(Batch { values, meta }), codes)
}

/// What happens to a store.
#[derive(Clone, Debug)]
enum Step {
    Add(Vec<Row>),
    Spill,
    /// Adds a window to another, and keeps it or not.
    Merge(Slot, Slot, bool),
    /// Fires a window, and spills between its batches.
    Fire(Slot),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // One key in two is the same: it is too large alone.
    let key = prop_oneof![Just("hot".to_owned()), "[a-z]{1,2}"];
    let rows = vec((key, any::<u64>(), 0..4_u32), 0..400);
    let merge =
        (0..3_u32, 1..3_u32, any::<bool>()).prop_map(|(from, by, takes)| Step::Merge(from, (from + by) % 3, takes));
    let step = prop_oneof![4 => rows.prop_map(Step::Add), 2 => Just(Step::Spill), 1 => merge, 1 => (0..3_u32).prop_map(Step::Fire)];
    vec(step, 1..25)
}

/// All that comes out, window by window; the values of each key by `normal`.
fn outcome<C: CombineFn, N>(
    grouping: &Grouping<String, C>,
    steps: &[Step],
    space: Option<&Memory>,
    normal: fn(C::Out) -> N,
) -> Vec<BTreeMap<String, N>> {
    let (mut panes, log) = store(grouping);
    if let Some(space) = space {
        panes.limit(Arc::new(space.clone()));
    }
    let (mut all, meta) = (Vec::new(), Meta::at(Timestamp::EPOCH));
    for step in steps.iter().cloned().chain((0..3).map(Step::Fire)) {
        match step {
            Step::Add(rows) => {
                let (parcel, slots) = parcel(&rows);
                panes.add(parcel, &slots).unwrap();
            }
            Step::Spill => panes.spill().unwrap(),
            Step::Merge(from, into, takes) => panes.merge(from, into, takes).unwrap(),
            Step::Fire(slot) => {
                while !panes.fire(slot, &meta, 1).unwrap() {
                    panes.spill().unwrap();
                }
                let (rows, _) = std::mem::take(&mut *log.0.lock().unwrap());
                let len = rows.len();
                let pane: BTreeMap<String, N> = rows.into_iter().map(|(key, out)| (key, normal(out))).collect();
                assert_eq!(pane.len(), len, "a key has one row");
                all.push(pane);
            }
        }
    }
    assert_eq!(panes.held(), 0, "all has gone");
    all
}

fn sorted(values: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.into_iter().collect();
    values.sort_unstable();
    values
}

fn grouped() -> Grouping<String, ToGrouped<u64>> {
    Grouping::plain(ToGrouped(PhantomData), ToGrouped::COLLECTS)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn panes_are_the_same_after_they_were_in_files(steps in steps(), room in prop_oneof![Just(1_usize), 1..20_000_usize]) {
        let space = Memory::with_room(room);
        let values = |values: Grouped<u64>| sorted(&values);
        prop_assert_eq!(
            outcome(&grouped(), &steps, Some(&space), values),
            outcome(&grouped(), &steps, None, values)
        );
        let sums = Grouping::new(sum().on(|n: u64| n % 1000));
        prop_assert_eq!(outcome(&sums, &steps, Some(&space), |n| n), outcome(&sums, &steps, None, |n| n));
        let lists = Grouping::new(to_list());
        prop_assert_eq!(outcome(&lists, &steps, Some(&space), sorted), outcome(&lists, &steps, None, sorted));
        prop_assert_eq!(space.live_files(), 0, "no file is left");
    }
}

fn many(keys: u64, values: u64) -> Vec<Row> {
    (0..values).map(|n| (format!("key {}", n % keys), n, 0)).collect()
}

#[test]
fn what_is_spilled_is_no_longer_held() {
    let space = Memory::with_room(64 << 10);
    let (mut panes, log) = store(&grouped());
    panes.limit(Arc::new(space.clone()));
    for rows in many(1000, 50_000).chunks(1000) {
        let (parcel, slots) = parcel(rows);
        panes.add(parcel, &slots).unwrap();
    }
    let before = panes.held();
    assert!(before > 400_000, "50,000 numbers take at least as much: {before}");
    panes.spill().unwrap();
    assert!(panes.held() <= 64 * (4 << 10), "less than a block of each part stays: {}", panes.held());
    panes.spill().unwrap();
    assert_eq!(panes.held(), 0, "now it does not");
    assert!(space.blocks.load(std::sync::atomic::Ordering::Relaxed) >= 64, "each part has a key");
    while !panes.fire(0, &Meta::at(Timestamp::EPOCH), 1).unwrap() {
        assert!(panes.held() <= 64 << 10, "one part at a time: {}", panes.held());
    }
    assert_eq!(log.0.lock().unwrap().0.len(), 1000);
}

#[test]
fn the_values_of_a_large_key_stay_in_a_file() {
    let space = Memory::with_room(64 << 10);
    let (mut panes, log) = store(&grouped());
    panes.limit(Arc::new(space.clone()));
    for round in 0..100 {
        let (parcel, slots) = parcel(&many(1, 1000));
        panes.add(parcel, &slots).unwrap();
        if round == 3 {
            panes.spill().unwrap();
        }
    }
    let (parcel, slots) = parcel(&many(50, 100));
    panes.add(parcel, &slots).unwrap();
    while !panes.fire(0, &Meta::at(Timestamp::EPOCH), 1).unwrap() {
        assert!(panes.held() <= 64 << 10, "{}", panes.held());
    }
    let rows = std::mem::take(&mut log.0.lock().unwrap().0);
    assert_eq!(rows.len(), 50);
    let (_, large) = rows.iter().find(|(key, _)| key == "key 0").unwrap();
    assert_eq!((large.len(), space.live_files()), (100_002, 1));
    let expected = sorted((0..100).flat_map(|_| 0..1000).chain([0, 50]));
    // It is read twice, by copies of a reader in the middle, and equal to what is in memory.
    assert_eq!(sorted(large), expected);
    let mut half = large.iter();
    half.by_ref().take(50_000).for_each(drop);
    assert!(half.clone().eq(half));
    assert!(*large == Grouped::new(large.iter().collect()));
    drop(rows);
    assert_eq!(space.live_files(), 0);
}

/// An accumulator that is small whatever comes in.
#[test]
fn a_store_that_is_smaller_than_it_seems_does_not_spill() {
    let space = Memory::with_room(64 << 10);
    let longest = Grouping::new(crate::combiners::max().on(|n: u64| n.to_string()));
    let (mut panes, _) = store(&longest);
    panes.limit(Arc::new(space.clone()));
    for rows in many(10, 50_000).chunks(1000) {
        let (parcel, slots) = parcel(rows);
        panes.add(parcel, &slots).unwrap();
    }
    let before = panes.held();
    panes.spill().unwrap();
    assert!(panes.held() < before / 10, "{} after {before}", panes.held());
    assert_eq!(space.blocks.load(std::sync::atomic::Ordering::Relaxed), 0);
}
