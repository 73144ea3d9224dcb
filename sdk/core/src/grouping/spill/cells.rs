//! The cells of a key-major store under a memory limit.
//!
//! What a cell has in memory goes to a file as one more piece of it; what is added afterwards begins anew. The pieces are
//! brought together when the cell fires. Which windows a key has, and when they fire, is the runner's, which saves keys whose cells have
//! little as a whole.

use super::meter::{Meter, in_lists, owned};
use super::pieces::{Piece, Pieces};
use super::table::CollectsOf;
use super::{SpillSpace, SpilledWriter, block_size};
use crate::Key;
use crate::coder::{self, Coder, put_varint, take_varint};
use crate::combiners::CombineFn;
use crate::error::BoxError;
use crate::grouping::Cell;
use std::collections::HashMap;
use std::mem::needs_drop;
use std::sync::Arc;

/// What a store knows beside its cells as soon as there is a limit.
pub(in crate::grouping) struct CellFiles<C: CombineFn> {
    combine: C,
    collects: Option<CollectsOf<C>>,
    meter: Meter,
    pieces: Pieces,
    /// What cells have in files, the oldest first.
    places: HashMap<Cell, Vec<Piece>>,
    /// What each cell owns in memory, about, and all.
    sizes: Vec<usize>,
    owned: usize,
    /// What has fired owns about so much: since the last batch, and since somebody could take a batch.
    in_batch: usize,
    in_flight: usize,
}

/// A list has room for so many values at least.
const LEAST: usize = 4;

/// What fires.
pub(in crate::grouping) enum Fired<C: CombineFn> {
    /// All of a cell, if there was something.
    Here(Option<C::Acc>),
    /// The output of values that are too many for memory.
    File(C::Out),
}

impl<C: CombineFn> CellFiles<C> {
    pub(in crate::grouping) fn new(combine: C, collects: Option<CollectsOf<C>>, space: Arc<dyn SpillSpace>) -> Self {
        let (meter, pieces, places) = (Meter::default(), Pieces::new(space), HashMap::new());
        CellFiles { combine, collects, meter, pieces, places, sizes: Vec::new(), owned: 0, in_batch: 0, in_flight: 0 }
    }

    /// Looks at one row of many.
    pub(in crate::grouping) fn sample<K: Key>(&mut self, row: &(K, C::In)) {
        self.meter.sample(row);
    }

    /// A value has come into a cell.
    pub(in crate::grouping) fn added(&mut self, cell: Cell) {
        if self.collects.is_some() || needs_drop::<C::Acc>() {
            let room = if self.size(cell) == 0 { LEAST * size_of::<C::In>() } else { 0 };
            self.grows(cell, room + self.meter.in_list::<C::In>());
        }
    }

    /// A cell has come back, whose encoding is so long.
    pub(in crate::grouping) fn loaded(&mut self, cell: Cell, accumulator: &C::Acc, encoded: usize) {
        let size = match self.collects.map(|collects| (collects.count)(accumulator)) {
            Some(count) => in_lists::<C::In>(count.max(LEAST)) + count * owned::<C::In>(0) + owned::<C::Acc>(encoded),
            None => self.meter.of_accumulator::<C::Acc, C::In>(encoded),
        };
        self.grows(cell, size);
    }

    fn grows(&mut self, cell: Cell, bytes: usize) {
        let at = cell as usize;
        if self.sizes.len() <= at {
            self.sizes.resize(at + 1, 0);
        }
        self.sizes[at] += bytes;
        self.owned += bytes;
    }

    /// About how much a cell owns in memory.
    pub(in crate::grouping) fn size(&self, cell: Cell) -> usize {
        self.sizes.get(cell as usize).copied().unwrap_or_default()
    }

    /// What a cell had in memory has gone: how much that was.
    fn shrinks(&mut self, cell: Cell) -> usize {
        let size = self.sizes.get_mut(cell as usize).map(std::mem::take).unwrap_or_default();
        self.owned -= size;
        size
    }

    /// What a cell had in memory has fired.
    pub(in crate::grouping) fn gone(&mut self, cell: Cell) {
        let size = self.shrinks(cell);
        self.fires(size);
    }

