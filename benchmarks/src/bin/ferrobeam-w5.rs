//! W5: seven maps and three filters over integers, and the sum of what is left.

use clap::Parser;
use ferrobeam_benchmarks::checksum::Total;
use ferrobeam_benchmarks::contest::{self, Flags};
use ferrobeam_benchmarks::numbered::Numbered;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ferrobeam::Result<()> {
    let flags = Flags::parse();
    let size = flags.n.unwrap_or(50_000_000);
    contest::run("w5", size, &ferrobeam::LocalRunner::new(), flags.p, |root, tally| {
        let tally = tally.clone();
        root.read(Numbered::below(size, |number| number))
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
