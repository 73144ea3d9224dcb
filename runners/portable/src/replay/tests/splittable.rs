//! The four parts of a splittable step; splits and checkpoints of an element that is worked on.

use super::{engine, run, values};
use crate::replay::{Engine, Stage};
use ferrobeam_core::coder::WindowedValue;
use ferrobeam_core::prelude::*;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_response::Response;
use ferrobeam_model::pipeline::is_bounded;
use ferrobeam_model::urns::transforms as urns;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

type Work = (OffsetRange, Manual);
type Pair = (OffsetRange, Work);
type Sized = (Pair, f64);

/// Emits offsets, and tells of the first claim of each restriction.
struct Offsets<const BOUNDED: bool> {
    began: std::sync::Mutex<Sender<u64>>,
    /// After so many it has nothing for now.
    idle_at: u64,
}

impl<const BOUNDED: bool> Source for Offsets<BOUNDED> {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = BOUNDED;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, 4)])
    }
    fn open(&self, range: &OffsetRange) -> Result<(), BoxError> {
        self.began.lock().unwrap().send(range.next()).map_err(BoxError::from)
    }
    fn read(&self, _: &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() {
            let next = claims.restriction().next();
            if next == self.idle_at {
                claims.set_watermark(Timestamp::from_millis(1234));
                claims.resume_after(Duration::from_millis(2500));
                return Ok(());
            }
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            claim.emit_at(next, Timestamp::from_millis(next.cast_signed()));
        }
        Ok(())
    }
}

fn source<const BOUNDED: bool>(idle_at: u64) -> (Engine, Receiver<u64>) {
    let (sender, began) = channel();
    let source = Offsets::<BOUNDED> { began: std::sync::Mutex::new(sender), idle_at };
    (engine(|root| root.read(source).named("Offsets").discard()), began)
}

fn part(engine: &Engine, urn: &str) -> Stage {
    let mut stage = Stage::new(engine, urn);
    stage.part("Offsets/Read", urn).unwrap();
    stage.close().unwrap()
}

/// A range as an element, and as all the work on it.
fn whole(start: u64, end: u64) -> Pair {
    (OffsetRange::new(start, end), (OffsetRange::new(start, end), Manual::start(Timestamp::MIN)))
}

#[test]
fn the_parts_make_work_of_elements() {
    let (engine, _began) = source::<true>(u64::MAX);
    let pair = part(&engine, urns::PAIR_WITH_RESTRICTION);
    let pairs: Vec<Pair> = run(&engine, "1", &pair, [OffsetRange::new(3, 5)]).unwrap();
    assert_eq!(pairs, [whole(3, 5)]);
    let sized: Vec<Sized> = run(&engine, "2", &part(&engine, urns::SPLIT_AND_SIZE_RESTRICTIONS), pairs).unwrap();
    assert_eq!(sized, [(whole(3, 5), 2.0)]);
    let truncated: Vec<Sized> =
        run(&engine, "3", &part(&engine, urns::TRUNCATE_SIZED_RESTRICTION), sized.clone()).unwrap();
    assert_eq!(truncated, sized);
    let process = part(&engine, urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS);
    assert_eq!(run::<Sized, u64>(&engine, "4", &process, truncated).unwrap(), [3, 4]);
}

#[test]
fn parts_may_stand_in_one_stage() {
    let (engine, _began) = source::<true>(u64::MAX);
    let mut stage = Stage::new(&engine, "stage");
    let pair = stage.part("Offsets/Read", urns::PAIR_WITH_RESTRICTION).unwrap();
    let split = stage.part("Offsets/Read", urns::SPLIT_AND_SIZE_RESTRICTIONS).unwrap();
    let made = stage.descriptor.transforms[&pair].outputs["i"].clone();
    stage.descriptor.transforms.get_mut(&split).unwrap().inputs.values_mut().for_each(|id| id.clone_from(&made));
    let stage = stage.close().unwrap();
    let sized = run::<_, Sized>(&engine, "1", &stage, [OffsetRange::new(1, 3), OffsetRange::new(3, 9)]).unwrap();
    assert_eq!(sized, [(whole(1, 3), 2.0), (whole(3, 9), 6.0)]);
}

/// The range of an application's element.
fn range(stage: &Stage, of: &pb::BundleApplication) -> (u64, u64) {
    let rows = stage.sources[0].decode::<Sized>(&of.element).unwrap();
    let [WindowedValue { value: ((_, (range, _)), _), .. }] = rows.as_slice() else { panic!("{} rows", rows.len()) };
    (range.next(), range.end())
}

fn split(engine: &Engine, stage: &Stage, id: &str, of: &str, keep: f64) -> pb::ProcessBundleSplitResponse {
    engine.ask_split(id, of, &stage.sources[0].transform, keep, 3, &[]);
    match engine.answer(id).unwrap() {
        Response::ProcessBundleSplit(response) => response,
        other => panic!("not a split: {other:?}"),
    }
}

