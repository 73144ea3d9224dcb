//! The rules of the model that a grouping must keep, one by one.
//!
//! Times are milliseconds; an element's value is its timestamp. A pane is shown as `key [start, end) timing index/
//! nonspeculative index, values @ timestamp`.

use super::stage::{Input, Pane, Stage};
use ferrobeam_core::Timestamp;
use ferrobeam_core::grouping::Command;
use ferrobeam_core::prelude::{FixedWindows, GlobalWindows, Sessions, SlidingWindows};
use ferrobeam_core::time::millis;
use ferrobeam_core::windowing::trigger::{AfterWatermark, after_count, after_delay, after_each, repeatedly};
use ferrobeam_core::windowing::{
    ClosingBehavior, CompleteWindowing, OnTimeBehavior, TimestampCombiner, Timing, Trigger, Window,
};
use ferrobeam_runner_core::engine::{Dropped, Grouping, Now};

fn stage(windowing: impl CompleteWindowing) -> Stage {
    Stage::new(windowing.strategy().0)
}

fn at(n: i64) -> Timestamp {
    Timestamp::from_millis(n)
}

fn show(pane: &Pane) -> String {
    let Pane { key, window, values, timestamp, info } = pane;
    let window = match window {
        Window::Interval { start, end } => format!("[{}, {})", start.millis(), end.millis()),
        Window::Global => "global".to_owned(),
    };
    let time =
        if *timestamp == Timestamp::END_OF_GLOBAL_WINDOW { "end".into() } else { timestamp.millis().to_string() };
    let marks = format!("{}{}", if info.is_first { " first" } else { "" }, if info.is_last { " last" } else { "" });
    let (timing, index, nonspeculative) = (info.timing, info.index, info.nonspeculative_index);
    format!("{key} {window} {timing:?} {index}/{nonspeculative} {values:?} @ {time}{marks}")
}

impl Stage {
    fn put(&mut self, elements: &[(u32, i64)]) -> Vec<String> {
        let input =
            |&(key, value): &(u32, i64)| Input { key, value, timestamp: at(value), windows: self.assign(at(value)) };
        let inputs: Vec<_> = elements.iter().map(input).collect();
        self.input(&inputs);
        self.shown()
    }

    /// Elements of key 1.
    fn elements(&mut self, timestamps: &[i64]) -> Vec<String> {
        self.put(&timestamps.iter().map(|at| (1, *at)).collect::<Vec<_>>())
    }

    fn watermark(&mut self, to: i64) -> Vec<String> {
        self.advance(Now { input_watermark: at(to), ..self.now });
        self.shown()
    }

    fn time(&mut self, to: i64) -> Vec<String> {
        self.advance(Now { processing_time: at(to), synchronized_processing_time: at(to), ..self.now });
        self.shown()
    }

    fn shown(&mut self) -> Vec<String> {
        let mut panes: Vec<_> = self.take().iter().map(show).collect();
        panes.sort();
        panes
    }

    fn hold(&self) -> Option<i64> {
        self.grouping.hold().map(Timestamp::millis)
    }
}

const NONE: [&str; 0] = [];

#[test]
fn r1_late_is_not_droppable() {
    let mut stage = stage(FixedWindows::of(millis(10)).allowed_lateness(millis(5)));
    stage.watermark(14);
    assert_eq!(stage.elements(&[3]), ["1 [0, 10) Late 0/0 [3] @ 9 first"], "the window is open at the boundary");
    stage.watermark(15);
    assert_eq!(stage.elements(&[3, 9]), NONE, "it is closed, whatever the element's own time");
    assert_eq!(stage.elements(&[11]), NONE, "late, too, but kept");
    assert_eq!(stage.watermark(20), ["1 [10, 20) OnTime 0/0 [11] @ 19 first"]);
    assert_eq!(stage.dropped(), Dropped { late: 2, finished: 0 });
}

#[test]
fn r1_dropped_from_each_window_by_itself() {
    let mut stage = stage(SlidingWindows::of(millis(10)).every(millis(5)));
    stage.watermark(10);
    assert_eq!(stage.elements(&[7]), NONE);
    assert_eq!(stage.dropped(), Dropped { late: 1, finished: 0 }, "gone from [0, 10)");
    assert_eq!(stage.watermark(15), ["1 [5, 15) OnTime 0/0 [7] @ 14 first last"]);
}

