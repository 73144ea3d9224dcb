//! What the seed decides.

/// A source of decisions; the same seed decides the same. Of several options the first is the calmest.
pub(crate) struct Schedule {
    rng: fastrand::Rng,
    failing_bundles: f64,
}

/// What happens to a bundle that is about to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is committed.
    Commits,
    /// It fails when it has run to its end.
    FailsAtTheEnd,
    /// It fails in the middle.
    FailsHalfWay,
}

impl Schedule {
    pub(crate) fn new(seed: u64, failing_bundles: f64) -> Self {
        Schedule { rng: fastrand::Rng::with_seed(seed), failing_bundles }
    }

    /// One of so many options.
    pub(crate) fn pick(&mut self, options: usize) -> usize {
        self.rng.usize(0..options.max(1))
    }

    /// How many elements the next bundle has: sometimes one, sometimes all there are.
    pub(crate) fn bundle_size(&mut self) -> usize {
        match self.pick(8) {
            0 => 20_000,
            1 => 1,
            2 => 2 + self.pick(9),
            3 | 4 => 10 + self.pick(991),
            _ => 1000 + self.pick(19_001),
        }
    }

    /// Takes a bundle out of what is pending, from anywhere and in any order.
    pub(crate) fn bundle<T>(&mut self, pending: &mut Vec<T>) -> Vec<T> {
        let size = self.bundle_size().min(pending.len());
        let order = self.pick(1 << 16);
        if order > 0 {
            // One decision and not one for each element.
            let mut order = fastrand::Rng::with_seed(order as u64);
            for i in 0..size {
                let last = pending.len() - 1 - i;
                pending.swap(order.usize(0..=last), last);
            }
            return pending.split_off(pending.len() - size);
        }
        let rest = pending.split_off(size);
        std::mem::replace(pending, rest)
    }

    /// Into how many parts sources should be cut.
    pub(crate) fn parts(&mut self) -> usize {
        1 + self.pick(8)
    }

    /// How much of a part is kept when it is split: nothing in half of all cases.
    pub(crate) fn keep(&mut self) -> f64 {
        (self.pick(8) as f64 / 4.0 - 1.0).max(0.0)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.pick(2) == 1
    }

    /// Whether time goes on though there is work to do.
    pub(crate) fn ticks(&mut self) -> bool {
        self.pick(16) == 15
    }

    /// What is to happen to the next bundle.
    pub(crate) fn fate(&mut self) -> Fate {
        const OF: usize = 1000;
        if self.pick(OF) as f64 >= (1.0 - self.failing_bundles) * OF as f64 {
            if self.coin() { Fate::FailsAtTheEnd } else { Fate::FailsHalfWay }
        } else {
            Fate::Commits
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Row;

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
