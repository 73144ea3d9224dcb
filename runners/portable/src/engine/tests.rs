use super::Engine::{Flink, Other, Prism, Spark};
use super::*;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::prelude::*;
use ferrobeam_core::testing::TestStream;
use ferrobeam_core::time::{hours, seconds};
use ferrobeam_model::urns::requirements;

fn graph(construct: impl FnOnce(&Root)) -> Graph {
    let built = Root::build(|root| {
        construct(root);
        Ok(())
    });
    built.unwrap()
}

fn told(graph: &Graph, engine: Engine) -> Vec<String> {
    check(graph, engine, Facts::default(), &[]).unwrap()
}

/// The one sentence about a graph, which names the step with its file and line.
fn one(graph: &Graph, engine: Engine, step: &str) -> String {
    let told = told(graph, engine);
    let [sentence] = &told[..] else { panic!("{engine}: {told:?}") };
    assert!(sentence.starts_with(&format!("`{step}` (")) && sentence.contains("engine/tests.rs:"), "{sentence}");
    assert!(sentence.contains(": "), "says what to do instead: {sentence}");
    sentence.clone()
}

/// A difference: left out if it is accepted.
fn differs(graph: &Graph, engine: Engine, step: &str, feature: Feature) {
    let sentence = one(graph, engine, step);
    assert!(sentence.ends_with(&format!("(or `--accept-engine-differences={feature}`)")), "{sentence}");
    assert_eq!(check(graph, engine, Facts::default(), &[feature]).unwrap(), [] as [&str; 0]);
}

/// A lack: cannot be accepted.
fn lacks(graph: &Graph, engine: Engine, step: &str, feature: Feature) {
    let sentence = one(graph, engine, step);
    assert!(!sentence.contains("--accept"), "{sentence}");
    assert_eq!(check(graph, engine, Facts::default(), Feature::ALL).unwrap(), [sentence], "{feature}");
}

fn fine(graph: &Graph, engines: &[Engine]) {
    for &engine in engines {
        assert_eq!(told(graph, engine), [] as [&str; 0], "{engine}");
    }
}

/// A window function that Beam does not have.
#[derive(Debug)]
struct Own {
    merges: bool,
}

impl WindowFn for Own {
    fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
        Window::interval(at, at + seconds(1)).into()
    }

    fn is_merging(&self) -> bool {
        self.merges
    }
}

/// An unbounded collection of pairs without a test stream, which has rules of its own.
fn endless(root: &Root) -> PCollection<(u64, u64)> {
    struct Endless;
    impl Source for Endless {
        type Out = (u64, u64);
        type Restriction = OffsetRange;
        type Reader = ();
        const BOUNDED: bool = false;

        fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
            Ok(vec![OffsetRange::new(0, u64::MAX)])
        }
        fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
            Ok(())
        }
        fn read(&self, _: &mut (), _: &mut Claims<'_, OffsetRange, (u64, u64)>) -> Result<(), BoxError> {
            Ok(())
        }
    }
    root.read(Endless).named("Endless")
}

#[test]
fn plain_pipelines_run_everywhere() {
    let plain = graph(|root| {
        let numbers = root.create([(1u64, 2u64)]).window(FixedWindows::of(seconds(1)));
        let total = root.create([1u64]).sum_globally().as_singleton();
        numbers.sum_per_key().map_with(total, |x, total| (x, *total)).reshuffle().discard();
    });
    fine(&plain, &[Prism, Flink, Spark, Other]);
}

#[test]
fn window_functions_need_not_be_beams_own() {
    let windows = graph(|root| {
        let pairs = root.create([(1u64, 2u64)]);
        pairs.window(CalendarWindows::days(1)).sum_per_key().discard();
        pairs.window(Windowing::of(Own { merges: false })).group_by_key().discard();
        pairs.window(Windowing::of(Own { merges: true })).discard();
    });
    fine(&windows, &[Prism, Flink, Spark, Other]);
}

#[test]
fn flink_does_not_wait_for_windows_that_it_does_not_know() {
    let looks = |bounded: bool| {
        graph(move |root| {
            let side = root.create([(1u64, 2u64)]).window(CalendarWindows::days(1)).as_iterable();
            let main = if bounded { root.create([(1u64, 2u64)]) } else { endless(root) };
            let main = main.window(FixedWindows::of(seconds(1)));
            main.map_with(side, |x, side| (x, side.len() as u64)).named("Look").discard();
        })
    };
    fine(&looks(true), &[Prism, Flink, Spark, Other]);
    lacks(&looks(false), Flink, "Look", Feature::SideInputWindows);
}

