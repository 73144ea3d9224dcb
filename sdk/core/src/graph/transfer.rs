//! Typed rows in the hands of a runner that does not know their type: from an operator into parcels, from parcels into
//! operators, and what can be done to parcels in between.

use crate::batch::Batch;
use crate::dofn::erased::{AnyReceiver, Next, Outputs, Parcel, Receiver};
use crate::error::Result;
use crate::grouping::Exchange;
use crate::windowing::Window;
use std::marker::PhantomData;
use std::sync::Arc;

/// How the rows of a collection travel as they are.
pub trait Transfer: Send + Sync {
    /// Puts rows into parcels; if there are several shards, each gets an equal part.
    fn sink(&self, to: Box<dyn Exchange>) -> AnyReceiver;

    /// Takes rows out of parcels.
    ///
    /// # Errors
    /// [`Error::Wire`](crate::Error::Wire) if a consumer wants another type.
    fn feed(&self, next: Vec<AnyReceiver>) -> Result<Box<dyn Feed>>;

    /// Cuts a parcel in two by its rows' windows: those that are in, and those that are not. A row with windows of both kinds
    /// goes both ways.
    ///
    /// # Errors
    /// [`Error::Wire`](crate::Error::Wire) if the parcel holds other rows; what `is_in` returns.
    fn part(&self, parcel: Parcel, is_in: &mut dyn FnMut(Window) -> Result<bool>) -> Result<Parted>;
}

/// A parcel in two.
#[derive(Default)]
pub struct Parted {
    /// Rows in windows that are in.
    pub inside: Vec<Parcel>,
    /// The others.
    pub outside: Vec<Parcel>,
}

/// Operators that are fed with parcels. The protocol is that of a [`Receiver`].
pub trait Feed: Send {
    /// Begins a bundle.
    ///
    /// # Errors
    /// User code's.
    fn start_bundle(&mut self) -> Result<()>;

    /// Takes a parcel.
    ///
    /// # Errors
    /// User code's; [`Error::Wire`](crate::Error::Wire) if it holds other rows.
    fn receive(&mut self, parcel: Parcel) -> Result<()>;

    /// Ends the bundle.
    ///
    /// # Errors
    /// User code's.
    fn finish_bundle(&mut self) -> Result<()>;
}

/// The transfer of rows of `T`, which need not be elements.
pub struct TransferOf<T>(PhantomData<fn() -> T>);

impl<T: Clone + Send + Sync + 'static> TransferOf<T> {
    /// Makes one.
    #[must_use]
    pub fn shared() -> Arc<dyn Transfer> {
        Arc::new(TransferOf::<T>(PhantomData))
    }
}

impl<T: Clone + Send + Sync + 'static> Transfer for TransferOf<T> {
    fn sink(&self, to: Box<dyn Exchange>) -> AnyReceiver {
        AnyReceiver::new::<T>(Sink { to, first: 0 })
    }

    fn feed(&self, next: Vec<AnyReceiver>) -> Result<Box<dyn Feed>> {
        Ok(Box::new(FeedOf::<T>(Outputs::main(next).take(crate::dofn::erased::MAIN)?)))
    }

    fn part(&self, parcel: Parcel, is_in: &mut dyn FnMut(Window) -> Result<bool>) -> Result<Parted> {
        let mut parted = Parted::default();
        let (mut any_in, mut any_out) = (false, false);
        for window in parcel.meta.windows.table().iter().flat_map(|set| set.as_slice()) {
            if is_in(*window)? { any_in = true } else { any_out = true }
        }
        if !any_in || !any_out {
            if any_out { &mut parted.outside } else { &mut parted.inside }.push(parcel);
            return Ok(parted);
        }
        parcel.open::<T>()?.explode(|batch| {
            let mut codes = Vec::new();
            for set in batch.meta.windows.table() {
                codes.push(set.as_slice().first().map_or(Ok(true), |window| is_in(*window))?);
            }
            let (mut values, mut rows) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
            for (row, value) in batch.values.into_iter().enumerate() {
                let side = usize::from(!codes[batch.meta.windows.code(row)]);
                values[side].push(value);
                rows[side].push(row as u32);
            }
            let sides = [&mut parted.inside, &mut parted.outside];
            for ((values, rows), side) in
                values.into_iter().zip(rows).zip(sides).filter(|((values, _), _)| !values.is_empty())
            {
                side.push(Parcel::new(Batch { values, meta: batch.meta.select(&rows) }));
            }
            Ok(())
        })?;
        Ok(parted)
    }
}

struct Sink {
    to: Box<dyn Exchange>,
    /// Which shard gets the first rows of a batch: batches of one row go round.
    first: usize,
}

