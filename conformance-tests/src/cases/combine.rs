//! Combining: the same result however the values are cut and merged.

use super::prelude::*;

pub(super) fn sums_per_key(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sums = root.create(0u64..3000).reshuffle().key_by(|x| x % 3).combine_per_key(sum());
        assert_that(&sums).contains_in_any_order([(0, 1_498_500), (1, 1_499_500), (2, 1_500_500)]);
        Ok(())
    }))
}

pub(super) fn sums_globally(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create(0u64..3000).reshuffle().combine_globally(sum())).is_singleton(4_498_500);
        assert_that(&root.create([0.5f64, 0.25, -1.0]).combine_globally(sum())).is_singleton(-0.25);
        Ok(())
    }))
}

pub(super) fn nothing_has_a_global_sum(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create::<u64>([]).combine_globally(sum())).is_singleton(0);
        let none = root.create(["a".to_owned()]).filter(|_| false).combine_globally(Longest);
        assert_that(&none).is_singleton("none".to_owned());
        Ok(())
    }))
}

pub(super) fn nothing_has_no_sum_per_key(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sums = root.create::<(String, u64)>([]).combine_per_key(sum());
        assert_that(&sums).is_empty();
        Ok(())
    }))
}

/// The longest word, and of several the last in the alphabet.
#[derive(Clone)]
struct Longest;

impl CombineFn for Longest {
    type In = String;
    type Acc = (u64, String);
    type Out = String;

    fn create_accumulator(&self) -> (u64, String) {
        (0, "none".to_owned())
    }
    fn add_input(&self, longest: &mut (u64, String), word: String) {
        self.merge_accumulators(longest, (word.len() as u64, word));
    }
    fn merge_accumulators(&self, longest: &mut (u64, String), other: (u64, String)) {
        if other > *longest {
            *longest = other;
        }
    }
    fn extract_output(&self, (_, longest): (u64, String)) -> String {
        longest
    }
}

pub(super) fn a_function_of_the_users(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let words = root.create(0u64..1000).reshuffle().map(|x| (x % 10, "x".repeat((x / 10) as usize) + &x.to_string()));
        let longest = words.combine_per_key(Longest).map(|(key, word)| (key, word.len()));
        assert_that(&longest).contains_in_any_order((0..10).map(|key| (key, 99 + 3)));
        Ok(())
    }))
}

/// All values, sorted: its accumulator is as large as its inputs, and it says so if `LIFTS` is false.
#[derive(Clone)]
struct Sorted<const LIFTS: bool>;

impl<const LIFTS: bool> CombineFn for Sorted<LIFTS> {
    type In = u64;
    type Acc = Vec<u64>;
    type Out = Vec<u64>;
    const LIFTS: bool = LIFTS;

    fn create_accumulator(&self) -> Vec<u64> {
        Vec::new()
    }
    fn add_input(&self, values: &mut Vec<u64>, value: u64) {
        values.push(value);
    }
    fn merge_accumulators(&self, into: &mut Vec<u64>, mut from: Vec<u64>) {
        into.append(&mut from);
    }
    fn extract_output(&self, mut values: Vec<u64>) -> Vec<u64> {
        values.sort_unstable();
        values
    }
}

fn sorts<const LIFTS: bool>(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(0u64..500).reshuffle();
        assert_that(&numbers.combine_globally(Sorted::<LIFTS>)).is_singleton((0..500).collect());
        let sorted = numbers.key_by(|x| *x < 3).combine_per_key(Sorted::<LIFTS>);
        assert_that(&sorted).contains_in_any_order([(true, vec![0, 1, 2]), (false, (3..500).collect())]);
        Ok(())
    }))
}

pub(super) fn an_accumulator_larger_than_its_inputs(runner: &dyn Runner) -> CaseResult {
    sorts::<true>(runner)
}

pub(super) fn a_function_that_does_not_lift(runner: &dyn Runner) -> CaseResult {
    sorts::<false>(runner)
}

