//! User code per element: what it sees, what it emits, and the order in which it is called.

use super::prelude::*;
use serde::{Deserialize, Serialize};

/// Refuses to be called out of order; emits, at the end of each bundle, how many elements it had.
#[derive(Clone)]
struct InOrder {
    phase: Phase,
    elements: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    New,
    Ready,
    Bundle,
}

impl InOrder {
    fn go(&mut self, from: Phase, to: Phase) -> Result<(), BoxError> {
        ensure!(self.phase == from, "called in {:?} instead of {from:?}", self.phase);
        self.phase = to;
        Ok(())
    }
}

impl DoFn for InOrder {
    type In = u64;
    type Out = u64;

    fn setup(&mut self) -> Result<(), BoxError> {
        self.go(Phase::New, Phase::Ready)
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.elements = 0;
        self.go(Phase::Ready, Phase::Bundle)
    }
    fn process(&mut self, _: u64, _: &mut Context<'_, u64>) -> Result<(), BoxError> {
        self.elements += 1;
        self.go(Phase::Bundle, Phase::Bundle)
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        ctx.emit(self.elements, Timestamp::MIN, Window::Global);
        self.go(Phase::Bundle, Phase::Ready)
    }
}

pub(super) fn calls_come_in_order(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let elements = root.create(0u64..3000).reshuffle();
        let counts = elements.par_do(InOrder { phase: Phase::New, elements: 0 });
        assert_that(&counts.combine_globally(sum())).is_singleton(3000);
        Ok(())
    }))
}

/// Holds elements back until the end of the bundle.
#[derive(Clone, Default)]
struct Hold(Vec<u64>);

impl DoFn for Hold {
    type In = u64;
    type Out = u64;

    fn process(&mut self, element: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        if element.is_multiple_of(3) { ctx.emit(element) } else { self.0.push(element) }
        Ok(())
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        self.0.drain(..).for_each(|element| ctx.emit(element, Timestamp::from_millis(7), Window::Global));
        Ok(())
    }
}

pub(super) fn what_is_held_back_comes_at_the_end_of_the_bundle(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let held = root.create(0u64..2000).reshuffle().par_do(Hold::default());
        assert_that(&held.map(|x| x + 1)).contains_in_any_order(1..2001);
        let groups = held.key_by(|x| x % 5).group_by_key().map(|(key, group)| (key, group.iter().count()));
        assert_that(&groups).contains_in_any_order((0..5).map(|key| (key, 400)));
        Ok(())
    }))
}

pub(super) fn the_end_of_a_bundle_chooses_its_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let seen = root.create([1u64, 3]).par_do(Hold::default()).par_do(Reify::default());
        let at = |x, millis| (x, Timestamp::from_millis(millis), Window::Global);
        assert_that(&seen).contains_in_any_order([at(1, 7), (3, Timestamp::MIN, Window::Global)]);
        Ok(())
    }))
}

const FIZZ: Tag<u64> = Tag::new("fizz");
const BUZZ: Tag<String> = Tag::new("buzz");

#[derive(Clone)]
struct FizzBuzz;

impl DoFn for FizzBuzz {
    type In = u64;
    type Out = bool;

    fn process(&mut self, n: u64, ctx: &mut Context<'_, bool>) -> Result<(), BoxError> {
        if n.is_multiple_of(3) {
            ctx.emit_to(&FIZZ, n);
        }
        if n.is_multiple_of(5) {
            ctx.emit_to(&BUZZ, n.to_string());
        }
        if n.is_multiple_of(15) {
            ctx.emit(true);
        }
        Ok(())
    }
}

pub(super) fn additional_outputs_have_their_own_types(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let outputs = root.create(1u64..=15).par_do_tagged(FizzBuzz, (&FIZZ, &BUZZ));
        assert_that(&outputs.main()).is_singleton(true);
        assert_that(&outputs.get(&FIZZ)).contains_in_any_order([3, 6, 9, 12, 15]);
        assert_that(&outputs.get(&BUZZ)).contains_in_any_order(["5", "10", "15"].map(str::to_owned));
        Ok(())
    }))
}

pub(super) fn an_output_may_be_discarded(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let outputs = root.create(1u64..=15).par_do_tagged(FizzBuzz, (&FIZZ, &BUZZ));
        outputs.get(&FIZZ).discard();
        assert_that(&outputs.get(&BUZZ).map(|text| text.len())).contains_in_any_order([1, 2, 2]);
        Ok(())
    }))
}

