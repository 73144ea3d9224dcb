//! Splittable steps: work on one element that is cut anywhere, stopped and resumed, and still done once.

use super::prelude::*;
use super::stateful::together;
use ferrobeam::dofn::splittable::tracker::Claim;
use ferrobeam::time::{millis, seconds};
use std::marker::PhantomData;

/// The numbers below each number.
#[derive(Clone, Default)]
struct Below {
    parts: u64,
    in_runs: bool,
    /// After how many claims it stops by itself.
    stops: Option<u64>,
}

impl SplittableDoFn for Below {
    type In = u64;
    type Out = (u64, u64);
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, end: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, *end))
    }
    fn split(&self, _: &u64, whole: OffsetRange, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let (parts, end) = (self.parts.max(1), whole.end());
        Ok((0..parts).map(|i| OffsetRange::new(end * i / parts, end * (i + 1) / parts)).collect())
    }
    fn process(
        &mut self,
        end: &u64,
        tracker: &mut Tracker<'_, OffsetRange, (u64, u64)>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        if self.in_runs {
            tracker.emit_run(ctx.timestamp(), |n| (*end, n));
            return Ok(Continuation::Done);
        }
        let mut next = tracker.restriction().next();
        let stop = self.stops.map(|claims| next + claims);
        while stop != Some(next) {
            let Some(mut claim) = tracker.claim(next) else { return Ok(Continuation::Done) };
            claim.emit((*end, next));
            next += 1;
        }
        Ok(Continuation::ResumeAfter(seconds(1)))
    }
}

fn all_below(runner: &dyn Runner, below: &Below, ends: &[u64]) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(ends.to_vec()).par_do_splittable(below.clone());
        let groups = numbers.group_by_key().filter(|(end, numbers)| sorted(numbers) != (0..*end).collect::<Vec<_>>());
        assert_that(&groups.map(|(end, _)| end)).is_empty();
        assert_that(&numbers.map(|_| 1u64).combine_globally(sum())).is_singleton(ends.iter().sum());
        Ok(())
    }))
}

pub(super) fn all_of_it_is_done_once(runner: &dyn Runner) -> CaseResult {
    all_below(runner, &Below::default(), &[0, 1, 2, 7, 100, 6000])
}

pub(super) fn it_is_split_at_first(runner: &dyn Runner) -> CaseResult {
    all_below(runner, &Below { parts: 5, ..Below::default() }, &[0, 1, 4, 5, 300])
}

pub(super) fn it_is_cut_anywhere(runner: &dyn Runner) -> CaseResult {
    all_below(runner, &Below { parts: 2, ..Below::default() }, &[9000])?;
    all_below(runner, &Below { in_runs: true, ..Below::default() }, &[3, 12_000])
}

pub(super) fn it_stops_and_is_resumed(runner: &dyn Runner) -> CaseResult {
    all_below(runner, &Below { stops: Some(1), ..Below::default() }, &[0, 1, 30])?;
    all_below(runner, &Below { stops: Some(40), parts: 3, ..Below::default() }, &[5, 300])
}

/// Says when each of three numbers came, and waits a minute after each.
#[derive(Clone)]
struct Minutes;

impl SplittableDoFn for Minutes {
    type In = u64;
    type Out = (u64, i64);
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, _: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, 4))
    }
    fn process(
        &mut self,
        _: &u64,
        tracker: &mut Tracker<'_, OffsetRange, (u64, i64)>,
        _: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let (next, now) = (tracker.restriction().next(), tracker.now());
        let Some(mut claim) = tracker.claim(next) else { return Ok(Continuation::Done) };
        claim.emit((next, now.millis()));
        Ok(Continuation::ResumeAfter(seconds(60)))
    }
}

pub(super) fn a_delay_passes_before_it_is_resumed(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let times = root.create([1u64]).par_do_splittable(Minutes).map(|pair| ((), pair)).group_by_key();
        let long_enough = times.map(|((), times)| {
            let times = sorted(&times);
            times.windows(2).map(|pair| pair[1].1 - pair[0].1 >= 60_000).collect::<Vec<_>>()
        });
        assert_that(&long_enough).is_singleton(vec![true; 3]);
        Ok(())
    }))
}

/// Does nothing at first.
#[derive(Clone)]
struct Hesitates(Log<u64>);

impl SplittableDoFn for Hesitates {
    type In = u64;
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, end: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, *end))
    }
    fn process(
        &mut self,
        _: &u64,
        tracker: &mut Tracker<'_, OffsetRange, u64>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        self.0.add(0);
        if self.0.entries().len() <= 3 {
            return Ok(Continuation::ResumeAfter(seconds(1)));
        }
        tracker.emit_run(ctx.timestamp(), |n| n);
        Ok(Continuation::Done)
    }
}