    /// What a cell has in memory has fired, and stays.
    pub(in crate::grouping) fn kept(&mut self, cell: Cell) {
        if self.collects.is_some() {
            self.fires(self.size(cell));
        }
    }

    /// Forgets what a cell had, also in files.
    pub(in crate::grouping) fn clear(&mut self, cell: Cell) {
        self.shrinks(cell);
        self.places.remove(&cell);
    }

    /// Whether a cell has something in files.
    pub(in crate::grouping) fn has(&self, cell: Cell) -> bool {
        self.places.contains_key(&cell)
    }

    /// What one cell has is another's.
    pub(in crate::grouping) fn merge(&mut self, from: Cell, into: Cell) {
        let size = self.shrinks(from);
        self.grows(into, size);
        if let Some(pieces) = self.places.remove(&from) {
            self.places.entry(into).or_default().extend(pieces);
        }
    }

    fn fires(&mut self, bytes: usize) {
        self.in_batch += bytes;
        self.in_flight += bytes;
    }

    /// Whether what has fired since [`begin_batch`](Self::begin_batch) is enough for a batch.
    pub(in crate::grouping) fn is_batch(&self) -> bool {
        const BATCH: usize = 1 << 20;
        self.in_batch >= BATCH
    }

    /// What has fired goes downstream as a batch.
    pub(in crate::grouping) fn begin_batch(&mut self) {
        self.in_batch = 0;
    }

    /// Somebody downstream has taken all batches, or begins now.
    pub(in crate::grouping) fn begin_flight(&mut self) {
        self.in_flight = 0;
    }

    /// Whether what fires comes out of files, or goes into one since very much has fired that nobody could take yet.
    pub(in crate::grouping) fn brings(&self, cell: Cell) -> bool {
        self.has(cell) || self.in_flight > self.pieces.space().room() / 2
    }

    /// About how much memory can be given back.
    pub(in crate::grouping) fn held(&self) -> usize {
        self.owned
    }

    /// Brings together what a cell has in files and in memory. If it `keeps` that, the cell has all of it afterwards, too, and
    /// else nothing.
    pub(in crate::grouping) fn fire(
        &mut self,
        cell: Cell,
        here: &mut Option<C::Acc>,
        keeps: bool,
    ) -> Result<Fired<C>, BoxError> {
        let bytes = self.places.get(&cell).into_iter().flatten().map(Piece::bytes).sum::<usize>();
        // A file for very little is not worth its while.
        const LEAST: usize = 4 << 10;
        let (room, all) = (self.pieces.space().room(), bytes + self.size(cell));
        let is_large = all > room || (all >= LEAST && self.in_flight > room / 2);
        if let Some(collects) = self.collects.filter(|_| is_large) {
            return Ok(Fired::File((collects.from_file)(self.gather(cell, here, keeps, &collects)?)));
        }
        let last = if keeps { here.clone() } else { here.take() };
        if keeps {
            self.kept(cell);
        } else {
            self.gone(cell);
        }
        self.fires(bytes);
        let Some(pieces) = self.places.remove(&cell) else { return Ok(Fired::Here(last)) };
        let mut all: Option<C::Acc> = None;
        for piece in &pieces {
            let accumulator = self.read(piece)?;
            self.add(&mut all, accumulator);
        }
        if let Some(last) = last {
            self.add(&mut all, last);
        }
        if keeps {
            self.grows(cell, self.meter.of_accumulator::<C::Acc, C::In>(bytes));
            here.clone_from(&all);
        }
        Ok(Fired::Here(all))
    }

    fn add(&self, all: &mut Option<C::Acc>, accumulator: C::Acc) {
        match all {
            Some(all) => self.combine.merge_accumulators(all, accumulator),
            None => *all = Some(accumulator),
        }
    }

