//! What the seed decides.

use std::fmt::Display;

/// A source of decisions; the same seed decides the same. Of several options the first is the calmest: everything in
/// order, in whole bundles, once, and without a split.
pub(crate) struct Schedule {
    source: Source,
    failing_bundles: f64,
    trace: Option<Trace>,
}

/// Where decisions come from.
enum Source {
    Seed(fastrand::Rng),
    /// Decisions made before, and then nothing but the calmest.
    Script(std::vec::IntoIter<u32>),
}

/// The decisions of a run.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// As a script for [`DirectRunner::script`](crate::DirectRunner::script).
    pub decisions: Vec<u32>,
    /// In words: what was done, one after the other, and in what it was not the calmest.
    pub steps: Vec<(String, Vec<String>)>,
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

/// No bundle has more elements.
pub(crate) const MOST: usize = 20_000;

impl Schedule {
    pub(crate) fn new(seed: u64, failing_bundles: f64) -> Self {
        Schedule { source: Source::Seed(fastrand::Rng::with_seed(seed)), failing_bundles, trace: None }
    }

    pub(crate) fn script(decisions: Vec<u32>) -> Self {
        Schedule { source: Source::Script(decisions.into_iter()), failing_bundles: 0.0, trace: None }
    }

    /// Remembers the decisions.
    pub(crate) fn traced(self) -> Self {
        Schedule { trace: Some(Trace::default()), ..self }
    }

    /// The decisions, if they were remembered.
    pub(crate) fn into_trace(self) -> Trace {
        self.trace.unwrap_or_default()
    }

    /// Something is done; what is decided from now on belongs to it.
    pub(crate) fn begin<D: Display>(&mut self, what: impl FnOnce() -> D) {
        if let Some(trace) = &mut self.trace {
            trace.steps.push((what().to_string(), Vec::new()));
        }
    }

    /// Says what was decided if that was not the calmest.
    pub(crate) fn say<D: Display>(&mut self, words: impl FnOnce() -> D) {
        if let Some((_, said)) = self.trace.as_mut().and_then(|trace| trace.steps.last_mut()) {
            said.push(words().to_string());
        }
    }

    /// One of so many options, by default all alike.
    pub(crate) fn pick(&mut self, options: usize) -> usize {
        self.decide(options, |rng| rng.usize(0..options))
    }

    /// One of so many options. Scripts hold what was decided and not what was drawn for it: the smaller, the calmer.
    fn decide(&mut self, options: usize, draw: impl FnOnce(&mut fastrand::Rng) -> usize) -> usize {
        if options < 2 {
            return 0;
        }
        let picked = match &mut self.source {
            Source::Seed(rng) => draw(rng),
            Source::Script(rest) => rest.next().map_or(0, |picked| picked as usize),
        };
        let picked = picked.min(options - 1);
        if let Some(trace) = &mut self.trace {
            trace.decisions.push(u32::try_from(picked).unwrap_or(u32::MAX));
        }
        picked
    }

    /// How many of the elements that there are.
    pub(crate) fn size(&mut self, available: usize, what: &str) -> usize {
        let size = self.up_to(available);
        if size < available {
            self.say(|| format!("{size} of {available} {what}"));
        }
        size
    }

    /// A number of elements: sometimes one, sometimes as many as there may be.
    fn up_to(&mut self, most: usize) -> usize {
        let most = most.min(MOST);
        let draw = |rng: &mut fastrand::Rng| {
            let size = match rng.usize(0..8) {
                0 => MOST,
                1 => 1,
                2 => rng.usize(2..=10),
                3 | 4 => rng.usize(10..=1000),
                _ => rng.usize(1000..=MOST),
            };
            if size < most { size } else { 0 }
        };
        match self.decide(most, draw) {
            0 => most,
            size => size,
        }
    }

    /// Takes a bundle out of what is pending, from anywhere and in any order.
    pub(crate) fn bundle<T>(&mut self, pending: &mut Vec<T>, what: &str) -> Vec<T> {
        let size = self.size(pending.len(), what);
        // One decision and not one for each element.
        let order = if pending.len() < 2 { 0 } else { self.pick(1 << 16) };
        let (mut rng, all) = (fastrand::Rng::with_seed(order as u64), pending.len());
        match order {
            0 => {
                let rest = pending.split_off(size);
                return std::mem::replace(pending, rest);
            }
            1 => pending.reverse(),
            _ => (0..size).for_each(|i| pending.swap(i, rng.usize(i..all))),
        }
        self.say(|| if order == 1 { "the last first" } else { "in another order" });
        let rest = pending.split_off(size);
        std::mem::replace(pending, rest)
    }