#[test]
fn an_element_is_split_by_halves_while_it_is_worked_on() {
    let (engine, began) = source::<true>(u64::MAX);
    let stage = part(&engine, urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS);
    let mut end = 1 << 60;
    engine.begin("1", &stage);
    let source = &stage.sources[0];
    // Of three elements the second and third go away whole with the first split.
    engine.data("1", source, source.values([(); 3].map(|()| (whole(0, end), 1.0))).unwrap(), true);
    assert_eq!(began.recv().unwrap(), 0);
    let step = stage.id_of("Offsets/Read").unwrap();
    for i in 0..8 {
        let keep = if i == 7 { 0.0 } else { 0.05 };
        let response = split(&engine, &stage, &format!("s{i}"), "1", keep);
        let ([primary], [residual]) = (&response.primary_roots[..], &response.residual_roots[..]) else {
            panic!("{response:?}")
        };
        let [channel] = &response.channel_splits[..] else { panic!("{response:?}") };
        assert_eq!((channel.last_primary_element, channel.first_residual_element), (-1, 1));
        let rest = residual.application.as_ref().unwrap();
        assert_eq!((&rest.transform_id, &primary.transform_id), (&step, &step));
        assert_eq!(rest.is_bounded(), is_bounded::Enum::Bounded);
        let (kept, given) = (range(&stage, primary), range(&stage, rest));
        // What is claimed is the bundle's own business; the rest is cut in two.
        assert!(kept.0 <= kept.1 && kept.1 == given.0 && given.1 == end, "{kept:?} {given:?} {end}");
        end = kept.1;
    }
    let response = engine.done("1").unwrap();
    assert_eq!(response.residual_roots, []);
    let emitted: Vec<u64> = values(&engine, "1", &stage.sinks[0]);
    assert!(emitted.iter().copied().eq(0..end), "{} of {end}", emitted.len());
    assert_eq!(began.try_iter().count(), 0, "what was given away was not begun");
}

#[test]
fn an_element_is_split_only_where_that_is_allowed() {
    let (engine, began) = source::<true>(u64::MAX);
    let stage = part(&engine, urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS);
    let source = &stage.sources[0];
    engine.begin("1", &stage);
    engine.data("1", source, source.values([(); 3].map(|()| (whole(0, 1 << 60), 1.0))).unwrap(), true);
    assert_eq!(began.recv().unwrap(), 0);
    engine.ask_split("s1", "1", &source.transform, 0.0, 3, &[2, 3]);
    let Response::ProcessBundleSplit(between) = engine.answer("s1").unwrap() else { panic!("not a split") };
    assert!(between.primary_roots.is_empty() && between.residual_roots.is_empty());
    assert_eq!((between.channel_splits.len(), between.channel_splits[0].first_residual_element), (1, 2));
    engine.ask_split("s2", "1", &source.transform, 0.0, 2, &[1]);
    let Response::ProcessBundleSplit(within) = engine.answer("s2").unwrap() else { panic!("not a split") };
    assert_eq!((within.residual_roots.len(), within.channel_splits[0].first_residual_element), (1, 1));
    engine.done("1").unwrap();
    assert_eq!(began.try_iter().count(), 0);
}

#[test]
fn what_has_no_end_is_cut_off_when_the_pipeline_drains() {
    let (engine, _began) = source::<false>(u64::MAX);
    let truncate = part(&engine, urns::TRUNCATE_SIZED_RESTRICTION);
    let sized = [(whole(2, u64::MAX), 1.0), (whole(2, 5), 3.0)];
    let left: Vec<Sized> = run(&engine, "1", &truncate, sized).unwrap();
    assert_eq!(left, [(whole(2, 5), 3.0)]);
}

#[test]
fn a_source_that_is_idle_gives_the_rest_back() {
    let (engine, began) = source::<false>(5);
    let stage = part(&engine, urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS);
    let data = stage.sources[0].values([(whole(2, u64::MAX), 1.0)]).unwrap();
    let response = engine.run("1", &stage, data).unwrap();
    assert_eq!(values::<u64>(&engine, "1", &stage.sinks[0]), [2, 3, 4]);
    let [residual] = &response.residual_roots[..] else { panic!("{response:?}") };
    let application = residual.application.as_ref().unwrap();
    assert_eq!(range(&stage, application), (5, u64::MAX));
    assert_eq!(application.is_bounded(), is_bounded::Enum::Unbounded);
    let delay = residual.requested_time_delay.unwrap();
    assert_eq!((delay.seconds, delay.nanos), (2, 500_000_000));
    let watermarks: Vec<_> = application.output_watermarks.values().map(|at| (at.seconds, at.nanos)).collect();
    assert_eq!(watermarks, [(1, 234_000_000)]);
    let own = engine.graph().transform_of("Offsets/Read").unwrap();
    assert!(application.output_watermarks.keys().eq(own.outputs.keys()));
    assert!(own.inputs.contains_key(&application.input_id));
    // An engine sends the rest as an element, as it is.
    let again = engine.run("2", &stage, application.element.clone()).unwrap();
    assert_eq!(again.residual_roots.len(), 1);
    assert!(values::<u64>(&engine, "2", &stage.sinks[0]).is_empty());
    assert_eq!(began.try_iter().collect::<Vec<_>>(), [2], "a reader that stopped there goes on");
}
