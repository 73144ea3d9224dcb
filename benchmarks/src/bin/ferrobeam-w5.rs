//! W5: seven maps and three filters over integers, and the sum of what is left.

use clap::Parser;
use ferrobeam::prelude::*;
use ferrobeam_benchmarks::contest::{self, Flags};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The integers below a number.
struct Below(u64);

impl Source for Below {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let size = self.0.div_ceil(parts.max(1) as u64).max(1);
        Ok((0..self.0).step_by(size as usize).map(|at| OffsetRange::new(at, self.0.min(at + size))).collect())
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        claims.emit_run(Timestamp::MIN, |offset| offset);
        Ok(())
    }
}

/// How many there are, and their sum modulo 2^64.
#[derive(Clone)]
struct Total;

impl CombineFn for Total {
    type In = u64;
    type Acc = (u64, u64);
    type Out = (u64, u64);

    fn create_accumulator(&self) -> (u64, u64) {
        (0, 0)
    }
    fn add_input(&self, (count, sum): &mut (u64, u64), x: u64) {
        *count += 1;
        *sum = sum.wrapping_add(x);
    }
    fn merge_accumulators(&self, (count, sum): &mut (u64, u64), (more, of_more): (u64, u64)) {
        *count += more;
        *sum = sum.wrapping_add(of_more);
    }
    fn extract_output(&self, total: (u64, u64)) -> (u64, u64) {
        total
    }
}

fn main() -> ferrobeam::Result<()> {
    let flags = Flags::parse();
    let size = flags.n.unwrap_or(50_000_000);
    contest::run("w5", size, &ferrobeam::LocalRunner::new(), flags.p, |root, tally| {
        let tally = tally.clone();
        root.read(Below(size))
            .map(|x| x.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .filter(|x| x & 7 != 0)
            .map(|x| x ^ (x >> 29))
            .map(|x| x.wrapping_add(0x123_4567))
            .filter(|x| (x >> 8) & 15 != 3)
            .map(|x| x.wrapping_mul(0xBF58_476D_1CE4_E5B9))
            .map(|x| x ^ (x >> 32))
            .filter(|x| (x >> 20) & 31 != 7)
            .map(|x| x.rotate_left(17))
            .map(|x| x >> 3)
            .combine_globally(Total)
            .map(move |(count, sum)| tally.add(count, sum))
            .discard();
    })
}
