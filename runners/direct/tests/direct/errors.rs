//! What a failing run says.

use ferrobeam_core::testing::assert_that;
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{prelude::*, runner::Runner};
use ferrobeam_direct::DirectRunner;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[derive(Clone)]
struct Picky;

impl CombineFn for Picky {
    type In = u64;
    type Acc = u64;
    type Out = u64;
    fn create_accumulator(&self) -> u64 {
        0
    }
    fn add_input(&self, sum: &mut u64, x: u64) {
        assert!(x != 77, "no 77");
        *sum += x;
    }
    fn merge_accumulators(&self, into: &mut u64, from: u64) {
        *into += from;
    }
    fn extract_output(&self, sum: u64) -> u64 {
        sum
    }
}

#[test]
fn a_combine_function_that_panics_names_step_line_and_element() {
    for seed in 0..20 {
        let runner: &dyn Runner = &DirectRunner::new().seed(seed);
        let result = runner.run(|root| {
            let pairs = root.create(0..100u64).map(|x| (x % 3, x));
            pairs.combine_per_key(Picky).named("Pick").discard();
            Ok(())
        });
        let error = result.map(drop).unwrap_err().to_string();
        assert!(error.starts_with("`Pick` (runners/direct/tests/direct/errors.rs:"), "{error}");
        assert!(error.contains("panicked on (2, 77) at"), "{error}");
        assert!(error.contains(&format!("--seed={seed}")), "{error}");
    }
}

/// A value whose encoder panics, as a user's `Serialize` may, or whose copying does.
#[derive(Debug)]
struct Fragile {
    copies: bool,
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(!self.copies, "no copies");
        Fragile { copies: self.copies }
    }
}

impl serde::Serialize for Fragile {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        assert!(self.copies, "no letters");
        to.serialize_bool(self.copies)
    }
}

impl<'de> serde::Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        bool::deserialize(from).map(|copies| Fragile { copies })
    }
}

impl Element for Fragile {
    type Coder = ferrobeam_core::coder::OpaqueCoder<Self>;
    type ListCoder = ferrobeam_core::coder::IterableCoder<Self::Coder>;
}

#[test]
fn panics_between_steps_are_errors_and_clean_up() {
    for (copies, expected) in [(false, "`Make` (runners/direct/tests/direct/errors.rs:"), (true, "no copies")] {
        // The seed decides whether stages are cut, so whether there is a letter or a copy at all.
        let failed = (0..20).filter(|&seed| {
            let cleaned = Arc::new(AtomicBool::new(false));
            let seen = cleaned.clone();
            let result = DirectRunner::new().seed(seed).run(|root| {
                root.on_failure(move || cleaned.store(true, Ordering::Relaxed));
                let fragile = root.create([copies]).map(|copies| Fragile { copies }).named("Make");
                fragile.map(|_| ()).discard();
                fragile.filter(|_| true).discard();
                Ok(())
            });
            let error = result.map(drop).err().map(|error| error.to_string());
            assert!(error.as_ref().is_none_or(|error| error.contains(expected)), "{error:?}");
            assert_eq!(seen.load(Ordering::Relaxed), error.is_some(), "the launcher cleans up");
            error.is_some()
        });
        assert!(failed.count() > 10, "copies: {copies}");
    }
}

/// Emits once a bundle, when and where it is told.
#[derive(Clone)]
struct Ends(Timestamp, Window);

impl DoFn for Ends {
    type In = u64;
    type Out = u64;

    fn process(&mut self, _: u64, _: &mut Context<'_, u64>) -> Result<(), BoxError> {
        Ok(())
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        ctx.emit(1, self.0, self.1);
        Ok(())
    }
}

#[test]
fn outputs_of_a_bundles_end_are_in_their_time_and_windows() {
    let at = Timestamp::from_millis;
    let interval = Window::Interval { start: at(0), end: at(10) };
    let run = |ends: Ends, groups: bool| {
        let run = DirectRunner::new().seed(1).run(|root| {
            let numbers = root
                .create([5u64])
                .with_timestamps(|n| Timestamp::from_millis(n.cast_signed()))
                .window(FixedWindows::of(Duration::from_millis(10)));
            let ended = numbers.reshuffle().par_do(ends).named("End");
            if groups {
                ended.key_by(|_| ()).group_by_key().discard()
            } else {
                ended.reshuffle().discard()
            }
            assert_that(&ended).contains_in_any_order([1]);
            Ok(())
        });
        run.map(drop).map_err(|error| error.to_string())
    };
    for groups in [false, true] {
        run(Ends(at(5), interval), groups).unwrap();
        let early = run(Ends(at(4), interval), groups).unwrap_err();
        assert!(early.contains("00.004Z is before all elements of its bundle, the first of which is at"), "{early}");
        let foreign = run(Ends(at(5), Window::Global), groups).unwrap_err();
        assert!(
            foreign.contains("an output is in the global window, and its collection in other windows"),
            "{foreign}"
        );
    }
}

#[test]
fn a_window_that_a_side_input_cannot_have_is_told() {
    let at = Timestamp::from_millis;
    let run = |window: Window| {
        let run = DirectRunner::new().seed(1).run(|root| {
            let side = root.create([1u64]).window(FixedWindows::of(Duration::from_millis(10)));
            let side = side.as_iterable().windows_by(move |_| window);
            root.create([5u64]).map_with(side, |x, side| x + side.len() as u64).named("Look").discard();
            Ok(())
        });
        run.map(drop).map_err(|error| error.to_string())
    };
    run(Window::Interval { start: at(20), end: at(30) }).unwrap();
    for window in [Window::Global, Window::Interval { start: at(20), end: at(29) }] {
        let error = run(window).unwrap_err();
        assert!(error.starts_with("`Look` (runners/direct/tests/direct/errors.rs:"), "{error}");
        assert!(error.contains("of a side input that has other windows: fixed windows of 10ms"), "{error}");
    }
}