#[test]
fn r1_dropped_before_merging() {
    let mut stage = stage(Sessions::with_gap(millis(10)));
    stage.elements(&[0, 8]);
    stage.watermark(12);
    stage.elements(&[1]);
    assert_eq!(stage.dropped(), Dropped { late: 1, finished: 0 }, "[0, 18) is open, but [1, 11) would not be");
    assert_eq!(stage.watermark(18), ["1 [0, 18) OnTime 0/0 [0, 8] @ 17 first last"]);
}

#[test]
fn r2_due_when_the_watermark_is_beyond() {
    let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new()).discarding();
    let mut stage = stage(windows.allowed_lateness(millis(5)));
    stage.elements(&[1]);
    assert_eq!(stage.watermark(9), NONE);
    assert_eq!(stage.watermark(10), ["1 [0, 10) OnTime 0/0 [1] @ 9 first last"]);
    // Two timers: the tombstone stays until the window closes.
    assert_eq!(stage.grouping.next_event_time(), Some(at(14)));
    stage.watermark(14);
    assert_eq!(stage.grouping.finished_windows(stage.ids()[&1]).count(), 1);
    stage.watermark(15);
    assert_eq!((stage.ids().len(), stage.grouping.next_event_time()), (0, None), "the key is forgotten");
}

#[test]
fn r3_a_long_step_does_one_thing_after_the_other() {
    let windows =
        FixedWindows::of(millis(10)).trigger(repeatedly(after_each([after_count(2), AfterWatermark::new().into()])));
    let mut stage =
        stage(windows.discarding().allowed_lateness(millis(20)).closing_behavior(ClosingBehavior::EmitAlways));
    stage.put(&[(1, 1), (1, 2), (1, 3), (2, 11)]);
    let mut panes = Vec::new();
    stage.advance(Now { input_watermark: Timestamp::MAX, ..stage.now });
    panes.extend(stage.take().iter().map(show));
    // Key 1 fires at 9 and closes at 29, when key 2 has not fired at 19: its trigger waits for two elements.
    assert_eq!(
        panes,
        [
            "1 [0, 10) OnTime 1/0 [3] @ 9",
            "1 [0, 10) Late 2/1 [] @ 9 last",
            "2 [10, 20) OnTime 0/0 [11] @ 19 first last",
        ]
    );
}

#[test]
fn r3_processing_time_comes_step_by_step() {
    let trigger = repeatedly(after_delay(millis(5)));
    let mut stage = stage(GlobalWindows::new().trigger(trigger).discarding());
    stage.time(0);
    stage.put(&[(1, 1)]);
    stage.time(2);
    stage.put(&[(2, 2)]);
    assert_eq!(stage.grouping.next_processing_time(), Some(at(5)));
    stage.advance(Now { processing_time: at(100), ..stage.now });
    let order: Vec<_> = stage.take().iter().map(|pane| pane.key).collect();
    assert_eq!(order, [1, 2]);
    assert_eq!(stage.grouping.next_processing_time(), None);
}

#[test]
fn r6_an_element_holds_at_its_contribution_and_a_firing_releases() {
    let windows = |combiner| FixedWindows::of(millis(10)).timestamp_combiner(combiner);
    let mut earliest = stage(windows(TimestampCombiner::Earliest));
    earliest.elements(&[5, 3, 7]);
    assert_eq!(earliest.hold(), Some(3));
    assert_eq!(earliest.watermark(10), ["1 [0, 10) OnTime 0/0 [3, 5, 7] @ 3 first last"]);
    assert_eq!(earliest.hold(), None);

    let mut latest = stage(windows(TimestampCombiner::Latest));
    latest.elements(&[5, 3]);
    assert_eq!(latest.hold(), Some(5));
    latest.elements(&[7]);
    assert_eq!(latest.hold(), Some(7));
    assert_eq!(latest.watermark(10), ["1 [0, 10) OnTime 0/0 [3, 5, 7] @ 7 first last"]);

    let mut end = stage(windows(TimestampCombiner::EndOfWindow));
    end.elements(&[5]);
    assert_eq!(end.hold(), Some(9));
}

