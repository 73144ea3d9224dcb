//! Laws of all window functions, and of strategies in the graph.

use super::trigger::{AfterWatermark, after_count, after_delay, repeatedly};
use super::*;
use crate::batch::{Batch, Column, Meta, MetaBuilder, WindowColumn, WindowSet};
use crate::graph::FnRef;
use crate::time::{days, hours, millis, minutes, seconds};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Timestamps of all times: at the limits, around the epoch, in this age, and anywhere.
fn timestamps() -> impl Strategy<Value = Timestamp> {
    const LIMITS: [i64; 2] = [Timestamp::MIN.millis(), Timestamp::END_OF_GLOBAL_WINDOW.millis()];
    prop_oneof![
        prop::sample::select(&LIMITS).prop_map(at),
        (0i64..10_000_000, prop::sample::select(&LIMITS)).prop_map(|(from, limit)| at(limit - from * limit.signum())),
        (-100_000i64..100_000).prop_map(at),
        (-2_000_000_000_000i64..4_000_000_000_000).prop_map(at),
        (LIMITS[0]..=LIMITS[1]).prop_map(at),
    ]
}

fn lengths() -> impl Strategy<Value = Duration> {
    prop_oneof![(1u64..50).prop_map(millis), (1u64..100_000).prop_map(seconds), (1u64..1_000_000).prop_map(days)]
}

fn complete(windowing: impl CompleteWindowing) -> WindowingStrategy {
    let (strategy, mistakes) = windowing.strategy();
    assert_eq!(mistakes, [] as [String; 0]);
    strategy
}

fn windows_of(windowing: impl CompleteWindowing) -> Windows {
    complete(windowing).windows
}

/// Windows that follow each other without gap.
fn tiles() -> impl Strategy<Value = Windows> {
    let fixed = (lengths(), lengths()).prop_map(|(size, offset)| windows_of(FixedWindows::of(size).offset(offset)));
    prop_oneof![fixed, calendars()]
}

const ZONES: [&str; 8] = [
    "UTC",
    "Europe/Berlin",
    // Skips midnight, or comes back to it.
    "America/Sao_Paulo",
    "Asia/Beirut",
    // Comes back from a minute past midnight.
    "America/St_Johns",
    // Skipped a day.
    "Pacific/Apia",
    // Had a day twice.
    "America/Juneau",
    "Antarctica/Troll",
];

fn calendars() -> impl Strategy<Value = Windows> {
    let counts = prop_oneof![4 => 1u32..5, 1 => 1u32..=u32::MAX];
    let start = (1900i32..2100, 1u32..=12, 1u32..=28);
    (0..4, counts, prop::option::of(start), prop::sample::select(&ZONES)).prop_map(|(unit, count, start, zone)| {
        let of = [CalendarWindows::days, CalendarWindows::weeks, CalendarWindows::months, CalendarWindows::years];
        let windowing = of[unit as usize](count).time_zone(zone);
        windows_of(match start {
            Some((year, month, day)) => windowing.starting(year, month, day),
            None => windowing,
        })
    })
}

fn slidings() -> impl Strategy<Value = (i64, i64, i64)> {
    (1i64..100_000, 1i64..50, 0i64..100_000).prop_map(|(period, n, offset)| (period * n, period, offset))
}

fn sliding(size: i64, period: i64, offset: i64) -> Windows {
    let length = |ms: i64| millis(ms.unsigned_abs());
    windows_of(SlidingWindows::of(length(size)).every(length(period)).offset(length(offset)))
}

fn any_windows() -> impl Strategy<Value = Windows> {
    let loose = (1i64..1000, 1i64..1000, 0i64..1000);
    prop_oneof![
        Just(Windows::Global),
        tiles(),
        slidings().prop_map(|(size, period, offset)| sliding(size, period, offset)),
        loose.prop_map(|(size, period, offset)| sliding(size, period, offset)),
        lengths().prop_map(|gap| windows_of(Sessions::with_gap(gap))),
    ]
}

fn assigned(windows: &Windows, at: Timestamp) -> Vec<Window> {
    windows.assign(at, Window::Global).unwrap().as_slice().to_vec()
}

fn one(windows: &Windows, at: Timestamp) -> Window {
    let [window] = assigned(windows, at)[..] else { panic!("one window") };
    window
}

