//! Elements in and out.

use super::{engine, run, values};
use crate::harness::WAITING;
use crate::replay::{Engine, Port, Stage};
use bytes::Bytes;
use ferrobeam_core::coder::CoderSpec;
use ferrobeam_core::prelude::*;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_request::Request;
use ferrobeam_model::urns::coders;
use std::sync::{Arc, Barrier};

fn doubling() -> (Engine, Stage) {
    let engine = engine(|root| {
        let doubled = root.create([0u64]).map(|x| 2 * x).named("Double");
        doubled.filter(|x| x % 3 != 0).named("Filter").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Double", "Filter"]).unwrap();
    (engine, stage)
}

fn input(stage: &Stage, values: impl IntoIterator<Item = u64>) -> Bytes {
    stage.sources[0].values(values).unwrap()
}

#[test]
fn elements_go_through_a_stage() {
    let (engine, stage) = doubling();
    let doubled: Vec<u64> = run(&engine, "1", &stage, [1u64, 2, 3, 4]).unwrap();
    assert_eq!(doubled, [2, 4, 8]);
    engine.end().unwrap();
}

/// Its name is not that of a main output.
#[test]
fn an_additional_output_may_be_the_only_one() {
    let engine = engine(|root| {
        let [all] = root.create([0u64]).partition(|_| 0);
        all.map(|x| x + 1).named("Next").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Partition", "Next"]).unwrap();
    let all: Vec<u64> = run(&engine, "1", &stage, [1u64, 2]).unwrap();
    assert_eq!(all, [2, 3]);
    engine.end().unwrap();
}

#[test]
fn time_windows_and_panes_are_kept() {
    let engine = engine(|root| {
        let windows = FixedWindows::of(std::time::Duration::from_secs(10));
        root.create([0u64]).window(windows).named("Window").map(|x| x + 1).named("Next").discard();
    });
    let mut stage = Stage::new(&engine, "stage");
    stage.step("Window").unwrap();
    stage.step("Next").unwrap();
    let stage = stage.close().unwrap();
    let data = stage.sources[0].encode(&[crate::replay::at(3_000, 1u64), crate::replay::at(12_000, 2)]).unwrap();
    engine.run("1", &stage, data).unwrap();
    let rows = stage.sinks[0].decode::<u64>(&engine.output("1", &stage.sinks[0]).unwrap()).unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.value, row.metadata.timestamp.millis())).collect();
    assert_eq!(told, [(2, 3_000), (3, 12_000)]);
    let interval =
        |start, end| Window::Interval { start: Timestamp::from_millis(start), end: Timestamp::from_millis(end) };
    assert_eq!(rows[0].metadata.windows, [interval(0, 10_000)]);
    assert_eq!(rows[1].metadata.windows, [interval(10_000, 20_000)]);
}

#[test]
fn data_may_come_before_its_instruction_and_in_pieces() {
    let (engine, stage) = doubling();
    let (data, source) = (input(&stage, 1..200), &stage.sources[0]);
    // Every piece ends in the middle of an element.
    let pieces: Vec<Bytes> = data.chunks(7).map(Bytes::copy_from_slice).collect();
    // So that the worker has its data stream.
    assert_eq!(run::<u64, u64>(&engine, "0", &stage, [1]).unwrap(), [2]);
    for piece in &pieces {
        engine.data("1", source, piece.clone(), false);
    }
    engine.data("1", source, Bytes::new(), true);
    engine.begin("1", &stage);
    engine.done("1").unwrap();
    let expected: Vec<u64> = (1..200).map(|x| 2 * x).filter(|x| x % 3 != 0).collect();
    assert_eq!(values::<u64>(&engine, "1", &stage.sinks[0]), expected);
}

#[test]
fn an_element_that_is_cut_off_fails_the_bundle() {
    let (engine, stage) = doubling();
    let data = input(&stage, [1, 2]);
    let error = engine.run("1", &stage, data.slice(..data.len() - 1)).unwrap_err().to_string();
    assert!(error.contains("where the data stream ends"), "{error}");
    let error = engine.run("2", &stage, Bytes::from(vec![0xff; 40])).unwrap_err().to_string();
    assert!(error.contains("what the engine sent"), "{error}");
    assert_eq!(run::<u64, u64>(&engine, "3", &stage, [1]).unwrap(), [2]);
}

#[test]
fn data_after_a_failure_is_dropped() {
    let engine = engine(|root| {
        root.create([0u64]).map(|x| 10 / x).named("Divide").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Divide"]).unwrap();
    engine.begin("1", &stage);
    engine.data("1", &stage.sources[0], input(&stage, [0]), false);
    let error = engine.done("1").unwrap_err().to_string();
    assert!(error.contains("`Divide`") && error.contains("divide by zero"), "{error}");
    engine.data("1", &stage.sources[0], input(&stage, [5]), true);
    assert_eq!(run::<u64, u64>(&engine, "2", &stage, [5]).unwrap(), [2]);
}

#[test]
fn every_output_gets_an_end_also_without_elements() {
    const ODD: Tag<u64> = Tag::new("odd");
    #[derive(Clone)]
    struct Sort;
    impl DoFn for Sort {
        type In = u64;
        type Out = u64;
        fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
            if x.is_multiple_of(2) {
                ctx.emit(x)
            } else {
                ctx.emit_to(&ODD, x)
            }
            Ok(())
        }
    }
    let engine = engine(|root| {
        let sorted = root.create([0u64]).par_do_tagged(Sort, &ODD);
        let (even, odd) = (sorted.main(), sorted.get(&ODD));
        even.named("Sort").discard();
        odd.discard();
    });
    let stage = Stage::of(&engine, "stage", &["Sort"]).unwrap();
    assert_eq!(stage.sinks.len(), 2);
    engine.run("1", &stage, Bytes::new()).unwrap();
    for sink in &stage.sinks {
        assert!(values::<u64>(&engine, "1", sink).is_empty());
    }
    engine.run("2", &stage, input(&stage, [1, 2, 3])).unwrap();
    let mut all: Vec<Vec<u64>> = stage.sinks.iter().map(|sink| values(&engine, "2", sink)).collect();
    all.sort();
    assert_eq!(all, [vec![1, 3], vec![2]]);
}

#[test]
fn large_outputs_leave_before_the_end() {
    let engine = engine(|root| {
        root.create([String::new()]).map(|line| line + "!").named("Shout").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Shout"]).unwrap();
    let (source, sink) = (&stage.sources[0], &stage.sinks[0]);
    engine.begin("1", &stage);
    engine.data("1", source, source.values(vec!["x".repeat(1000); 3000]).unwrap(), false);
    // The bundle waits for more, and has sent what it has.
    let (piece, is_last) = engine.piece("1", sink).unwrap();
    let mut rows = sink.decode::<String>(&piece).unwrap();
    assert!(!is_last && rows[0].value.len() == 1001);
    engine.data("1", source, source.values(["end".to_owned()]).unwrap(), true);
    rows.extend(sink.decode::<String>(&engine.output("1", sink).unwrap()).unwrap());
    assert_eq!((rows.len(), &*rows[3000].value), (3001, "end!"));
    engine.done("1").unwrap();
}

/// The stream stands still only while a bundle that runs has too much before it.
#[test]
fn a_slow_bundle_has_so_much_before_it_and_all_bundles_end() {
    let gate = Arc::new(Barrier::new(2));
    let waits = gate.clone();
    let engine = engine(move |root| {
        let lengths = root.create([String::new()]).map(move |line| match &*line {
            "wait" => waits.wait().is_leader() as usize,
            "fail" => panic!("as asked"),
            _ => line.len(),
        });
        lengths.named("Length").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Length"]).unwrap();
    let (source, sink) = (&stage.sources[0], &stage.sinks[0]);
    let line = |line: &str| source.values([line.to_owned()]).unwrap();
    let (large, pieces) = (line(&"x".repeat(1 << 20)), (WAITING >> 20) + 8);
    let send_much = |id: &str| (0..pieces).for_each(|_| engine.data(id, source, large.clone(), false));
    let send_end = |id: &str| engine.data(id, source, line("end"), true);
    // So that the worker has its data stream.
    assert_eq!(run::<String, usize>(&engine, "0", &stage, ["one".to_owned()]).unwrap(), [3]);

    send_much("not begun");
    engine.data("fails", source, line("fail"), false);
    send_much("fails");
    engine.begin("fails", &stage);
    engine.done("fails").unwrap_err();
    engine.data("slow", source, line("wait"), false);
    send_much("slow");
    engine.begin("slow", &stage);
    // Behind all that, on the same stream.
    send_end("quick");
    engine.begin("quick", &stage);
    let mut full = 0;
    for question in 0.. {
        let status = engine.status(&question.to_string()).unwrap();
        let of_slow = status.lines().find(|line| line.contains("`slow`")).unwrap_or_default();
        let waiting = of_slow.split_once("; ").and_then(|(_, rest)| rest.split_once("; ")?.1.split_once(' '));
        let waiting: usize = waiting.map_or(0, |(bytes, _)| bytes.parse().unwrap());
        assert!(waiting < WAITING + (2 << 20), "{status}");
        full += usize::from(waiting > WAITING);
        if full >= 100 && status.contains("`quick` of `stage` waits for data; 0 elements") {
            break;
        }
        assert!(question < 1_000_000, "{status}");
    }
    gate.wait();
    send_end("slow");
    engine.done("slow").unwrap();
    assert_eq!(values::<usize>(&engine, "slow", sink).len(), pieces + 2);
    engine.done("quick").unwrap();
    assert_eq!(values::<usize>(&engine, "quick", sink), [3]);
    send_end("not begun");
    engine.begin("not begun", &stage);
    engine.done("not begun").unwrap();
    assert_eq!(values::<usize>(&engine, "not begun", sink).len(), pieces + 1);
    engine.end().unwrap();
}

#[test]
fn elements_may_come_with_the_request() {
    let (engine, stage) = doubling();
    engine.offer(&stage);
    // What is in a request belongs to it, whatever the elements say.
    for (id, named) in [("1", "1"), ("2", "")] {
        let data = pb::elements::Data {
            instruction_id: named.to_owned(),
            transform_id: stage.sources[0].transform.clone(),
            data: input(&stage, [7]),
            is_last: true,
        };
        let request = pb::ProcessBundleRequest {
            process_bundle_descriptor_id: "stage".to_owned(),
            elements: Some(pb::Elements { data: vec![data], timers: Vec::new() }),
            ..Default::default()
        };
        engine.instruct(id, Some(Request::ProcessBundle(request)));
        engine.done(id).unwrap();
        assert_eq!(values::<u64>(&engine, id, &stage.sinks[0]), [14]);
    }
}

#[test]
fn engines_put_length_prefixes_anywhere() {
    let engine = engine(|root| {
        let pairs = root.create([("a".to_owned(), 1u64)]);
        pairs.map(|(word, n)| (word, n + 1)).named("Next").discard();
    });
    let own = engine.graph().transform_of("Next").unwrap().clone();
    let prefixed = |of: CoderSpec| CoderSpec::of(coders::LENGTH_PREFIX, vec![of]);
    let mut stage = Stage::new(&engine, "stage");
    for (collection, whole) in [(&own.inputs["in"], true), (&own.outputs["out"], false)] {
        let mut spec = engine.graph().coder(collection).unwrap().spec();
        spec.components = spec.components.into_iter().map(prefixed).collect();
        stage.recode(collection, &if whole { prefixed(spec) } else { spec }).unwrap();
    }
    stage.step("Next").unwrap();
    let stage = stage.close().unwrap();
    let next: Vec<(String, u64)> = run(&engine, "1", &stage, [("b".to_owned(), 7u64)]).unwrap();
    assert_eq!(next, [("b".to_owned(), 8)]);
}

#[test]
fn data_for_nobody_is_refused() {
    let (engine, stage) = doubling();
    let nobody = Port { transform: "nobody".to_owned(), ..stage.sources[0].clone() };
    engine.begin("1", &stage);
    engine.data("1", &nobody, Bytes::new(), true);
    let error = engine.done("1").unwrap_err().to_string();
    assert!(error.contains("data came for `nobody`"), "{error}");
}
