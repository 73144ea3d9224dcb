//! The sum of what all results add to the checksum.

use ferrobeam::prelude::*;

/// How many results there are, and their sum modulo 2^64; the order does not matter.
#[derive(Clone)]
pub struct Total;

impl CombineFn for Total {
    type In = u64;
    type Acc = (u64, u64);
    type Out = (u64, u64);

    fn create_accumulator(&self) -> (u64, u64) {
        (0, 0)
    }

    fn add_input(&self, (count, sum): &mut (u64, u64), result: u64) {
        *count += 1;
        *sum = sum.wrapping_add(result);
    }

    fn merge_accumulators(&self, (count, sum): &mut (u64, u64), (more, of_more): (u64, u64)) {
        *count += more;
        *sum = sum.wrapping_add(of_more);
    }

    fn extract_output(&self, total: (u64, u64)) -> (u64, u64) {
        total
    }
}

/// A file with one line: how many results there are, and their checksum.
pub fn write(output: &str) -> impl FnOnce(PCollection<u64>) {
    let files = text::write(output);
    move |results| {
        results.combine_globally(Total).map(|(count, sum)| format!("{count} {sum:016x}")).apply(files);
    }
}