#[test]
fn windows_that_merge_in_a_step_of_ours_fire_at_their_ends() {
    let own = || Windowing::of(Own { merges: true });
    let bounded = graph(move |root| {
        let pairs = root.create([(1u64, 2u64)]);
        pairs.window(own()).sum_per_key().discard();
        pairs.window(own().trigger(AfterWatermark::new().late(after_count(1))).discarding()).group_by_key().discard();
        pairs.window(Sessions::with_gap(seconds(1))).sum_per_key().discard();
    });
    fine(&bounded, &[Prism, Flink, Spark, Other]);
    let unbounded = graph(move |root| endless(root).window(own()).group_by_key().named("Group").discard());
    let early = graph(move |root| {
        let windows = own().trigger(repeatedly(after_count(2))).discarding();
        root.create([(1u64, 2u64)]).window(windows).group_by_key().named("Group").discard();
    });
    for engine in [Prism, Flink] {
        differs(&unbounded, engine, "Group", Feature::CustomWindows);
        differs(&early, engine, "Group", Feature::CustomWindows);
    }
    fine(&early, &[Other]);
    let timed = graph(move |root| {
        let windows = own().timestamp_combiner(TimestampCombiner::Latest);
        root.create([(1u64, 2u64)]).window(windows).group_by_key().named("Group").discard();
    });
    fine(&timed, &[Prism, Flink]);
    differs(&timed, Spark, "Group", Feature::TimersInTimers);
}

#[test]
fn sessions_may_differ_on_prism() {
    let sessions = graph(|root| {
        let windows = Sessions::with_gap(seconds(1)).trigger(AfterWatermark::new().early(Trigger::Always)).discarding();
        root.create([(1u64, 2u64)]).window(windows).sum_per_key().named("Sum").discard();
    });
    differs(&sessions, Prism, "Sum", Feature::Sessions);
    let unbounded = graph(|root| {
        endless(root).window(Sessions::with_gap(seconds(1))).sum_per_key().named("Sum").discard();
    });
    differs(&unbounded, Prism, "Sum", Feature::Sessions);
    fine(&unbounded, &[Flink, Other]);
    let counted = graph(|root| {
        let windows = Sessions::with_gap(seconds(1)).trigger(repeatedly(after_count(2))).discarding();
        endless(root).window(windows).group_by_key().named("Group").discard();
    });
    lacks(&counted, Prism, "Group", Feature::Sessions);
}

#[test]
fn count_triggers_differ_on_prism_and_batch_jobs_fire_once() {
    let count = |bounded: bool| {
        graph(move |root| {
            let numbers = if bounded { root.create([(1u64, 2u64)]) } else { endless(root) };
            let windows = GlobalWindows::new().trigger(repeatedly(after_count(2))).discarding();
            numbers.window(windows).group_by_key().named("Group").discard();
        })
    };
    differs(&count(true), Prism, "Group", Feature::CountTriggers);
    differs(&count(true), Flink, "Group", Feature::BatchTriggers);
    differs(&count(true), Spark, "Group", Feature::BatchTriggers);
    fine(&count(false), &[Flink]);
    let streaming = Facts { streaming: true, ..Facts::default() };
    assert_eq!(check(&count(true), Flink, streaming, &[]).unwrap(), [] as [&str; 0]);
}

#[test]
fn lateness_differs_on_prism() {
    let late = graph(|root| {
        let windows = FixedWindows::of(seconds(1)).allowed_lateness(hours(1)).discarding();
        endless(root).window(windows).group_by_key().named("Group").discard();
    });
    differs(&late, Prism, "Group", Feature::Lateness);
    fine(&late, &[Flink]);
}

#[test]
fn no_engine_gives_late_elements_away() {
    let late = graph(|root| root.create([1u64]).late_output().named("Late").map(|x| x).discard());
    for engine in [Prism, Flink, Spark, Other] {
        lacks(&late, engine, "Late", Feature::LateOutput);
    }
}

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Cells {
    last: Value<u64>,
    seen: Set<u64>,
}

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Last {
    last: Value<u64>,
}

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum End {
    #[timer(event_time)]
    End,
}

