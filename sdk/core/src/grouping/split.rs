//! The upstream end of a grouping whose keys are spread over shards.

use super::hash;
use super::law::Law;
use crate::batch::{Batch, Collapsed, Column, Meta, WindowColumn, WindowSet};
use crate::coder;
use crate::dofn::erased::{AnyReceiver, Parcel, Receiver};
use crate::dofn::guard::guard;
use crate::error::Result;
use crate::graph::StepName;
use crate::time::Timestamp;
use crate::windowing::PaneInfo;
use crate::{Element, Key};
use std::mem::needs_drop;

/// The runner's side of an exchange: parcels leave through it. What happens when a queue is full is the runner's business.
pub trait Exchange: Send {
    /// How many owners there are.
    fn shards(&self) -> usize;

    /// Whether a row in several windows goes as one row, and not once for each.
    fn keeps_sets(&self) -> bool {
        false
    }

    /// Hands a parcel to the owner of a shard.
    ///
    /// # Errors
    /// The run has been stopped; those of the owner, if it takes the parcel at once.
    fn send(&mut self, shard: usize, parcel: Parcel) -> Result<()>;
}

/// High bits route, low bits find the place in a table: rows of one shard do not crowd a part of it.
#[inline]
pub(crate) fn route(hash: u64, shards: usize) -> usize {
    (((hash >> 32) * shards as u64) >> 32) as usize
}

pub(super) fn splitter<K: Key, V: Element>(step: &StepName, to: Box<dyn Exchange>) -> AnyReceiver {
    let shards = (0..to.shards()).map(|_| Shard::default()).collect();
    AnyReceiver::new(Splitter::<K, V> {
        step: step.clone(),
        to,
        windows: Vec::new(),
        shards,
        owned: 0,
        unchecked: CHECKED,
        law: Law::default(),
    })
}

/// So many keys of a splitter are looked at.
const CHECKED: usize = 1000;

/// A parcel has about so many rows, or less, if they take more bytes than a batch should.
const PARCEL: usize = 4096;

/// More windows than this do not share a table.
const MOST_WINDOWS: usize = 1000;

struct Splitter<K, V> {
    step: StepName,
    to: Box<dyn Exchange>,
    /// The windows of all shards' rows.
    windows: Vec<WindowSet>,
    shards: Vec<Shard<K, V>>,
    /// About how many bytes the rows of all own, beside themselves.
    owned: usize,
    unchecked: usize,
    law: Law<K>,
}

/// Rows for one owner.
struct Shard<K, V> {
    rows: Vec<(K, V)>,
    times: Collapsed<Timestamp>,
    codes: Vec<u16>,
}

impl<K, V> Default for Shard<K, V> {
    fn default() -> Self {
        Shard { rows: Vec::new(), times: Collapsed::default(), codes: Vec::new() }
    }
}

impl<K: Key, V: Element> Receiver<(K, V)> for Splitter<K, V> {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }

    fn receive(&mut self, batch: Batch<(K, V)>) -> Result<()> {
        let take_sets = self.to.keeps_sets();
        let mut take = |batch: Batch<(K, V)>| {
            self.check(&batch.values)?;
            self.deal(batch)
        };
        if take_sets { take(batch) } else { batch.explode(take) }
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.flush()
    }
}

impl<K: Key, V: Element> Splitter<K, V> {
    fn check(&mut self, rows: &[(K, V)]) -> Result<()> {
        if self.unchecked == 0 {
            return Ok(());
        }
        let Splitter { step, unchecked, law, .. } = self;
        guard(step, || {
            let mut bytes = Vec::new();
            for (key, _) in rows.iter().take(*unchecked) {
                bytes.clear();
                coder::put(key, &mut bytes)?;
                law.check(key.clone(), &bytes)?;
            }
            Ok(())
        })?;
        *unchecked = unchecked.saturating_sub(rows.len());
        if *unchecked == 0 {
            *law = Law::default();
        }
        Ok(())
    }

    fn deal(&mut self, batch: Batch<(K, V)>) -> Result<()> {
        let Batch { values, meta } = batch;
        if let [_] = self.shards.as_slice() {
            let meta = Meta { pane: Column::All(PaneInfo::NO_FIRING), ..meta };
            return self.to.send(0, Parcel::new(Batch { values, meta }));
        }
        let owned = values.len() * guard(&self.step, || Ok(values.first().map_or(0, owned)))?;
        let full = PARCEL.saturating_sub(values.len().div_ceil(self.shards.len()));
        let is_large = self.owned + owned > Batch::<V>::BYTES * self.shards.len();
        let is_full = || self.shards.iter().any(|shard| shard.rows.len() >= full.max(1));
        if is_large || self.windows.len() > MOST_WINDOWS || is_full() {
            self.flush()?;
        }
        self.owned += owned;
        let recoded: Vec<u16> = meta.windows.table().iter().map(|set| self.code(set)).collect();
        let count = self.shards.len();
        for (row, (key, value)) in values.into_iter().enumerate() {
            let shard = &mut self.shards[route(hash(&key), count)];
            shard.times.push(*meta.time.get(row), shard.rows.len());
            shard.codes.push(recoded[meta.windows.code(row)]);
            shard.rows.push((key, value));
        }
        Ok(())
    }

