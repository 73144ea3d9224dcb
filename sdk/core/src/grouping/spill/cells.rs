//! The cells of a key-major store under a memory limit.
//!
//! What a cell has in memory goes to a file as one more piece of it; what is added afterwards begins anew. The pieces are
//! brought together when the cell fires. Which windows a key has, and when they fire, stays in memory: it is the runner's.

use super::meter::{Meter, encoded, owned};
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
    /// How many cells have something in memory.
    here: usize,
    /// What that owns, about.
    owned: usize,
    /// What has fired owns about so much: since the last batch, and since somebody could take a batch.
    in_batch: usize,
    in_flight: usize,
}

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
        CellFiles { combine, collects, meter, pieces, places, here: 0, owned: 0, in_batch: 0, in_flight: 0 }
    }

    /// Looks at one row of many.
    pub(in crate::grouping) fn sample<K: Key>(&mut self, row: &(K, C::In)) {
        self.meter.sample(row);
    }

    /// A value has come into a cell, which had nothing in memory if it is `new`.
    pub(in crate::grouping) fn added(&mut self, new: bool) {
        self.here += usize::from(new);
        if self.collects.is_some() || needs_drop::<C::Acc>() {
            // Lists grow by doubling.
            self.owned += (size_of::<C::In>() * 3).div_ceil(2) + self.meter.of_value::<C::In>();
        }
    }

    /// What a cell had in memory has gone.
    pub(in crate::grouping) fn gone(&mut self) {
        let each = self.owned / self.here.max(1);
        self.owned -= each;
        self.fires(each);
        self.here = self.here.saturating_sub(1);
    }

    /// Two cells have become one, and have what both had in memory.
    pub(in crate::grouping) fn merged(&mut self) {
        self.here = self.here.saturating_sub(1);
    }

    /// Forgets what a cell has in files.
    pub(in crate::grouping) fn forget(&mut self, cell: Cell) {
        self.places.remove(&cell);
    }

    /// Whether a cell has something in files.
    pub(in crate::grouping) fn has(&self, cell: Cell) -> bool {
        self.places.contains_key(&cell)
    }

    /// What one cell has in files is another's.
    pub(in crate::grouping) fn merge(&mut self, from: Cell, into: Cell) {
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
        let room = self.pieces.space().room();
        if let Some(collects) = self.collects.filter(|_| bytes > room || self.in_flight > room / 2) {
            return Ok(Fired::File((collects.from_file)(self.gather(cell, here, keeps, &collects)?)));
        }
        let last = if keeps { here.clone() } else { here.take() };
        if last.is_some() && !keeps {
            self.gone();
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
            self.here += usize::from(here.is_none());
            self.owned += owned::<C::Acc>(bytes);
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
        if last.is_some() && !keeps {
            self.gone();
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

    /// Writes what cells have in memory to a file.
    pub(in crate::grouping) fn spill(&mut self, cells: &mut [Option<C::Acc>]) -> Result<(), BoxError> {
        if self.owned == 0 || !self.is_as_large(cells) {
            return Ok(());
        }
        for (cell, contents) in (0..).zip(cells) {
            if let Some(accumulator) = contents.take() {
                self.write(cell, accumulator)?;
            }
        }
        (self.here, self.owned) = (0, 0);
        self.pieces.close()?;
        let CellFiles { pieces, places, .. } = self;
        if pieces.is_wasteful(|| places.values().flatten().map(Piece::bytes).sum()) {
            places.values_mut().flatten().try_for_each(|piece| pieces.renew(piece))?;
            pieces.close()?;
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

    /// Looks whether cells own as much as was thought; if it is much less, that is what they own from now on.
    fn is_as_large(&mut self, cells: &[Option<C::Acc>]) -> bool {
        const SAMPLES: usize = 64;
        if self.collects.is_some() {
            return true;
        }
        let mut scratch = Vec::new();
        let sizes = cells.iter().flatten().take(SAMPLES).map(|accumulator| encoded(accumulator, &mut scratch));
        let sizes: Vec<usize> = sizes.collect();
        let found = self.here * owned::<C::Acc>(sizes.iter().sum::<usize>() / sizes.len().max(1));
        let before = self.owned;
        self.owned = found.min(before);
        found > before / 2
    }
}
