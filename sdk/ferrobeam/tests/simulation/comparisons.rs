//! What is compared, and what is not.

use super::words;
use ferrobeam::prelude::*;
use ferrobeam::testing::{Simulation, TestStream, assert_that, simulate};
use ferrobeam::time::seconds;

#[test]
fn groups_maps_and_sums_of_floats_are_the_same_in_any_order() {
    simulate(0..300, |root| {
        let words = root.create(words("to be or not to be that is the question")).key_by(String::len);
        words.map(|(len, word)| (len as u64, word)).group_by_key().discard();
        let lengths = words.map(|(len, word)| (len as u64, word)).group_by_key();
        lengths.map(|(len, words)| (len, words.into_iter().collect::<std::collections::HashSet<_>>())).discard();
        root.create((1..100u32).map(|x| 1.0 / f64::from(x)).collect::<Vec<_>>()).combine_globally(sum()).discard();
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_list_that_is_no_group_has_an_order() {
    let error = simulate(0..300, |root| {
        let groups = root.create(words("to be or not")).key_by(|_| 0u64).group_by_key();
        groups.map(|(_, words)| words.into_iter().collect::<Vec<_>>()).discard();
        Ok(())
    });
    assert!(error.unwrap_err().to_string().contains("missing: [\"to\", \"be\", \"or\", \"not\"]"));
}

/// Pairs of each element with the one before: nobody says which one that is.
#[derive(Clone)]
struct WithTheOneBefore(u64);

impl DoFn for WithTheOneBefore {
    type In = u64;
    type Out = (u64, u64);

    fn process(&mut self, x: u64, ctx: &mut Context<'_, (u64, u64)>) -> Result<(), BoxError> {
        ctx.emit((x % 2, if self.0 == 100 { x } else { std::mem::replace(&mut self.0, x) }));
        Ok(())
    }
}

/// Groupings that fire by counts of what is right or not.
fn panes(accumulating: bool, combined: bool, is_right: bool) -> ferrobeam::Result<()> {
    simulate(0..300, |root| {
        let numbers = root.create(0u64..9).par_do(WithTheOneBefore(if is_right { 100 } else { 0 }));
        let windowing = FixedWindows::of(seconds(60)).trigger(repeatedly(after_count(2)));
        let windowing = if accumulating { windowing.accumulating() } else { windowing.discarding() };
        let numbers = numbers.window(windowing);
        if combined {
            numbers.combine_per_key(sum()).discard();
        } else {
            numbers.group_by_key().discard();
        }
        Ok(())
    })
}

#[test]
fn panes_that_fire_by_counts_are_compared_by_what_they_come_to() {
    for (accumulating, combined) in [(false, false), (false, true), (true, false), (true, true)] {
        panes(accumulating, combined, true).unwrap();
    }
    assert!(panes(false, false, false).unwrap_err().to_string().contains("`GroupByKey` "));
    assert!(panes(true, false, false).unwrap_err().to_string().contains("`GroupByKey` "));
    assert!(panes(true, true, false).unwrap_err().to_string().contains("`CombinePerKey` "));
    // Nothing can be said of sums of parts.
    panes(false, true, false).unwrap();
}

#[test]
fn sessions_that_fire_before_they_merge_are_compared() {
    simulate(0..300, |root| {
        let windowing = Sessions::with_gap(seconds(5)).trigger(repeatedly(after_count(2))).discarding();
        let numbers = root.create(0u64..20).with_timestamps(|x| Timestamp::from_millis(0) + seconds(*x / 3 * 3));
        numbers.key_by(|x| x % 2).window(windowing).group_by_key().discard();
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_lies_behind_them_is_not_compared() {
    simulate(0..300, |root| {
        let windowing = FixedWindows::of(seconds(60)).trigger(repeatedly(after_count(2))).discarding();
        let groups = root.create(0u64..9).key_by(|x| x % 2).window(windowing).group_by_key();
        groups.map(|(_, group)| group.len() as u64).discard();
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_is_ignored_is_not_compared() {
    let run = |ignored: &str| {
        Simulation::new(0..100).ignoring(ignored).run(|root| {
            let groups = root.create(0u64..9).key_by(|_| 0u64).group_by_key();
            groups.map(|(_, group)| group.into_iter().collect::<Vec<_>>()).named("List").discard();
            Ok(())
        })
    };
    run("List").unwrap();
    assert!(run("GroupByKey").is_err());
    let error = run("Lisp").unwrap_err().to_string();
    assert_eq!(error, "the simulation ignores `Lisp`, and there is no such step");
}

#[test]
fn nothing_to_compare_is_an_error() {
    let run = Simulation::new(0..100).ignoring("Create").run(|root| {
        root.create([1u64]).discard();
        Ok(())
    });
    assert!(run.unwrap_err().to_string().contains("nothing to compare"));
}

#[test]
fn late_elements_of_a_script_fire_as_they_come_and_add_up() {
    let at = |second| Timestamp::EPOCH + seconds(second);
    let run = |accumulating, lateness| {
        let script = TestStream::new()
            .add_elements((0u64..6).map(|x| (x, at(x))))
            .advance_watermark_to(at(10))
            .add_elements((6u64..9).map(|x| (x, at(x))))
            .advance_watermark_to(at(40))
            .add_elements([(9u64, at(9))]);
        simulate(0..200, |root| {
            let windowing = FixedWindows::of(seconds(10)).trigger(Trigger::Default);
            let windowing = if accumulating { windowing.accumulating() } else { windowing.discarding() };
            let numbers = root.test_stream(script).window(windowing.allowed_lateness(seconds(lateness)));
            numbers.key_by(|x| x % 2).group_by_key().discard();
            numbers.combine_globally(sum()).discard();
            Ok(())
        })
    };
    for accumulating in [false, true] {
        run(accumulating, 20).unwrap();
        run(accumulating, 0).unwrap();
    }
}

#[test]
fn files_may_be_read_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("in.txt"), "to be or not\nto be\n".repeat(20)).unwrap();
    let pipeline = |root: &Root| {
        let lines = root.apply(text::read(path("in.txt")));
        let words = lines.flat_map(|line| words(&line)).count_per_element();
        assert_that(&words.filter(|(word, _)| word == "to")).is_singleton(("to".to_owned(), 40));
        words.map(|(word, n)| format!("{word} {n}")).apply(text::write(path("out")));
        Ok(())
    };
    Simulation::new(0..50).ignoring("WriteText").run(pipeline).unwrap();
    let text = simulate(0..50, pipeline).unwrap_err().to_string();
    assert!(text.contains("`WriteText/") && text.contains("The schedule alone does not decide this"), "{text}");
}