impl<T: Send + 'static> Receiver<T> for Sink {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        let shards = self.to.shards();
        if shards == 1 {
            return self.to.send(0, Parcel::new(batch));
        }
        let Batch { values, meta } = batch;
        let size = values.len().div_ceil(shards).max(1);
        let mut rows = values.into_iter();
        let mut start = 0;
        loop {
            let values: Vec<T> = rows.by_ref().take(size).collect();
            if values.is_empty() {
                return Ok(());
            }
            let end = start + values.len();
            self.to.send(self.first, Parcel::new(Batch { values, meta: meta.slice(start..end) }))?;
            self.first = (self.first + 1) % shards;
            start = end;
        }
    }

    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}

struct FeedOf<T>(Next<T>);

impl<T: Send + 'static> Feed for FeedOf<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.0.start_bundle()
    }

    fn receive(&mut self, parcel: Parcel) -> Result<()> {
        self.0.receive(parcel.open::<T>()?)
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.0.finish_bundle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{MetaBuilder, WindowSet};
    use crate::time::Timestamp;
    use crate::windowing::PaneInfo;
    use std::sync::Mutex;

    fn window(start: i64) -> Window {
        Window::interval(Timestamp::from_millis(start), Timestamp::from_millis(start + 10))
    }

    /// Rows, each with its number as its time, in these windows.
    fn batch(rows: &[&[i64]]) -> Batch<String> {
        let mut meta = MetaBuilder::default();
        for (row, starts) in rows.iter().enumerate() {
            let windows: Vec<Window> = starts.iter().map(|start| window(*start)).collect();
            meta.push(Timestamp::from_millis(row as i64), &WindowSet::from(windows), PaneInfo::NO_FIRING);
        }
        Batch { values: (0..rows.len()).map(|row| row.to_string()).collect(), meta: meta.finish() }
    }

    /// What is in parcels: value, time, windows.
    fn rows(parcels: impl IntoIterator<Item = Parcel>) -> Vec<(String, i64, Vec<Window>)> {
        let mut rows = Vec::new();
        for parcel in parcels {
            let Batch { values, meta } = parcel.open::<String>().unwrap();
            let of = |(row, value)| (value, meta.time.get(row).millis(), meta.windows.get(row).as_slice().to_vec());
            rows.extend(values.into_iter().enumerate().map(of));
        }
        rows
    }

    #[test]
    fn a_parcel_is_cut_by_windows() {
        let transfer = TransferOf::<String>::shared();
        let part = |of: &[&[i64]]| {
            let Parted { inside, outside } =
                transfer.part(Parcel::new(batch(of)), &mut |window| Ok(window.max_timestamp().millis() < 15)).unwrap();
            (rows(inside), rows(outside))
        };
        let row = |n: i64, starts: &[i64]| (n.to_string(), n, starts.iter().map(|start| window(*start)).collect());
        assert_eq!(part(&[&[0, 5], &[3]]), (vec![row(0, &[0, 5]), row(1, &[3])], vec![]), "a row stays whole");
        assert_eq!(part(&[&[20], &[7]]), (vec![], vec![row(0, &[20]), row(1, &[7])]));
        let (inside, outside) = part(&[&[0, 20], &[30], &[1]]);
        assert_eq!((inside, outside), (vec![row(0, &[0]), row(2, &[1])], vec![row(0, &[20]), row(1, &[30])]));
    }

    /// The parcels of each shard.
    #[derive(Clone)]
    struct Shards(Arc<Mutex<Vec<Vec<Parcel>>>>);

    impl Exchange for Shards {
        fn shards(&self) -> usize {
            self.0.lock().unwrap().len()
        }
        fn send(&mut self, shard: usize, parcel: Parcel) -> Result<()> {
            self.0.lock().unwrap()[shard].push(parcel);
            Ok(())
        }
    }

    #[test]
    fn rows_are_dealt_out_evenly() {
        for (count, most) in [(1, 25), (2, 13), (4, 7)] {
            let shards = Shards(Arc::new(Mutex::new((0..count).map(|_| Vec::new()).collect())));
            let sink = TransferOf::<String>::shared().sink(Box::new(shards.clone()));
            let mut sink = sink.typed::<String>().unwrap();
            for size in [1, 1, 1, 1, 21] {
                sink.receive(batch(&vec![&[4][..]; size])).unwrap();
            }
            let dealt = std::mem::take(&mut *shards.0.lock().unwrap());
            let dealt: Vec<_> = dealt.into_iter().map(rows).collect();
            assert_eq!(dealt.iter().map(Vec::len).sum::<usize>(), 25);
            assert!(dealt.iter().all(|rows| rows.len() <= most), "{dealt:?}");
            assert!(dealt.concat().iter().all(|(value, time, _)| *value == time.to_string()));
        }
    }
}
