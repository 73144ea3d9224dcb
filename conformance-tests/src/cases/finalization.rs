//! Callbacks when a bundle is committed.

use super::prelude::*;
use super::stateful::together;
use ferrobeam::time::millis;

/// Notes each number when it is processed, and again when that is committed.
#[derive(Clone)]
struct Note {
    seen: Log<u64>,
    committed: Log<u64>,
}

impl Note {
    fn new() -> Self {
        Note { seen: Log::new(), committed: Log::new() }
    }

    fn each_once(&self, numbers: impl IntoIterator<Item = u64>) -> CaseResult {
        let mut committed = self.committed.entries();
        committed.sort_unstable();
        same(committed, numbers.into_iter().collect())
    }
}

impl DoFn for Note {
    type In = u64;
    type Out = u64;

    const FINALIZES: bool = true;

    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        self.seen.add(x);
        let committed = self.committed.clone();
        ctx.after_commit(move || {
            committed.add(x);
            Ok(())
        });
        ctx.emit(x);
        Ok(())
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        let committed = self.committed.clone();
        ctx.after_commit(move || {
            committed.add(1000);
            Ok(())
        });
        Ok(())
    }
}

/// However often an element is processed: a bundle that fails calls nothing.
pub(super) fn each_element_is_committed_once(runner: &dyn Runner) -> CaseResult {
    let note = Note::new();
    passes(runner.run(|root| {
        let noted = root.create(0u64..300).reshuffle().par_do(note.clone());
        assert_that(&noted).contains_in_any_order(0..300);
        Ok(())
    }))?;
    let (mut committed, seen) = (note.committed.entries(), note.seen.entries());
    ensure!(seen.len() >= 300, "only {} elements were seen", seen.len());
    let bundles = committed.iter().filter(|x| **x == 1000).count();
    ensure!(bundles > 0, "no end of a bundle was committed");
    committed.retain(|x| *x < 1000);
    committed.sort_unstable();
    same(committed, (0..300).collect())
}

#[derive(State)]
struct Count {
    count: Value<u64>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    End,
}

impl StatefulDoFn for Note {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = Count;
    type Timer = Due;

    const FINALIZES: bool = true;

    fn process(
        &mut self,
        _: &u64,
        _: u64,
        state: &mut Count,
        ctx: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        let n = state.count.get().copied().unwrap_or_default();
        state.count.set(n + 1);
        let committed = self.committed.clone();
        ctx.after_commit(move || {
            committed.add(n);
            Ok(())
        });
        ctx.set(Due::End, at(9));
        Ok(())
    }
    fn on_timer(
        &mut self,
        key: &u64,
        _: Due,
        state: &mut Count,
        ctx: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        let (committed, key) = (self.committed.clone(), *key);
        ctx.after_commit(move || {
            committed.add(100 + key);
            Ok(())
        });
        ctx.emit(state.count.get().copied().unwrap_or_default());
        Ok(())
    }
}

pub(super) fn steps_with_state_and_timers_have_them(runner: &dyn Runner) -> CaseResult {
    let note = Note::new();
    passes(runner.run(|root| {
        let numbers = together(root, 0..10).window(FixedWindows::of(millis(10)));
        let counts = numbers.map(|x| (x.unsigned_abs() % 2, 0)).par_do_stateful(note.clone());
        assert_that(&counts).contains_in_any_order([5, 5]);
        Ok(())
    }))?;
    note.each_once([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 100, 101])
}

impl SplittableDoFn for Note {
    type In = u64;
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = ();

    const FINALIZES: bool = true;

    fn initial_restriction(&self, end: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, *end))
    }
    fn process(
        &mut self,
        _: &u64,
        tracker: &mut Tracker<'_, OffsetRange, u64>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        for next in tracker.restriction().next().. {
            let Some(mut claim) = tracker.claim(next) else { break };
            claim.emit(next);
            let committed = self.committed.clone();
            ctx.after_commit(move || {
                committed.add(next);
                Ok(())
            });
        }
        Ok(Continuation::Done)
    }
}

/// However often the work on an element is cut.
pub(super) fn each_claim_is_committed_once(runner: &dyn Runner) -> CaseResult {
    let note = Note::new();
    passes(runner.run(|root| {
        let noted = root.create([300u64]).par_do_splittable(note.clone());
        assert_that(&noted).contains_in_any_order(0..300);
        Ok(())
    }))?;
    note.each_once(0..300)
}

impl Source for Note {
    type Out = u64;
    type Restriction = OffsetRange;
    /// What comes next.
    type Reader = u64;

    const FINALIZES: bool = true;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, 200), OffsetRange::new(200, 300)])
    }
    fn open(&self, range: &OffsetRange) -> Result<u64, BoxError> {
        Ok(range.next())
    }
    fn read(&self, next: &mut u64, claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() {
            let Some(mut claim) = claims.claim(*next) else { break };
            claim.emit(*next);
            let (committed, row) = (self.committed.clone(), *next);
            claims.after_commit(move || {
                committed.add(row);
                Ok(())
            });
            *next += 1;
        }
        Ok(())
    }
}

pub(super) fn each_row_of_a_source_is_committed_once(runner: &dyn Runner) -> CaseResult {
    let note = Note::new();
    passes(runner.run(|root| {
        assert_that(&root.read(note.clone())).contains_in_any_order(0..300);
        Ok(())
    }))?;
    note.each_once(0..300)
}

#[derive(Clone)]
struct Undeclared;

impl DoFn for Undeclared {
    type In = u64;
    type Out = u64;

    fn process(&mut self, _: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        ctx.after_commit(|| Ok(()));
        Ok(())
    }
}

pub(super) fn one_that_is_not_declared_fails(runner: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let numbers = root.create([1]);
        line = line_after!();
        numbers.par_do(Undeclared).named("Note").discard();
        Ok(())
    });
    fails(result, &["Note", &line, "FINALIZES"])
}

/// Emits numbers, and notes those that cannot be lost any more.
#[derive(Clone)]
struct Safe(Log<u64>);

impl DoFn for Safe {
    type In = u64;
    type Out = u64;

    const FINALIZES: bool = true;

    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        let safe = self.0.clone();
        ctx.when_durable(move || {
            safe.add(x);
            Ok(())
        });
        ctx.emit(x);
        Ok(())
    }
}

/// At least the last of the numbers of a bundle that is committed, whether that is at its end or at that of the run.
pub(super) fn what_cannot_be_lost_any_more_is_told(runner: &dyn Runner) -> CaseResult {
    let safe = Log::new();
    passes(runner.run(|root| {
        let noted = root.create(0u64..300).reshuffle().par_do(Safe(safe.clone()));
        assert_that(&noted).contains_in_any_order(0..300);
        Ok(())
    }))?;
    let mut told = safe.entries();
    told.sort_unstable();
    let number = told.len();
    told.dedup();
    let is_well = !told.is_empty() && told.len() == number && told.last() < Some(&300);
    ensure!(is_well, "what was told: {told:?}, {number} in all");
    Ok(())
}