    fn code(&mut self, set: &WindowSet) -> u16 {
        let known = self.windows.iter().rposition(|known| known == set);
        let code = known.unwrap_or_else(|| {
            self.windows.push(set.clone());
            self.windows.len() - 1
        });
        code as u16
    }

    fn flush(&mut self) -> Result<()> {
        let Splitter { to, windows, shards, .. } = self;
        for (number, shard) in shards.iter_mut().enumerate().filter(|(_, shard)| !shard.rows.is_empty()) {
            let Shard { rows: values, times, codes } = std::mem::take(shard);
            let meta = Meta {
                time: times.finish(Timestamp::MIN),
                windows: WindowColumn::of(windows.clone(), codes),
                pane: Column::All(PaneInfo::NO_FIRING),
            };
            to.send(number, Parcel::new(Batch { values, meta }))?;
        }
        windows.clear();
        self.owned = 0;
        Ok(())
    }
}

/// About what a row owns beside itself, one for all of a batch.
fn owned<K: Key, V: Element>((key, value): &(K, V)) -> usize {
    if !needs_drop::<(K, V)>() {
        return 0;
    }
    let mut scratch = Vec::new();
    coder::estimate(key, &mut scratch) + coder::estimate(value, &mut scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grouping::{AnyGrouping, Grouping};
    use crate::transforms::group_by_key::ToGrouped;
    use crate::windowing::Window;
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    /// The rows of each shard: key, value, time and window.
    type Row = (String, u64, i64, Window);

    #[derive(Clone)]
    struct Shards(Arc<Mutex<Vec<Vec<Row>>>>);

    impl Exchange for Shards {
        fn shards(&self) -> usize {
            self.0.lock().unwrap().len()
        }
        fn send(&mut self, shard: usize, parcel: Parcel) -> Result<()> {
            let Batch { values, meta } = parcel.open::<(String, u64)>().unwrap();
            for (row, (key, value)) in values.into_iter().enumerate() {
                let [window] = meta.windows.get(row).as_slice() else { panic!("one window a row") };
                self.0.lock().unwrap()[shard].push((key, value, meta.time.get(row).millis(), *window));
            }
            Ok(())
        }
    }

    fn window(start: i64) -> Window {
        Window::interval(Timestamp::from_millis(start), Timestamp::from_millis(start + 10))
    }

    /// What comes out of so many shards, after batches of these sizes.
    fn split(shards: usize, sizes: &[usize]) -> Vec<Vec<Row>> {
        let to = Shards(Arc::new(Mutex::new(vec![Vec::new(); shards])));
        let grouping =
            Grouping::<String, ToGrouped<u64>>::plain(ToGrouped(std::marker::PhantomData), ToGrouped::COLLECTS);
        let input = grouping.splitter(&StepName::here("Group"), Box::new(to.clone()));
        let mut input = input.typed::<(String, u64)>().unwrap();
        input.start_bundle().unwrap();
        let mut n = 0;
        for size in sizes {
            let (mut values, mut meta) = (Vec::new(), crate::batch::MetaBuilder::default());
            for _ in 0..*size {
                values.push((format!("k{}", n % 100), n));
                let windows = if n % 7 == 0 { vec![window(0), window(5)] } else { vec![window(n as i64 % 3)] };
                meta.push(Timestamp::from_millis(n as i64), &windows.into(), PaneInfo::NO_FIRING);
                n += 1;
            }
            input.receive(Batch { values, meta: meta.finish() }).unwrap();
        }
        input.finish_bundle().unwrap();
        Arc::into_inner({
            drop(input);
            to.0
        })
        .unwrap()
        .into_inner()
        .unwrap()
    }

    #[test]
    fn a_key_goes_to_one_shard_with_its_times_and_windows() {
        let sizes = [1, 1024, 3, 5000, 1024, 1024, 1024, 1024];
        let mut whole = split(1, &sizes).concat();
        whole.sort();
        assert_eq!(whole.len(), sizes.iter().sum::<usize>() + sizes.iter().sum::<usize>().div_ceil(7));
        for shards in [2, 3, 8] {
            let parts = split(shards, &sizes);
            let mut homes = BTreeMap::new();
            for (shard, rows) in parts.iter().enumerate() {
                rows.iter().for_each(|(key, ..)| assert_eq!(*homes.entry(key.clone()).or_insert(shard), shard));
            }
            assert!(parts.iter().filter(|rows| !rows.is_empty()).count() > 1);
            let mut all = parts.concat();
            all.sort();
            assert_eq!(all, whole);
        }
    }
}
