//! Sources: cut into restrictions, interrupted anywhere, and still every element once.

use super::prelude::*;

/// Numbers below an end, in as many parts as a runner likes, or in the given ones.
#[derive(Clone, Default)]
struct Numbers {
    parts: Option<Vec<(u64, u64)>>,
    end: u64,
    mistake: Option<Mistake>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mistake {
    StopsEarly,
    RepeatsAClaim,
    FailsToSplit,
    FailsToOpen,
    FailsToRead,
    Panics,
}

impl Numbers {
    fn below(end: u64) -> Self {
        Numbers { end, ..Numbers::default() }
    }

    fn in_parts(parts: &[(u64, u64)]) -> Self {
        Numbers { parts: Some(parts.to_vec()), ..Numbers::default() }
    }

    fn with(mistake: Mistake) -> Self {
        Numbers { mistake: Some(mistake), ..Numbers::below(1000) }
    }

    fn unless(&self, mistake: Mistake, text: &str) -> Result<(), BoxError> {
        if self.mistake == Some(mistake) { Err(text.into()) } else { Ok(()) }
    }
}

impl Source for Numbers {
    type Out = u64;
    type Restriction = OffsetRange;
    /// What is to be read next: the reader, not the restriction, knows where it stands.
    type Reader = u64;

    fn split(&self, parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
        self.unless(Mistake::FailsToSplit, "cannot split")?;
        if let Some(parts) = &self.parts {
            return Ok(parts.iter().map(|(start, end)| OffsetRange::new(*start, *end)).collect());
        }
        let size = self.end.div_ceil(parts as u64).max(1);
        let starts = (0..self.end).step_by(size as usize);
        Ok(starts.map(|start| OffsetRange::new(start, self.end.min(start + size))).collect())
    }

    fn open(&self, range: &OffsetRange) -> Result<u64, BoxError> {
        self.unless(Mistake::FailsToOpen, "cannot open")?;
        Ok(range.next())
    }

    fn read(&self, reader: &mut u64, claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() {
            let next = *reader;
            if next == 500 {
                self.unless(Mistake::FailsToRead, "cannot read")?;
                assert!(self.mistake != Some(Mistake::Panics), "reading panics");
                if self.mistake == Some(Mistake::StopsEarly) {
                    return Ok(());
                }
            }
            let position = if next == 500 && self.mistake == Some(Mistake::RepeatsAClaim) { 499 } else { next };
            let Some(mut claim) = claims.claim(position) else { return Ok(()) };
            claim.emit(position);
            *reader += 1;
        }
        Ok(())
    }
}

pub(super) fn every_part_is_read_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.read(Numbers::below(1000))).contains_in_any_order(0..1000);
        let parts = Numbers::in_parts(&[(900, 1000), (0, 1), (1, 2), (2, 900)]);
        assert_that(&root.read(parts)).contains_in_any_order(0..1000);
        Ok(())
    }))
}

/// Long enough for a runner to interrupt it.
pub(super) fn a_reader_goes_on_where_it_stopped(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let read = root.read(Numbers::in_parts(&[(0, 6000)]));
        let seen = read.key_by(|x| x % 1000).group_by_key().filter(|(key, group)| {
            sorted(group) != (0..6).map(|i| 1000 * i + key).collect::<Vec<_>>()
        });
        assert_that(&seen.map(|(key, _)| key)).is_empty();
        assert_that(&read.combine_globally(sum())).is_singleton(6000 * 5999 / 2);
        Ok(())
    }))
}

/// Claims runs of offsets, with a time for each.
struct Runs(u64);

impl Source for Runs {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, self.0 / 3), OffsetRange::new(self.0 / 3, self.0)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() && claims.emit_run(Timestamp::from_millis(9), |offset| 10 * offset) {}
        Ok(())
    }
}

pub(super) fn runs_of_offsets(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let read = root.read(Runs(2000));
        assert_that(&read).contains_in_any_order((0..2000).map(|x| 10 * x));
        let at_nine = |(_, time, _): &(u64, Timestamp, Window)| *time == Timestamp::from_millis(9);
        assert_that(&read.par_do(Reify::default()).filter(move |row| !at_nine(row)).map(|row| row.0)).is_empty();
        Ok(())
    }))
}

pub(super) fn no_parts(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let read = root.read(Numbers::in_parts(&[]));
        assert_that(&read).is_empty();
        assert_that(&read.combine_globally(sum())).is_singleton(0);
        Ok(())
    }))
}

pub(super) fn empty_parts(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.read(Numbers::in_parts(&[(5, 5)]))).is_empty();
        assert_that(&root.read(Numbers::in_parts(&[(0, 0), (3, 5), (5, 5)]))).contains_in_any_order([3, 4]);
        Ok(())
    }))
}

/// Each number at its own time.
struct Timed;

