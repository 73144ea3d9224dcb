//! Streams made up at random: a script, a step with a timer, and groupings by any window and trigger. What comes out of them
//! one runner says, and another one must say the same, pane by pane.

use ferrobeam::prelude::*;
use ferrobeam::runner::Runner;
use ferrobeam::testing::TestStream;
use ferrobeam::time::millis;
use ferrobeam::windowing::trigger::{TimestampTransform, after_all, after_any, after_each, repeatedly};
use ferrobeam::windowing::{CompleteWindowing, TimestampCombiner, Windowing};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// An element: a key, and how far it is from the watermark, in milliseconds.
type Element = (u64, i64);

/// What a script does.
#[derive(Clone, Debug)]
enum Act {
    Elements(Vec<Element>),
    Watermark(i64),
    ProcessingTime(u64),
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Fixed,
    Sliding,
    Gaps,
    Sessions,
    Global,
}

/// What becomes of the elements of a key.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Group,
    Sum,
    Count,
}

/// Which step with a timer the elements go to besides.
#[derive(Clone, Copy, Debug)]
enum Besides {
    None,
    /// One that takes them as they come.
    AsTheyCome,
    /// One that takes them in the order of time.
    InOrder,
}

/// A script and what becomes of its elements.
#[derive(Clone, Debug)]
pub struct Stream {
    script: Vec<Act>,
    besides: Besides,
    shape: Shape,
    trigger: Trigger,
    accumulates: bool,
    lateness: u64,
    combiner: TimestampCombiner,
    verb: Verb,
    /// Whether all panes are summed once more, in larger windows.
    again: bool,
    reshuffles: bool,
}

fn triggers() -> impl Strategy<Value = Trigger> {
    let leaf = prop_oneof![
        Just(Trigger::Default),
        Just(Trigger::Always),
        (0u64..12).prop_map(|n| Trigger::AfterProcessingTime(vec![TimestampTransform::Delay(millis(n))])),
        (1u32..5).prop_map(Trigger::AfterCount),
    ];
    let nested = leaf.prop_recursive(2, 6, 3, |part| {
        let parts = vec(part.clone(), 1..3);
        let optional = prop::option::of(part.clone().prop_map(Box::new));
        prop_oneof![
            3 => (optional.clone(), optional).prop_map(|(early, late)| Trigger::AfterWatermark { early, late }),
            1 => parts.clone().prop_map(after_each),
            1 => parts.clone().prop_map(after_all),
            1 => parts.prop_map(after_any),
            2 => part.clone().prop_map(repeatedly),
            1 => (part.clone(), part).prop_map(|(main, until)| main.or_finally(until)),
        ]
    });
    // The default has a way of its own through a runner, if nothing may be late.
    prop_oneof![1 => Just(Trigger::Default), 2 => nested]
}

/// Any stream.
pub fn streams() -> impl Strategy<Value = Stream> {
    let act = prop_oneof![
        5 => vec((0u64..4, -25i64..20), 1..6).prop_map(Act::Elements),
        3 => (1i64..25).prop_map(Act::Watermark),
        2 => (1u64..15).prop_map(Act::ProcessingTime),
    ];
    let shapes = [Shape::Fixed, Shape::Sliding, Shape::Sliding, Shape::Gaps, Shape::Sessions, Shape::Global];
    let combiners = [TimestampCombiner::EndOfWindow, TimestampCombiner::Earliest, TimestampCombiner::Latest];
    let verbs = [Verb::Group, Verb::Sum, Verb::Count];
    let besides = [Besides::None, Besides::None, Besides::AsTheyCome, Besides::InOrder];
    let choices = (
        prop::sample::select(besides.to_vec()),
        prop::sample::select(shapes.to_vec()),
        prop::sample::select(vec![0, 0, 4, 20]),
        prop::sample::select(combiners.to_vec()),
        prop::sample::select(verbs.to_vec()),
        any::<[bool; 3]>(),
    );
    (vec(act, 1..16), triggers(), choices).prop_map(|(script, trigger, choices)| {
        let (besides, shape, lateness, combiner, verb, [accumulates, again, reshuffles]) = choices;
        // The global window of a stream does not end.
        let never = matches!((shape, &trigger), (Shape::Global, Trigger::Default));
        let trigger = if never { repeatedly(Trigger::AfterCount(2)) } else { trigger };
        Stream { script, besides, shape, trigger, accumulates, lateness, combiner, verb, again, reshuffles }
    })
}

/// Notes what comes by.
#[derive(Clone)]
struct Note(Arc<Mutex<Vec<String>>>);

impl DoFn for Note {
    type In = (u64, String);
    type Out = (u64, u64);

    fn process(&mut self, (key, text): (u64, String), ctx: &mut Context<'_, (u64, u64)>) -> Result<(), BoxError> {
        let note = format!("{key}: {text} in {} at {}, {:?}", ctx.window(), ctx.timestamp(), ctx.pane());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        ctx.emit((key % 2, text.len() as u64));
        Ok(())
    }
}