#[test]
fn r6_what_is_behind_the_output_holds_at_the_end_then_at_the_closing() {
    let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().late(after_count(2))).discarding();
    let windows = windows.timestamp_combiner(TimestampCombiner::Earliest).allowed_lateness(millis(20));
    let mut stage = stage(windows);
    stage.watermark(5);
    stage.elements(&[2]);
    assert_eq!(stage.hold(), Some(9), "the pane on time is still due");
    stage.elements(&[7]);
    assert_eq!(stage.hold(), Some(7));
    assert_eq!(stage.watermark(10), ["1 [0, 10) OnTime 0/0 [2, 7] @ 7 first"], "not pulled back to 2");
    assert_eq!(stage.hold(), None);
    stage.elements(&[4]);
    assert_eq!(stage.hold(), Some(29));
    assert_eq!(stage.watermark(30), ["1 [0, 10) Late 1/1 [4] @ 9 last"], "never beyond the window");
}

#[test]
fn r6_a_timestamp_behind_its_window_counts_as_the_end() {
    let mut stage = stage(FixedWindows::of(millis(10)).timestamp_combiner(TimestampCombiner::Latest));
    let windows = stage.assign(at(1));
    stage.input(&[Input { key: 1, value: 1, timestamp: at(50), windows }]);
    assert_eq!(stage.hold(), Some(9));
    assert_eq!(stage.watermark(10), ["1 [0, 10) OnTime 0/0 [1] @ 9 first last"]);
}

#[test]
fn r6_holds_combine_when_windows_merge() {
    let sessions = |combiner| Sessions::with_gap(millis(10)).timestamp_combiner(combiner);
    let mut earliest = stage(sessions(TimestampCombiner::Earliest));
    earliest.elements(&[5, 25]);
    earliest.watermark(6);
    earliest.elements(&[15]);
    assert_eq!(earliest.hold(), Some(5), "sessions that touch stay apart");
    earliest.elements(&[14, 16]);
    assert_eq!(earliest.hold(), Some(5));
    assert_eq!(earliest.watermark(99), ["1 [5, 35) OnTime 0/0 [5, 14, 15, 16, 25] @ 5 first last"]);

    let mut end = stage(sessions(TimestampCombiner::EndOfWindow));
    end.elements(&[5]);
    assert_eq!(end.hold(), Some(14));
    end.elements(&[9]);
    assert_eq!(end.hold(), Some(18), "the end has moved");
}

#[test]
fn r7_windows_that_touch_do_not_merge() {
    let mut stage = stage(Sessions::with_gap(millis(10)));
    stage.elements(&[0, 10]);
    assert_eq!(
        stage.watermark(20),
        ["1 [0, 10) OnTime 0/0 [0] @ 9 first last", "1 [10, 20) OnTime 0/0 [10] @ 19 first last"]
    );
}

#[test]
fn r7_counts_add_and_merged_windows_lose_their_timers_and_holds() {
    let windows = Sessions::with_gap(millis(10)).trigger(repeatedly(after_count(4))).discarding();
    let mut stage = stage(windows);
    assert_eq!(stage.elements(&[0, 1, 12, 5]), ["1 [0, 22) Early 0/-1 [0, 1, 5, 12] @ 21 first"]);
    assert_eq!((stage.hold(), stage.grouping.open_windows(stage.ids()[&1]).len()), (None, 1));
    assert_eq!(stage.watermark(21), NONE, "nothing happens at 11");
}

#[test]
fn r7_the_end_is_waited_for_again() {
    let windows = Sessions::with_gap(millis(10)).trigger(AfterWatermark::new().late(after_count(1))).discarding();
    let mut stage = stage(windows.allowed_lateness(millis(50)));
    stage.elements(&[0]);
    assert_eq!(stage.watermark(12), ["1 [0, 10) OnTime 0/0 [0] @ 9 first"]);
    // A new window, and so a new count of panes.
    assert_eq!(stage.elements(&[5]), NONE);
    assert_eq!(stage.watermark(15), ["1 [0, 15) OnTime 0/0 [5] @ 14 first"]);
    // The same window: panes are counted on.
    assert_eq!(stage.elements(&[3]), ["1 [0, 15) Late 1/1 [3] @ 14"]);
}

