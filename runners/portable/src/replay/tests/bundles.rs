//! Processors, failures, and what a bundle reports.

use super::{engine, run, values};
use crate::replay::{Engine, Stage};
use ferrobeam_core::prelude::*;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_request::Request;
use ferrobeam_model::fn_execution::instruction_response::Response;
use ferrobeam_model::pipeline::MonitoringInfo;
use ferrobeam_model::urns::{labels, metric_types, metrics};
use std::sync::{Arc, Barrier, Mutex};

/// What a step was called for, by all of its instances.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<&'static str>>>);

impl Calls {
    fn note(&self, call: &'static str) {
        self.0.lock().unwrap().push(call);
    }

    fn count(&self, call: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|noted| **noted == call).count()
    }
}

const SEEN: Counter = Counter::new("test", "seen");
const SIZES: Distribution = Distribution::new("test", "sizes");
const LAST: Gauge = Gauge::new("test", "last");
const NAMES: StringSet = StringSet::new("test", "names");

/// Meets others, fails, panics, and counts.
#[derive(Clone)]
struct Busy {
    calls: Calls,
    barrier: Option<Arc<Barrier>>,
}

impl DoFn for Busy {
    type In = u64;
    type Out = u64;
    const FINALIZES: bool = true;

    fn setup(&mut self) -> Result<(), BoxError> {
        self.calls.note("setup");
        Ok(())
    }
    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        if let Some(barrier) = &self.barrier {
            barrier.wait();
        }
        SEEN.inc();
        SIZES.update(x.cast_signed());
        LAST.set(x.cast_signed());
        NAMES.add(&x.to_string());
        match x {
            13 => return Err("bad luck".into()),
            14 => panic!("worse luck"),
            15 => {
                let calls = self.calls.clone();
                ctx.after_commit(move || {
                    calls.note("committed");
                    Ok(())
                });
            }
            _ => {}
        }
        ctx.emit(x + 1);
        Ok(())
    }
    fn teardown(&mut self) {
        self.calls.note("teardown");
    }
}

fn busy(barrier: Option<Arc<Barrier>>) -> (Engine, Stage, Calls) {
    let calls = Calls::default();
    let step = Busy { calls: calls.clone(), barrier };
    let engine = engine(|root| root.create([0u64]).par_do(step).named("Busy").map(|x| 2 * x).named("Double").discard());
    let stage = Stage::of(&engine, "stage", &["Busy", "Double"]).unwrap();
    (engine, stage, calls)
}

#[test]
fn bundles_run_side_by_side_and_processors_are_kept() {
    const AT_ONCE: usize = 16;
    let (engine, stage, calls) = busy(Some(Arc::new(Barrier::new(AT_ONCE))));
    for round in 0..3 {
        let id = |i: usize| format!("{round}-{i}");
        for i in 0..AT_ONCE {
            engine.begin(&id(i), &stage);
            engine.data(&id(i), &stage.sources[0], stage.sources[0].values([100 * i as u64]).unwrap(), true);
        }
        // None goes on before all are there.
        for i in 0..AT_ONCE {
            engine.done(&id(i)).unwrap();
            assert_eq!(values::<u64>(&engine, &id(i), &stage.sinks[0]), [2 * (100 * i as u64 + 1)]);
        }
    }
    assert_eq!((calls.count("setup"), calls.count("teardown")), (AT_ONCE, 0));
    engine.end().unwrap();
    assert_eq!(calls.count("teardown"), AT_ONCE);
}

#[test]
fn a_failure_names_the_step_and_its_processor_goes() {
    let (engine, stage, calls) = busy(None);
    run::<u64, u64>(&engine, "1", &stage, [1]).unwrap();
    let error = run::<u64, u64>(&engine, "2", &stage, [2, 13]).unwrap_err().to_string();
    assert!(error.contains("`Busy` (") && error.contains("bundles.rs:") && error.contains("bad luck"), "{error}");
    let error = run::<u64, u64>(&engine, "3", &stage, [14]).unwrap_err().to_string();
    assert!(error.contains("`Busy` (") && error.contains("worse luck"), "{error}");
    assert_eq!((calls.count("setup"), calls.count("teardown")), (2, 2));
    assert_eq!(run::<u64, u64>(&engine, "4", &stage, [4]).unwrap(), [10]);
    assert_eq!(calls.count("setup"), 3);
    // Engines show the log: the error is there, too.
    let entry = engine.log_entry().unwrap();
    assert!(entry.message.contains("bad luck") && entry.instruction_id == "2", "{entry:?}");
}

#[test]
fn finalisation_is_asked_for_and_done_once() {
    let (engine, stage, calls) = busy(None);
    let data = |x: u64| stage.sources[0].values([x]).unwrap();
    assert!(!engine.run("1", &stage, data(1)).unwrap().requires_finalization);
    assert!(engine.run("2", &stage, data(15)).unwrap().requires_finalization);
    assert_eq!(calls.count("committed"), 0);
    for id in ["f1", "f2", "f3"] {
        let of = if id == "f3" { "nobody" } else { "2" };
        let finalize = pb::FinalizeBundleRequest { instruction_id: of.to_owned() };
        engine.instruct(id, Some(Request::FinalizeBundle(finalize)));
        assert!(matches!(engine.answer(id).unwrap(), Response::FinalizeBundle(_)));
        assert_eq!(calls.count("committed"), 1);
    }
    // A failed bundle's callbacks are dropped.
    engine.run("3", &stage, stage.sources[0].values([15u64, 13]).unwrap()).unwrap_err();
    engine.instruct("f4", Some(Request::FinalizeBundle(pb::FinalizeBundleRequest { instruction_id: "3".to_owned() })));
    engine.answer("f4").unwrap();
    assert_eq!(calls.count("committed"), 1);
}

