//! The shortest script that still fails.

/// Makes a script of decisions shorter and calmer, as long as it fails and there are runs left. Of each decision 0 is the
/// calmest, and behind the end of the script all are 0.
pub(super) fn shrink(script: Vec<u32>, runs: usize, fails: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut shrinker = Shrinker { best: script, runs, fails };
    shrinker.cut_the_end();
    let mut before = None;
    while before.as_ref() != Some(&shrinker.best) && shrinker.runs > 0 {
        before = Some(shrinker.best.clone());
        shrinker.blocks(|script, block| script[block].fill(0));
        shrinker.blocks(|script, block| drop(script.drain(block)));
        shrinker.lower();
    }
    shrinker.best
}

struct Shrinker<F> {
    best: Vec<u32>,
    runs: usize,
    fails: F,
}

impl<F: FnMut(&[u32]) -> bool> Shrinker<F> {
    /// Takes the candidate if it fails too.
    fn consider(&mut self, mut candidate: Vec<u32>) -> bool {
        while candidate.last() == Some(&0) {
            candidate.pop();
        }
        if candidate == self.best || self.runs == 0 {
            return false;
        }
        self.runs -= 1;
        let fails = (self.fails)(&candidate);
        if fails {
            self.best = candidate;
        }
        fails
    }

    /// Finds the shortest beginning, as if longer ones failed whenever shorter ones do.
    fn cut_the_end(&mut self) {
        let (mut passes, mut fails) = (0, self.best.len());
        while passes < fails {
            let middle = usize::midpoint(passes, fails);
            if self.consider(self.best[..middle].to_vec()) {
                fails = middle.min(self.best.len());
            } else {
                passes = middle + 1;
            }
        }
    }

    /// Changes blocks of the script, large ones first.
    fn blocks(&mut self, change: impl Fn(&mut Vec<u32>, std::ops::Range<usize>)) {
        let mut size = self.best.len().next_power_of_two() / 2;
        while size > 0 {
            let mut end = self.best.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut candidate = self.best.clone();
                change(&mut candidate, start..end);
                self.consider(candidate);
                end = start.min(self.best.len());
            }
            size /= 2;
        }
    }

    /// Makes single decisions smaller.
    fn lower(&mut self) {
        for at in 0..self.best.len() {
            let mut smaller = 1;
            while self.best.get(at).is_some_and(|&now| smaller < now) {
                let mut candidate = self.best.clone();
                candidate[at] = smaller;
                if self.consider(candidate) {
                    break;
                }
                // Closer and closer to what it is.
                smaller += (self.best.get(at).copied().unwrap_or(0).saturating_sub(smaller)).div_ceil(2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_matter_goes() {
        // Fails if a decision of at least 3 comes anywhere before one of at least 7.
        let fails = |script: &[u32]| {
            let first = script.iter().position(|&x| x >= 3);
            first.is_some_and(|at| script[at + 1..].iter().any(|&x| x >= 7))
        };
        let script: Vec<u32> = (0..200).map(|i| (i * 7919) % 11).collect();
        assert!(fails(&script));
        assert_eq!(shrink(script, 500, fails), [3, 7]);
    }

    proptest! {
        #[test]
        fn what_comes_out_fails_and_is_no_longer(
            script in proptest::collection::vec(0u32..50, 1..100),
            least in 1u32..200,
            runs in 0usize..300,
        ) {
            let mut asked = 0;
            let fails = |script: &[u32]| script.iter().sum::<u32>() >= least;
            prop_assume!(fails(&script));
            let shrunk = shrink(script.clone(), runs, |script| { asked += 1; fails(script) });
            prop_assert!(fails(&shrunk) && shrunk.len() <= script.len() && asked <= runs);
        }
    }
}
