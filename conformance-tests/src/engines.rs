//! Running the suite on an engine: several jobs at a time, with many cases in each, and what surprises once more, alone.

use crate::together::run_together;
use crate::worker::OfCase;
use crate::{Case, Expectation, Ledger, LedgerError, Outcome};
use ferrobeam_portable::PortableRunner;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// How often a case runs again, alone, that surprised.
const AGAIN: usize = 3;

/// How the suite runs on an engine.
pub struct OnEngine<'a> {
    /// The engine's name in the ledger.
    pub engine: &'a str,
    /// What is known of each case; without it nothing surprises, and every case has a job of its own.
    pub ledger: Option<&'a Ledger>,
    /// Hands over batch jobs.
    pub batch: &'a PortableRunner,
    /// Hands over the jobs of cases that need a stream.
    pub streaming: &'a PortableRunner,
    /// How many jobs run at a time.
    pub jobs: usize,
    /// How many cases share a job.
    pub pack: usize,
}

/// What came of a case on an engine.
pub struct Ran<'a> {
    /// The case.
    pub case: &'a Case,
    /// Its last outcome.
    pub outcome: Outcome,
    /// How often it ran.
    pub runs: usize,
    /// What is surprising about the outcome.
    pub surprise: Option<LedgerError>,
}

impl OnEngine<'_> {
    /// Runs cases; tells of each when it is known.
    pub fn run<'a>(&self, cases: &'a [Case], mut tell: impl FnMut(Ran<'a>)) {
        let (next, jobs) = (AtomicUsize::new(0), self.jobs_of(cases));
        let again = Mutex::new(Vec::new());
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                let sender = sender.clone();
                let (next, again, jobs) = (&next, &again, &jobs);
                scope.spawn(move || {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        for (case, outcome) in job.iter().zip(self.together(job)) {
                            if self.surprise(case, &outcome).is_some() {
                                again.lock().unwrap_or_else(PoisonError::into_inner).push(*case);
                            } else {
                                let _ = sender.send(Ran { case, outcome, runs: 1, surprise: None });
                            }
                        }
                    }
                });
            }
            drop(sender);
            receiver.iter().for_each(&mut tell);
        });
        for case in again.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let mut runs = 1;
            let (outcome, surprise) = loop {
                runs += 1;
                let outcome = self.alone(case);
                let surprise = self.surprise(case, &outcome);
                if surprise.is_none() || runs > AGAIN {
                    break (outcome, surprise);
                }
            };
            tell(Ran { case, outcome, runs, surprise });
        }
    }

    /// Cases that hold, and do so without an error, share jobs: one that fails would take the others with it.
    fn jobs_of<'a>(&self, cases: &'a [Case]) -> Vec<Vec<&'a Case>> {
        let holds = |case: &Case| {
            self.ledger.is_some_and(|ledger| ledger.expectation(case.name, self.engine) == Some(&Expectation::Pass))
        };
        let shares = |case: &&Case| self.pack > 1 && holds(case) && !case.wants_an_error();
        let (sharing, mut alone): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(shares);
        // Some of those that do not hold never end, and keep the engine busy until it ends itself.
        alone.sort_by_key(|&case| !holds(case));
        let (streaming, batch): (Vec<&Case>, Vec<&Case>) = sharing.into_iter().partition(|case| case.streams());
        let packs = batch.chunks(self.pack).chain(streaming.chunks(self.pack)).map(<[&Case]>::to_vec);
        packs.chain(alone.into_iter().map(|case| vec![case])).collect()
    }

    fn together(&self, job: &[&Case]) -> Vec<Outcome> {
        match job {
            [case] => vec![self.alone(case)],
            cases => run_together(cases, self.runner(cases[0])),
        }
    }

    fn alone(&self, case: &Case) -> Outcome {
        case.run(&OfCase::new(self.runner(case), case))
    }

    fn runner(&self, case: &Case) -> &PortableRunner {
        if case.streams() { self.streaming } else { self.batch }
    }

    fn surprise(&self, case: &Case, outcome: &Outcome) -> Option<LedgerError> {
        self.ledger?.compare(self.engine, &[(case.name, vec![outcome.clone()])]).err()
    }
}
