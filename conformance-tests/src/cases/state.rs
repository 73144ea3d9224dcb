//! State: what a step remembers of a key and window.

use super::prelude::*;
use super::stateful::{Each, said, together};
use ferrobeam::time::millis;

#[derive(State)]
struct Last {
    last: Value<u64>,
}

/// Emits how many elements there were, with each.
pub(super) fn counted<K: Key>(pairs: &PCollection<(K, u64)>) -> PCollection<(K, u64)> {
    pairs.par_do_stateful(Each(|key: &K, _, state: &mut Last, ctx| {
        let n = state.last.get().copied().unwrap_or_default() + 1;
        state.last.set(n);
        ctx.emit((key.clone(), n));
    }))
}

pub(super) fn a_value_is_remembered(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..600).map(|x| (x % 3, x));
        let expected = (0..3).flat_map(|key| (1..=200).map(move |n| (key, n)));
        assert_that(&counted(&pairs)).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn it_outlives_bundles(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..6000).reshuffle().map(|x| (x % 2, x)).reshuffle();
        let largest = counted(&pairs).combine_per_key(max());
        assert_that(&largest).contains_in_any_order([(0, 3000), (1, 3000)]);
        Ok(())
    }))
}

pub(super) fn a_value_is_cleared(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..300).map(|x| (x % 2 == 0, x));
        let seen = pairs.par_do_stateful(Each(|_: &bool, _, state: &mut Last, ctx| {
            match state.last.get().copied() {
                None => state.last.set(1),
                Some(1) => state.last.set(2),
                Some(_) => state.last.clear(),
            }
            ctx.emit(state.last.get().copied());
        }));
        let expected = [Some(1), Some(2), None].into_iter().flat_map(|seen| vec![seen; 100]);
        assert_that(&seen).contains_in_any_order(expected);
        Ok(())
    }))
}

#[derive(State)]
struct Gathered {
    all: Bag<u64>,
}

/// Emits three at a time.
fn in_threes(pairs: &PCollection<(u64, u64)>) -> PCollection<(u64, Vec<u64>)> {
    pairs.par_do_stateful(Each(|key: &u64, x, state: &mut Gathered, ctx| {
        state.all.add(x);
        if state.all.iter().count() == 3 {
            ctx.emit((*key, state.all.take()));
        }
    }))
}

pub(super) fn a_bag_gathers_and_is_taken(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let threes = in_threes(&root.create(0u64..600).map(|x| (x % 2, x)));
        let wrong = threes.filter(|(key, three)| three.len() != 3 || three.iter().any(|x| x % 2 != *key));
        assert_that(&wrong).is_empty();
        assert_that(&threes.flat_map(|(_, three)| three)).contains_in_any_order(0..600);
        Ok(())
    }))
}

/// Nothing is read of it before the last element.
pub(super) fn a_bag_is_written_blindly(runner: &dyn Runner) -> CaseResult {
    let script = |stream: TestStream<(u64, u64)>| {
        let stream = (0..4).fold(stream, |stream, i| stream.add_elements([((7, i), at(0)), ((8, i), at(0))]));
        stream.add_elements([((7, 99), at(0))])
    };
    passes(runner.run(|root| {
        let pairs = root.test_stream(script(TestStream::new()));
        let seen = pairs.par_do_stateful(Each(|key: &u64, x, state: &mut Gathered, ctx| match x {
            99 => {
                let mut all: Vec<u64> = state.all.iter().copied().collect();
                all.sort_unstable();
                ctx.emit((*key, all));
            }
            x => state.all.add(x),
        }));
        assert_that(&seen).is_singleton((7, vec![0, 1, 2, 3]));
        Ok(())
    }))
}

#[derive(State)]
struct Known {
    set: Set<String>,
}

