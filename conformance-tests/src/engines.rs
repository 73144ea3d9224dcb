//! Running the suite on an engine: several jobs at a time, and what surprises once more, alone.

use crate::{Case, Ledger, LedgerError, Outcome};
use ferrobeam::runner::Runner;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// How often a case runs again, alone, that surprised.
const AGAIN: usize = 2;

/// What came of a case on an engine.
pub struct OnEngine<'a> {
    /// The case.
    pub case: &'a Case,
    /// Its last outcome.
    pub outcome: Outcome,
    /// How often it ran.
    pub runs: usize,
    /// What is surprising about the outcome.
    pub surprise: Option<LedgerError>,
}

/// Runs cases on an engine, so many jobs at a time; tells of each when it is known. Without a ledger nothing surprises.
pub fn run_on_engine<'a>(
    cases: &'a [Case],
    ledger: Option<&Ledger>,
    engine: &str,
    runner: &(dyn Runner + Sync),
    jobs: usize,
    mut tell: impl FnMut(OnEngine<'a>),
) {
    let surprise =
        |case: &Case, outcome: &Outcome| ledger?.compare(engine, &[(case.name, vec![outcome.clone()])]).err();
    let next = AtomicUsize::new(0);
    let again = Mutex::new(Vec::new());
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let sender = sender.clone();
            let (next, again, surprise) = (&next, &again, &surprise);
            scope.spawn(move || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = case.run(runner);
                    if surprise(case, &outcome).is_some() {
                        again.lock().unwrap_or_else(PoisonError::into_inner).push(case);
                    } else {
                        let _ = sender.send(OnEngine { case, outcome, runs: 1, surprise: None });
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
            let outcome = case.run(runner);
            let surprise = surprise(case, &outcome);
            if surprise.is_none() || runs > AGAIN {
                break (outcome, surprise);
            }
        };
        tell(OnEngine { case, outcome, runs, surprise });
    }
}
