//! Splits of bundles between elements.

use super::{engine, values};
use crate::replay::{Engine, Stage};
use ferrobeam_core::prelude::*;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_response::Response;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Tells of each element that it sees.
#[derive(Clone)]
struct Tell(Sender<u64>);

impl DoFn for Tell {
    type In = u64;
    type Out = u64;
    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        self.0.send(x)?;
        ctx.emit(x);
        Ok(())
    }
}

struct Played {
    engine: Engine,
    stage: Stage,
    told: Mutex<Receiver<u64>>,
}

fn telling() -> Played {
    let (sender, receiver) = channel();
    let engine = engine(|root| root.create([0u64]).par_do(Tell(sender)).named("Tell").discard());
    let stage = Stage::of(&engine, "stage", &["Tell"]).unwrap();
    Played { engine, stage, told: Mutex::new(receiver) }
}

impl Played {
    /// Sends elements, each in a message of its own or all in one.
    fn send(&self, id: &str, elements: std::ops::Range<u64>, together: bool) {
        let source = &self.stage.sources[0];
        if together {
            self.engine.data(id, source, source.values(elements).unwrap(), false);
        } else {
            elements.for_each(|x| self.engine.data(id, source, source.values([x]).unwrap(), false));
        }
    }

    fn seen(&self, elements: std::ops::Range<u64>) {
        let told = self.told.lock().unwrap();
        elements.for_each(|x| assert_eq!(told.recv().unwrap(), x));
    }

    fn split(&self, id: &str, of: &str, keep: f64, total: i64, allowed: &[i64]) -> pb::ProcessBundleSplitResponse {
        self.engine.ask_split(id, of, &self.stage.sources[0].transform, keep, total, allowed);
        match self.engine.answer(id).unwrap() {
            Response::ProcessBundleSplit(response) => response,
            other => panic!("not a split: {other:?}"),
        }
    }

    fn end(&self, id: &str) -> Vec<u64> {
        let source = &self.stage.sources[0];
        self.engine.data(id, source, bytes::Bytes::new(), true);
        self.engine.done(id).unwrap();
        values(&self.engine, id, &self.stage.sinks[0])
    }
}

/// The first element of the residual.
fn first(response: &pb::ProcessBundleSplitResponse, source: &str) -> Option<i64> {
    assert!(response.primary_roots.is_empty() && response.residual_roots.is_empty());
    let split = match response.channel_splits.as_slice() {
        [] => return None,
        [one] => one,
        more => panic!("{more:?}"),
    };
    assert_eq!(split.transform_id, source);
    assert_eq!(split.last_primary_element, split.first_residual_element - 1);
    Some(split.first_residual_element)
}

#[test]
fn a_bundle_is_split_by_a_fraction_of_what_is_left() {
    let played = telling();
    let source = &played.stage.sources[0].transform;
    played.engine.begin("1", &played.stage);
    played.send("1", 0..4, false);
    played.seen(0..4);
    let progress = played.engine.progress("p", "1").unwrap();
    assert_eq!(&*progress.monitoring_infos[0].payload, [3]);
    // What is wanted of another source is nothing of this one.
    played.engine.ask_split("s0", "1", "another", 0.0, 100, &[]);
    let Response::ProcessBundleSplit(none) = played.engine.answer("s0").unwrap() else { panic!("not a split") };
    assert_eq!(none, Default::default());
    assert_eq!(first(&played.split("s1", "1", 0.5, 100, &[]), source), Some(52));
    assert_eq!(first(&played.split("s2", "1", 0.5, 100, &[]), source), None, "52 is what is left already");
    assert_eq!(first(&played.split("s3", "1", 0.25, 52, &[]), source), Some(16));
    assert_eq!(first(&played.split("s4", "1", 0.5, 16, &[2, 5, 12, 40]), source), Some(12));
    assert_eq!(first(&played.split("s5", "1", 0.0, 12, &[3, 13]), source), None);
    assert_eq!(first(&played.split("s6", "1", 0.0, 12, &[]), source), Some(4));
    assert_eq!(first(&played.split("s7", "1", 0.0, 12, &[]), source), None);
    played.send("1", 4..20, true);
    assert_eq!(played.end("1"), [0, 1, 2, 3]);
}

/// Some elements, then a wish.
#[derive(Clone, Debug)]
struct Step {
    elements: u64,
    together: bool,
    waits: bool,
    keep: f64,
    beyond: u64,
    allowed: Option<Vec<i64>>,
}

fn step() -> impl Strategy<Value = Step> {
    let allowed = prop::option::weighted(0.3, prop::collection::vec(-2i64..60, 0..8));
    (0u64..8, any::<bool>(), any::<bool>(), 0.0..=1.0f64, 0u64..20, allowed).prop_map(
        |(elements, together, waits, keep, beyond, allowed)| Step { elements, together, waits, keep, beyond, allowed },
    )
}

#[test]
fn nothing_is_lost_or_done_twice() {
    let (played, bundles) = (&telling(), AtomicU64::new(0));
    let source = &played.stage.sources[0].transform;
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&prop::collection::vec(step(), 1..7), |steps| {
        let id = format!("b{}", bundles.fetch_add(1, Ordering::Relaxed));
        played.engine.begin(&id, &played.stage);
        let (mut sent, mut seen, mut stop) = (0, 0, u64::MAX);
        for (i, step) in steps.iter().enumerate() {
            played.send(&id, sent..sent + step.elements, step.together);
            sent += step.elements;
            if step.waits {
                let processed = sent.min(stop);
                played.seen(seen..processed);
                seen = seen.max(processed);
            }
            let allowed = step.allowed.clone().unwrap_or_default();
            let total = sent.min(stop) + step.beyond;
            let split = played.split(&format!("{id}-{i}"), &id, step.keep, total.cast_signed(), &allowed);
            let Some(first) = first(&split, source) else { continue };
            prop_assert!(allowed.is_empty() || allowed.contains(&first), "{first} of {allowed:?}");
            let first = first.cast_unsigned();
            prop_assert!(seen <= first && first < stop && first < total, "{seen} {first} {stop} {total}");
            stop = first;
        }
        prop_assert_eq!(played.end(&id), (0..sent.min(stop)).collect::<Vec<_>>());
        played.seen(seen..sent.min(stop));
        Ok(())
    });
    result.unwrap();
}