proptest! {
    #[test]
    fn every_window_contains_the_timestamp(windows in any_windows(), at in timestamps()) {
        let assigned = assigned(&windows, at);
        for window in &assigned {
            prop_assert!(window.contains(at), "{at} is not in {window}");
            prop_assert!(window.max_timestamp() <= Timestamp::END_OF_GLOBAL_WINDOW);
        }
        prop_assert_eq!(assigned.iter().collect::<BTreeSet<_>>().len(), assigned.len(), "none twice");
        prop_assert!(assigned.len() <= 1 || !windows.assigns_to_one_window());
    }

    /// Neighbours of a window begin where it ends: no time is in none of them, or in two.
    #[test]
    fn windows_tile(windows in tiles(), at in timestamps()) {
        let Window::Interval { start, end } = one(&windows, at) else { panic!("an interval") };
        prop_assert_eq!(one(&windows, start), one(&windows, at));
        prop_assert_eq!(one(&windows, self::at(end.millis() - 1)), one(&windows, at));
        if end <= Timestamp::END_OF_GLOBAL_WINDOW {
            let Window::Interval { start, .. } = one(&windows, end) else { panic!("an interval") };
            prop_assert_eq!(start, end);
        }
        if start > Timestamp::MIN {
            let Window::Interval { end, .. } = one(&windows, self::at(start.millis() - 1)) else { panic!("an interval") };
            prop_assert_eq!(end, start);
        }
    }

    #[test]
    fn sliding_windows_are_size_by_period((size, period, offset) in slidings(), at in timestamps()) {
        prop_assume!(at - millis(size as u64) > Timestamp::MIN);
        prop_assume!(at + millis(size as u64) < Timestamp::END_OF_GLOBAL_WINDOW);
        let assigned = assigned(&sliding(size, period, offset), at);
        prop_assert_eq!(assigned.len() as i64, size / period);
        for (i, window) in assigned.iter().enumerate() {
            let Window::Interval { start, end } = window else { panic!("an interval") };
            prop_assert_eq!(end.millis() - start.millis(), size);
            prop_assert_eq!((start.millis() - offset).rem_euclid(period), 0);
            let Window::Interval { start: first, .. } = assigned[0] else { panic!("an interval") };
            prop_assert_eq!(start.millis(), first.millis() + i as i64 * period);
        }
    }

    #[test]
    fn sliding_windows_with_gaps_hold_a_timestamp_or_not(
        size in 1i64..1000, gap in 0i64..1000, offset in 0i64..5000, at in -100_000i64..100_000,
    ) {
        let (period, windows) = (size + gap, sliding(size, size + gap, offset));
        prop_assert!(windows.assigns_to_one_window());
        let inside = (at - offset).rem_euclid(period) < size;
        prop_assert_eq!(assigned(&windows, self::at(at)).len(), usize::from(inside));
    }

    /// A batch gives each row what it would get alone, whatever its neighbours are.
    #[test]
    fn a_batch_is_its_rows(windows in any_windows(), mut times in vec(timestamps(), 1..40), near: bool) {
        if near {
            // Many in few windows.
            times = times.iter().map(|t| at(t.millis().rem_euclid(5000))).collect();
        }
        let (mut meta, rows) = (MetaBuilder::default(), times.len());
        times.iter().for_each(|at| meta.push(*at, &WindowSet::GLOBAL, PaneInfo::NO_FIRING));
        let before = meta.finish();
        let batch = Batch { values: (0..rows).collect::<Vec<_>>(), meta: before.clone() };
        let Batch { values, meta } = assign(&windows, batch).unwrap();
        let expected: Vec<usize> = (0..rows).filter(|&row| !assigned(&windows, times[row]).is_empty()).collect();
        prop_assert_eq!(&values, &expected);
        for (row, &value) in values.iter().enumerate() {
            prop_assert_eq!(meta.windows.get(row).as_slice(), &assigned(&windows, times[value])[..]);
            prop_assert_eq!(*meta.time.get(row), times[value]);
        }
        prop_assert!(meta.windows.table().iter().all(|set| !set.as_slice().is_empty()));
        prop_assert_eq!(meta.pane, before.pane);
    }

    #[test]
    fn a_strategy_survives_the_graph(strategy in strategies()) {
        let step = FnRef { step: "Window".to_owned(), fingerprint: 7 };
        let message = strategy.to_proto(&step, "rust", &mut |spec| spec.urn.to_string());
        prop_assert_eq!(message.assigns_to_one_window, strategy.windows.assigns_to_one_window());
        prop_assert_eq!(WindowingStrategy::from_proto(&message, &|_| None).unwrap(), strategy.clone());
        let after = strategy.after_grouping();
        prop_assert!(!after.needs_merge());
        prop_assert_eq!(after.after_grouping(), after.clone(), "only the first grouping changes anything");
        let message = after.to_proto(&step, "rust", &mut |spec| spec.urn.to_string());
        prop_assert_eq!(WindowingStrategy::from_proto(&message, &|_| None).unwrap(), after);
    }
}