pub(super) fn it_stops_before_its_first_claim(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create([50u64]).par_do_splittable(Hesitates(Log::new()));
        assert_that(&numbers).contains_in_any_order(0..50);
        Ok(())
    }))
}

/// Words that are not claimed yet, behind those that are.
#[derive(Clone, Debug, PartialEq, Element)]
struct Words {
    claimed: u64,
    words: Vec<String>,
}

impl Restriction for Words {
    type Position = u64;

    fn try_claim(&mut self, position: u64) -> bool {
        let ours = position == self.claimed && position < self.words.len() as u64;
        self.claimed += u64::from(ours);
        ours
    }
    fn split(&mut self, fraction: f64) -> Option<Self> {
        let claimed = self.claimed as usize;
        let keep = claimed + ((self.words.len() - claimed) as f64 * fraction) as usize;
        (keep < self.words.len()).then(|| Words { claimed: 0, words: self.words.split_off(keep) })
    }
    fn is_done(&self) -> bool {
        self.claimed == self.words.len() as u64
    }
}

/// Splits its element at spaces.
#[derive(Clone)]
struct Split;

impl SplittableDoFn for Split {
    type In = String;
    type Out = String;
    type Restriction = Words;
    type Estimator = ();

    fn initial_restriction(&self, text: &String) -> Result<Words, BoxError> {
        Ok(Words { claimed: 0, words: text.split(' ').map(str::to_owned).collect() })
    }
    fn process(
        &mut self,
        _: &String,
        tracker: &mut Tracker<'_, Words, String>,
        _: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let mut next = tracker.restriction().claimed;
        while let Some(word) = tracker.restriction().words.get(next as usize).cloned() {
            let Some(mut claim) = tracker.claim(next) else { break };
            claim.emit(word);
            next += 1;
        }
        Ok(Continuation::Done)
    }
}

pub(super) fn a_restriction_of_the_users(runner: &dyn Runner) -> CaseResult {
    let words: Vec<String> = (0..3000).map(|n| format!("w{n}")).collect();
    passes(runner.run(|root| {
        let split = root.create([words.join(" "), "a b".to_owned()]).par_do_splittable(Split);
        assert_that(&split).contains_in_any_order(words.iter().cloned().chain(["a", "b"].map(str::to_owned)));
        Ok(())
    }))
}

/// Emits its element three times, a millisecond apart.
#[derive(Clone)]
struct Thrice;

const ODD: Tag<String> = Tag::new("odd");

impl SplittableDoFn for Thrice {
    type In = i64;
    type Out = i64;
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, _: &i64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, 3))
    }
    fn process(
        &mut self,
        n: &i64,
        tracker: &mut Tracker<'_, OffsetRange, i64>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let mut next = tracker.restriction().next();
        while let Some(mut claim) = tracker.claim(next) {
            let time = ctx.timestamp() + millis(next);
            if n % 2 == 1 { claim.emit_to(&ODD, n.to_string(), time) } else { claim.emit_at(*n, time) }
            next += 1;
        }
        Ok(Continuation::Done)
    }
}

pub(super) fn outputs_have_tags_and_times(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = together(root, [1, 4, 12]).window(FixedWindows::of(millis(10)));
        let outputs = numbers.par_do_splittable_tagged(Thrice, &ODD);
        let main = ["[0, 10) 4 @ 4", "[0, 10) 4 @ 5", "[0, 10) 4 @ 6"];
        expect(
            &shown(&outputs.main()),
            &[&main[..], &["[10, 20) 12 @ 12", "[10, 20) 12 @ 13", "[10, 20) 12 @ 14"]].concat(),
        );
        let odd = shown(&outputs.get(&ODD));
        expect(&odd, &["[0, 10) \"1\" @ 1", "[0, 10) \"1\" @ 2", "[0, 10) \"1\" @ 3"]);
        Ok(())
    }))
}

pub(super) fn an_element_in_several_windows_is_done_in_each(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sliding = together(root, [12]).window(SlidingWindows::of(millis(20)).every(millis(10)));
        let outputs = sliding.par_do_splittable_tagged(Thrice, &ODD);
        let main = ["[0, 20) 12 @ 12", "[0, 20) 12 @ 13", "[0, 20) 12 @ 14"];
        let again = main.map(|text| text.replace("[0, 20)", "[10, 30)"));
        let expected: Vec<&str> = main.into_iter().chain(again.iter().map(String::as_str)).collect();
        expect(&shown(&outputs.main()), &expected);
        assert_that(&outputs.get(&ODD)).is_empty();
        Ok(())
    }))
}

/// The multiples of its element below a limit from the side.
#[derive(Clone)]
struct Multiples(Singleton<u64>);