    /// Puts what comes together in any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T], words: &str) {
        // One decision and not one for each.
        let order = if items.len() < 2 { 0 } else { self.pick(1 << 16) };
        match order {
            0 => return,
            1 => items.reverse(),
            _ => fastrand::Rng::with_seed(order as u64).shuffle(items),
        }
        self.say(|| words);
    }

    /// Whether stages are cut where they need not be: seldom, for data is encoded there.
    pub(crate) fn is_cut(&mut self) -> bool {
        self.decide(2, |rng| usize::from(rng.usize(0..4) == 0)) == 1
    }

    /// Whether a step begins a stage though it could join one.
    pub(crate) fn begins_a_stage(&mut self, step: impl FnOnce() -> String) -> bool {
        let begins = self.pick(2) == 1;
        if begins {
            self.say(|| format!("{} begins a stage", step()));
        }
        begins
    }

    /// Into how many parts sources should be cut.
    pub(crate) fn parts(&mut self) -> usize {
        let parts = 1 + self.pick(8);
        if parts > 1 {
            self.say(|| format!("sources are cut into {parts} parts"));
        }
        parts
    }

    /// After how many claims a part is split, and how much of the rest it keeps: nothing in half of all cases.
    pub(crate) fn split(&mut self) -> (usize, f64) {
        let claims = self.up_to(MOST);
        if claims < MOST {
            self.say(|| format!("split after {claims} claims"));
        }
        let keep = self.pick(8).saturating_sub(4) as f64 / 4.0;
        if keep > 0.0 {
            self.say(|| format!("it keeps {keep} of the rest"));
        }
        (claims, keep)
    }

    pub(crate) fn coin(&mut self, words: &str) -> bool {
        let picked = self.pick(2) == 1;
        if picked {
            self.say(|| words);
        }
        picked
    }

    /// Whether time goes on though there is work to do.
    pub(crate) fn ticks(&mut self) -> bool {
        self.decide(2, |rng| usize::from(rng.usize(0..16) == 0)) == 1
    }

    /// What is to happen to the next bundle.
    pub(crate) fn fate(&mut self) -> Fate {
        let fails = self.failing_bundles;
        match self.decide(3, |rng| if rng.f64() < fails { rng.usize(1..3) } else { 0 }) {
            0 => Fate::Commits,
            1 => {
                self.say(|| "it fails at its end and is repeated");
                Fate::FailsAtTheEnd
            }
            _ => {
                self.say(|| "it fails half-way and is repeated");
                Fate::FailsHalfWay
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all that is pending in bundles.
    fn bundles(schedule: &mut Schedule, elements: u32) -> Vec<Vec<u32>> {
        let (mut pending, mut bundles) = ((0..elements).collect::<Vec<_>>(), Vec::new());
        while !pending.is_empty() {
            bundles.push(schedule.bundle(&mut pending, "elements"));
            schedule.fate();
            schedule.ticks();
            schedule.split();
        }
        schedule.shuffle(&mut bundles, "bundles");
        schedule.is_cut();
        bundles
    }

    #[test]
    fn bundles_lose_and_repeat_nothing() {
        for seed in 0..50 {
            let mut seen = bundles(&mut Schedule::new(seed, 0.0), 5000).concat();
            assert!(!seen.is_sorted(), "the order of elements is left open by the model");
            seen.sort_unstable();
            assert_eq!(seen, (0..5000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_script_repeats_what_a_seed_decided() {
        for seed in 0..50 {
            let mut schedule = Schedule::new(seed, 0.3).traced();
            let expected = bundles(&mut schedule, 300);
            let trace = schedule.into_trace();
            let mut again = Schedule::script(trace.decisions.clone()).traced();
            assert_eq!(bundles(&mut again, 300), expected, "seed {seed}");
            assert_eq!(again.into_trace().decisions, trace.decisions);
        }
    }

    #[test]
    fn an_empty_script_is_calm_and_says_nothing() {
        let mut schedule = Schedule::script(Vec::new()).traced();
        schedule.begin(|| "all");
        assert_eq!(bundles(&mut schedule, 300), [(0..300).collect::<Vec<_>>()]);
        assert_eq!(schedule.parts(), 1);
        assert!(!schedule.coin("a coin"));
        assert_eq!(schedule.into_trace().steps, [("all".to_owned(), Vec::new())]);
    }
}