fn strategies() -> impl Strategy<Value = WindowingStrategy> {
    let triggers = prop::sample::select(vec![
        Trigger::Default,
        Trigger::Never,
        AfterWatermark::new().early(after_delay(seconds(1))).late(after_count(1)).into(),
        repeatedly(after_count(1)),
    ]);
    let combiners = [TimestampCombiner::EndOfWindow, TimestampCombiner::Earliest, TimestampCombiner::Latest];
    let kinds = (any::<bool>(), prop::sample::select(combiners.to_vec()), any::<bool>(), any::<bool>());
    (any_windows(), triggers, kinds, 0u64..1_000_000).prop_map(|(windows, trigger, kinds, lateness)| {
        let (accumulating, timestamp_combiner, emits, fires) = kinds;
        WindowingStrategy {
            windows,
            already_merged: false,
            trigger,
            accumulation_mode: if accumulating { AccumulationMode::Accumulating } else { AccumulationMode::Discarding },
            timestamp_combiner,
            closing_behavior: if emits { ClosingBehavior::EmitAlways } else { ClosingBehavior::EmitIfNonempty },
            on_time_behavior: if fires { OnTimeBehavior::FireAlways } else { OnTimeBehavior::FireIfNonempty },
            allowed_lateness: millis(lateness),
        }
    })
}

#[test]
fn windows_are_aligned_to_the_epoch() {
    let fixed = windows_of(FixedWindows::of(minutes(1)).offset(seconds(70)));
    assert_eq!(one(&fixed, at(0)), Window::interval(at(-50_000), at(10_000)));
    assert_eq!(fixed, windows_of(FixedWindows::of(minutes(1)).offset(seconds(10))));
    let weeks = windows_of(CalendarWindows::weeks(1));
    // 2024-02-29 is a Thursday; its week begins on Monday the 26th.
    let day = |days: i64| at(days * 86_400_000);
    assert_eq!(one(&weeks, day(19_782)), Window::interval(day(19_779), day(19_786)));
    let sessions = windows_of(Sessions::with_gap(seconds(5)));
    assert_eq!(one(&sessions, at(7)), Window::interval(at(7), at(5007)));
}

/// Begins of days in zones where clocks change around midnight, in seconds, against the IANA database's own words.
#[test]
fn days_begin_where_the_clock_says() {
    let begins = |zone: &str, inside: i64, expected: (i64, i64)| {
        let windows = windows_of(CalendarWindows::days(1).time_zone(zone));
        let expected = Window::interval(at(1000 * expected.0), at(1000 * expected.1));
        assert_eq!(one(&windows, at(1000 * inside)), expected, "{zone}");
    };
    // 2018-11-04: 00:00 became 01:00, 03:00 UTC.
    begins("America/Sao_Paulo", 1_541_318_400, (1_541_300_400, 1_541_383_200));
    // 2018-02-18: at 00:00 it was 23:00 again, so the 17th had 25 hours.
    begins("America/Sao_Paulo", 1_518_919_200, (1_518_832_800, 1_518_922_800));
    // 2010-11-07: at 00:01 it was 23:01 of the day before; the day begins with the first midnight.
    begins("America/St_Johns", 1_289_098_860, (1_289_097_000, 1_289_187_000));
    // 2011-12-29 is followed by the 31st, which begins at 10:00 UTC of the 30th.
    begins("Pacific/Apia", 1_325_239_199, (1_325_152_800, 1_325_239_200));
    begins("Pacific/Apia", 1_325_239_200, (1_325_239_200, 1_325_325_600));
}