macro_rules! stateful {
    ($name:ident, $state:ty $(, $constant:ident)*) => {
        #[derive(Clone)]
        struct $name;

        impl StatefulDoFn for $name {
            type Key = u64;
            type In = u64;
            type Out = u64;
            type State = $state;
            type Timer = End;
            $(const $constant: bool = true;)*

            fn process(
                &mut self,
                _: &u64,
                _: u64,
                _: &mut $state,
                _: &mut StatefulContext<'_, u64, End>,
            ) -> Result<(), BoxError> {
                Ok(())
            }
            fn on_window_expiration(
                &mut self,
                _: &u64,
                _: &mut $state,
                _: &mut StatefulContext<'_, u64, End>,
            ) -> Result<(), BoxError> {
                Ok(())
            }
            fn on_timer(
                &mut self,
                _: &u64,
                _: End,
                _: &mut $state,
                _: &mut StatefulContext<'_, u64, End>,
            ) -> Result<(), BoxError> {
                Ok(())
            }
        }
    };
}
stateful!(Plain, Last);
stateful!(Sets, Cells);
stateful!(Sorted, Last, TIME_SORTED);
stateful!(Expires, Last, ON_WINDOW_EXPIRATION);
stateful!(Finalizes, Last, FINALIZES);

fn keyed(dofn: impl StatefulDoFn<Key = u64, In = u64, Out = u64>, bounded: bool) -> Graph {
    graph(move |root| {
        let numbers = if bounded { root.create([(1u64, 2u64)]) } else { endless(root) };
        numbers.par_do_stateful(dofn).named("Keyed").discard();
    })
}

/// What is told besides of Spark's timers.
fn accepting(graph: &Graph, engine: Engine, facts: Facts) -> Vec<String> {
    check(graph, engine, facts, &[Feature::TimersInTimers]).unwrap()
}

#[test]
fn every_kind_of_state_is_kept_in_bags() {
    fine(&keyed(Plain, true), &[Prism, Flink, Other]);
    differs(&keyed(Plain, true), Spark, "Keyed", Feature::TimersInTimers);
    fine(&keyed(Sets, true), &[Prism, Flink, Other]);
    assert!(accepting(&keyed(Sets, true), Spark, Facts::default()).is_empty());
}

#[test]
fn windows_do_not_expire_on_flink_and_spark_nor_all_on_prism() {
    fine(&keyed(Expires, true), &[Other]);
    differs(&keyed(Expires, true), Prism, "Keyed", Feature::OnWindowExpiration);
    lacks(&keyed(Expires, true), Flink, "Keyed", Feature::OnWindowExpiration);
    assert_eq!(accepting(&keyed(Expires, true), Spark, Facts::default()).len(), 1);
}

#[test]
fn time_sorted_input_is_flinks_in_batch_jobs() {
    fine(&keyed(Sorted, true), &[Other]);
    // Both fire timers behind all elements.
    differs(&keyed(Sorted, true), Prism, "Keyed", Feature::TimeSortedInput);
    differs(&keyed(Sorted, true), Flink, "Keyed", Feature::TimeSortedInput);
    differs(&keyed(Sorted, false), Prism, "Keyed", Feature::TimeSortedInput);
    lacks(&keyed(Sorted, false), Flink, "Keyed", Feature::TimeSortedInput);
    assert_eq!(accepting(&keyed(Sorted, true), Spark, Facts::default()).len(), 1);
}

#[test]
fn finalisation_needs_checkpoints_on_flink() {
    let (batch, stream) = (keyed(Finalizes, true), keyed(Finalizes, false));
    fine(&batch, &[Prism, Other]);
    lacks(&batch, Flink, "Keyed", Feature::BundleFinalization);
    lacks(&stream, Flink, "Keyed", Feature::BundleFinalization);
    let checkpoints = Facts { checkpoints: true, ..Facts::default() };
    let told = check(&stream, Flink, checkpoints, &[]).unwrap();
    assert!(told[0].contains("--accept-engine-differences=bundle-finalization"), "{told:?}");
    assert_eq!(accepting(&batch, Spark, Facts::default()).len(), 1);
}