pub(super) fn a_set_knows_what_was_inserted(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..600).map(|x| (x % 2, format!("{}", x % 20)));
        let fresh = pairs.par_do_stateful(Each(|key: &u64, word: String, state: &mut Known, ctx| {
            if !state.set.contains(&word) {
                state.set.insert(word.clone());
                ctx.emit((*key, word, state.set.iter().count() as u64));
            }
        }));
        let sizes = fresh.map(|(key, _, size)| (key, size));
        assert_that(&sizes).contains_in_any_order((0..2).flat_map(|key| (1..=10).map(move |size| (key, size))));
        let expected = (0..20u64).map(|x| (x % 2, x.to_string()));
        assert_that(&fresh.map(|(key, word, _)| (key, word))).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn a_set_forgets_what_was_removed(runner: &dyn Runner) -> CaseResult {
    let script = ["+a +b", "-a", "?a ?b", "+a -b", "?a ?b", "x", "?a ?b", "+c", "?a ?c"];
    passes(runner.run(|root| {
        let seen = said(root, &script).par_do_stateful(Each(|_: &(), words: String, state: &mut Known, ctx| {
            for word in words.split(' ') {
                let name = word[1..].to_owned();
                match &word[..1] {
                    "+" => state.set.insert(name),
                    "-" => state.set.remove(&name),
                    "x" => state.set.clear(),
                    _ => ctx.emit(format!("{name} {}", state.set.contains(&name))),
                }
            }
        }));
        expect(
            &seen,
            &["a false", "b true", "a true", "b false", "a false", "b false", "a false", "c true"],
        );
        Ok(())
    }))
}

#[derive(State)]
struct Counts {
    counts: Map<String, u64>,
}

pub(super) fn a_map_has_a_value_for_each_key(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..600).map(|x| (x % 2, format!("{}", x % 4)));
        let counts = pairs.par_do_stateful(Each(|key: &u64, word: String, state: &mut Counts, ctx| {
            let n = state.counts.get(&word).copied().unwrap_or_default() + 1;
            state.counts.insert(word, n);
            if state.counts.iter().map(|(_, n)| n).sum::<u64>() == 300 {
                ctx.emit((*key, state.counts.iter().map(|(word, n)| (word.clone(), *n)).collect::<Vec<_>>()));
            }
        }));
        let counts = counts.map(|(key, mut counts)| {
            counts.sort();
            (key, counts)
        });
        let of = |words: [&str; 2]| words.map(|word| (word.to_owned(), 150)).to_vec();
        assert_that(&counts).contains_in_any_order([(0, of(["0", "2"])), (1, of(["1", "3"]))]);
        Ok(())
    }))
}

pub(super) fn a_key_of_a_map_is_removed(runner: &dyn Runner) -> CaseResult {
    let script = ["+a +b", "-a", "?a ?b", "+b +b +a", "?a ?b", "x", "?a", "-a +b", "?b"];
    passes(runner.run(|root| {
        let seen = said(root, &script).par_do_stateful(Each(|_: &(), words: String, state: &mut Counts, ctx| {
            for word in words.split(' ') {
                let name = word[1..].to_owned();
                match &word[..1] {
                    "+" => {
                        let n = state.counts.get(&name).copied().unwrap_or_default() + 1;
                        state.counts.insert(name, n);
                    }
                    "-" => state.counts.remove(&name),
                    "x" => state.counts.clear(),
                    _ => ctx.emit(format!(
                        "{name} {:?} of {}",
                        state.counts.get(&name).copied(),
                        state.counts.keys().count()
                    )),
                }
            }
        }));
        let expected = ["a None of 1", "b Some(1) of 1", "a Some(1) of 2", "b Some(3) of 2", "a None of 0"];
        expect(&seen, &[&expected[..], &["b Some(1) of 1"]].concat());
        Ok(())
    }))
}

#[derive(State)]
struct ByWord {
    all: Multimap<String, u64>,
}

pub(super) fn a_multimap_has_values_for_each_key(runner: &dyn Runner) -> CaseResult {
    let script = ["a1 b1", "a2 a2", "?a ?b", "-a b3", "?a ?b", "a4", "?a", "x", "?b"];
    passes(runner.run(|root| {
        let seen = said(root, &script).par_do_stateful(Each(|_: &(), words: String, state: &mut ByWord, ctx| {
            for word in words.split(' ') {
                let (first, rest) = word.split_at(1);
                match first {
                    "x" => state.all.clear(),
                    "-" => state.all.remove(&rest.to_owned()),
                    "?" => {
                        let mut values: Vec<u64> = state.all.get(&rest.to_owned()).copied().collect();
                        values.sort_unstable();
                        ctx.emit(format!("{rest} {values:?} of {}", state.all.iter().count()));
                    }
                    key => state.all.insert(key.to_owned(), rest.parse().unwrap_or_default()),
                }
            }
        }));
        let expected = ["a [1, 2, 2] of 4", "b [1] of 4", "a [] of 2", "b [1, 3] of 2", "a [4] of 3", "b [] of 0"];
        expect(&seen, &expected);
        Ok(())
    }))
}

#[derive(State)]
struct Ordered {
    list: OrderedList<String>,
}