impl Source for Timed {
    type Out = i64;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, 4)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, i64>) -> Result<(), BoxError> {
        while claims.has_room() {
            let next = claims.restriction().next();
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            let millis = next as i64 - 2;
            if next == 0 { claim.emit(millis) } else { claim.emit_at(millis, Timestamp::from_millis(millis)) }
        }
        Ok(())
    }
}

pub(super) fn times_of_the_source(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let seen = root.read(Timed).par_do(Reify::default());
        let at = |x| (x, Timestamp::from_millis(x), Window::Global);
        assert_that(&seen).contains_in_any_order([(-2, Timestamp::MIN, Window::Global), at(-1), at(0), at(1)]);
        Ok(())
    }))
}

/// Words of a text, claimed by where they begin; a restriction that is a list, and cut anywhere.
struct Words(&'static [&'static str]);

impl Source for Words {
    type Out = String;
    type Restriction = List;
    type Reader = usize;

    fn split(&self, _: usize) -> Result<Vec<List>, BoxError> {
        let (left, right) = self.0.split_at(self.0.len() / 2);
        let list = |words: &[&str]| List { left: words.iter().map(|word| (*word).to_owned()).collect(), read: 0 };
        Ok(vec![list(left), list(right)])
    }
    fn open(&self, list: &List) -> Result<usize, BoxError> {
        Ok(list.read)
    }
    fn read(&self, next: &mut usize, claims: &mut Claims<'_, List, String>) -> Result<(), BoxError> {
        while claims.has_room() {
            let word = claims.restriction().left.get(*next).cloned().unwrap_or_default();
            let Some(mut claim) = claims.claim(*next) else { return Ok(()) };
            claim.emit(word);
            *next += 1;
        }
        Ok(())
    }
}

/// Positions are places in the list that it was cut out of, which is why what was given away leaves a gap behind.
#[derive(Clone, Debug, PartialEq)]
struct List {
    left: Vec<String>,
    read: usize,
}

impl ferrobeam::coder::Via for List {
    type As = (Vec<String>, usize);

    fn to(&self) -> Self::As {
        (self.left.clone(), self.read)
    }
    fn from((left, read): Self::As) -> ferrobeam::coder::Decoded<Self> {
        Ok(List { left, read })
    }
}

impl Element for List {
    type Coder = ferrobeam::coder::ViaCoder<<(Vec<String>, usize) as Element>::Coder>;
    type ListCoder = ferrobeam::coder::IterableCoder<Self::Coder>;
}

impl Restriction for List {
    type Position = usize;

    fn try_claim(&mut self, position: usize) -> bool {
        let ours = position == self.read && position < self.left.len();
        self.read += usize::from(ours);
        ours
    }
    fn split(&mut self, fraction: f64) -> Option<Self> {
        let rest = self.left.len() - self.read;
        let at = self.read + (rest as f64 * fraction) as usize;
        if at >= self.left.len() {
            return None;
        }
        let residual = List { left: self.left.clone(), read: at };
        self.left.truncate(at);
        Some(residual)
    }
    fn is_done(&self) -> bool {
        self.read >= self.left.len()
    }
}

pub(super) fn a_restriction_of_the_users(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let words = root.read(Words(&["to", "be", "or", "not", "to", "be", "that"]));
        assert_that(&words).contains_in_any_order(["to", "be", "or", "not", "to", "be", "that"].map(str::to_owned));
        Ok(())
    }))
}

pub(super) fn read_twice(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (root.read(Numbers::below(10)), root.read(Numbers::below(5)));
        let all = flatten([&a, &b, &a]).map(|x| (x, 1u64)).combine_per_key(sum());
        assert_that(&all).contains_in_any_order((0..10).map(|x| (x, if x < 5 { 3 } else { 2 })));
        Ok(())
    }))
}

fn fails_with(runner: &dyn Runner, mistake: Mistake, texts: &[&str]) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        line = line_after!();
        root.read(Numbers::with(mistake)).named("Broken").discard();
        Ok(())
    });
    fails(result, &[&["`Broken/", &line], texts].concat())
}

pub(super) fn a_source_that_stops_early_fails(runner: &dyn Runner) -> CaseResult {
    fails_with(runner, Mistake::StopsEarly, &["before all of its restriction was claimed"])
}

pub(super) fn a_source_that_repeats_a_claim_fails(runner: &dyn Runner) -> CaseResult {
    fails_with(runner, Mistake::RepeatsAClaim, &["failed"])
}

pub(super) fn failures_of_a_source_name_it(runner: &dyn Runner) -> CaseResult {
    fails_with(runner, Mistake::FailsToSplit, &["failed", "cannot split"])?;
    fails_with(runner, Mistake::FailsToOpen, &["failed", "cannot open"])?;
    fails_with(runner, Mistake::FailsToRead, &["failed", "cannot read"])?;
    fails_with(runner, Mistake::Panics, &["panicked", "reading panics"])
}