/// From one day to the next, through all changes of the clock that these zones have had and will have.
#[test]
fn days_follow_each_other() {
    for zone in ZONES {
        let days = windows_of(CalendarWindows::days(1).time_zone(zone));
        let (mut next, mut lengths) = (at(-3_500_000_000_000), BTreeMap::new());
        while next < at(2_300_000_000_000) {
            let Window::Interval { start, end } = one(&days, next) else { panic!("an interval") };
            assert!(next == start || lengths.is_empty(), "{zone}: a gap before {start}");
            // The day is one window up to its last millisecond, also if its clock went back behind midnight.
            assert_eq!(one(&days, at(end.millis() - 1)), one(&days, next), "{zone}: {start}");
            *lengths.entry((end.millis() - start.millis()) / 1_800_000).or_insert(0) += 1;
            next = end;
        }
        assert!(lengths[&48] > 60_000, "{zone}: {lengths:?}");
        assert!(lengths.keys().all(|half_hours| (36..=96).contains(half_hours)), "{zone}: {lengths:?}");
    }
}

#[test]
fn far_years_are_like_near_ones() {
    // The calendar repeats every 400 years, and so does what is said of daylight saving time for the future.
    const CYCLE: i64 = 146_097 * 86_400_000;
    let days = windows_of(CalendarWindows::days(1).time_zone("Europe/Berlin"));
    let shifted = |window: Window, by: i64| match window {
        Window::Interval { start, end } => Window::interval(at(start.millis() + by), at(end.millis() + by)),
        Window::Global => Window::Global,
    };
    for day in 0..800 {
        // From 2060 on.
        let time = 2_840_140_800_000 + day * 43_200_000;
        let near = one(&days, at(time));
        for cycles in [1, 19, 20, 21, 700] {
            assert_eq!(one(&days, at(time + cycles * CYCLE)), shifted(near, cycles * CYCLE));
        }
    }
}

/// A custom function, of which two are the same if their numbers are.
#[derive(Debug)]
struct Custom(#[expect(dead_code, reason = "shown by Debug")] u32);

impl WindowFn for Custom {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        Window::interval(at, at + seconds(1)).into()
    }
    fn is_merging(&self) -> bool {
        true
    }
}

#[test]
fn functions_of_the_users_are_known_by_their_text() {
    let of = |n| windows_of(Windowing::of(Custom(n)));
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    let strategy = complete(Windowing::of(Custom(1)));
    assert!(strategy.needs_merge() && !strategy.after_grouping().needs_merge());
    let step = FnRef { step: "Mine".to_owned(), fingerprint: 7 };
    let message = strategy.to_proto(&step, "rust", &mut |spec| spec.urn.to_string());
    let find = |step: &FnRef| (step.step == "Mine").then(|| of(1));
    assert_eq!(WindowingStrategy::from_proto(&message, &find).unwrap(), strategy);
    let error = WindowingStrategy::from_proto(&message, &|_| None).unwrap_err().to_string();
    assert!(error.contains("this process has no step `Mine`"), "{error}");
    // By default windows that overlap merge.
    let window = |start, end| Window::interval(at(start), at(end));
    let merges = of(1).merge([window(5, 20), window(0, 10), window(20, 30)]).unwrap();
    assert_eq!(merges, [Merge { result: window(0, 20), sources: vec![window(0, 10), window(5, 20)] }]);
}

/// Puts an element into these windows, from its time on.
#[derive(Debug)]
struct Lengths(&'static [u64], bool);

impl WindowFn for Lengths {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        self.0.iter().map(|length| Window::interval(at, at + seconds(*length))).collect::<Vec<_>>().into()
    }
    fn assigns_to_one_window(&self) -> bool {
        self.1
    }
}

#[test]
fn what_a_user_assigns_is_checked() {
    let assigned = |lengths: &'static [u64], one| {
        let windows = windows_of(Windowing::of(Lengths(lengths, one)));
        windows.assign(at(0), Window::Global).map_err(|error| error.to_string())
    };
    let window = |length| Window::interval(at(0), at(0) + seconds(length));
    assert_eq!(assigned(&[2, 1, 2, 2], false), Ok(vec![window(2), window(1)].into()), "each window counts once");
    assert_eq!(assigned(&[3, 3], true), Ok(WindowSet::One(window(3))), "twice the same is one");
    assert_eq!(assigned(&[], true), Ok(Vec::new().into()), "none is not two");
    let refused = assigned(&[1, 2], true).unwrap_err();
    assert!(refused.contains("and says that it is in one"), "{refused}");
}