pub(super) fn an_ordered_list_is_in_the_order_of_time(runner: &dyn Runner) -> CaseResult {
    let script = ["7 3 9", "3", "? ?3..8", "-4..9", "?", "5 4", "?4..6", "x", "?", "1", "?"];
    passes(runner.run(|root| {
        let seen = said(root, &script).par_do_stateful(Each(|_: &(), words: String, state: &mut Ordered, ctx| {
            let bounds = |text: &str| {
                let (start, end) = text.split_once("..").unwrap_or(("0", "100"));
                at(start.parse().unwrap_or_default())..at(end.parse().unwrap_or_default())
            };
            for word in words.split(' ') {
                match word.split_at(1) {
                    ("?", range) => {
                        let list = state.list.range(bounds(range)).map(|(time, n)| format!("{n}@{}", time.millis()));
                        ctx.emit(list.collect::<Vec<_>>().join(" "));
                    }
                    ("-", range) => state.list.clear_range(bounds(range)),
                    ("x", _) => state.list.clear(),
                    _ => state.list.insert(at(word.parse().unwrap_or_default()), word.to_owned()),
                }
            }
        }));
        expect(&seen, &["3@3 3@3 7@7 9@9", "3@3 3@3 7@7", "3@3 3@3 9@9", "4@4 5@5", "", "1@1"]);
        Ok(())
    }))
}

#[derive(State)]
struct Total {
    sum: Combining<ferrobeam::combiners::Sum<u64>>,
}

pub(super) fn a_combining_cell_combines(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(1u64..=400).map(|x| (x % 2, x));
        let totals = pairs.par_do_stateful(Each(|key: &u64, x, state: &mut Total, ctx| {
            state.sum.add(x);
            ctx.emit((*key, state.sum.get().unwrap_or_default()));
        }));
        assert_that(&totals.combine_per_key(max())).contains_in_any_order([(0, 40_200), (1, 40_000)]);
        let cleared = pairs.par_do_stateful(Each(|_: &u64, _, state: &mut Total, ctx| {
            state.sum.add(1);
            if state.sum.get() == Some(4) {
                state.sum.clear();
                ctx.emit(state.sum.is_empty());
            }
        }));
        assert_that(&cleared).contains_in_any_order([true; 100]);
        Ok(())
    }))
}

pub(super) fn every_window_has_its_own(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0i64..40).with_timestamps(|x| at(*x)).map(|x| ('k', x.unsigned_abs()));
        let fixed = counted(&pairs.window(FixedWindows::of(millis(10)))).par_do(Reify::default());
        let largest = fixed.map(|((_, n), _, window)| (window_start(window), n)).whole().combine_per_key(max());
        assert_that(&largest).contains_in_any_order([0, 10, 20, 30].map(|start| (start, 10)));
        let sliding = pairs.window(SlidingWindows::of(millis(20)).every(millis(10)));
        let sliding = counted(&sliding).par_do(Reify::default());
        let largest = sliding.map(|((_, n), _, window)| (window_start(window), n)).whole().combine_per_key(max());
        assert_that(&largest).contains_in_any_order([(-10, 10), (0, 20), (10, 20), (20, 20), (30, 10)]);
        Ok(())
    }))
}

fn window_start(window: Window) -> i64 {
    match window {
        Window::Interval { start, .. } => start.millis(),
        Window::Global => i64::MIN,
    }
}

pub(super) fn every_key_has_its_own(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..1500).map(|x| (x % 500, x));
        let expected = (0..500).flat_map(|key| (1..=3).map(move |n| (key, n)));
        assert_that(&counted(&pairs)).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn keys_of_all_kinds(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let numbers = root.create(0u64..20);
        assert_that(&counted(&numbers.map(|x| ((), x))).combine_per_key(max())).is_singleton(((), 20));
        let text = counted(&numbers.map(|x| (if x % 2 == 0 { String::new() } else { "odd".to_owned() }, x)));
        let expected = [(String::new(), 10), ("odd".to_owned(), 10)];
        assert_that(&text.combine_per_key(max())).contains_in_any_order(expected);
        let tuples = counted(&numbers.map(|x| ((x % 2, Some(x % 4 > 1)), x)));
        let expected = [(0, false), (1, false), (0, true), (1, true)].map(|(n, some)| ((n, Some(some)), 5));
        assert_that(&tuples.combine_per_key(max())).contains_in_any_order(expected);
        let lists = counted(&numbers.map(|x| (vec![0u8; (x % 3) as usize], x)));
        let expected = [(vec![], 7), (vec![0], 7), (vec![0, 0], 6)];
        assert_that(&lists.combine_per_key(max())).contains_in_any_order(expected);
        Ok(())
    }))
}

