//! Windows that do not merge: which elements meet in them.

use super::prelude::*;
use super::state::counted;
use ferrobeam::time::*;

fn window(start: i64, end: i64) -> Window {
    Window::interval(at(start), at(end))
}

/// Numbers of seconds, each at its time.
fn at_seconds(root: &Root, seconds: impl IntoIterator<Item = i64>) -> PCollection<i64> {
    root.create(seconds).with_timestamps(|seconds| at(1000 * seconds))
}

/// The elements of each window, with the time of the group.
fn grouped(elements: &PCollection<i64>) -> PCollection<(Vec<i64>, Timestamp, Window)> {
    elements.key_by(|_| ()).group_by_key().map(|((), values)| sorted(&values)).par_do(Reify::default())
}

/// A group at the end of its window.
fn group(values: &[i64], start: i64, end: i64) -> (Vec<i64>, Timestamp, Window) {
    (values.to_vec(), at(1000 * end - 1), window(1000 * start, 1000 * end))
}

pub(super) fn fixed_windows_group_by_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = at_seconds(root, [-1, 0, 59, 60, 61, 300]).window(FixedWindows::of(minutes(1)));
        assert_that(&grouped(&windows)).contains_in_any_order([
            group(&[-1], -60, 0),
            group(&[0, 59], 0, 60),
            group(&[60, 61], 60, 120),
            group(&[300], 300, 360),
        ]);
        let offset = at_seconds(root, [14, 15, 74, 75]).window(FixedWindows::of(minutes(1)).offset(seconds(15)));
        let expected = [group(&[14], -45, 15), group(&[15, 74], 15, 75), group(&[75], 75, 135)];
        assert_that(&grouped(&offset)).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn many_windows_at_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        // Against the order of time, so that windows alternate in every batch.
        let windows = at_seconds(root, (0..3000).map(|i| i * 977 % 3000)).window(FixedWindows::of(seconds(10)));
        let sums = windows.key_by(|x| x % 2).combine_per_key(sum()).par_do(Reify::default());
        let expected = (0..300).flat_map(|w| {
            let sum = move |odd: i64| (0..10).map(|i| 10 * w + i).filter(|x| x % 2 == odd).sum::<i64>();
            let (end, window) = (at(10_000 * (w + 1) - 1), window(10_000 * w, 10_000 * (w + 1)));
            [((0, sum(0)), end, window), ((1, sum(1)), end, window)]
        });
        assert_that(&sums).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn sliding_windows_repeat_elements(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = at_seconds(root, [0, 7, 12]).window(SlidingWindows::of(seconds(10)).every(seconds(5)));
        // Steps that do not look at windows see an element once, however many it is in.
        let windows = windows.map(|x| x);
        assert_that(&grouped(&windows)).contains_in_any_order([
            group(&[0], -5, 5),
            group(&[0, 7], 0, 10),
            group(&[7, 12], 5, 15),
            group(&[12], 10, 20),
        ]);
        let sums = windows.key_by(|_| 'k').combine_per_key(sum()).map(|(_, sum)| sum);
        assert_that(&sums).contains_in_any_order([0, 7, 19, 12]);
        Ok(())
    }))
}

pub(super) fn an_element_may_be_in_very_many_windows(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = at_seconds(root, 0..30).window(SlidingWindows::of(minutes(3)).every(millis(250)));
        let counts = windows.map(|_| ('k', 1i64)).combine_per_key(sum()).map(|(_, n)| n);
        let total = counts.window(GlobalWindows::new()).combine_globally((count(), sum()));
        // From the first window that ends behind 0 s to the last one that starts at 29 s.
        assert_that(&total).is_singleton((720 + 29 * 4, 30 * 720));
        Ok(())
    }))
}

pub(super) fn sliding_windows_with_gaps_sample(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let samples = at_seconds(root, 0..200).window(SlidingWindows::of(seconds(2)).every(minutes(1)));
        let expected = [group(&[0, 1], 0, 2), group(&[60, 61], 60, 62), group(&[120, 121], 120, 122)];
        assert_that(&grouped(&samples)).contains_in_any_order(expected.into_iter().chain([group(&[180, 181], 180, 182)]));
        assert_that(&samples).contains_in_any_order([0, 1, 60, 61, 120, 121, 180, 181]);
        Ok(())
    }))
}

pub(super) fn days_are_those_of_their_time_zone(runner: &dyn Runner) -> CaseResult {
    // 2024-03-31 has 23 hours in Berlin: clocks go from 2 to 3.
    const MIDNIGHT: i64 = 1_711_839_600;
    const HOUR: i64 = 3600;
    let times = [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 23 * HOUR - 1, MIDNIGHT + 23 * HOUR];
    passes(runner.run(|root| {
        let days = at_seconds(root, times).window(CalendarWindows::days(1).time_zone("Europe/Berlin"));
        assert_that(&grouped(&days)).contains_in_any_order([
            group(&times[..1], MIDNIGHT - 24 * HOUR, MIDNIGHT),
            group(&times[1..3], MIDNIGHT, MIDNIGHT + 23 * HOUR),
            group(&times[3..], MIDNIGHT + 23 * HOUR, MIDNIGHT + 47 * HOUR),
        ]);
        Ok(())
    }))
}

