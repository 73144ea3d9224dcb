//! What travels on an edge inside a process: typed values, and beside them the metadata that Beam keeps out of `T`.
//!
//! Metadata is one value for the whole batch as long as all rows agree, and a column only when they differ, so steps
//! over data that nobody windowed pay nothing for it.

use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use std::ops::Range;
use std::sync::Arc;

/// One value for the whole batch, or one per row.
#[derive(Clone, Debug, PartialEq)]
pub enum Column<M> {
    /// All rows share this value.
    All(M),
    /// Row `i` has value `i`.
    Each(Vec<M>),
}

impl<M: Clone> Column<M> {
    /// The value of one row.
    pub fn get(&self, row: usize) -> &M {
        match self {
            Column::All(one) => one,
            Column::Each(each) => &each[row],
        }
    }

    fn select(&self, rows: &[u32]) -> Self {
        match self {
            Column::All(one) => Column::All(one.clone()),
            Column::Each(each) => Column::Each(rows.iter().map(|&row| each[row as usize].clone()).collect()),
        }
    }
}

/// The windows one element is in: one in nearly all pipelines, several under sliding windows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WindowSet {
    /// A single window.
    One(Window),
    /// Two or more, or none (an element that its window function dropped).
    Many(Arc<[Window]>),
}

impl WindowSet {
    /// The set of elements that nobody windowed.
    pub const GLOBAL: WindowSet = WindowSet::One(Window::Global);

    /// The windows of the set.
    pub fn as_slice(&self) -> &[Window] {
        match self {
            WindowSet::One(window) => std::slice::from_ref(window),
            WindowSet::Many(windows) => windows,
        }
    }
}

impl From<Window> for WindowSet {
    fn from(window: Window) -> Self {
        WindowSet::One(window)
    }
}

impl From<Vec<Window>> for WindowSet {
    fn from(windows: Vec<Window>) -> Self {
        match windows.as_slice() {
            [one] => WindowSet::One(*one),
            _ => WindowSet::Many(windows.into()),
        }
    }
}

/// The windows of a batch: few values, many rows, so a small table and a code per row. Whoever must think per window
/// thinks once per table entry, and only the code is read per row.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowColumn {
    /// All rows are in the same windows.
    All(WindowSet),
    /// Row `i` is in `table[codes[i]]`.
    Each {
        /// The distinct window sets.
        table: Vec<WindowSet>,
        /// One index into the table per row.
        codes: Vec<u16>,
    },
}

impl WindowColumn {
    /// The distinct window sets of the batch.
    pub fn table(&self) -> &[WindowSet] {
        match self {
            WindowColumn::All(one) => std::slice::from_ref(one),
            WindowColumn::Each { table, .. } => table,
        }
    }

    /// The index of a row's windows in the table.
    pub fn code(&self, row: usize) -> usize {
        match self {
            WindowColumn::All(_) => 0,
            WindowColumn::Each { codes, .. } => usize::from(codes[row]),
        }
    }

    /// The windows of one row.
    pub fn get(&self, row: usize) -> &WindowSet {
        &self.table()[self.code(row)]
    }

    /// A column with this table, of which there is at least one entry, and these codes.
    pub(crate) fn of(table: Vec<WindowSet>, codes: Vec<u16>) -> Self {
        match <[WindowSet; 1]>::try_from(table) {
            Ok([one]) => WindowColumn::All(one),
            Err(table) => WindowColumn::Each { table, codes },
        }
    }

    fn select(&self, rows: &[u32]) -> Self {
        match self {
            WindowColumn::All(one) => WindowColumn::All(one.clone()),
            WindowColumn::Each { table, codes } => WindowColumn::Each {
                table: table.clone(),
                codes: rows.iter().map(|&row| codes[row as usize]).collect(),
            },
        }
    }
}

/// The metadata of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// Event timestamps.
    pub time: Column<Timestamp>,
    /// Windows.
    pub windows: WindowColumn,
    /// Panes.
    pub pane: Column<PaneInfo>,
}

