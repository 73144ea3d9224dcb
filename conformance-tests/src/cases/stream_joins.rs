//! Joins of streams: by window, within an interval, and with the version of the time.

use super::prelude::*;
use ferrobeam::time::*;

type Numbers = PCollection<((), i64)>;

/// The even numbers of a script, and the odd ones.
fn sides(root: &Root, script: &[Step]) -> (Numbers, Numbers) {
    let numbers = play(root, script);
    let side = |odd| numbers.filter(move |n| (n % 2 != 0) == odd).key_by(|_| ());
    (side(false), side(true))
}

pub(super) fn windows_join_with_what_is_late(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root, &[Add(&[2, 3]), Watermark(10), Add(&[5])]);
        let windows = || FixedWindows::of(millis(10)).allowed_lateness(millis(100)).accumulating();
        let joined = left.window(windows()).inner_join(&right.window(windows())).values();
        expect(
            &shown(&joined),
            &["[0, 10) OnTime 0/0 (2, 3) @ 9", "[0, 10) Late 1/1 (2, 3) @ 9", "[0, 10) Late 1/1 (2, 5) @ 9"],
        );
        Ok(())
    }))
}

pub(super) fn outer_joins_emit_when_windows_close(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root, &[Add(&[2, 13]), Watermark(10), Add(&[14, 3]), Watermark(20), Add(&[25])]);
        let tens = |side: &Numbers| side.window(FixedWindows::of(millis(10)));
        let joined = tens(&left).left_outer_join(&tens(&right)).values();
        expect(
            &shown(&joined),
            &["[0, 10) OnTime 0/0 (2, None) @ 9 last", "[10, 20) OnTime 0/0 (14, Some(13)) @ 19 last"],
        );
        let joined = tens(&left).full_outer_join(&tens(&right)).values();
        expect(
            &shown(&joined),
            &[
                "[0, 10) OnTime 0/0 (Some(2), None) @ 9 last",
                "[10, 20) OnTime 0/0 (Some(14), Some(13)) @ 19 last",
                "[20, 30) OnTime 0/0 (None, Some(25)) @ 29 last",
            ],
        );
        Ok(())
    }))
}

/// From three milliseconds before to five after.
fn joined(left: &Numbers, right: &Numbers) -> PCollection<(i64, i64)> {
    left.apply(IntervalJoin::with(right).between(millis(3), millis(5))).values()
}

fn outer(left: &Numbers, right: &Numbers) -> PCollection<(i64, Option<i64>)> {
    left.apply(IntervalJoin::with(right).between(millis(3), millis(5)).left_outer()).values()
}

pub(super) fn bounds_of_an_interval_are_included(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root, &[Add(&[10]), Add(&[17, 15, 7, 5]), Add(&[27, 25, 35, 37]), Watermark(20), Add(&[30])]);
        assert_that(&joined(&left, &right)).contains_in_any_order([(10, 7), (10, 15), (30, 27), (30, 35)]);
        Ok(())
    }))
}

pub(super) fn pairs_have_the_later_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root, &[Add(&[10]), Add(&[9]), Add(&[11]), Add(&[8]), Watermark(20)]);
        let left = left.window(FixedWindows::of(millis(2)));
        let pairs = shown(&joined(&left, &right));
        let expected = ["(10, 9) @ 10", "(10, 11) @ 11", "(8, 9) @ 9", "(8, 11) @ 11"];
        expect(&pairs.map(|text| text.replace("global ", "")), &expected);
        Ok(())
    }))
}

/// What a join by hand gives.
pub(super) fn each_match_is_a_pair(runner: &dyn Runner) -> CaseResult {
    let numbers = |factor: i64| (0..60).map(move |n| (n * factor) % 101).collect::<Vec<i64>>();
    let near = |a: i64, b: i64| a % 3 == b % 3 && a - 3 <= b && b <= a + 5;
    passes(runner.run(|root| {
        let side = |numbers: Vec<i64>| root.create(numbers).with_timestamps(|n| at(*n)).key_by(|n| n % 3);
        let (left, right) = (side(numbers(37)), side(numbers(53)));
        let join = || IntervalJoin::with(&right).between(millis(3), millis(5));
        let pairs = numbers(37).into_iter().flat_map(|a| numbers(53).into_iter().map(move |b| (a, b)));
        let pairs: Vec<_> = pairs.filter(|(a, b)| near(*a, *b)).collect();
        assert_that(&left.apply(join()).values()).contains_in_any_order(pairs.clone());
        let lonely = numbers(37).into_iter().filter(|a| pairs.iter().all(|(with, _)| a != with)).map(|a| (a, None));
        let all: Vec<_> = pairs.iter().map(|(a, b)| (*a, Some(*b))).chain(lonely).collect();
        assert_that(&left.apply(join().left_outer()).values()).contains_in_any_order(all);
        Ok(())
    }))
}