#[test]
fn r7_the_earliest_deadline_wins() {
    let windows = Sessions::with_gap(millis(10)).trigger(repeatedly(after_delay(millis(20)))).discarding();
    let mut stage = stage(windows);
    stage.time(0);
    stage.elements(&[0]);
    stage.time(5);
    stage.elements(&[15]);
    stage.time(10);
    stage.elements(&[7]);
    assert_eq!(stage.time(19), NONE);
    assert_eq!(stage.time(20), ["1 [0, 25) Early 0/-1 [0, 7, 15] @ 24 first"]);
    assert_eq!(stage.grouping.next_processing_time(), None);
}

#[test]
fn r8_a_finished_trigger_discards_until_its_window_closes() {
    let windows = FixedWindows::of(millis(10)).trigger(after_count(2)).discarding().allow_data_loss();
    let mut stage = stage(windows.allowed_lateness(millis(5)));
    assert_eq!(stage.elements(&[1, 2, 3]), ["1 [0, 10) Early 0/-1 [1, 2] @ 9 first last"]);
    assert_eq!(stage.watermark(14), NONE);
    stage.elements(&[4]);
    assert_eq!(stage.dropped(), Dropped { late: 0, finished: 2 });
    stage.watermark(15);
    stage.elements(&[5]);
    assert_eq!(stage.dropped(), Dropped { late: 1, finished: 2 });
}

#[test]
fn r8_a_finished_session_takes_no_part_in_merges() {
    let windows = Sessions::with_gap(millis(10)).trigger(after_count(1)).discarding().allow_data_loss();
    let mut stage = stage(windows);
    assert_eq!(stage.elements(&[0]), ["1 [0, 10) Early 0/-1 [0] @ 9 first last"]);
    assert_eq!(stage.elements(&[0]), NONE, "the same window");
    assert_eq!(stage.elements(&[5]), ["1 [5, 15) Early 0/-1 [5] @ 14 first last"], "another one");
    assert_eq!(stage.dropped(), Dropped { late: 0, finished: 1 });
}

#[test]
fn r8_processing_time_counts_from_the_first_element_since_the_reset() {
    let mut stage = stage(GlobalWindows::new().trigger(repeatedly(after_delay(millis(10)))).discarding());
    stage.time(0);
    stage.elements(&[1]);
    stage.time(9);
    stage.elements(&[2]);
    assert_eq!(stage.time(10), ["1 global Early 0/-1 [1, 2] @ end first"]);
    stage.time(15);
    stage.elements(&[3]);
    assert_eq!(stage.time(24), NONE);
    assert_eq!(stage.time(25), ["1 global Early 1/-1 [3] @ end"]);
}

#[test]
fn r9_the_pane_on_time_comes_even_if_empty_but_only_to_keys_with_an_element() {
    let windows = || FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(1))).discarding();
    let mut always = stage(windows());
    assert_eq!(always.put(&[(1, 1), (2, 11)]).len(), 2);
    assert_eq!(always.watermark(10), ["1 [0, 10) OnTime 1/0 [] @ 9 last"]);
    let mut nonempty = stage(windows().on_time_behavior(OnTimeBehavior::FireIfNonempty));
    assert_eq!(nonempty.elements(&[1]), ["1 [0, 10) Early 0/-1 [1] @ 9 first"]);
    assert_eq!(nonempty.watermark(10), NONE);
}

#[test]
fn r9_a_trigger_that_does_not_look_at_the_watermark_has_no_empty_pane_on_time() {
    for trigger in [repeatedly(after_count(1)), Trigger::Always] {
        let mut stage = stage(FixedWindows::of(millis(10)).trigger(trigger).discarding());
        assert_eq!(stage.elements(&[1]), ["1 [0, 10) Early 0/-1 [1] @ 9 first"]);
        assert_eq!(stage.watermark(10), NONE);
    }
}

#[test]
fn r9_the_closing_pane_comes_only_if_not_empty_unless_asked_for() {
    let windows = || {
        let windows = FixedWindows::of(millis(10)).trigger(AfterWatermark::new().late(after_count(2))).accumulating();
        windows.allowed_lateness(millis(5))
    };
    for (behavior, late) in [(ClosingBehavior::EmitAlways, false), (ClosingBehavior::EmitIfNonempty, true)] {
        let mut stage = stage(windows().closing_behavior(behavior));
        stage.elements(&[1]);
        assert_eq!(stage.watermark(10), ["1 [0, 10) OnTime 0/0 [1] @ 9 first"]);
        let mut values = "1";
        if late {
            assert_eq!(stage.elements(&[2]), NONE);
            values = "1, 2";
        }
        assert_eq!(stage.watermark(15), [format!("1 [0, 10) Late 1/1 [{values}] @ 9 last")]);
    }
    let mut empty = stage(windows());
    empty.elements(&[1]);
    empty.watermark(10);
    assert_eq!(empty.watermark(15), NONE);
}