impl Meta {
    /// Metadata shared by all rows of a batch: this time, the global window, no firing.
    pub fn at(time: Timestamp) -> Meta {
        Meta {
            time: Column::All(time),
            windows: WindowColumn::All(WindowSet::GLOBAL),
            pane: Column::All(PaneInfo::NO_FIRING),
        }
    }

    /// Whether all rows share all metadata, so that rows may be added and dropped without looking at it.
    pub fn is_shared(&self) -> bool {
        matches!((&self.time, &self.windows, &self.pane), (Column::All(_), WindowColumn::All(_), Column::All(_)))
    }

    /// Row `rows[i]` becomes row `i`: what filter, flat_map and fan-out do to metadata.
    pub fn select(&self, rows: &[u32]) -> Meta {
        Meta { time: self.time.select(rows), windows: self.windows.select(rows), pane: self.pane.select(rows) }
    }

    /// The metadata of some rows that follow each other.
    pub(crate) fn slice(&self, rows: Range<usize>) -> Meta {
        fn of<M: Clone>(column: &Column<M>, rows: Range<usize>) -> Column<M> {
            match column {
                Column::All(one) => Column::All(one.clone()),
                Column::Each(each) => Column::Each(each[rows].to_vec()),
            }
        }
        let windows = match &self.windows {
            WindowColumn::All(one) => WindowColumn::All(one.clone()),
            WindowColumn::Each { table, codes } => {
                WindowColumn::Each { table: table.clone(), codes: codes[rows.clone()].to_vec() }
            }
        };
        Meta { time: of(&self.time, rows.clone()), windows, pane: of(&self.pane, rows) }
    }
}

/// Collects the metadata of rows that come one by one, each with its own; it stays one value while rows agree.
#[derive(Default)]
pub struct MetaBuilder {
    rows: usize,
    time: Collapsed<Timestamp>,
    pane: Collapsed<PaneInfo>,
    table: Vec<WindowSet>,
    codes: Vec<u16>,
}

impl MetaBuilder {
    /// Adds a row; a batch has at most 65,536.
    pub fn push(&mut self, time: Timestamp, windows: &WindowSet, pane: PaneInfo) {
        self.time.push(time, self.rows);
        self.pane.push(pane, self.rows);
        // Neighbours mostly share a window. Only the newest entries are looked at: with sessions every row has its own,
        // and an entry twice in the table does no harm.
        let newest = self.table.len().saturating_sub(8);
        let known = self.table[newest..].iter().rposition(|known| known == windows);
        let code = known.map(|at| newest + at).unwrap_or_else(|| {
            self.table.push(windows.clone());
            self.table.len() - 1
        });
        self.codes.push(code as u16);
        self.rows += 1;
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The metadata of the rows so far.
    pub fn finish(self) -> Meta {
        Meta {
            time: self.time.finish(Timestamp::MIN),
            windows: match self.rows {
                0 => WindowColumn::All(WindowSet::GLOBAL),
                _ => WindowColumn::of(self.table, self.codes),
            },
            pane: self.pane.finish(PaneInfo::NO_FIRING),
        }
    }
}

/// One value for all rows so far, until one differs.
pub(crate) struct Collapsed<M> {
    first: Option<M>,
    each: Vec<M>,
}

impl<M> Default for Collapsed<M> {
    fn default() -> Self {
        Collapsed { first: None, each: Vec::new() }
    }
}

impl<M: Copy + PartialEq> Collapsed<M> {
    #[inline]
    pub(crate) fn push(&mut self, value: M, row: usize) {
        match self.first {
            None => self.first = Some(value),
            Some(first) if self.each.is_empty() && first == value => (),
            Some(first) => {
                if self.each.is_empty() {
                    self.each.resize(row, first);
                }
                self.each.push(value);
            }
        }
    }