pub(super) fn the_lonely_go_out_when_nothing_can_match(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[10, 30, 20]), Add(&[31]), Watermark(15), Add(&[15]), Watermark(26), Add(&[21])];
        let (left, right) = sides(root, &script);
        let pairs = shown(&outer(&left, &right)).map(|text| text.replace("global ", ""));
        expect(&pairs, &["(10, Some(15)) @ 15", "(30, Some(31)) @ 31", "(20, None) @ 20"]);
        Ok(())
    }))
}

pub(super) fn what_waits_holds_the_watermark(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root, &[Add(&[8]), Watermark(12), Add(&[9])]);
        let pairs = outer(&left, &right).window(FixedWindows::of(millis(10))).key_by(|_| ()).group_by_key();
        let pairs = pairs.map(|((), pairs)| sorted(&pairs));
        expect(&shown(&pairs), &["[0, 10) OnTime 0/0 [(8, Some(9))] @ 9 last"]);
        Ok(())
    }))
}

pub(super) fn values_are_forgotten(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (left, right) = sides(root, &[Add(&[10, 13]), Watermark(100), Add(&[11]), Add(&[12]), Add(&[110, 111])]);
        assert_that(&joined(&left, &right)).contains_in_any_order([(10, 13), (110, 111)]);
        Ok(())
    }))
}

fn as_of(values: &Numbers, versions: &Numbers) -> PCollection<String> {
    let joined = values.apply(TemporalJoin::with(versions)).values();
    shown(&joined).map(|text| text.replace("global ", ""))
}

pub(super) fn versions_are_those_of_the_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[10, 5, 21]), Add(&[20, 15, 22]), Add(&[4]), Watermark(30), Add(&[40]), Add(&[41, 39])];
        let (values, versions) = sides(root, &script);
        let expected =
            ["(4, None) @ 4", "(10, Some(5)) @ 10", "(20, Some(15)) @ 20", "(22, Some(21)) @ 22", "(40, Some(39)) @ 40"];
        expect(&as_of(&values, &versions), &expected);
        Ok(())
    }))
}

pub(super) fn versions_are_waited_for(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (values, versions) = sides(root, &[Add(&[10]), Watermark(10), Add(&[9]), Watermark(11), Add(&[7])]);
        expect(&as_of(&values, &versions), &["(10, Some(9)) @ 10"]);
        Ok(())
    }))
}

/// What a join by hand gives.
pub(super) fn keys_have_their_own_versions(runner: &dyn Runner) -> CaseResult {
    let numbers = |factor: i64| (0..60).map(move |n| (n * factor) % 101).collect::<Vec<i64>>();
    passes(runner.run(|root| {
        let side = |numbers: Vec<i64>| root.create(numbers).with_timestamps(|n| at(*n)).key_by(|n| n % 3);
        let joined = side(numbers(37)).apply(TemporalJoin::with(&side(numbers(53))));
        let newest = |a: i64| numbers(53).into_iter().filter(|b| *b <= a && b % 3 == a % 3).max();
        let expected: Vec<_> = numbers(37).into_iter().map(|a| (a % 3, (a, newest(a)))).collect();
        assert_that(&joined).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn the_newest_version_stays(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = [Add(&[5]), Add(&[7]), Watermark(100), Add(&[110]), Watermark(200), Add(&[104]), Add(&[6])];
        let (values, versions) = sides(root, &script);
        // What is late finds only what is left.
        expect(&as_of(&values, &versions), &["(110, Some(7)) @ 110", "(104, Some(7)) @ 104", "(6, None) @ 6"]);
        Ok(())
    }))
}