#[derive(State)]
struct Nothings {
    seen: Value<()>,
    bag: Bag<()>,
    texts: Bag<String>,
    set: Set<String>,
    map: Map<String, ()>,
}

pub(super) fn values_may_be_empty(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = ["add", "add", "ask", "clear", "ask", "add", "ask"];
        let seen = said(root, &script).par_do_stateful(Each(|_: &(), word: String, state: &mut Nothings, ctx| {
            match word.as_str() {
                "add" => {
                    state.seen.set(());
                    state.bag.add(());
                    state.texts.add(String::new());
                    state.set.insert(String::new());
                    state.map.insert(String::new(), ());
                }
                "clear" => {
                    state.seen.clear();
                    state.bag.clear();
                    state.texts.clear();
                    state.set.clear();
                    state.map.clear();
                }
                _ => ctx.emit(format!(
                    "{:?} {} {} {} {:?}",
                    state.seen.get().is_some(),
                    state.bag.iter().count(),
                    state.texts.iter().count(),
                    state.set.contains(&String::new()),
                    state.map.get(&String::new()),
                )),
            }
        }));
        expect(&seen, &["true 2 2 true Some(())", "false 0 0 false None", "true 1 1 true Some(())"]);
        Ok(())
    }))
}

#[derive(State)]
struct Fleeting {
    #[state(ttl = "10ms")]
    last: Value<u64>,
    #[state(ttl = "10ms")]
    all: Bag<u64>,
    #[state(ttl = "10ms")]
    known: Map<u64, u64>,
    kept: Bag<u64>,
}

pub(super) fn what_lives_for_a_time_goes(runner: &dyn Runner) -> CaseResult {
    let add = |stream: TestStream<((), u64)>, x| stream.add_elements([(((), x), at(0))]);
    let ask = |stream| add(stream, 0);
    let wait = |stream: TestStream<((), u64)>, time| stream.advance_processing_time(millis(time));
    let stream = ask(wait(ask(add(wait(add(TestStream::new(), 1), 6), 2)), 4));
    let stream = ask(wait(ask(wait(ask(wait(stream, 5)), 1)), 100));
    passes(runner.run(|root| {
        let pairs = root.test_stream(stream);
        let seen = pairs.par_do_stateful(Each(|_: &(), x, state: &mut Fleeting, ctx| {
            if x > 0 {
                state.last.set(x);
                state.all.add(x);
                state.known.insert(x, x);
                state.kept.add(x);
                return;
            }
            let (mut all, kept) = (state.all.iter().copied().collect::<Vec<_>>(), state.kept.iter().count());
            all.sort_unstable();
            ctx.emit(format!("{:?} {all:?} {} {kept}", state.last.get(), state.known.keys().count()));
        }));
        let expected = ["Some(2) [1, 2] 2 2", "Some(2) [2] 1 2", "Some(2) [2] 1 2", "None [] 0 2", "None [] 0 2"];
        expect(&seen, &expected);
        Ok(())
    }))
}

pub(super) fn it_goes_when_its_window_expires(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[1, 2]), Watermark(9), Add(&[3]), Watermark(14), Add(&[4]), Watermark(15), Add(&[5, 11])];
        let windows = play(root, &script).window(FixedWindows::of(millis(10)).allowed_lateness(millis(5)));
        let counted = counted(&windows.map(|x| ('k', x.unsigned_abs())));
        let largest = counted.par_do(Reify::default()).map(|((_, n), time, window)| {
            format!("{} {} {n}", window_start(window), if time.millis() < 3 { 0 } else { time.millis() })
        });
        // What comes when the window has expired is dropped.
        expect(&largest, &["0 0 1", "0 0 2", "0 3 3", "0 4 4", "10 11 1"]);
        Ok(())
    }))
}

pub(super) fn steps_do_not_share_it(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..100).map(|x| (x % 2, x));
        let (first, second) = (counted(&pairs), counted(&pairs.filter(|(_, x)| *x < 50)));
        assert_that(&first.combine_per_key(max())).contains_in_any_order([(0, 50), (1, 50)]);
        assert_that(&second.combine_per_key(max())).contains_in_any_order([(0, 25), (1, 25)]);
        Ok(())
    }))
}