/// Windows that are as long as their number: from the square of `n` on, and none before 0.
#[derive(Debug)]
struct Squares;

impl WindowFn for Squares {
    fn assign(&self, time: Timestamp, _: Window) -> WindowSet {
        let Ok(seconds) = u64::try_from(time.millis() / 1000) else { return WindowSet::from(Vec::new()) };
        let (n, seconds) = (seconds.isqrt(), |n: u64| 1000 * n.cast_signed());
        window(seconds(n * n), seconds((n + 1) * (n + 1))).into()
    }
}

/// Halves of the windows so far.
#[derive(Debug)]
struct Halves;

impl WindowFn for Halves {
    fn assign(&self, time: Timestamp, current: Window) -> WindowSet {
        match current {
            Window::Interval { start, end } => {
                let middle = start + end.saturating_since(start) / 2;
                let half = if time < middle { (start, middle) } else { (middle, end) };
                Window::interval(half.0, half.1).into()
            }
            Window::Global => WindowSet::GLOBAL,
        }
    }
}

/// Puts all elements where only the past was.
#[derive(Debug)]
struct Yesterday;

impl WindowFn for Yesterday {
    fn assign(&self, time: Timestamp, _: Window) -> WindowSet {
        Window::interval(time - days(1), time).into()
    }
}

/// Puts each element into these windows from its time on, by their lengths.
#[derive(Debug)]
struct Lengths(&'static [u64], bool);

impl WindowFn for Lengths {
    fn assign(&self, time: Timestamp, _: Window) -> WindowSet {
        self.0.iter().map(|length| Window::interval(time, time + seconds(*length))).collect::<Vec<_>>().into()
    }

    fn assigns_to_one_window(&self) -> bool {
        self.1
    }
}

pub(super) fn a_window_that_is_returned_twice_counts_once(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let doubled = at_seconds(root, [1, 5]).window(Windowing::of(Lengths(&[2, 1, 2], false)));
        let expected = [group(&[1], 1, 2), group(&[1], 1, 3), group(&[5], 5, 6), group(&[5], 5, 7)];
        assert_that(&grouped(&doubled)).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn a_function_of_the_users(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let squares = at_seconds(root, [-5000, 0, 1, 3, 4, 8, 9]).window(Windowing::of(Squares));
        let expected = [group(&[0], 0, 1), group(&[1, 3], 1, 4), group(&[4, 8], 4, 9), group(&[9], 9, 16)];
        assert_that(&grouped(&squares)).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn all_steps_are_in_windows_of_the_users(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let squares = |seconds: &[i64]| at_seconds(root, seconds.to_vec()).window(Windowing::of(Squares));
        let both = flatten([&squares(&[0, 1, 3]), &squares(&[2, 4, 9])]).reshuffle();
        let sums = both.key_by(|_| ()).combine_per_key(sum()).map(|((), n)| n);
        let expected = [(0, 0, 1), (6, 1, 4), (4, 4, 9), (9, 9, 16)];
        let expected = expected.map(|(sum, start, end)| (sum, at(1000 * end - 1), window(1000 * start, 1000 * end)));
        assert_that(&sums.par_do(Reify::default())).contains_in_any_order(expected);
        let shares = both.map_with(sums.as_singleton(), |x, sum| (x, *sum));
        assert_that(&shares).contains_in_any_order([(0, 0), (1, 6), (2, 6), (3, 6), (4, 4), (9, 9)]);
        let counted = counted(&both.map(|x| ('k', x.unsigned_abs()))).map(|(_, n)| n);
        assert_that(&counted).contains_in_any_order([1, 1, 2, 3, 1, 1]);
        let hour = sums.window(FixedWindows::of(hours(1)));
        assert_that(&grouped(&hour)).contains_in_any_order([group(&[0, 4, 6, 9], 0, 3600)]);
        Ok(())
    }))
}