#[test]
fn retracting_panes_are_refused() {
    let step = FnRef { step: String::new(), fingerprint: 0 };
    let mut message = WindowingStrategy::default().to_proto(&step, "rust", &mut |spec| spec.urn.to_string());
    message.accumulation_mode = ferrobeam_model::pipeline::accumulation_mode::Enum::Retracting.into();
    let error = WindowingStrategy::from_proto(&message, &|_| None).unwrap_err().to_string();
    assert!(error.contains("windowings with RETRACTING are not supported"), "{error}");
}

#[test]
fn what_makes_no_sense_is_said() {
    let mistake = |windowing: (WindowingStrategy, Vec<String>)| windowing.1.join("; ");
    let said = BTreeMap::from([
        ("must be a millisecond", mistake(FixedWindows::of(Duration::from_micros(999)).strategy())),
        ("size and period", mistake(SlidingWindows::of(hours(1)).every(Duration::ZERO).strategy())),
        ("in 86400000 sliding windows", mistake(SlidingWindows::of(days(1)).every(millis(1)).strategy())),
        ("gap of sessions", mistake(Sessions::with_gap(Duration::ZERO).strategy())),
        ("calendar windows of 0 months", mistake(CalendarWindows::months(0).strategy())),
        ("no day 2023-02-29", mistake(CalendarWindows::years(1).starting(2023, 2, 29).strategy())),
        ("no time zone `Mars/Olympus`", mistake(CalendarWindows::days(1).time_zone("Mars/Olympus").strategy())),
        (
            "AfterCount(5) may finish before its window closes",
            mistake(GlobalWindows::new().trigger(after_count(5)).discarding().strategy()),
        ),
        ("count from 1", mistake(GlobalWindows::new().trigger(repeatedly(after_count(0))).discarding().strategy())),
    ]);
    for (expected, said) in said {
        assert!(said.contains(expected), "{said}");
    }
    complete(GlobalWindows::new().trigger(after_count(5)).discarding().allow_data_loss());
    // Of no late data the watermark's passing loses nothing.
    complete(FixedWindows::of(hours(1)).trigger(AfterWatermark::new()).discarding());
}

#[test]
fn a_window_closes_after_the_allowed_lateness() {
    let strategy = complete(FixedWindows::of(hours(1)).allowed_lateness(minutes(5)));
    let hour = Window::interval(at(0), at(3_600_000));
    assert_eq!(strategy.garbage_collection_time(hour), at(3_900_000 - 1));
    assert_eq!(strategy.garbage_collection_time(Window::Global), Timestamp::END_OF_GLOBAL_WINDOW);
}

#[test]
fn the_side_window_is_the_earliest_that_holds_the_end() {
    let main = Window::interval(at(0), at(10_000));
    let side = |windowing: Windows| windowing.side_window(main).unwrap();
    assert_eq!(side(Windows::Global), Some(Window::Global));
    assert_eq!(side(windows_of(FixedWindows::of(seconds(4)))), Some(Window::interval(at(8000), at(12_000))));
    assert_eq!(side(sliding(10_000, 4000, 0)), Some(Window::interval(at(0), at(10_000))));
    assert_eq!(side(sliding(1000, 4000, 0)), None);
    assert_eq!(side(windows_of(Sessions::with_gap(seconds(1)))), None);
    let hourly = windows_of(FixedWindows::of(hours(1)));
    assert_eq!(hourly.side_window(Window::Global).unwrap(), Some(one(&hourly, Timestamp::END_OF_GLOBAL_WINDOW)));
}

#[test]
fn rows_of_one_time_have_one_window() {
    let batch = Batch { values: vec![1, 2], meta: Meta::at(at(7)) };
    let windowed = assign(&windows_of(FixedWindows::of(millis(5))), batch).unwrap();
    assert_eq!(windowed.meta.time, Column::All(at(7)));
    assert_eq!(windowed.meta.windows, WindowColumn::All(Window::interval(at(5), at(10)).into()));
}