pub(super) fn one_step_behind_the_other(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..100).map(|x| (x % 2, x));
        let again = counted(&counted(&counted(&pairs)));
        let expected = (0..2).flat_map(|key| (1..=50).map(move |n| (key, n)));
        assert_that(&again).contains_in_any_order(expected);
        // By another key.
        let other = counted(&again.map(|(key, n)| (n % 5, key)));
        assert_that(&other.combine_per_key(max())).contains_in_any_order((0..5).map(|key| (key, 20)));
        Ok(())
    }))
}

const EVEN: Tag<String> = Tag::new("even");

pub(super) fn outputs_have_tags(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..10).map(|x| ((), x));
        let step = Each(|_: &(), _, state: &mut Last, ctx| {
            let n = state.last.get().copied().unwrap_or_default();
            state.last.set(n + 1);
            if n % 2 == 0 { ctx.emit_to(&EVEN, n.to_string()) } else { ctx.emit(n) }
        });
        let outputs = pairs.par_do_stateful_tagged(step, &EVEN);
        assert_that(&outputs.main()).contains_in_any_order([1, 3, 5, 7, 9]);
        assert_that(&outputs.get(&EVEN)).contains_in_any_order(["0", "2", "4", "6", "8"].map(str::to_owned));
        Ok(())
    }))
}

/// Weighs its elements by a side input.
#[derive(Clone)]
struct Weigh(Singleton<u64>);

impl StatefulDoFn for Weigh {
    type Key = u64;
    type In = u64;
    type Out = (u64, u64);
    type State = Total;
    type Timer = ();

    fn process(
        &mut self,
        key: &u64,
        x: u64,
        state: &mut Total,
        ctx: &mut StatefulContext<'_, (u64, u64), ()>,
    ) -> Result<(), BoxError> {
        let weight = *ctx.side(&self.0)?;
        state.sum.add(x * weight);
        ctx.emit((*key, state.sum.get().unwrap_or_default()));
        Ok(())
    }
}

pub(super) fn steps_with_it_have_side_inputs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let weight = root.create(1u64..=4).combine_globally(sum()).as_singleton();
        let pairs = root.create(1u64..=100).map(|x| (x % 2, x));
        let sums = pairs.par_do_stateful_with(weight.clone(), Weigh(weight)).combine_per_key(max());
        assert_that(&sums).contains_in_any_order([(0, 25_500), (1, 25_000)]);
        let (windowed, weights) = (
            together(root, [1, 2, 11, 12]).window(FixedWindows::of(millis(10))),
            together(root, [3, 14]).window(FixedWindows::of(millis(10))),
        );
        let weights = weights.map(|x| x.unsigned_abs()).as_singleton();
        let pairs = windowed.map(|x| (0, x.unsigned_abs()));
        let sums = pairs.par_do_stateful_with(weights.clone(), Weigh(weights)).combine_per_key(max());
        assert_that(&sums.whole().map(|(_, sum)| sum)).contains_in_any_order([9, 14 * 23]);
        Ok(())
    }))
}

/// Fails where a bundle that failed has left a trace: every number comes once, and is remembered once.
pub(super) fn bundles_that_fail_leave_no_trace(runner: &dyn Runner) -> CaseResult {
    let calls = Log::new();
    let watched = calls.clone();
    passes(runner.run(|root| {
        let watched = watched.clone();
        let pairs = root.create(0u64..500).reshuffle().map(move |x| {
            watched.add(x);
            (x % 5, x.to_string())
        });
        let twice = pairs.par_do_stateful(Each(|_: &u64, word: String, state: &mut Known, ctx| {
            if state.set.contains(&word) {
                ctx.emit(word.clone());
            }
            state.set.insert(word);
        }));
        assert_that(&twice).is_empty();
        let sizes = pairs.par_do_stateful(Each(|_: &u64, word: String, state: &mut Known, ctx| {
            state.set.insert(word);
            ctx.emit(state.set.iter().count() as u64);
        }));
        assert_that(&sizes.combine_globally(max())).is_singleton(100);
        Ok(())
    }))?;
    ensure!(calls.entries().len() >= 500, "not every element was processed");
    Ok(())
}

pub(super) fn an_error_names_the_step(runner: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let pairs = root.create([(1u64, 2u64)]);
        line = line_after!();
        let failed = pairs.par_do_stateful(Each(|_: &u64, _, _: &mut Last, ctx| {
            ctx.emit(());
            panic!("no state");
        }));
        failed.named("Remember").discard();
        Ok(())
    });
    fails(result, &["Remember", &line, "no state"])
}
