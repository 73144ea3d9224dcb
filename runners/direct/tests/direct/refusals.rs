//! What this runner does not do, it says before it starts.

use ferrobeam_core::time::{hours, seconds};
use ferrobeam_core::windowing::CompleteWindowing;
use ferrobeam_core::{prelude::*, runner::Runner};
use ferrobeam_direct::DirectRunner;

/// What the runner says of a grouping with this windowing.
fn refused(windowing: impl CompleteWindowing) -> Vec<String> {
    let graph = Root::build(|root| {
        let pairs = root.create([(1u64, 1u64)]).window(windowing);
        // Nothing of it matters before and behind groupings, or in a reshuffle.
        pairs.reshuffle().map(|x| x).discard();
        pairs.combine_per_key(sum()).named("Sum").group_by_key().discard();
        Ok(())
    });
    DirectRunner::new().unsupported(&graph.unwrap())
}

#[test]
fn one_pane_a_window_is_all_there_is() {
    let hourly = || FixedWindows::of(hours(1));
    assert_eq!(refused(hourly().accumulating().allowed_lateness(hours(2))), [""; 0]);
    assert_eq!(refused(hourly().on_time_behavior(OnTimeBehavior::FireIfNonempty)), [""; 0]);
    assert_eq!(refused(hourly().closing_behavior(ClosingBehavior::EmitAlways)), [""; 0]);
    // The second grouping of sessions takes them as they are.
    let sessions = refused(Sessions::with_gap(seconds(10)));
    assert_eq!(sessions, ["`Sum` groups windows that merge: sessions with a gap of 10s"]);
    let triggered = refused(hourly().trigger(repeatedly(after_count(2))).discarding());
    assert_eq!(triggered[0], "`Sum` groups by the trigger Repeatedly(AfterCount(2))");
    let earliest = refused(hourly().timestamp_combiner(TimestampCombiner::Earliest));
    assert_eq!(earliest[0], "`Sum` groups by the timestamp combiner Earliest");
    let closing = refused(hourly().closing_behavior(ClosingBehavior::EmitAlways).allowed_lateness(hours(1)));
    assert_eq!(closing[0], "`Sum` groups with a last pane that may be empty");
}
