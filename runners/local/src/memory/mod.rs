//! The memory that workers share, and where to put what has no room in it.
//!
//! Stores say how much they hold. When all together hold more than their share of the limit, a worker that holds more than its
//! part of that lets its largest store spill.

mod dir;
mod file;

use crate::process;
use dir::Dir;
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::{SpillFile, SpillSpace};
use ferrobeam_core::{Error, Result};
use ferrobeam_runner_core::engine::NodeId;
use file::Disk;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const MIB: usize = 1 << 20;

/// What the program itself takes, and then each worker with what is on its way to it.
const OF_PROGRAM: usize = 12 * MIB;
const OF_WORKER: usize = 6 * MIB;

/// Less than this is not worth a start.
const LEAST_STORES: usize = 8 * MIB;

/// An inbox has room for so many parcels at most.
const MOST_PARCELS: usize = 64;

/// What a runner is told about memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// The resident set.
    pub(crate) memory: Option<usize>,
    /// What stores hold, whatever the resident set is.
    pub(crate) stores: Option<usize>,
    /// The directory in which one for spilled data is made.
    pub(crate) dir: Option<PathBuf>,
}

impl Limits {
    /// What workers share; none if there is no limit.
    ///
    /// # Errors
    /// The limit is too small; no directory can be made.
    pub(crate) fn start(&self, workers: usize) -> Result<Option<Memory>> {
        let fixed = OF_PROGRAM + OF_WORKER * workers;
        let stores = match (self.stores, self.memory) {
            (None, None) => return Ok(None),
            (Some(stores), _) => stores,
            // The other half is for what tables do while they grow, and for what the allocator keeps.
            (None, Some(limit)) if limit >= fixed + LEAST_STORES => (limit - fixed) / 2,
            (None, Some(limit)) => {
                let message = format!(
                    "a memory limit of {} MiB is too small: {workers} workers need at least {} MiB",
                    limit.div_ceil(MIB),
                    (fixed + LEAST_STORES).div_ceil(MIB)
                );
                return Err(Error::Options(message));
            }
        };
        if let (Some(limit), Some(before)) = (self.memory, resident().filter(|before| Some(*before) > self.memory)) {
            let (limit, before) = (limit / MIB, before / MIB);
            let message = format!(
                "a memory limit of {limit} MiB is too small: the process has {before} MiB before the run begins"
            );
            return Err(Error::Options(message));
        }
        let parent = self.dir.clone().unwrap_or_else(std::env::temp_dir);
        let held = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        let asked = (0..workers).map(|_| AtomicBool::new(false)).collect();
        let (kept, dir) = (Mutex::new(vec![(0, 0); workers]), Arc::new(Dir::make(&parent)?));
        Ok(Some(Memory { limit: self.memory, stores, held, asked, kept, places: Mutex::default(), dir }))
    }
}

/// What workers share of memory.
pub(crate) struct Memory {
    limit: Option<usize>,
    /// What all stores may hold.
    stores: usize,
    /// What the stores of each worker hold.
    held: Vec<AtomicUsize>,
    /// Who was woken to let stores spill, and has not done so yet.
    asked: Vec<AtomicBool>,
    /// What of each worker's cannot go to files: how much the node has that has most of it.
    kept: Mutex<Vec<(usize, NodeId)>>,
    /// All that stores were given.
    places: Mutex<Vec<Arc<Place>>>,
    dir: Arc<Dir>,
}

impl Memory {
    /// Where a step's stores spill to.
    pub(crate) fn space(&self, step: &StepName) -> Arc<dyn SpillSpace> {
        let room = self.part() / 2;
        let (step, dir) = (step.clone(), self.dir.clone());
        let place = Arc::new(Place { step, dir, scratch: Mutex::default(), written: AtomicU64::new(0) });
        self.places.lock().unwrap_or_else(PoisonError::into_inner).push(place.clone());
        Arc::new(Space { room, place })
    }

    /// How many bytes the stores of a step have written to files, all workers together.
    pub(crate) fn spilled(&self, step: &str) -> u64 {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let of_step = places.iter().filter(|place| &*place.step.name == step);
        of_step.map(|place| place.written.load(Ordering::Relaxed)).sum()
    }

    /// Says how much a worker's stores hold. Whether all hold more than there is room for, and this worker its part of that at
    /// least.
    pub(crate) fn presses(&self, worker: usize, held: usize) -> bool {
        self.held[worker].store(held, Ordering::Relaxed);
        self.asked[worker].store(false, Ordering::Relaxed);
        self.is_full() && held >= self.part()
    }

    /// The other workers that are to let stores spill; each is named once, until it looks.
    pub(crate) fn others(&self) -> impl Iterator<Item = usize> {
        let is_full = self.is_full();
        (0..self.held.len()).filter(move |worker| {
            is_full
                && self.held[*worker].load(Ordering::Relaxed) >= self.part()
                && !self.asked[*worker].swap(true, Ordering::Relaxed)
        })
    }

    /// Takes note of the node of a worker that keeps most of what cannot go to files; that which keeps most in all workers
    /// together.
    pub(crate) fn keeps_most(&self, worker: usize, bytes: usize, node: NodeId) -> (usize, NodeId) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept[worker] = (bytes, node);
        let in_all = |node| kept.iter().filter(|(_, other)| *other == node).map(|(bytes, _)| bytes).sum();
        kept.iter().map(|(_, node)| (in_all(*node), *node)).max().unwrap_or_default()
    }

    /// Whether something that holds so much is to blame if memory is full.
    pub(crate) fn is_much(&self, bytes: usize) -> bool {
        self.limit.is_some_and(|limit| bytes >= limit / 16)
    }

    fn is_full(&self) -> bool {
        self.held.iter().map(|held| held.load(Ordering::Relaxed)).sum::<usize>() > self.stores
    }

    fn part(&self) -> usize {
        self.stores / self.held.len()
    }

    /// Whether a fifth more is resident than the limit allows: what to say then. Not all of memory is in stores that can spill.
    pub(crate) fn excess(&self) -> Option<String> {
        let limit = self.limit?;
        let resident = resident().filter(|resident| *resident > limit.saturating_add(limit / 5))?;
        Some(format!("{} MiB are in memory, which is more than the limit of {} MiB", resident / MIB, limit / MIB))
    }

    /// For how many parcels an inbox has room.
    pub(crate) fn parcels(&self) -> usize {
        let most = |limit: usize| limit / self.held.len() / (16 * MIB);
        self.limit.map_or(MOST_PARCELS, most).clamp(2, MOST_PARCELS)
    }
}

/// The resident set of the process, where the system tells.
fn resident() -> Option<usize> {
    let resident = process::status("VmRSS")?;
    Some(resident.strip_suffix("kB")?.trim().parse::<usize>().ok()? << 10)
}

/// For how many parcels an inbox has room.
pub(crate) fn parcels(memory: Option<&Memory>) -> usize {
    memory.map_or(MOST_PARCELS, Memory::parcels)
}

/// Where one step's files are.
struct Place {
    step: StepName,
    dir: Arc<Dir>,
    /// For blocks on their way.
    scratch: Mutex<Vec<u8>>,
    /// How many bytes have gone to files.
    written: AtomicU64,
}

/// Where a step's stores spill to.
struct Space {
    room: usize,
    place: Arc<Place>,
}

impl SpillSpace for Space {
    fn create(&self) -> Result<Arc<dyn SpillFile>> {
        Ok(Arc::new(Disk::create(&self.place)?))
    }

    fn room(&self) -> usize {
        self.room
    }
}
