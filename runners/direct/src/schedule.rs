//! What the seed decides.

use crate::rows::Row;

/// A source of decisions; the same seed decides the same.
pub(crate) struct Schedule {
    rng: fastrand::Rng,
    failing_bundles: f64,
}

impl Schedule {
    pub(crate) fn new(seed: u64, failing_bundles: f64) -> Self {
        Schedule { rng: fastrand::Rng::with_seed(seed), failing_bundles }
    }

    /// How many elements the next bundle has: sometimes one, sometimes all there are.
    pub(crate) fn bundle_size(&mut self) -> usize {
        match self.rng.u8(0..8) {
            0 => 1,
            1 => self.rng.usize(2..=10),
            2 | 3 => self.rng.usize(10..=1000),
            _ => self.rng.usize(1000..=20_000),
        }
    }

    /// Takes a bundle out of what is pending, from anywhere and in any order.
    pub(crate) fn bundle(&mut self, pending: &mut Vec<Row>) -> Vec<Row> {
        let size = self.bundle_size().min(pending.len());
        for i in 0..size {
            let last = pending.len() - 1 - i;
            pending.swap(self.rng.usize(0..=last), last);
        }
        pending.split_off(pending.len() - size)
    }

    /// Which of several comes next.
    pub(crate) fn pick(&mut self, candidates: usize) -> usize {
        self.rng.usize(0..candidates)
    }

    /// Into how many parts sources should be cut.
    pub(crate) fn parts(&mut self) -> usize {
        self.rng.usize(1..=8)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.rng.bool()
    }

    /// Whether a bundle that ran is to fail.
    pub(crate) fn fails(&mut self) -> bool {
        self.rng.f64() < self.failing_bundles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_lose_and_repeat_nothing() {
        for seed in 0..50 {
            let mut schedule = Schedule::new(seed, 0.0);
            let row = |i: u32| Row { bytes: i.to_be_bytes().to_vec().into(), ..Row::impulse() };
            let (mut pending, mut seen): (Vec<Row>, Vec<u32>) = ((0..5000).map(row).collect(), Vec::new());
            while !pending.is_empty() {
                let bundle = schedule.bundle(&mut pending);
                seen.extend(bundle.iter().map(|row| u32::from_be_bytes((*row.bytes).try_into().unwrap())));
            }
            assert!(!seen.is_sorted(), "the order of elements is left open by the model");
            seen.sort_unstable();
            assert_eq!(seen, (0..5000).collect::<Vec<_>>());
        }
    }
}