pub(super) fn an_output_may_be_consumed_twice(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let outputs = root.create(1u64..=6).par_do_tagged(FizzBuzz, (&FIZZ, &BUZZ));
        outputs.get(&BUZZ).discard();
        assert_that(&outputs.get(&FIZZ).map(|x| x + 1)).contains_in_any_order([4, 7]);
        assert_that(&outputs.get(&FIZZ).reshuffle()).contains_in_any_order([3, 6]);
        assert_that(&outputs.main()).is_empty();
        Ok(())
    }))
}

pub(super) fn an_undeclared_output_fails_the_step(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let outputs = root.create(1u64..=15).par_do_tagged(FizzBuzz, &FIZZ);
        outputs.main().discard();
        outputs.get(&FIZZ).discard();
        Ok(())
    });
    fails(result, &["ParDo", "buzz", file!()])
}

/// Emits each element at its own value in milliseconds, and once more where it came from.
#[derive(Clone)]
struct AtItself;

impl DoFn for AtItself {
    type In = i64;
    type Out = i64;

    fn process(&mut self, millis: i64, ctx: &mut Context<'_, i64>) -> Result<(), BoxError> {
        if millis % 2 == 0 {
            ctx.emit(millis);
        }
        ctx.emit_at(millis, Timestamp::from_millis(millis));
        Ok(())
    }
}

pub(super) fn an_output_may_have_a_later_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let seen = root.create([5i64, 2, -3]).par_do(AtItself).par_do(Reify::default());
        let at = |x, time| (x, time, Window::Global);
        let own = |millis| at(millis, Timestamp::from_millis(millis));
        assert_that(&seen).contains_in_any_order([own(5), at(2, Timestamp::MIN), own(2), own(-3)]);
        Ok(())
    }))
}

pub(super) fn an_output_before_its_input_fails(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        root.create([1000i64]).par_do(AtItself).map(|x| x - 1).par_do(AtItself).named("Back").discard();
        Ok(())
    });
    fails(result, &["Back", "before its input"])
}

pub(super) fn steps_keep_the_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let times = root.create([1i64, 3, 5, 7]).par_do(AtItself);
        let kept = times.map(|x| x + 1).filter(|x| *x != 4).flat_map(|x| [x, -x]).key_by(|x| *x > 0);
        let seen = kept.map(|(_, x)| x).par_do(Reify::default());
        let at = |x, millis| (x, Timestamp::from_millis(millis), Window::Global);
        let expected = [at(2, 1), at(-2, 1), at(6, 5), at(-6, 5), at(8, 7), at(-8, 7)];
        assert_that(&seen).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn a_collection_feeds_many_steps(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let words = root.create([vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]]);
        for extra in 0..10usize {
            let more = words.map(move |mut words| {
                words.extend((0..extra).map(|i| i.to_string()));
                words.len()
            });
            assert_that(&more).contains_in_any_order([1 + extra, 2 + extra]);
        }
        Ok(())
    }))
}

pub(super) fn a_long_chain_runs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let end = (0..200).fold(root.create(0u64..100), |c, _| c.map(|x| x + 1));
        assert_that(&end).contains_in_any_order(200..300);
        Ok(())
    }))
}

const SHORT: Tag<String> = Tag::new("short");

/// Keeps long words, and puts a mark before them that does not travel.
#[derive(Clone, Serialize, Deserialize)]
struct Long {
    than: usize,
    #[serde(skip)]
    mark: String,
}

impl DoFn for Long {
    type In = String;
    type Out = String;

    fn process(&mut self, word: String, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
        if word.len() > self.than { ctx.emit(format!("{}{word}", self.mark)) } else { ctx.emit_to(&SHORT, word) }
        Ok(())
    }
}

#[typetag::serde(name = "conformance::par_do::Long")]
impl PortableDoFn for Long {}

pub(super) fn a_portable_function_is_what_its_bytes_say(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let words = root.create(["to", "be", "or", "not"].map(str::to_owned));
        let long = words.par_do_portable_tagged(Long { than: 2, mark: "lost ".to_owned() }, &SHORT);
        assert_that(&long.main()).is_singleton("not".to_owned());
        assert_that(&long.get(&SHORT)).contains_in_any_order(["to", "be", "or"].map(str::to_owned));
        Ok(())
    }))
}