pub(super) fn a_function_sees_the_window_so_far(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let minutes = at_seconds(root, [0, 29, 30, 59, 60]).window(FixedWindows::of(minutes(1)));
        let halves = minutes.window(Windowing::of(Halves));
        let expected = [group(&[0, 29], 0, 30), group(&[30, 59], 30, 60), group(&[60], 60, 90)];
        assert_that(&grouped(&halves)).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn a_function_that_is_wrong_fails_its_step(runner: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let result = runner.run(|root| {
        let elements = at_seconds(root, [1]);
        line = line_after!();
        elements.window(Windowing::of(Yesterday)).discard();
        Ok(())
    });
    fails(result, &["`Window`", &line, "Yesterday puts an element at 1970-01-01T00:00:01Z into ["])?;
    let result = runner.run(|root| {
        let elements = at_seconds(root, [1]);
        line = line_after!();
        elements.window(Windowing::of(Lengths(&[1, 2], true))).named("Two").discard();
        Ok(())
    });
    fails(result, &["`Two`", &line, "and says that it is in one"])
}

pub(super) fn time_stays_and_nothing_is_late(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let hours = root.create([-5i64, 7]).par_do(AtMillis).window(FixedWindows::of(hours(1)));
        let seen = hours.reshuffle().window(FixedWindows::of(millis(10))).reshuffle().par_do(Reify::default());
        let expected = [(-5, at(-5), window(-10, 0)), (7, at(7), window(0, 10))];
        assert_that(&seen).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn an_element_in_several_windows_is_several(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let sliding = at_seconds(root, [7]).window(SlidingWindows::of(seconds(10)).every(seconds(5)));
        assert_that(&sliding.window(FixedWindows::of(seconds(10)))).contains_in_any_order([7, 7]);
        let seen = sliding.par_do(Reify::default());
        let expected = [(7, at(7000), window(0, 10_000)), (7, at(7000), window(5000, 15_000))];
        assert_that(&seen).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn a_grouping_keeps_the_windows(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = at_seconds(root, [1, 2, 61]).window(FixedWindows::of(minutes(1)));
        let sums = windows.key_by(|_| ()).combine_per_key(sum()).map(|((), n)| n);
        assert_that(&grouped(&sums)).contains_in_any_order([group(&[3], 0, 60), group(&[61], 60, 120)]);
        let all = sums.window(GlobalWindows::new()).combine_globally(to_list()).map(|mut sums| {
            sums.sort_unstable();
            sums
        });
        assert_that(&all).is_singleton(vec![3, 61]);
        Ok(())
    }))
}

pub(super) fn collections_of_equal_windows_become_one(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windowed = |c: PCollection<i64>| c.window(FixedWindows::of(minutes(1)).allowed_lateness(hours(1)));
        let (a, b) = (windowed(at_seconds(root, [1, 61])), at_seconds(root, [2]).window(FixedWindows::of(minutes(1))));
        let expected = [group(&[1, 2], 0, 60), group(&[61], 60, 120)];
        assert_that(&grouped(&flatten([&a, &b]))).contains_in_any_order(expected.clone());
        assert_that(&grouped(&flatten([&b, &a]))).contains_in_any_order(expected);
        Ok(())
    }))
}

pub(super) fn a_window_without_elements_has_no_sum(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let windows = at_seconds(root, [1, 2, 181]).window(FixedWindows::of(minutes(1)));
        assert_that(&windows.combine_globally(sum())).contains_in_any_order([3, 181]);
        let none = at_seconds(root, []).window(FixedWindows::of(minutes(1)));
        assert_that(&none.combine_globally(sum())).is_empty();
        Ok(())
    }))
}

pub(super) fn a_side_input_is_seen_by_window(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let side = at_seconds(root, [1, 2, 61, 3599, 3600]);
        let look = |main: PCollection<i64>, side: AsIterable<i64>| {
            main.map_with(side, |x, side| {
                let mut side = side.to_vec();
                side.sort_unstable();
                (x, side)
            })
        };
        let minutely = at_seconds(root, [3, 62, 180]).window(FixedWindows::of(minutes(1)));
        let own = side.window(FixedWindows::of(minutes(1))).as_iterable();
        let expected = [(3, vec![1, 2]), (62, vec![61]), (180, vec![])];
        assert_that(&look(minutely.clone(), own)).contains_in_any_order(expected);
        let hourly = side.window(FixedWindows::of(hours(1))).as_iterable();
        let all = vec![1, 2, 61, 3599];
        let expected = [(3, all.clone()), (62, all.clone()), (180, all)];
        assert_that(&look(minutely.clone(), hourly)).contains_in_any_order(expected);
        // Of the windows that hold the end of the main one, 59.999 s, the earliest: from 0 to 60 s.
        let sliding = side.window(SlidingWindows::of(minutes(1)).every(seconds(30))).as_iterable();
        assert_that(&look(at_seconds(root, [3]).window(FixedWindows::of(minutes(1))), sliding))
            .is_singleton((3, vec![1, 2]));
        let global = look(minutely, side.as_iterable()).map(|(x, side)| (x, side.len()));
        assert_that(&global).contains_in_any_order([(3, 5), (62, 5), (180, 5)]);
        Ok(())
    }))
}

pub(super) fn windows_reach_the_limits_of_time(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let ends = [Timestamp::MIN, Timestamp::END_OF_GLOBAL_WINDOW].map(Timestamp::millis);
        let elements = root.create(ends).par_do(AtMillis);
        let windows = elements.window(FixedWindows::of(hours(1)));
        let groups = grouped(&windows).map(|(values, at, window)| (values, at == window.max_timestamp()));
        assert_that(&groups).contains_in_any_order(ends.map(|end| (vec![end], true)));
        let calendar = elements.window(CalendarWindows::years(1).time_zone("America/New_York"));
        assert_that(&grouped(&calendar).map(|(values, ..)| values)).contains_in_any_order(ends.map(|end| vec![end]));
        Ok(())
    }))
}
