//! W4: groups 4 GiB of records by key in a quarter of the memory.

use clap::Parser;
use ferrobeam::LocalRunner;
use ferrobeam::transforms::group_by_key::Grouped;
use ferrobeam_benchmarks::contest::{self, Flags};
use ferrobeam_benchmarks::numbered::Numbered;
use ferrobeam_benchmarks::{GOLDEN, mix};

/// A key has 16 bytes.
type RecordKey = (u64, u64);

/// A value has 100.
type RecordValue = [u8; 100];

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
        root.read(Numbered::below(size, record)).group_by_key().par_do(tally.step(|group, _| check(group))).discard();
    })
}