    /// So many times the same value, the first of them for `row`.
    pub(crate) fn push_all(&mut self, value: M, row: usize, rows: usize) {
        match self.first {
            _ if rows == 0 => (),
            None => self.first = Some(value),
            Some(first) if self.each.is_empty() && first == value => (),
            Some(first) => {
                if self.each.is_empty() {
                    self.each.resize(row, first);
                }
                self.each.resize(row + rows, value);
            }
        }
    }

    /// These values, the first of them for `row`.
    pub(crate) fn append(&mut self, values: Vec<M>, row: usize) {
        match values.first() {
            Some(first) if row == 0 && values.iter().any(|value| value != first) => {
                (self.first, self.each) = (Some(*first), values);
            }
            _ => (row..).zip(values).for_each(|(row, value)| self.push(value, row)),
        }
    }

    pub(crate) fn finish(self, none: M) -> Column<M> {
        if self.each.is_empty() { Column::All(self.first.unwrap_or(none)) } else { Column::Each(self.each) }
    }
}

/// Values and their metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<T> {
    /// The values, row by row.
    pub values: Vec<T>,
    /// Their metadata.
    pub meta: Meta,
}

impl<T> Batch<T> {
    /// The usual number of rows: large enough to spread the cost of a call, small enough for the cache.
    pub const ROWS: usize = 2048;

    /// About so many bytes are enough, too, however few rows they are: a step that makes large values must not have two thousand
    /// of them in memory before the next step sees one.
    pub const BYTES: usize = 1 << 20;

    /// Hands on every row in one window only: a row in several is repeated for each. For steps that look at their window.
    ///
    /// Batches of [`ROWS`](Self::ROWS) come out, for a row may be in very many windows.
    ///
    /// # Errors
    /// The first one that `to` returns.
    pub fn explode<E>(self, mut to: impl FnMut(Batch<T>) -> Result<(), E>) -> Result<(), E>
    where
        T: Clone,
    {
        if self.meta.windows.table().iter().all(|set| matches!(set, WindowSet::One(_))) {
            return to(self);
        }
        let Batch { values, meta } = self;
        let (distinct, sets) = distinct_windows(meta.windows.table());
        let mut out =
            Exploded { rows: Vec::new(), codes: Vec::new(), table: Vec::new(), code_of: vec![None; distinct.len()] };
        let mut exploded = Vec::new();
        for (row, value) in values.into_iter().enumerate() {
            for &window in &sets[meta.windows.code(row)] {
                out.push(row, window);
                exploded.push(value.clone());
                if exploded.len() == Self::ROWS {
                    to(Batch { values: std::mem::take(&mut exploded), meta: out.take(&meta, &distinct) })?;
                }
            }
        }
        if exploded.is_empty() { Ok(()) } else { to(Batch { values: exploded, meta: out.take(&meta, &distinct) }) }
    }
}

/// Each window of a table once, and the sets as positions of their windows among those.
fn distinct_windows(table: &[WindowSet]) -> (Vec<Window>, Vec<Vec<usize>>) {
    let mut distinct: Vec<Window> = table.iter().flat_map(WindowSet::as_slice).copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    // Every window is there, so either answer is its position.
    let position = |window: &Window| distinct.binary_search(window).unwrap_or_else(|at| at);
    let sets = table.iter().map(|set| set.as_slice().iter().map(position).collect()).collect();
    (distinct, sets)
}

/// The metadata of a batch in which every row is in one window.
struct Exploded {
    /// The rows they come from.
    rows: Vec<u32>,
    codes: Vec<u16>,
    /// The windows in this batch, as positions among all.
    table: Vec<usize>,
    /// The code in this batch of each of all windows.
    code_of: Vec<Option<u16>>,
}

impl Exploded {
    fn push(&mut self, row: usize, window: usize) {
        let table = &mut self.table;
        let code = *self.code_of[window].get_or_insert_with(|| {
            table.push(window);
            (table.len() - 1) as u16
        });
        self.rows.push(row as u32);
        self.codes.push(code);
    }