impl SplittableDoFn for Multiples {
    type In = u64;
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, _: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(1, 1000))
    }
    fn process(
        &mut self,
        n: &u64,
        tracker: &mut Tracker<'_, OffsetRange, u64>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let limit = *ctx.side(&self.0)?;
        let mut next = tracker.restriction().next();
        while let Some(mut claim) = tracker.claim(next) {
            if next * n < limit {
                claim.emit(next * n);
            }
            next += 1;
        }
        Ok(Continuation::Done)
    }
}

pub(super) fn it_has_side_inputs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let limit = root.create([30u64, 31]).combine_globally(sum()).as_singleton();
        let multiples = root.create([20u64, 25]).par_do_splittable_with(limit.clone(), Multiples(limit));
        assert_that(&multiples).contains_in_any_order([20, 40, 60, 25, 50]);
        Ok(())
    }))
}

/// How far event time is in a [`Ticks`].
trait Moves: WatermarkEstimator {
    const WALL: bool = false;
    fn moves(_: &mut Tracker<'_, OffsetRange, i64, Self>, _: Timestamp) {}
}

impl Moves for () {}
impl Moves for Monotonic {}
impl Moves for WallTime {
    const WALL: bool = true;
}
impl Moves for Manual {
    fn moves(tracker: &mut Tracker<'_, OffsetRange, i64, Self>, to: Timestamp) {
        tracker.set_watermark(to);
    }
}

/// Emits numbers ten milliseconds of event time apart, without an end but for the thirtieth. After some it looks whether a
/// window has closed behind it, and says whether it should have.
#[derive(Clone)]
struct Ticks<E> {
    closed: Log<i64>,
    tries: Log<u64>,
    /// Whether it looks that the window `[0, 50)` closes, or that it stays open.
    closes: bool,
    of: PhantomData<fn() -> E>,
}

impl<E: Moves + Clone> SplittableDoFn for Ticks<E> {
    type In = u64;
    type Out = i64;
    type Restriction = OffsetRange;
    type Estimator = E;

    const BOUNDED: bool = false;

    fn initial_restriction(&self, _: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::unbounded(0))
    }
    fn process(
        &mut self,
        _: &u64,
        tracker: &mut Tracker<'_, OffsetRange, i64, E>,
        _: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let next = tracker.restriction().next();
        let now = tracker.now();
        if next == 30 {
            return Ok(Continuation::Done);
        }
        if !E::WALL && next == 5 && !self.closed.entries().is_empty() {
            return Err("the window closes though its last number is still to come".into());
        }
        if next == 10 {
            self.tries.add(next);
            let tries = self.tries.entries().len();
            if self.closes && self.closed.entries().is_empty() {
                return match tries {
                    5000 => Err("the window does not close".into()),
                    _ => Ok(Continuation::ResumeAfter(millis(10))),
                };
            }
            if !self.closes && !self.closed.entries().is_empty() {
                return Err("the window closes".into());
            }
            if !self.closes && tries < 50 {
                return Ok(Continuation::ResumeAfter(millis(10)));
            }
        }
        let time = if E::WALL { now } else { at(10 * next as i64) };
        E::moves(tracker, time);
        let Some(mut claim) = tracker.claim(next) else { return Ok(Continuation::Done) };
        emit(&mut claim, next as i64, time);
        Ok(Continuation::ResumeAfter(millis(10)))
    }
}

fn emit<E: WatermarkEstimator>(claim: &mut Claim<'_, i64, E>, number: i64, time: Timestamp) {
    claim.emit_at(number, time);
}

fn ticks<E: Moves + Clone>(runner: &dyn Runner, closes: bool) -> CaseResult {
    let (closed, windows) = (Log::new(), if E::WALL { 60 } else { 50 });
    passes(runner.run(|root| {
        let ticks = Ticks::<E> { closed: closed.clone(), tries: Log::new(), closes, of: PhantomData };
        let numbers = root.create([0u64]).with_timestamps(|_| at(0)).par_do_splittable(ticks);
        let windows = numbers.window(FixedWindows::of(millis(windows)));
        let closed = closed.clone();
        let counts = windows.key_by(|_| ()).group_by_key().map(move |((), numbers)| {
            closed.add(0);
            numbers.iter().count() as u64
        });
        if E::WALL {
            assert_that(&counts.filter(|n| *n == 0)).is_empty();
        } else {
            assert_that(&counts).contains_in_any_order([5; 6]);
        }
        Ok(())
    }))
}

pub(super) fn a_watermark_is_set(runner: &dyn Runner) -> CaseResult {
    ticks::<Manual>(runner, true)
}

pub(super) fn a_watermark_is_that_of_the_output(runner: &dyn Runner) -> CaseResult {
    ticks::<Monotonic>(runner, true)
}