/// Sums up the values of a key until none has come for five milliseconds of event time.
#[derive(Clone)]
struct Visits<const IN_ORDER: bool>;

#[derive(State)]
struct Visit {
    sum: Value<u64>,
}

#[derive(Timers)]
enum Idle {
    #[timer(event_time)]
    Idle,
}

impl<const IN_ORDER: bool> StatefulDoFn for Visits<IN_ORDER> {
    type Key = u64;
    type In = u64;
    type Out = (u64, u64);
    type State = Visit;
    type Timer = Idle;

    const TIME_SORTED: bool = IN_ORDER;

    fn process(
        &mut self,
        _: &u64,
        value: u64,
        visit: &mut Visit,
        ctx: &mut StatefulContext<'_, (u64, u64), Idle>,
    ) -> Result<(), BoxError> {
        let sum = visit.sum.take().unwrap_or_default();
        visit.sum.set(sum + value);
        ctx.set_after(Idle::Idle, millis(5));
        Ok(())
    }

    fn on_timer(
        &mut self,
        key: &u64,
        _: Idle,
        visit: &mut Visit,
        ctx: &mut StatefulContext<'_, (u64, u64), Idle>,
    ) -> Result<(), BoxError> {
        ctx.emit((*key, visit.sum.take().unwrap_or_default()));
        Ok(())
    }
}

impl Stream {
    /// The panes that a runner makes of it, in an order that does not depend on the runner.
    ///
    /// # Errors
    /// The runner's.
    pub fn panes(&self, runner: &dyn Runner) -> ferrobeam::Result<Vec<String>> {
        let notes = Arc::new(Mutex::new(Vec::new()));
        runner.run(|root| {
            self.construct(root, &Note(notes.clone()));
            Ok(())
        })?;
        let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        notes.sort();
        Ok(notes)
    }

    fn construct(&self, root: &Root, note: &Note) {
        let elements = root.test_stream(self.script());
        let elements = if self.reshuffles { elements.reshuffle() } else { elements };
        let visits = match self.besides {
            Besides::None => None,
            Besides::AsTheyCome => Some(elements.par_do_stateful(Visits::<false>)),
            Besides::InOrder => Some(elements.par_do_stateful(Visits::<true>)),
        };
        if let Some(visits) = visits {
            // Not before a grouping: how many come at once, which its trigger may count, is not the same everywhere.
            visits.map(|(key, sum)| (key, format!("visit {sum}"))).par_do(note.clone()).discard();
        }
        let windowed = match self.shape {
            Shape::Fixed => self.window(&elements, FixedWindows::of(millis(10))),
            Shape::Sliding => self.window(&elements, SlidingWindows::of(millis(10)).every(millis(4))),
            Shape::Gaps => self.window(&elements, SlidingWindows::of(millis(3)).every(millis(7))),
            Shape::Sessions => self.window(&elements, Sessions::with_gap(millis(6))),
            Shape::Global => self.window(&elements, GlobalWindows::new()),
        };
        let panes = match self.verb {
            Verb::Group => windowed.group_by_key().map(|(key, values)| {
                let mut values: Vec<u64> = values.iter().collect();
                values.sort_unstable();
                (key, format!("{values:?}"))
            }),
            Verb::Sum => windowed.sum_per_key().map(|(key, sum): (u64, u64)| (key, sum.to_string())),
            Verb::Count => windowed.count_per_key().map(|(key, count)| (key, count.to_string())),
        };
        let noted = panes.par_do(note.clone());
        if self.again {
            let sums = noted.window(FixedWindows::of(millis(40))).sum_per_key();
            sums.map(|(key, sum): (u64, u64)| (key, format!("again {sum}"))).par_do(note.clone()).discard();
        } else {
            noted.discard();
        }
    }

    fn script(&self) -> TestStream<(u64, u64)> {
        let (mut script, mut watermark, mut value) = (TestStream::new(), 0, 0);
        for act in &self.script {
            script = match act {
                // One by one: elements that come together have no order.
                Act::Elements(elements) => elements.iter().fold(script, |script, (key, distance)| {
                    value += 1;
                    script.add_elements([((*key, value), Timestamp::from_millis(watermark + distance))])
                }),
                Act::Watermark(by) => {
                    watermark += by;
                    script.advance_watermark_to(Timestamp::from_millis(watermark))
                }
                Act::ProcessingTime(by) => script.advance_processing_time(millis(*by)),
            };
        }
        script.advance_watermark_to_infinity()
    }

    fn window<W>(&self, elements: &PCollection<(u64, u64)>, windows: Windowing<W>) -> PCollection<(u64, u64)>
    where
        Windowing<W>: CompleteWindowing,
    {
        let windows = windows.trigger(self.trigger.clone());
        let windows = if self.accumulates { windows.accumulating() } else { windows.discarding() };
        elements
            .window(windows.allowed_lateness(millis(self.lateness)).timestamp_combiner(self.combiner).allow_data_loss())
    }
}