fn find<'a>(infos: &'a [MonitoringInfo], urn: &str, label: &str, value: &str) -> &'a MonitoringInfo {
    let found = infos.iter().find(|info| info.urn == urn && info.labels.get(label).is_some_and(|of| of == value));
    found.unwrap_or_else(|| panic!("no {urn} of {value} in {infos:?}"))
}

#[test]
fn metrics_are_by_the_engines_ids() {
    let (engine, stage, _) = busy(None);
    let data = stage.sources[0].values([300u64, 5]).unwrap();
    for id in ["1", "2"] {
        let infos = engine.run(id, &stage, data.clone()).unwrap().monitoring_infos;
        let step = stage.id_of("Busy").unwrap();
        let user = |urn: &str, kind: &str| {
            let info = find(&infos, urn, labels::TRANSFORM, &step);
            assert_eq!((&*info.labels[labels::NAMESPACE], &*info.r#type), ("test", kind));
            (info.labels[labels::NAME].clone(), info.payload.to_vec())
        };
        let varints = [2, 177, 2, 5, 172, 2].to_vec();
        assert_eq!(user(metrics::USER_SUM_INT64, metric_types::SUM_INT64_TYPE), ("seen".to_owned(), vec![2]));
        let distribution = user(metrics::USER_DISTRIBUTION_INT64, metric_types::DISTRIBUTION_INT64_TYPE);
        assert_eq!(distribution, ("sizes".to_owned(), varints));
        let (name, gauge) = user(metrics::USER_LATEST_INT64, metric_types::LATEST_INT64_TYPE);
        assert_eq!((&*name, gauge.last()), ("last", Some(&5)));
        let set = user(metrics::USER_SET_STRING, metric_types::SET_STRING_TYPE);
        assert_eq!(set, ("names".to_owned(), b"\0\0\0\x02\x03300\x015".to_vec()));
        let source = &stage.sources[0];
        let count = find(&infos, metrics::ELEMENT_COUNT, labels::PCOLLECTION, &source.collection);
        assert_eq!((&*count.payload, &*count.r#type), (&[2][..], metric_types::SUM_INT64_TYPE));
        let output = |step: &str| stage.descriptor.transforms[&stage.id_of(step).unwrap()].outputs["out"].clone();
        for collection in [output("Busy"), output("Double")] {
            let count = find(&infos, metrics::ELEMENT_COUNT, labels::PCOLLECTION, &collection);
            assert_eq!(&*count.payload, [2]);
        }
        let index = find(&infos, metrics::DATA_CHANNEL_READ_INDEX, labels::TRANSFORM, &source.transform);
        assert_eq!(&*index.payload, [1]);
    }
}

/// The second element waits: what the first has reported is told meanwhile.
#[test]
fn a_bundle_that_runs_tells_its_metrics() {
    let gate = Arc::new(Barrier::new(2));
    let (engine, stage, _) = busy(Some(gate.clone()));
    let (source, step) = (&stage.sources[0], stage.id_of("Busy").unwrap());
    let seen = |infos: &[MonitoringInfo]| {
        let mut users = infos.iter().filter(|info| info.urn == metrics::USER_SUM_INT64);
        let of_step = users.find(|info| info.labels[labels::TRANSFORM] == step);
        of_step.map_or(0, |info| info.payload[0])
    };
    for bundle in ["1", "2"] {
        engine.begin(bundle, &stage);
        engine.data(bundle, source, source.values([300u64, 5]).unwrap(), true);
        for question in 0..=20 {
            let progress = engine.progress(&format!("{bundle} {question}"), bundle).unwrap();
            let told = seen(&progress.monitoring_infos);
            // A processor is used again; the bundle before has told two.
            assert_eq!(told, u8::from(question > 10), "after {question} questions");
            assert!(told == 0 || progress.monitoring_data.values().any(|payload| payload[..] == [1]));
            if question == 10 {
                gate.wait();
                let done =
                    |n: u32| seen(&engine.progress(&format!("{bundle} done {n}"), bundle).unwrap().monitoring_infos);
                assert!((0..1_000_000).any(|n| done(n) == 1), "the first element is never told");
            }
        }
        gate.wait();
        assert_eq!(seen(&engine.done(bundle).unwrap().monitoring_infos), 2);
    }
}

#[test]
fn questions_about_nobody_are_answered() {
    let (engine, stage, _) = busy(None);
    run::<u64, u64>(&engine, "1", &stage, [1]).unwrap();
    for (i, of) in ["1", "nobody"].into_iter().enumerate() {
        assert_eq!(engine.progress(&format!("p{i}"), of).unwrap(), Default::default());
        let id = format!("s{i}");
        engine.ask_split(&id, of, &stage.sources[0].transform, 0.5, 10, &[]);
        let Response::ProcessBundleSplit(split) = engine.answer(&id).unwrap() else { panic!("not a split") };
        assert_eq!(split, Default::default());
    }
}
