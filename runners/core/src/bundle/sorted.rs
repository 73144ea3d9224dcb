//! Elements that wait until no earlier one can come.

use super::splits::EncodedElement;
use crate::files::{Queue, damaged, number, put_window, take_len, take_window, time};
use bytes::Bytes;
use ferrobeam_core::coder::{put_pane, put_varint, take_pane};
use ferrobeam_core::dofn::stateful::operator::EncodedPair;
use ferrobeam_core::grouping::{SpillSpace, Spills};
use ferrobeam_core::windowing::{PaneInfo, Window};
use ferrobeam_core::{Result, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an element takes in memory beside its bytes, about.
const OF_ROW: usize = 200;

/// Elements of a stateful step, in the order of time, and of equal times as they came. Some are in files.
#[derive(Default)]
pub struct SortedElements {
    /// With the length of the key.
    here: BTreeMap<(Timestamp, u64), (EncodedElement, u32)>,
    bytes: usize,
    /// How many have come: the next one's order.
    count: u64,
    files: Option<Queue>,
    /// How many are in files.
    there: usize,
}

impl SortedElements {
    /// Adds an element in one window, a pair of which the key has so many bytes.
    pub fn push(&mut self, (bytes, key): EncodedPair, time: Timestamp, window: Window, pane: PaneInfo) {
        self.bytes += bytes.len();
        self.here.insert((time, self.count), (EncodedElement { bytes, time, window, pane }, key));
        self.count += 1;
    }

    /// The time of the first one.
    #[must_use]
    pub fn earliest(&self) -> Option<Timestamp> {
        let here = self.here.first_key_value().map(|((time, _), _)| *time);
        here.into_iter().chain(self.first_there().map(|(time, _)| time)).min()
    }

    fn first_there(&self) -> Option<(Timestamp, u64)> {
        let (at, order) = self.files.as_ref()?.first()?;
        Some((time(at), u64::from_be_bytes(order.try_into().ok()?)))
    }

    /// Takes the first one out, with its key.
    ///
    /// # Errors
    /// Those of files.
    pub fn pop(&mut self) -> Result<Option<(Bytes, EncodedElement)>> {
        let here = self.here.first_key_value().map(|(place, _)| *place);
        let there = self.first_there();
        let (row, key) = if let (Some(files), Some(place)) = (&mut self.files, there)
            && here.is_none_or(|here| place < here)
        {
            let mut record = Vec::new();
            files.pop(&mut record)?;
            self.there -= 1;
            decode(&record, place.0)?
        } else {
            let Some((_, (row, key))) = self.here.pop_first() else { return Ok(None) };
            self.bytes -= row.bytes.len();
            (row, key)
        };
        Ok(Some((row.bytes.slice(..key as usize), row)))
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.here.len() + self.there
    }
}

impl Spills for SortedElements {
    fn limit(&mut self, space: Arc<dyn SpillSpace>) {
        self.files = Some(Queue::new(space));
    }

    fn held(&self) -> usize {
        if self.files.is_none() { 0 } else { self.bytes + self.here.len() * OF_ROW }
    }

    fn spill(&mut self) -> Result<()> {
        let SortedElements { here, bytes, files: Some(files), there, .. } = self else { return Ok(()) };
        let (mut writer, mut record) = (files.writer()?, Vec::new());
        while let Some(((time, order), (row, key))) = here.pop_first() {
            record.clear();
            encode(&row, key, &mut record);
            writer.put((number(time), &order.to_be_bytes()), &record)?;
            *there += 1;
        }
        *bytes = 0;
        files.add(writer)
    }
}

fn encode(row: &EncodedElement, key: u32, out: &mut Vec<u8>) {
    put_window(row.window, out);
    put_pane(&row.pane, out);
    put_varint(key.into(), out);
    out.extend_from_slice(&row.bytes);
}

fn decode(mut input: &[u8], time: Timestamp) -> Result<(EncodedElement, u32)> {
    let window = take_window(&mut input)?;
    let pane = take_pane(&mut input).map_err(|_| damaged())?;
    let key = take_len(&mut input)?;
    let is_inside = key <= input.len();
    let key = u32::try_from(key).ok().filter(|_| is_inside).ok_or_else(damaged)?;
    Ok((EncodedElement { bytes: Bytes::copy_from_slice(input), time, window, pane }, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::testing::InMemory;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(i64, Vec<u8>, bool),
        Pop,
        Spill,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (-5..5_i64, vec(any::<u8>(), 0..9), any::<bool>()).prop_map(|(at, row, global)| Step::Push(at, row, global)),
            2 => Just(Step::Pop),
            1 => Just(Step::Spill),
        ]
    }

    proptest! {
        #[test]
        fn they_come_out_in_the_order_of_time(steps in vec(step(), 0..100)) {
            let (mut sorted, mut naive) = (SortedElements::default(), BTreeMap::new());
            sorted.limit(Arc::new(InMemory));
            let pops = (0..steps.len()).map(|_| Step::Pop);
            for (order, step) in steps.clone().into_iter().chain(pops).enumerate() {
                match step {
                    Step::Push(at, row, is_global) => {
                        let (time, key) = (Timestamp::from_millis(at), row.len() / 2);
                        let window = if is_global { Window::Global } else { Window::interval(time, Timestamp::MAX) };
                        let pane = PaneInfo { index: order as u64, ..PaneInfo::default() };
                        sorted.push((row.clone().into(), key as u32), time, window, pane);
                        naive.insert((time, order), (row, key, window, pane));
                    }
                    Step::Spill => {
                        sorted.spill().unwrap();
                        prop_assert_eq!(sorted.held(), 0);
                    }
                    Step::Pop => {
                        prop_assert_eq!(sorted.earliest(), naive.first_key_value().map(|((time, _), _)| *time));
                        let found = sorted.pop().unwrap().map(|(key, row)| {
                            prop_assert_eq!(&row.bytes[..key.len()], &key[..]);
                            Ok((row.time, (row.bytes.to_vec(), key.len(), row.window, row.pane)))
                        });
                        let expected = naive.pop_first().map(|((time, _), row)| (time, row));
                        prop_assert_eq!(found.transpose()?, expected);
                    }
                }
                prop_assert_eq!((sorted.len(), sorted.is_empty()), (naive.len(), naive.is_empty()));
            }
        }
    }
}