#[test]
fn r9_what_no_trigger_fired_comes_when_the_window_closes() {
    let mut never = stage(FixedWindows::of(millis(10)).trigger(Trigger::Never).discarding());
    never.elements(&[1, 2]);
    assert_eq!(never.watermark(10), ["1 [0, 10) OnTime 0/0 [1, 2] @ 9 first last"]);
    let late = FixedWindows::of(millis(10)).trigger(Trigger::Never).discarding().allowed_lateness(millis(5));
    let mut late = stage(late);
    late.elements(&[1]);
    assert_eq!((late.watermark(14), late.hold()), (vec![], Some(9)), "what came in time holds the output");
    assert_eq!(late.watermark(15), ["1 [0, 10) OnTime 0/0 [1] @ 9 first last"]);
}

#[test]
fn r9_panes_are_counted_and_only_one_is_on_time() {
    let windows =
        FixedWindows::of(millis(10)).trigger(AfterWatermark::new().early(after_count(1)).late(after_count(1)));
    let mut stage = stage(windows.discarding().allowed_lateness(millis(90)));
    stage.elements(&[1, 2]);
    stage.watermark(10);
    stage.elements(&[3]);
    assert_eq!(stage.elements(&[4]), ["1 [0, 10) Late 4/2 [4] @ 9"], "discarding does not forget how many there were");
}

#[test]
fn r9_a_window_that_begins_late_has_no_pane_on_time() {
    let mut stage = stage(FixedWindows::of(millis(10)).allowed_lateness(millis(90)));
    stage.watermark(50);
    assert_eq!(stage.elements(&[1]), ["1 [0, 10) Late 0/0 [1] @ 9 first"]);
    assert_eq!(stage.elements(&[2]), ["1 [0, 10) Late 1/1 [2] @ 9"]);
}

#[test]
fn what_becomes_due_while_a_grouping_is_saved_happens_afterwards() {
    let trigger = AfterWatermark::new().early(after_delay(millis(5)));
    let mut stage = stage(FixedWindows::of(millis(10)).trigger(trigger).discarding());
    stage.time(0);
    stage.elements(&[1]);
    stage.move_house();
    stage.time(20);
    stage.elements(&[2]);
    stage.move_house();
    // As if processing time had gone on, and the watermark, too, before anything is looked at.
    let (mut bytes, key) = (Vec::new(), stage.ids()[&1]);
    stage.grouping.save(key, &mut bytes).unwrap();
    let mut other = Grouping::new(stage.strategy().clone());
    let later = Now { processing_time: at(100), ..stage.now };
    other.advance(later, &mut Vec::new());
    let saved = other.read(&mut bytes.as_slice()).unwrap();
    let cells = other.reserve(saved.cells());
    other.restore(key, saved, &cells);
    let mut commands = Vec::new();
    other.advance(later, &mut commands);
    assert!(matches!(commands.as_slice(), [Command::Fire { pane, .. }] if pane.pane.timing == Timing::Early));
    commands.clear();
    other.advance(Now { input_watermark: at(10), ..later }, &mut commands);
    assert!(
        matches!(commands.as_slice(), [Command::Fire { pane, .. }, Command::Forget { .. }] if pane.pane.index == 2)
    );
}

#[test]
fn foreign_bytes_are_refused() {
    let grouping = Grouping::new(stage(FixedWindows::of(millis(10))).strategy().clone());
    assert!(grouping.read(&mut [5].as_slice()).unwrap_err().to_string().contains("the input ends inside"));
    // The global window, and flags that there are not.
    let refused = grouping.read(&mut [1, 0, 0xff, 0x7f].as_slice()).unwrap_err().to_string();
    assert_eq!(refused, "expected the state of a window, found flags 0x3fff");
}
