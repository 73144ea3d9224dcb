//! Windows for the elements of a collection.

use crate::batch::Batch;
use crate::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use crate::dofn::guard::guard;
use crate::error::Result;
use crate::graph::{AssignWindows, FnRef, Spec, StepCode, StepName};
use crate::windowing::{CompleteWindowing, Trigger, WindowingStrategy, Windows, assign};
use crate::{Element, PCollection};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;
use prost::Message;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

impl<T: Element> PCollection<T> {
    /// Puts each element into windows by its timestamp, and says when the groupings behind emit what.
    ///
    /// Elements keep their timestamp and pane. None is dropped for being late here; one whose timestamp is in no window
    /// (windows with gaps between them) does not go on. An element in several windows counts as several, so each of them
    /// gets windows anew.
    ///
    /// ```
    /// use ferrobeam_core::{prelude::*, time::*};
    /// Root::build(|root| {
    ///     let counts = root
    ///         .create([("a".to_owned(), 1u64)])
    ///         .window(FixedWindows::of(minutes(1)).allowed_lateness(hours(1)))
    ///         .combine_per_key(sum());
    ///     counts
    ///         .window(
    ///             Sessions::with_gap(minutes(10))
    ///                 .trigger(AfterWatermark::new().late(after_count(1)))
    ///                 .accumulating()
    ///                 .allowed_lateness(hours(1)),
    ///         )
    ///         .group_by_key()
    ///         .discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn window(&self, windowing: impl CompleteWindowing) -> PCollection<T> {
        let (strategy, mistakes) = windowing.strategy();
        let windowed = self.window_step("Window", strategy);
        mistakes.into_iter().for_each(|mistake| self.root.mistake_of(windowed.step, mistake));
        windowed
    }

    /// The collection in the global window, for a sink that needs all of it at once: a grouping of it emits one pane.
    ///
    /// Of an unbounded collection there is never all, so that is an error when the pipeline is built.
    ///
    /// ```
    /// use ferrobeam_core::{prelude::*, time::*};
    ///
    /// #[track_caller]
    /// fn print(lines: &PCollection<String>) {
    ///     lines.whole().key_by(|_| ()).group_by_key::<(), String>().discard();
    /// }
    ///
    /// Root::build(|root| {
    ///     print(&root.create(["a".to_owned()]).window(FixedWindows::of(minutes(1))));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn whole(&self) -> PCollection<T> {
        let whole = self.in_one_window();
        if !self.root.is_bounded(self.id) {
            let why = "a sink that needs all elements at once cannot take an unbounded collection";
            self.root.mistake_of(whole.step, why);
        }
        whole
    }

    /// The collection in the global window, for a grouping of all of it that emits once, at the end.
    #[track_caller]
    pub(crate) fn in_one_window(&self) -> PCollection<T> {
        let trigger = if self.root.is_bounded(self.id) { Trigger::Default } else { Trigger::Never };
        let strategy = WindowingStrategy { trigger, ..WindowingStrategy::default() };
        if *self.root.windowing(self.id) == strategy { self.clone() } else { self.window_step("Rewindow", strategy) }
    }

    /// Beam's primitive.
    #[track_caller]
    pub(crate) fn window_step(&self, verb: &str, strategy: WindowingStrategy) -> PCollection<T> {
        let (root, windows) = (&self.root, strategy.windows.clone());
        let step = WindowStep { windows: windows.clone(), of: PhantomData::<fn(T)> };
        let spec = Spec::Sdk(Box::new(move |reference: &FnRef| {
            let window_fn = Some(windows.to_proto(reference));
            let payload = AssignWindows { window_fn, step: Some(reference.clone()) };
            let urn = urns::transforms::ASSIGN_WINDOWS.to_owned();
            pb::FunctionSpec { urn, payload: payload.encode_to_vec().into() }
        }));
        let code = Some(StepCode::Step(Arc::new(step)));
        let node = root.step(verb, spec, vec![self.input("in")], code, Location::caller());
        root.output(node, None, strategy, root.is_bounded(self.id))
    }
}

/// A step of its own kind because a row in many windows makes many batches.
struct WindowStep<T> {
    windows: Windows,
    of: PhantomData<fn(T)>,
}

