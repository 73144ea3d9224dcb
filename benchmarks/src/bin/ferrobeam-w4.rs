//! W4: groups 4 GiB of records by key in a quarter of the memory.

use clap::Parser;
use ferrobeam::LocalRunner;
use ferrobeam::prelude::*;
use ferrobeam::transforms::group_by_key::Grouped;
use ferrobeam_benchmarks::contest::{self, Flags};
use ferrobeam_benchmarks::mix;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A key has 16 bytes.
type RecordKey = (u64, u64);

/// A value has 100.
type RecordValue = [u8; 100];

/// Records by their numbers.
struct Records(u64);

impl Source for Records {
    type Out = (RecordKey, RecordValue);
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let size = self.0.div_ceil(parts.max(1) as u64).max(1);
        Ok((0..self.0).step_by(size as usize).map(|at| OffsetRange::new(at, self.0.min(at + size))).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(
        &self,
        (): &mut (),
        claims: &mut Claims<'_, OffsetRange, (RecordKey, RecordValue)>,
    ) -> Result<(), BoxError> {
        claims.emit_run(Timestamp::MIN, record);
        Ok(())
    }
}

fn record(i: u64) -> (RecordKey, RecordValue) {
    const SEED: u64 = 0x4444_4444_4444;
    const KEYS: u64 = 1 << 20;
    let mixed = mix(SEED.wrapping_add(i));
    let (key, mut value, mut word) = (mixed & (KEYS - 1), [0; 100], mixed);
    for bytes in value.chunks_mut(8) {
        word = word.wrapping_add(GOLDEN);
        bytes.copy_from_slice(&word.to_le_bytes()[..bytes.len()]);
    }
    ((mix(key), key), value)
}

/// What a key's values add to the checksum.
fn check(((_, key), values): &(RecordKey, Grouped<RecordValue>)) -> u64 {
    let (mut sum, mut count) = (0_u64, 0_u64);
    for value in values {
        let words = value.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        sum = words.fold(sum, u64::wrapping_add);
        count += 1;
    }
    mix(key ^ count.wrapping_mul(GOLDEN) ^ mix(sum))
}

fn main() -> ferrobeam::Result<()> {
    let flags = Flags::parse();
    let size = flags.n.unwrap_or(37_025_580);
    let runner = LocalRunner::new().memory_limit(flags.memory.unwrap_or(1024) << 20);
    contest::run("w4", size, &runner, flags.p, |root, tally| {
        root.read(Records(size)).group_by_key().par_do(tally.step(|group, _| check(group))).discard();
    })
}
