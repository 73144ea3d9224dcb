//! Scripts: what happens in a pipeline when, down to the millisecond.

use super::prelude::*;
use ferrobeam::time::*;

pub(super) fn elements_come_with_their_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = TestStream::new()
            .add_elements([(1i64, Timestamp::MIN), (2, at(-1))])
            .advance_watermark_to(at(100))
            .add_elements([(3, at(5)), (4, Timestamp::END_OF_GLOBAL_WINDOW)])
            .advance_watermark_to_infinity();
        let stream = root.test_stream(script);
        expect(&shown(&stream), &["global 1 @ begin", "global 2 @ -1", "global 3 @ 5", "global 4 @ end"]);
        Ok(())
    }))
}

pub(super) fn a_script_may_be_empty(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let never = || GlobalWindows::new().trigger(Trigger::Never).discarding();
        for script in [
            TestStream::<i64>::new(),
            TestStream::new().add_elements([]).advance_processing_time(hours(1)),
            TestStream::new().advance_watermark_to(at(5)).advance_watermark_to_infinity(),
        ] {
            let stream = root.test_stream(script);
            assert_that(&stream).is_empty();
            expect(&grouped(&stream.window(never())), &[]);
        }
        Ok(())
    }))
}

pub(super) fn the_end_need_not_be_said(runner: &dyn Runner) -> CaseResult {
    fires(runner, FixedWindows::of(hours(1)), &[Add(&[1])], &["[0, 3600000) OnTime 0/0 [1] @ 3599999 last"])
}

pub(super) fn one_thing_happens_after_the_other(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // Through several shuffles, and with every step behind: nothing overtakes the next step of the script.
        let script = (0..20).fold(TestStream::new(), |script, n| script.add_elements([(n, at(20 - n))]));
        let moved = root.test_stream(script).reshuffle().map(|n| n).reshuffle();
        let single = moved.window(GlobalWindows::new().trigger(Trigger::Always).discarding());
        let expected: Vec<_> = (0..20).map(|n| format!("global Early {n}/-1 [{n}] @ end")).collect();
        assert_that(&grouped(&single)).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn elements_of_all_types(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let now = at(7);
        let words = root.test_stream(TestStream::new().add_elements([("a".to_owned(), now), (String::new(), now)]));
        assert_that(&words).contains_in_any_order(["a".to_owned(), String::new()]);
        let pair = ("k".to_owned(), (vec![1u64, 2], Some(-1i64)));
        let pairs = root.test_stream(TestStream::new().add_elements([(pair.clone(), now)]));
        assert_that(&pairs).is_singleton(pair);
        let bytes = root.test_stream(TestStream::new().add_elements([(vec![0u8, 255], now), (Vec::new(), now)]));
        assert_that(&bytes).contains_in_any_order([vec![0, 255], vec![]]);
        let units = root.test_stream(TestStream::new().add_elements([((), now), ((), now)]));
        assert_that(&units).contains_in_any_order([(), ()]);
        Ok(())
    }))
}

pub(super) fn a_script_feeds_many_steps(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let stream = play(root, &[Add(&[1, 2]), Watermark(10), Add(&[3])]);
        expect(&grouped(&stream.window(FixedWindows::of(millis(10)))), &["[0, 10) OnTime 0/0 [1, 2] @ 9 last"]);
        expect(&grouped(&stream.window(FixedWindows::of(millis(50)))), &["[0, 50) OnTime 0/0 [1, 2, 3] @ 49 last"]);
        assert_that(&flatten([&stream, &stream])).contains_in_any_order([1, 2, 3, 1, 2, 3]);
        Ok(())
    }))
}