    fn take(&mut self, meta: &Meta, distinct: &[Window]) -> Meta {
        let (rows, codes) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.codes));
        let one = |window: usize| {
            self.code_of[window] = None;
            WindowSet::One(distinct[window])
        };
        let table: Vec<WindowSet> = self.table.drain(..).map(one).collect();
        let windows = WindowColumn::of(table, codes);
        Meta { time: meta.time.select(&rows), windows, pane: meta.pane.select(&rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: i64, end: i64) -> Window {
        Window::Interval { start: Timestamp::from_millis(start), end: Timestamp::from_millis(end) }
    }

    #[test]
    fn metadata_stays_one_value_while_rows_agree() {
        let mut meta = MetaBuilder::default();
        for _ in 0..3 {
            meta.push(Timestamp::from_millis(5), &WindowSet::GLOBAL, PaneInfo::NO_FIRING);
        }
        assert_eq!(meta.finish(), Meta::at(Timestamp::from_millis(5)));
    }

    #[test]
    fn a_row_in_two_windows_becomes_two_rows() {
        let (a, b) = (window(0, 10), window(5, 15));
        let mut meta = MetaBuilder::default();
        meta.push(Timestamp::from_millis(1), &WindowSet::One(a), PaneInfo::NO_FIRING);
        meta.push(Timestamp::from_millis(7), &vec![a, b].into(), PaneInfo::NO_FIRING);
        let rows = exploded(Batch { values: vec!["x", "y"], meta: meta.finish() });
        assert_eq!(rows, [("x", a, 1), ("y", a, 7), ("y", b, 7)]);
    }

    /// The rows of the batches that come out: value, window and time.
    fn exploded<T: Clone>(batch: Batch<T>) -> Vec<(T, Window, i64)> {
        let mut rows = Vec::new();
        let result: Result<(), ()> = batch.explode(|batch| {
            assert!((1..=Batch::<T>::ROWS).contains(&batch.values.len()));
            for (row, value) in batch.values.iter().enumerate() {
                let [window] = batch.meta.windows.get(row).as_slice() else { panic!("one window a row") };
                rows.push((value.clone(), *window, batch.meta.time.get(row).millis()));
            }
            Ok(())
        });
        result.unwrap();
        rows
    }

    /// Rows in so many windows each come out of `explode` in as many rows.
    fn check_exploding(windows_of_row: &[i64]) {
        let (mut values, mut meta, mut expected) = (Vec::new(), MetaBuilder::default(), Vec::new());
        for (row, &windows) in windows_of_row.iter().enumerate() {
            let windows: Vec<Window> = (0..windows).map(|start| window(start, start + 10)).collect();
            expected.extend(windows.iter().map(|window| (row, *window, row as i64)));
            meta.push(Timestamp::from_millis(row as i64), &windows.into(), PaneInfo::NO_FIRING);
            values.push(row);
        }
        assert!(exploded(Batch { values, meta: meta.finish() }) == expected);
    }

    #[test]
    fn rows_may_be_in_more_windows_than_a_batch_can_tell_apart() {
        check_exploding(&[3, 70_000, 0, 1, 70_001]);
    }

    proptest::proptest! {
        #[test]
        fn exploding_repeats_rows_for_their_windows(
            windows_of_row in proptest::collection::vec(proptest::prop_oneof![0i64..3, 0i64..100], 1..100),
        ) {
            check_exploding(&windows_of_row);
        }
    }

    #[test]
    fn select_keeps_row_and_metadata_together() {
        let mut meta = MetaBuilder::default();
        for i in 0..4 {
            meta.push(Timestamp::from_millis(i), &WindowSet::One(window(i, i + 1)), PaneInfo::NO_FIRING);
        }
        let meta = meta.finish().select(&[3, 1]);
        assert_eq!((meta.time.get(0).millis(), meta.time.get(1).millis()), (3, 1));
        assert_eq!(meta.windows.get(1), &WindowSet::One(window(1, 2)));
    }
}