pub(super) fn a_hot_key(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sums = root.create(0u64..5000).reshuffle().key_by(|x| (*x == 0).then_some("rare".to_owned()));
        let sums = sums.map(|(key, _)| (key, 1u64)).combine_per_key(sum());
        assert_that(&sums).contains_in_any_order([(None, 4999), (Some("rare".to_owned()), 1)]);
        Ok(())
    }))
}

pub(super) fn many_keys(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sums = root.create(0u64..6000).reshuffle().map(|x| (x % 3000, x)).combine_per_key(sum());
        let wrong = sums.filter(|(key, sum)| *sum != 2 * key + 3000);
        assert_that(&wrong).is_empty();
        assert_that(&sums.map(|_| 1u64).combine_globally(sum())).is_singleton(3000);
        Ok(())
    }))
}

pub(super) fn combined_twice(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let by_ten = root.create(0u64..100).map(|x| (x / 10, x)).combine_per_key(sum());
        let by_parity = by_ten.map(|(ten, sum)| (ten % 2, sum)).combine_per_key(sum());
        assert_that(&by_parity).contains_in_any_order([(0, 2225), (1, 2725)]);
        assert_that(&by_parity.map(|(_, sum)| sum).combine_globally(sum())).is_singleton(4950);
        Ok(())
    }))
}

/// Does not bear the number 13.
#[derive(Clone)]
struct Superstitious;

impl CombineFn for Superstitious {
    type In = u64;
    type Acc = u64;
    type Out = u64;

    fn create_accumulator(&self) -> u64 {
        0
    }
    fn add_input(&self, sum: &mut u64, x: u64) {
        assert!(x != 13, "bad luck");
        *sum += x;
    }
    fn merge_accumulators(&self, into: &mut u64, from: u64) {
        *into += from;
    }
    fn extract_output(&self, sum: u64) -> u64 {
        sum
    }
}

pub(super) fn a_panic_in_a_combine_names_the_step(runner: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let numbers = root.create(0u64..100).key_by(|x| x % 2);
        line = line_after!();
        numbers.combine_per_key(Superstitious).named("Sum").discard();
        Ok(())
    });
    fails(result, &["`Sum`", "panicked", "bad luck", &line])
}

/// Counts, and has nothing to say about 13.
#[derive(Clone)]
struct Speechless;

impl CombineFn for Speechless {
    type In = u64;
    type Acc = u64;
    type Out = u64;

    fn create_accumulator(&self) -> u64 {
        0
    }
    fn add_input(&self, count: &mut u64, _: u64) {
        *count += 1;
    }
    fn merge_accumulators(&self, into: &mut u64, from: u64) {
        *into += from;
    }
    fn extract_output(&self, count: u64) -> u64 {
        assert!(count != 13, "no words");
        count
    }
}

pub(super) fn a_panic_at_the_end_of_a_combine_names_the_key(runner: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let numbers = root.create(0u64..20).key_by(|x| if *x < 13 { "many" } else { "few" }.to_owned());
        line = line_after!();
        numbers.combine_per_key(Speechless).named("Count").discard();
        Ok(())
    });
    fails(result, &["`Count`", "panicked on", "\"many\"", "no words", &line])
}

pub(super) fn fanout_changes_nothing(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..3000).reshuffle().key_by(|x| x % 3).combine_per_key_with_fanout(sum(), 4);
        assert_that(&pairs).contains_in_any_order([(0, 1_498_500), (1, 1_499_500), (2, 1_500_500)]);
        Ok(())
    }))
}

pub(super) fn fanout_counts_once_when_panes_accumulate(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = play(root, &[Add(&[1]), Add(&[2]), Add(&[3]), Watermark(10)]);
        let windows = FixedWindows::of(std::time::Duration::from_millis(10))
            .trigger(AfterWatermark::new().early(after_count(1)))
            .accumulating();
        let sums = numbers.window(windows).key_by(|_| ()).combine_per_key_with_fanout(sum(), 2);
        let again = FixedWindows::of(std::time::Duration::from_millis(10));
        let largest = sums.window(again).combine_per_key(max());
        assert_that(&largest).is_singleton(((), 6i64));
        Ok(())
    }))
}