pub(super) fn a_watermark_is_the_wall_time(runner: &dyn Runner) -> CaseResult {
    ticks::<WallTime>(runner, true)
}

pub(super) fn without_a_watermark_the_element_holds(runner: &dyn Runner) -> CaseResult {
    ticks::<()>(runner, false)
}

#[derive(Clone, Copy)]
enum Mistake {
    GoesBack,
    ClaimsBefore,
    StopsEarly,
    EmitsBefore,
    HasNoEnd,
    FailsAt,
}

#[derive(Clone)]
struct Wrong(Mistake);

impl SplittableDoFn for Wrong {
    type In = i64;
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, _: &i64) -> Result<OffsetRange, BoxError> {
        Ok(if let Mistake::HasNoEnd = self.0 { OffsetRange::unbounded(0) } else { OffsetRange::new(5, 10) })
    }
    fn process(
        &mut self,
        _: &i64,
        tracker: &mut Tracker<'_, OffsetRange, u64>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let mut next = tracker.restriction().next();
        loop {
            let claimed = match self.0 {
                Mistake::GoesBack if next == 8 => 7,
                Mistake::ClaimsBefore if next == 5 => 3,
                Mistake::StopsEarly if next == 9 => return Ok(Continuation::Done),
                _ => next,
            };
            let Some(mut claim) = tracker.claim(claimed) else { return Ok(Continuation::Done) };
            match self.0 {
                Mistake::EmitsBefore => claim.emit_at(next, ctx.timestamp() - millis(1)),
                Mistake::FailsAt if next == 7 => return Err("seven is wrong".into()),
                _ => claim.emit(next),
            }
            next += 1;
        }
    }
}

fn mistaken(runner: &dyn Runner, mistake: Mistake, says: &str) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let numbers = together(root, [7]);
        line = line_after!();
        numbers.par_do_splittable(Wrong(mistake)).named("Work").discard();
        Ok(())
    });
    fails(result, &["Work", &line, says])
}

/// Under some schedules a residual begins just there.
pub(super) fn a_claim_that_goes_back_fails(runner: &dyn Runner) -> CaseResult {
    mistaken(runner, Mistake::GoesBack, "it claims 7")
}

pub(super) fn a_claim_before_the_restriction_fails(runner: &dyn Runner) -> CaseResult {
    mistaken(runner, Mistake::ClaimsBefore, "it claims 3, which lies before its restriction")
}

pub(super) fn work_that_is_left_fails(runner: &dyn Runner) -> CaseResult {
    mistaken(runner, Mistake::StopsEarly, "before all of its restriction was claimed")
}

pub(super) fn an_output_before_its_input_fails(runner: &dyn Runner) -> CaseResult {
    mistaken(runner, Mistake::EmitsBefore, "is before its input")
}

pub(super) fn work_without_an_end_must_say_so(runner: &dyn Runner) -> CaseResult {
    mistaken(runner, Mistake::HasNoEnd, "its work ends")
}

pub(super) fn an_error_names_the_step(runner: &dyn Runner) -> CaseResult {
    mistaken(runner, Mistake::FailsAt, "seven is wrong")
}

/// Numbers that are there a second after each other.
struct Feed {
    closed: Log<i64>,
    tries: Log<u64>,
}

impl Source for Feed {
    type Out = i64;
    type Restriction = OffsetRange;
    type Reader = ();

    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, 10)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, i64>) -> Result<(), BoxError> {
        let next = claims.restriction().next();
        // The second window's first number waits for the end of the first window.
        if claims.now() < at(1000 * next as i64) || (next == 5 && self.closed.entries().is_empty()) {
            self.tries.add(next);
            if self.tries.entries().len() == 5000 {
                return Err("the window does not close".into());
            }
            claims.set_watermark(at(10 * next as i64));
            claims.resume_after(millis(500));
            return Ok(());
        }
        let Some(mut claim) = claims.claim(next) else { return Ok(()) };
        claim.emit_at(next as i64, at(10 * next as i64));
        if next < 9 {
            claims.resume_after(millis(1));
        }
        Ok(())
    }
}

/// There is nothing to read, and yet time goes on.
pub(super) fn an_idle_source_moves_its_watermark(runner: &dyn Runner) -> CaseResult {
    let closed = Log::new();
    passes(runner.run(|root| {
        let numbers = root.read(Feed { closed: closed.clone(), tries: Log::new() });
        let closed = closed.clone();
        let groups = numbers.window(FixedWindows::of(millis(50))).key_by(|_| ()).group_by_key();
        let groups = groups.map(move |((), numbers)| {
            closed.add(0);
            sorted(&numbers)
        });
        assert_that(&groups).contains_in_any_order([vec![0, 1, 2, 3, 4], vec![5, 6, 7, 8, 9]]);
        Ok(())
    }))
}