pub(super) fn several_scripts(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let once = |n| GlobalWindows::new().trigger(repeatedly(after_count(n))).accumulating();
        let words = ["foo", "bar"].map(|word| (word.to_owned(), at(0)));
        let words = root.test_stream(TestStream::new().add_elements(words).advance_watermark_to(at(3))).window(once(2));
        let numbers = root.test_stream(TestStream::new().add_elements((1..5).map(|n| (n, at(n))))).window(once(4));
        assert_that(&words).contains_in_any_order(["foo", "bar"].map(str::to_owned));
        assert_that(&numbers).contains_in_any_order(1..5);
        // Each has its own watermark, so that none makes the other's elements late.
        let slow = play(root, &[Add(&[1]), Watermark(5), Add(&[6]), Watermark(9), Add(&[9])]);
        let fast = play(root, &[Watermark(1000), Add(&[1001])]);
        let tens = |c: &PCollection<i64>| c.window(FixedWindows::of(millis(10)));
        expect(&grouped(&tens(&slow)), &["[0, 10) OnTime 0/0 [1, 6, 9] @ 9 last"]);
        let both = grouped(&flatten([&tens(&slow), &tens(&fast)]));
        expect(&both, &["[0, 10) OnTime 0/0 [1, 6, 9] @ 9 last", "[1000, 1010) OnTime 0/0 [1001] @ 1009 last"]);
        Ok(())
    }))
}

pub(super) fn beside_bounded_data(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let tens = |c: PCollection<i64>| c.window(FixedWindows::of(millis(10)));
        let bounded = tens(root.create([3, 13, 23]).with_timestamps(|n| at(*n)));
        let both = flatten([&bounded, &tens(play(root, &[Add(&[1]), Watermark(20), Add(&[2]), Add(&[22])]))]);
        let panes = [
            "[0, 10) OnTime 0/0 [1, 3] @ 9 last",
            "[10, 20) OnTime 0/0 [13] @ 19 last",
            "[20, 30) OnTime 0/0 [22, 23] @ 29 last",
        ];
        expect(&grouped(&both), &panes);
        Ok(())
    }))
}

pub(super) fn elements_at_the_end_of_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let end = Timestamp::END_OF_GLOBAL_WINDOW;
        let script = TestStream::new().add_elements([("foo".to_owned(), end)]).advance_watermark_to(end);
        let windows = root.test_stream(script.add_elements([("bar".to_owned(), end)])).window(FixedWindows::of(hours(6)));
        let groups = windows.key_by(|_| ()).group_by_key().map(|((), words)| sorted(&words));
        assert_that(&groups).is_singleton(["bar", "foo"].map(str::to_owned).to_vec());
        Ok(())
    }))
}

pub(super) fn in_several_stages(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let script = TestStream::new()
            .add_elements([("before".to_owned(), Timestamp::MIN)])
            .advance_watermark_to(at(0))
            .add_elements([("after".to_owned(), at(10_000))])
            .advance_watermark_to_infinity();
        let input = root.test_stream(script);
        let words = input.window(FixedWindows::of(seconds(1))).key_by(String::clone).group_by_key();
        let upper = words.map(|(word, _)| word.to_uppercase());
        let order = || GlobalWindows::new().trigger(Trigger::Always).discarding();
        let both = flatten([&input.window(order()), &upper.window(order())]);
        let groups = both.key_by(|_| ()).group_by_key().map(|((), words)| sorted(&words).join(","));
        expect(
            &shown(&groups),
            &[
                "global Early 0/-1 \"before\" @ end",
                "global Early 1/-1 \"BEFORE\" @ end",
                "global Early 2/-1 \"after\" @ end",
                "global Early 3/-1 \"AFTER\" @ end",
            ],
        );
        Ok(())
    }))
}

pub(super) fn processing_time_belongs_to_all(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // The second script lets no time pass, but its elements wait for it.
        let clock = root.test_stream(TestStream::<i64>::new().advance_processing_time(hours(1)));
        let windows = GlobalWindows::new().trigger(repeatedly(after_delay(hours(24)))).discarding();
        let numbers = play(root, &[Add(&[1]), Wait(90_000_000), Add(&[2])]).window(windows);
        let panes = grouped(&numbers).map(|pane| pane.contains("[1]"));
        assert_that(&panes).contains_in_any_order([true, false]);
        assert_that(&clock).is_empty();
        Ok(())
    }))
}