    /// Writes all values of a cell to one file.
    fn gather(
        &mut self,
        cell: Cell,
        here: &mut Option<C::Acc>,
        keeps: bool,
        collects: &CollectsOf<C>,
    ) -> Result<super::Spilled<C::In>, BoxError> {
        let space = self.pieces.space();
        let mut writer = SpilledWriter::new(space.create()?, block_size(space.room()));
        let last = if keeps { here.clone() } else { here.take() };
        let pieces = if keeps { self.places.get(&cell).cloned() } else { self.places.remove(&cell) };
        if !keeps {
            self.shrinks(cell);
        }
        for piece in pieces.iter().flatten() {
            let mut values = self.pieces.read(piece)?;
            let count = usize::try_from(take_varint(&mut values)?)?;
            writer.push_encoded(values, count)?;
        }
        let last = last.map(collects.values).unwrap_or_default();
        last.iter().try_for_each(|value| writer.push(value))?;
        writer.finish()
    }

    /// Writes what some cells have in memory to a file.
    pub(in crate::grouping) fn spill(&mut self, cells: &mut [Option<C::Acc>], some: &[Cell]) -> Result<(), BoxError> {
        if self.owned == 0 || !self.is_as_large(cells, some) {
            return Ok(());
        }
        for &cell in some {
            if let Some(accumulator) = cells.get_mut(cell as usize).and_then(Option::take) {
                self.write(cell, accumulator)?;
                self.shrinks(cell);
            }
        }
        self.pieces.close()?;
        let CellFiles { pieces, places, .. } = self;
        if pieces.is_wasteful(|| places.values().flatten().map(Piece::bytes).sum()) {
            pieces.renew(places.values_mut().flatten().collect())?;
        }
        Ok(())
    }

    /// Writes an accumulator, or the values that it has collected in records that are not much longer than `RECORD`.
    fn write(&mut self, cell: Cell, accumulator: C::Acc) -> Result<(), BoxError> {
        const RECORD: usize = 32 << 10;
        let CellFiles { collects, pieces, places, .. } = self;
        let places = places.entry(cell).or_default();
        let Some(collects) = collects else {
            let accumulators = coder::of::<C::Acc>();
            places.push(pieces.put(|out| Ok::<_, BoxError>(accumulators.encode(&accumulator, out)?))?);
            return Ok(());
        };
        let mut left = (collects.values)(accumulator).into_iter();
        let (values, mut record) = (coder::of::<C::In>(), Vec::new());
        while left.len() > 0 {
            record.clear();
            let before = left.len();
            while record.len() < RECORD
                && let Some(value) = left.next()
            {
                values.encode(&value, &mut record)?;
            }
            places.push(pieces.put(|out| {
                put_varint((before - left.len()) as u64, out);
                out.extend_from_slice(&record);
                Ok::<_, BoxError>(())
            })?);
        }
        Ok(())
    }

    /// Reads what [`write`](Self::write) has written.
    fn read(&mut self, piece: &Piece) -> Result<C::Acc, BoxError> {
        let mut record = self.pieces.read(piece)?;
        if self.collects.is_none() {
            return Ok(coder::of::<C::Acc>().decode(&mut record)?);
        }
        let (values, mut accumulator) = (coder::of::<C::In>(), self.combine.create_accumulator());
        for _ in 0..take_varint(&mut record)? {
            self.combine.add_input(&mut accumulator, values.decode(&mut record)?);
        }
        Ok(accumulator)
    }

    /// Looks whether cells own as much as was thought; if it is much less, that is what all own from now on.
    fn is_as_large(&mut self, cells: &[Option<C::Acc>], some: &[Cell]) -> bool {
        const SAMPLES: usize = 64;
        if self.collects.is_some() {
            return true;
        }
        let largest = some.iter().max_by_key(|cell| self.size(**cell));
        let samples = some.iter().step_by(some.len().div_ceil(SAMPLES).max(1)).chain(largest);
        let (mut scratch, mut found, mut thought) = (Vec::new(), 0, 0);
        for &cell in samples {
            if let Some(Some(accumulator)) = cells.get(cell as usize) {
                found += self.meter.of_accumulator::<C::Acc, C::In>(coder::estimate(accumulator, &mut scratch));
                thought += self.size(cell);
            }
        }
        if found > thought / 2 || thought == 0 {
            return true;
        }
        self.sizes.iter_mut().for_each(|size| *size = (*size as u128 * found as u128 / thought as u128) as usize);
        self.owned = self.sizes.iter().sum();
        false
    }
}