#[test]
fn triggered_side_inputs_are_not_prisms() {
    let with = |early: bool, windows: bool| {
        graph(move |root| {
            let numbers = endless(root);
            let side = numbers.map(|(_, x)| x);
            let trigger = AfterWatermark::new();
            let trigger = if early { trigger.early(repeatedly(after_delay(seconds(1)))) } else { trigger };
            let side = match windows {
                true => side.window(FixedWindows::of(seconds(1)).trigger(trigger).discarding()),
                false => side.window(GlobalWindows::new().trigger(trigger).discarding()),
            };
            let numbers = numbers.window(FixedWindows::of(seconds(1)));
            numbers.map_with(side.as_iterable(), |x, y| (x, y.len() as u64)).named("Look").discard();
        })
    };
    fine(&with(false, true), &[Prism, Flink]);
    lacks(&with(true, false), Prism, "Look", Feature::TriggeredSideInputs);
    differs(&with(true, true), Prism, "Look", Feature::TriggeredSideInputs);
    fine(&with(true, true), &[Flink, Other]);
}

#[test]
fn chosen_windows_of_side_inputs_are_not_waited_for() {
    let mapped = |bounded: bool| {
        graph(move |root| {
            let numbers = if bounded { root.create([(1u64, 2u64)]) } else { endless(root) };
            let numbers = numbers.window(FixedWindows::of(hours(1)));
            let side = numbers.as_iterable().windows_by(|main| main);
            numbers.map_with(side, |x, side| (x, side.len() as u64)).named("Look").discard();
        })
    };
    differs(&mapped(true), Prism, "Look", Feature::SideInputWindows);
    differs(&mapped(false), Flink, "Look", Feature::SideInputWindows);
    fine(&mapped(true), &[Flink, Spark, Other]);
}

#[test]
fn test_streams_are_prisms_and_partly_flinks() {
    let at = Timestamp::from_millis;
    let plain = || TestStream::new().add_elements([(3u64, at(5))]);
    let one = graph(|root| root.test_stream(plain()).named("Script").map(|x| x).discard());
    fine(&one, &[Prism, Flink, Other]);
    lacks(&one, Spark, "Script", Feature::TestStream);
    let timed = plain().advance_processing_time(seconds(1));
    let timed = graph(|root| root.test_stream(timed).named("Script").map(|x| x).discard());
    lacks(&timed, Flink, "Script", Feature::TestStream);
    fine(&timed, &[Prism]);
    let two = graph(|root| {
        root.test_stream(plain()).named("One").map(|x| x).discard();
        root.test_stream(plain()).named("Two").map(|x| x).discard();
    });
    let told = told(&two, Prism);
    assert!(told.len() == 1 && told[0].contains("`One` (") && told[0].contains("`Two` ("), "{told:?}");
}

#[test]
fn spark_ends() {
    let stream = graph(|root| endless(root).map(|x| x).discard());
    lacks(&stream, Spark, "Endless/Read", Feature::Unbounded);
    fine(&stream, &[Prism, Flink, Other]);
}

#[test]
fn flink_does_not_end_without_a_step_of_ours() {
    let only = graph(|root| root.impulse().discard());
    assert!(told(&only, Flink)[0].contains("add a step of your own"));
    fine(&only, &[Prism, Spark, Other]);
    let combine = graph(|root| root.create([(1u64, 2u64)]).sum_per_key().discard());
    fine(&combine, &[Flink]);
}

#[test]
fn features_are_known_by_their_names() {
    for &feature in Feature::ALL {
        assert_eq!(feature.name().parse(), Ok(feature));
    }
    let error = "session".parse::<Feature>().unwrap_err();
    assert!(error.contains("`session`") && error.contains("sessions, "), "{error}");
    assert!("fink".parse::<Engine>().unwrap_err().contains("flink"));
    // What the graph may require is known to the checks above, or to the engines that are checked.
    let known = [
        requirements::REQUIRES_STATEFUL_PROCESSING,
        requirements::REQUIRES_BUNDLE_FINALIZATION,
        requirements::REQUIRES_TIME_SORTED_INPUT,
        requirements::REQUIRES_SPLITTABLE_DOFN,
        requirements::REQUIRES_ON_WINDOW_EXPIRATION,
    ];
    let required = [keyed(Sorted, false), keyed(Expires, true), keyed(Finalizes, true)];
    assert!(required.iter().flat_map(|graph| &graph.proto().requirements).all(|urn| known.contains(&urn.as_str())));
}