impl<T: Element> AnyStep for WindowStep<T> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        let (step, windows, next) = (wiring.step.clone(), self.windows.clone(), wiring.outputs.take::<T>(MAIN)?);
        Ok(AnyReceiver::new(WindowOperator { step, windows, next }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

struct WindowOperator<T> {
    step: StepName,
    windows: Windows,
    next: Next<T>,
}

impl<T: Element> Receiver<T> for WindowOperator<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        let WindowOperator { step, windows, next } = self;
        batch.explode(|batch| {
            let batch = guard(step, || assign(windows, batch))?;
            if batch.values.is_empty() { Ok(()) } else { next.receive(batch) }
        })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::WindowSet;
    use crate::combiners::sum;
    use crate::graph::{Graph, WINDOW_FN};
    use crate::time::{hours, minutes};
    use crate::transforms::flatten::flatten;
    use crate::transforms::test_steps::{batch, graph, mistakes, rows, run, steps, transform};
    use crate::windowing::trigger::{after_count, repeatedly};
    use crate::windowing::{FixedWindows, GlobalWindows, Sessions, SlidingWindows, Window, WindowFn, Windowing};
    use crate::{Root, Timestamp};

    #[derive(Debug)]
    struct Mine;

    impl WindowFn for Mine {
        fn assign(&self, at: Timestamp, current: Window) -> WindowSet {
            // Behind the window so far.
            Window::interval(at, current.max_timestamp() + minutes(1)).into()
        }
    }

    /// The windowing of a step's output, as the graph has it and as runners read it.
    fn windowing<'a>(graph: &'a Graph, step: &str) -> (&'a pb::WindowingStrategy, &'a WindowingStrategy) {
        let collection = &transform(graph, step).outputs["out"];
        let id = &graph.components().pcollections[collection].windowing_strategy_id;
        (&graph.components().windowing_strategies[id], graph.windowing(collection).unwrap())
    }

    #[track_caller]
    fn unbounded(root: &Root) -> PCollection<(u64, u64)> {
        let node = root.step("Unbounded", Spec::Scope, Vec::new(), None, Location::caller());
        root.output(node, None, WindowingStrategy::default(), false)
    }

    #[test]
    fn an_element_is_in_the_windows_of_its_time() {
        let graph = graph(|root| {
            root.create([0u64]).window(SlidingWindows::of(minutes(2)).every(minutes(1))).discard();
        });
        let out = run::<u64, u64>(&graph, "Window", batch([(0, 5), (59_999, 6), (60_000, 7)])).unwrap();
        assert_eq!(rows(&out), [(0, 5), (59_999, 6), (60_000, 7)]);
        let starts = |row| out[0].meta.windows.get(row).as_slice().iter().map(|w| w.max_timestamp().millis() + 1);
        assert_eq!(
            [0, 1, 2].map(|row| starts(row).collect::<Vec<_>>()),
            [[60_000, 120_000], [60_000, 120_000], [120_000, 180_000]]
        );
        assert_eq!(out[0].meta.windows.table().len(), 2, "neighbours share their windows");
    }

    #[test]
    fn windows_so_far_are_seen_one_by_one() {
        let graph = graph(|root| {
            let sliding = root.create([0u64]).window(SlidingWindows::of(minutes(2)).every(minutes(1)));
            sliding.window(Windowing::of(Mine)).discard();
        });
        let sliding = run::<u64, u64>(&graph, "Window", batch([(0, 5)])).unwrap().remove(0);
        let out = run::<u64, u64>(&graph, "Window#2", sliding).unwrap();
        assert_eq!(rows(&out), [(0, 5), (0, 5)]);
        let ends: Vec<_> = [0, 1].map(|row| out[0].meta.windows.get(row).as_slice()[0].max_timestamp().millis()).into();
        assert_eq!(ends, [119_998, 179_998]);
    }

    #[test]
    fn the_graph_says_how() {
        let graph = graph(|root| {
            let pairs = root.create([(1u64, 2u64)]);
            let windowing = || Sessions::with_gap(minutes(1)).trigger(repeatedly(after_count(9))).discarding();
            pairs.window(windowing()).group_by_key().discard();
            pairs.window(windowing()).combine_per_key(sum()).discard();
            pairs.window(Windowing::of(Mine)).discard();
            pairs.window(Windowing::of(Mine)).reshuffle().discard();
        });
        let window = transform(&graph, "Window");
        assert!(!window.environment_id.is_empty(), "the SDK assigns windows");
        let payload = pb::WindowIntoPayload::decode(&window.spec.as_ref().unwrap().payload[..]).unwrap();
        let (message, strategy) = windowing(&graph, "Window");
        assert_eq!(payload.window_fn, message.window_fn);
        assert!(strategy.needs_merge());
        for grouped in ["GroupByKey", "CombinePerKey"] {
            let (message, strategy) = windowing(&graph, grouped);
            assert_eq!(message.merge_status, i32::from(pb::merge_status::Enum::AlreadyMerged));
            assert_eq!(strategy.trigger, repeatedly(after_count(1)), "it goes on at once");
        }
        // Of two steps with an equal function of the user's the first one's name stands for both.
        let own = FnRef { step: "Window#4".to_owned(), fingerprint: graph.fingerprint() };
        let payload = transform(&graph, "Window#4").spec.clone().unwrap().payload;
        let payload = pb::WindowIntoPayload::decode(payload).unwrap();
        assert_eq!(payload.window_fn, Some(own.function(WINDOW_FN)));
        assert_eq!(FnRef::of(transform(&graph, "Window#4")), Some(own));
        let first = FnRef { step: "Window#3".to_owned(), fingerprint: graph.fingerprint() };
        for step in ["Window#3", "Window#4", "Reshuffle/Restore"] {
            let (message, strategy) = windowing(&graph, step);
            assert_eq!(message.window_fn, Some(first.function(WINDOW_FN)));
            let read = WindowingStrategy::from_proto(message, &|step| graph.custom_windows(step)).unwrap();
            assert_eq!(&read, strategy);
        }
        assert_eq!(graph.components().windowing_strategies.len(), 5, "each once");
    }

    #[test]
    fn windowings_that_make_no_sense_are_told_with_their_line() {
        const LINE: u32 = line!() + 2;
        let text = mistakes(|root| {
            root.create([1u64]).window(GlobalWindows::new().trigger(after_count(3)).accumulating()).discard();
            root.create([1u64]).window(FixedWindows::of(minutes(0))).discard();
        });
        assert!(text.contains(&format!("window.rs:{LINE}): the trigger AfterCount(3) may finish")), "{text}");
        assert!(text.contains(&format!("window.rs:{}): fixed windows must be", LINE + 1)), "{text}");
    }

    #[test]
    fn unbounded_data_in_the_global_window_needs_a_trigger() {
        const LINE: u32 = line!() + 4;
        let text = mistakes(|root| {
            fn totals(pairs: PCollection<(u64, u64)>) {
                let pairs = pairs.map(|x| x);
                pairs.group_by_key().discard();
                pairs.combine_per_key(sum()).named("Totals").discard();
                pairs.map(|(_, x)| x).combine_globally(sum()).named("Total").discard();
            }
            unbounded(root).apply(totals);
        });
        for (line, name) in (LINE..).zip(["GroupByKey", "Totals", "Total"]) {
            let step = format!("`totals/{name}` (sdk/core/src/transforms/window.rs:{line})");
            assert!(text.contains(&format!("{step}: the global window of unbounded data")), "{text}");
        }
        assert_eq!(text.lines().count(), 4, "each is told once: {text}");
        let text = mistakes(|root| {
            let sums = unbounded(root).combine_per_key(sum()).named("Sums");
            let again = sums.map(|sum| sum).group_by_key().map(|(key, _)| key);
            again.map_with(sums.as_multimap(), |key, _| key).discard();
        });
        assert!(text.contains("- `Sums` (") && text.lines().count() == 2, "what follows is not told: {text}");
        let _ = graph(|root| {
            let pairs = unbounded(root);
            pairs.window(FixedWindows::of(hours(1))).group_by_key().discard();
            pairs
                .window(GlobalWindows::new().trigger(repeatedly(after_count(3))).discarding())
                .group_by_key()
                .discard();
            pairs.reshuffle().discard();
            crate::testing::assert_that(&pairs).is_empty();
        });
    }

    #[test]
    fn all_of_a_collection_is_in_one_window_and_ends() {
        let built = graph(|root| {
            let hourly = root.create([1u64]).window(FixedWindows::of(hours(1)).accumulating());
            hourly.whole().discard();
            root.create([1u64]).named("Global").whole().discard();
        });
        assert_eq!(windowing(&built, "Rewindow").1, &WindowingStrategy::default());
        assert!(!steps(&built).contains(&"Rewindow#2"), "what is in the global window stays as it is");
        const LINE: u32 = line!() + 1;
        let text = mistakes(|root| unbounded(root).window(FixedWindows::of(hours(1))).whole().discard());
        assert!(text.contains(&format!("window.rs:{LINE}): a sink that needs all elements at once")), "{text}");
    }

    #[test]
    fn collections_of_different_windowings_do_not_mix() {
        const LINE: u32 = line!() + 4;
        let text = mistakes(|root| {
            let (a, b) = (root.create([1u64]), root.create([2u64]).window(FixedWindows::of(hours(1))));
            let fires = b.window(FixedWindows::of(hours(1)).trigger(repeatedly(after_count(3))).discarding());
            flatten([&a, &b]).named("Both").discard();
            flatten([&b, &fires]).discard();
            flatten([&b, &b.window(FixedWindows::of(hours(1)).accumulating())]).discard();
        });
        let windows = "its inputs have different windows: the global window, and fixed windows of 3600s";
        assert!(text.contains(&format!("`Both` (sdk/core/src/transforms/window.rs:{LINE}): {windows}")), "{text}");
        let triggers = "its inputs have different triggers: Default, and Repeatedly(AfterCount(3))";
        assert!(text.contains(&format!("window.rs:{}): {triggers}", LINE + 1)), "{text}");
        assert!(text.contains(&format!("window.rs:{}): its inputs", LINE + 2)), "{text}");
        let text = mistakes(|root| {
            let (a, b) = (root.create([(1u64, 1u64)]), root.create([(1u64, 1u64)]).window(FixedWindows::of(hours(1))));
            a.co_group_by_key(&b).named("Joined").discard();
        });
        let line = line!() - 2;
        let step = format!("`Joined` (sdk/core/src/transforms/window.rs:{line}): its inputs have different windows");
        assert!(text.contains(&step), "{text}");
    }

    #[test]
    fn what_is_merged_already_may_merge_again_with_what_is_not() {
        let graph = graph(|root| {
            let pairs = root.create([(1u64, 1u64)]).window(Sessions::with_gap(minutes(1)).allowed_lateness(hours(1)));
            let late = root.create([(1u64, 1u64)]).window(Sessions::with_gap(minutes(1)).allowed_lateness(hours(2)));
            let sums = pairs.combine_per_key(sum());
            flatten([&sums, &late]).discard();
            flatten([&sums, &sums]).discard();
        });
        let (_, both) = windowing(&graph, "Flatten");
        assert!(both.needs_merge());
        assert_eq!(both.allowed_lateness, hours(2));
        assert!(!windowing(&graph, "Flatten#2").1.needs_merge());
    }

    #[test]
    fn windows_that_merge_are_no_side_input() {
        let text = mistakes(|root| {
            let a = root.create([1u64]);
            let sessions = a.window(Sessions::with_gap(hours(1)));
            a.map_with(sessions.as_iterable(), |x, _| x).discard();
        });
        assert!(text.contains("whose windows merge"), "{text}");
    }

    #[test]
    fn a_side_input_that_never_fires_is_never_ready() {
        const LINE: u32 = line!() + 3;
        let text = mistakes(|root| {
            let a = root.create([1u64]);
            let side = unbounded(root).named("Side");
            a.map_with(side.as_iterable(), |x, _| x).named("Look").discard();
        });
        let step = |name: &str, line| format!("`{name}` (sdk/core/src/transforms/window.rs:{line})");
        let (look, side) = (step("Look", LINE + 1), step("Side", LINE));
        let told = format!("{look}: it looks at a side input, made by {side}, that is never ready: the global window");
        assert!(text.contains(&told), "{text}");
        let _ = graph(|root| {
            let fires = unbounded(root).window(FixedWindows::of(hours(1)));
            root.create([1u64]).map_with(fires.as_iterable(), |x, _| x).discard();
        });
    }

    #[test]
    fn only_the_global_window_has_a_default_of_nothing() {
        let graph = graph(|root| {
            let a = root.create([1u64]);
            a.combine_globally(sum()).discard();
            a.window(FixedWindows::of(hours(1))).combine_globally(sum()).discard();
        });
        assert!(steps(&graph).contains(&"CombineGlobally/IfEmpty"));
        assert!(!steps(&graph).contains(&"CombineGlobally#2/IfEmpty"));
    }
}
