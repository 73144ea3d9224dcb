//! The windows of a batch.

use super::{Placed, Window, Windows};
use crate::Timestamp;
use crate::batch::{Batch, Column, WindowColumn, WindowSet};
use crate::error::BoxError;
use std::collections::BTreeMap;

/// Assigns windows anew; every row is in one window so far. Timestamps and panes stay; rows that come to be in no window
/// go.
pub(crate) fn assign<T>(windows: &Windows, mut batch: Batch<T>) -> Result<Batch<T>, BoxError> {
    batch.meta.windows = match (windows, &batch.meta.time) {
        (Windows::Global, _) => WindowColumn::All(WindowSet::GLOBAL),
        (Windows::Custom(_), _) => by_row(windows, &batch)?,
        (_, Column::All(at)) => WindowColumn::All(windows.assign(*at, Window::Global)?),
        (_, Column::Each(times)) => by_time(windows, times),
    };
    Ok(without_windowless(batch))
}

/// Of functions that look at the timestamp only: one comparison a row as long as neighbours share their windows.
fn by_time(windows: &Windows, times: &[Timestamp]) -> WindowColumn {
    let (mut table, mut codes) = (Vec::new(), Vec::with_capacity(times.len()));
    // From the first timestamp of a stretch whose windows are the same: where it ends, and their code.
    let mut known: BTreeMap<Timestamp, (Timestamp, u16)> = BTreeMap::new();
    let (mut from, mut to, mut code) = (Timestamp::MAX, Timestamp::MIN, 0);
    for &at in times {
        if !(from..to).contains(&at) {
            match known.range(..=at).next_back() {
                Some((&known_from, &(known_to, known_code))) if at < known_to => {
                    (from, to, code) = (known_from, known_to, known_code);
                }
                _ => {
                    let nowhere = Placed { windows: WindowSet::GLOBAL, from: at, to: at };
                    let placed = windows.place(at).unwrap_or(nowhere);
                    (from, to, code) = (placed.from, placed.to, table.len() as u16);
                    known.insert(from, (to, code));
                    table.push(placed.windows);
                }
            }
        }
        codes.push(code);
    }
    WindowColumn::of(table, codes)
}

/// Of functions of the user's, which see one row after the other.
fn by_row<T>(windows: &Windows, batch: &Batch<T>) -> Result<WindowColumn, BoxError> {
    let meta = &batch.meta;
    let assign = |at: Timestamp, current: &WindowSet| {
        windows.assign(at, current.as_slice().first().copied().unwrap_or(Window::Global))
    };
    if let (Column::All(at), WindowColumn::All(current)) = (&meta.time, &meta.windows) {
        return assign(*at, current).map(WindowColumn::All);
    }
    let (mut table, mut codes) = (Vec::<WindowSet>::new(), Vec::with_capacity(batch.values.len()));
    for row in 0..batch.values.len() {
        let set = assign(*meta.time.get(row), meta.windows.get(row))?;
        let newest = table.len().saturating_sub(8);
        let known = table[newest..].iter().rposition(|known| *known == set);
        codes.push(known.map_or(table.len(), |at| newest + at) as u16);
        if known.is_none() {
            table.push(set);
        }
    }
    Ok(WindowColumn::of(table, codes))
}

fn without_windowless<T>(mut batch: Batch<T>) -> Batch<T> {
    let table = batch.meta.windows.table();
    if !table.iter().any(|set| set.as_slice().is_empty()) {
        return batch;
    }
    // The codes of the sets that stay.
    let mut stays = Vec::with_capacity(table.len());
    let mut left = Vec::with_capacity(table.len());
    for set in table {
        stays.push((!set.as_slice().is_empty()).then_some(left.len() as u16));
        left.extend((!set.as_slice().is_empty()).then(|| set.clone()));
    }
    let codes = (0..batch.values.len()).map(|row| stays[batch.meta.windows.code(row)]);
    let (rows, codes): (Vec<u32>, Vec<u16>) = (0u32..).zip(codes).filter_map(|(row, code)| Some((row, code?))).unzip();
    let (mut row, mut next) = (0, rows.iter().peekable());
    batch.values.retain(|_| {
        row += 1;
        next.next_if(|next| **next == row - 1).is_some()
    });
    let mut meta = batch.meta.select(&rows);
    meta.windows = if rows.is_empty() { WindowColumn::All(WindowSet::GLOBAL) } else { WindowColumn::of(left, codes) };
    Batch { values: batch.values, meta }
}
