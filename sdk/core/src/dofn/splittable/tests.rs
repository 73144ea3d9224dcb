//! Splittable steps under a small driver, which does what a runner may do.

use super::estimator::{Manual, Monotonic, WallTime, WatermarkEstimator};
use super::operator::{AnySplittable, Element as Work, Order, Part, Processed, SplittableOperator};
use super::step::{SplittableStep, put};
use super::tracker::Tracker;
use super::{Continuation, ElementContext, SplittableDoFn};
use crate::batch::Batch;
use crate::dofn::Tag;
use crate::dofn::dofn_step::TagFactory;
use crate::dofn::erased::{AnyReceiver, Outputs, Receiver, Wiring};
use crate::dofn::restriction::{OffsetRange, Restriction};
use crate::dofn::side::NoSides;
use crate::error::{BoxError, Error, Result};
use crate::graph::StepName;
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use crate::{Element, coder};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Takes batches, and fails with the one that holds the row of this number.
#[derive(Clone)]
struct Collect {
    batches: Arc<Mutex<Vec<Batch<u64>>>>,
    fails_on: Option<u64>,
}

impl Receiver<u64> for Collect {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }
    fn receive(&mut self, batch: Batch<u64>) -> Result<()> {
        if self.fails_on.is_some_and(|row| batch.values.contains(&row)) {
            return Err(Error::Options("no more room behind".to_owned()));
        }
        let mut batches = self.batches.lock().unwrap();
        assert!(batches.len() < 1000, "it does not stop");
        batches.push(batch);
        Ok(())
    }
    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}

/// An operator with one element, and what it emits.
pub(crate) struct Driver {
    operator: Box<dyn SplittableOperator>,
    main: Collect,
    odd: Collect,
    element: Bytes,
    pub(crate) time: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) further: usize,
    one_by_one: bool,
}

const ODD: Tag<u64> = Tag::new("odd");

impl Driver {
    pub(crate) fn new<D: SplittableDoFn<Out = u64>>(dofn: D, element: &D::In) -> Self {
        Driver::failing(dofn, element, None)
    }

    fn failing<D: SplittableDoFn<Out = u64>>(dofn: D, element: &D::In, fails_on: Option<u64>) -> Self {
        let (main, odd) =
            (Collect { batches: Arc::default(), fails_on }, Collect { batches: Arc::default(), fails_on });
        let mut outputs = Outputs::main(vec![AnyReceiver::new(main.clone())]);
        outputs.insert("odd", vec![AnyReceiver::new(odd.clone())]);
        let code = SplittableStep::new(dofn, vec![TagFactory::of(&ODD)]);
        let step = StepName::here("Work");
        let wiring = Wiring { step: &step, outputs: &mut outputs, sides: Arc::new(NoSides), parts: 3 };
        let mut operator = code.wire(wiring).unwrap();
        operator.start_bundle().unwrap();
        let (element, time, now) = (put(element).unwrap(), at(100), at(5000));
        Driver { operator, main, odd, element, time, now, further: usize::MAX, one_by_one: false }
    }

    fn work(&mut self) -> (&mut dyn SplittableOperator, Bytes, Timestamp) {
        (&mut *self.operator, self.element.clone(), self.time)
    }

    pub(crate) fn split(&mut self) -> Result<Vec<Part>> {
        let (operator, bytes, time) = self.work();
        let element = Work { bytes: &bytes, time, window: Window::Global, pane: PaneInfo::NO_FIRING };
        let whole = operator.initial(&element)?;
        operator.split(&element, &whole)
    }

    pub(crate) fn process(&mut self, part: &Part, claims: usize, keep: f64) -> Result<Processed> {
        let order =
            Order { claims, keep, further: self.further, now: self.now, one_by_one: self.one_by_one, pace: None };
        let (operator, bytes, time) = self.work();
        let element = Work { bytes: &bytes, time, window: Window::Global, pane: PaneInfo::NO_FIRING };
        operator.process(&element, part, &order)
    }

    pub(crate) fn truncate(&mut self, part: &Part) -> Result<Option<Part>> {
        let (operator, bytes, time) = self.work();
        operator.truncate(&Work { bytes: &bytes, time, window: Window::Global, pane: PaneInfo::NO_FIRING }, part)
    }

    /// What came out since the last call, with timestamps.
    pub(crate) fn rows(&self) -> Vec<(u64, Timestamp)> {
        let batches = std::mem::take(&mut *self.main.batches.lock().unwrap());
        let row = |(row, value): (usize, &u64), batch: &Batch<u64>| (*value, *batch.meta.time.get(row));
        batches.iter().flat_map(|b| b.values.iter().enumerate().map(move |each| row(each, b))).collect()
    }

    /// Processes everything to its end by these orders, one after the other and over again; in bundles of their own.
    pub(crate) fn finish(&mut self, orders: &[(usize, f64)]) -> Vec<(u64, Timestamp)> {
        let mut orders = orders.iter().cycle();
        let (mut rows, mut todo) = (Vec::new(), VecDeque::from(self.split().unwrap()));
        while let Some(part) = todo.pop_front() {
            let &(claims, keep) = orders.next().unwrap();
            let processed = self.process(&part, claims, keep).unwrap();
            let came = self.rows();
            assert!(came.iter().all(|(_, time)| *time >= part.watermark), "{came:?} is late for {part:?}");
            for residual in processed.residuals {
                assert!(residual.part.watermark >= part.watermark, "from {part:?} to {residual:?}");
                todo.push_back(residual.part);
            }
            rows.extend(came);
            self.now += Duration::from_millis(1);
            self.operator.finish_bundle().unwrap();
            self.operator.start_bundle().unwrap();
        }
        rows.sort_unstable();
        rows
    }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn restriction<R: Element>(part: &Part) -> R {
    coder::take_as(&mut &part.work[..]).unwrap()
}

/// Emits the offsets below its element, each a millisecond after the one before; stops by itself every now and then.
#[derive(Clone)]
struct Count<E> {
    stops: Option<u64>,
    emitted: fn(&mut Tracker<'_, OffsetRange, u64, E>, Timestamp),
}

impl<E: WatermarkEstimator> Count<E> {
    fn stopping(stops: Option<u64>) -> Self {
        Count { stops, emitted: |_, _| () }
    }
}

impl<E: WatermarkEstimator> SplittableDoFn for Count<E> {
    type In = u64;
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = E;

    fn initial_restriction(&self, end: &u64) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::new(0, *end))
    }
    fn split(&self, end: &u64, _: OffsetRange, parts: usize) -> Result<Vec<OffsetRange>, BoxError> {
        let size = end.div_ceil(parts as u64).max(1);
        Ok((0..*end).step_by(size as usize).map(|start| OffsetRange::new(start, *end.min(&(start + size)))).collect())
    }
    fn process(
        &mut self,
        _: &u64,
        tracker: &mut Tracker<'_, OffsetRange, u64, E>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        let first = tracker.restriction().next();
        for next in first.. {
            if self.stops == Some(next - first) {
                return Ok(Continuation::ResumeAfter(Duration::from_secs(7)));
            }
            let time = ctx.timestamp() + Duration::from_millis(next);
            let Some(mut claim) = tracker.claim(next) else { break };
            claim.emit_at(next, time);
            (self.emitted)(tracker, time);
        }
        Ok(Continuation::Done)
    }
}

/// All that `Count` emits for an element at 100 ms.
fn counted(end: u64) -> Vec<(u64, Timestamp)> {
    (0..end).map(|x| (x, at(100 + x.cast_signed()))).collect()
}

fn orders() -> impl Strategy<Value = Vec<(usize, f64)>> {
    proptest::collection::vec((1usize..40, prop_oneof![Just(0.0), 0.0..1.0]), 1..6)
}

proptest! {
    #[test]
    fn primary_and_residuals_are_the_whole(
        end in 0u64..100,
        orders in orders(),
        stops in proptest::option::of(1u64..20),
        one_by_one in any::<bool>(),
        further in prop_oneof![Just(usize::MAX), 1usize..40],
    ) {
        fn check<E: WatermarkEstimator>(dofn: Count<E>, end: u64, orders: &[(usize, f64)], (further, one_by_one): (usize, bool)) {
            let mut driver = Driver::new(dofn, &end);
            (driver.further, driver.one_by_one) = (further, one_by_one);
            assert_eq!(driver.finish(orders), counted(end));
        }
        check(Count::<()>::stopping(stops), end, &orders, (further, one_by_one));
        check(Count::<Monotonic>::stopping(stops), end, &orders, (further, one_by_one));
        let manual = Count::<Manual> { stops, emitted: |tracker, at| tracker.set_watermark(at) };
        check(manual, end, &orders, (further, one_by_one));
    }

    #[test]
    fn no_claims_leave_the_whole(end in 1u64..100) {
        let mut driver = Driver::new(Count::<()>::stopping(None), &end);
        let part = driver.split().unwrap().remove(0);
        let processed = driver.process(&part, 0, 0.0).unwrap();
        prop_assert_eq!(&processed.residuals[0].part, &part);
        prop_assert_eq!((driver.rows().len(), processed.residuals.len()), (0, 1));
        prop_assert_eq!(processed.progress, Some((0.0, end.div_ceil(3) as f64)));
    }
}

/// The watermarks of what is left when ten of a hundred offsets, and then ten more, were claimed.
fn watermarks<E: WatermarkEstimator>(dofn: Count<E>) -> [i64; 3] {
    let mut driver = Driver::new(dofn, &300);
    let first = driver.split().unwrap().remove(0);
    let second = driver.process(&first, 10, 0.0).unwrap().residuals.remove(0).part;
    driver.now = at(4000);
    let third = driver.process(&second, 10, 0.0).unwrap().residuals.remove(0).part;
    [first, second, third].map(|part| part.watermark.millis())
}

#[test]
fn a_residual_holds_where_the_estimator_was_at_the_split() {
    assert_eq!(watermarks(Count::<()>::stopping(None)), [100, 100, 100]);
    assert_eq!(watermarks(Count::<Monotonic>::stopping(None)), [100, 109, 119]);
    // The clock went back, the watermark does not.
    assert_eq!(watermarks(Count::<WallTime>::stopping(None)), [100, 5000, 5000]);
    let back =
        Count::<Manual> { stops: None, emitted: |tracker, at| tracker.set_watermark(at - Duration::from_millis(5)) };
    assert_eq!(watermarks(back), [100, 104, 114]);
}

#[test]
fn what_is_kept_is_worked_on_to_its_end_and_its_watermark_is_no_matter() {
    let mut driver = Driver::new(Count::<Monotonic>::stopping(None), &300);
    let part = driver.split().unwrap().remove(0);
    let processed = driver.process(&part, 10, 0.5).unwrap();
    assert_eq!(driver.rows().len(), 55);
    let [residual] = &processed.residuals[..] else { panic!("one residual") };
    assert_eq!(restriction::<OffsetRange>(&residual.part), OffsetRange::new(55, 100));
    assert_eq!((residual.part.watermark, residual.resume_after), (at(109), Duration::ZERO));
    assert_eq!(processed.progress, Some((55.0, 45.0)));
}

#[test]
fn what_is_kept_is_given_away_in_the_end() {
    let mut driver = Driver::new(Count::<()>::stopping(None), &300);
    let part = driver.split().unwrap().remove(0);
    driver.further = 20;
    let residuals = driver.process(&part, 10, 0.5).unwrap().residuals;
    assert_eq!(driver.rows().len(), 30);
    let left: Vec<OffsetRange> = residuals.iter().map(|residual| restriction(&residual.part)).collect();
    assert_eq!(left, [OffsetRange::new(55, 100), OffsetRange::new(30, 55)]);
}

#[test]
fn a_step_may_stop_by_itself_after_a_split() {
    let mut driver = Driver::new(Count::<()>::stopping(Some(30)), &300);
    let part = driver.split().unwrap().remove(0);
    let residuals = driver.process(&part, 10, 0.5).unwrap().residuals;
    let left: Vec<_> = residuals.iter().map(|r| (restriction(&r.part), r.resume_after.as_secs())).collect();
    assert_eq!(left, [(OffsetRange::new(55, 100), 0), (OffsetRange::new(30, 55), 7)]);
}

#[test]
fn batches_go_on_when_they_are_full() {
    const ROWS: usize = Batch::<u64>::ROWS;
    let mut driver = Driver::new(Count::<()>::stopping(None), &9000);
    let part = driver.split().unwrap().remove(0);
    driver.process(&part, usize::MAX, 0.0).unwrap();
    let sizes: Vec<_> = driver.main.batches.lock().unwrap().iter().map(|batch| batch.values.len()).collect();
    assert_eq!(sizes, [ROWS, 3000 - ROWS]);
    driver.rows();
    driver.one_by_one = true;
    driver.process(&part, 5, 0.0).unwrap();
    assert_eq!(driver.main.batches.lock().unwrap().len(), 5);
}

#[test]
fn a_failure_behind_stops_the_step_and_is_its_own() {
    let mut driver = Driver::failing(Count::<()>::stopping(None), &9000, Some(2500));
    let part = driver.split().unwrap().remove(0);
    let error = driver.process(&part, usize::MAX, 0.0).unwrap_err().to_string();
    assert_eq!((error.as_str(), driver.rows().len()), ("no more room behind", Batch::<u64>::ROWS));
}

/// Does what its element says.
#[derive(Clone)]
struct Script(Vec<&'static str>);

impl SplittableDoFn for Script {
    type In = u64;
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = ();

    fn initial_restriction(&self, _: &u64) -> Result<OffsetRange, BoxError> {
        Ok(if self.0.contains(&"unbounded") { OffsetRange::unbounded(10) } else { OffsetRange::new(10, 20) })
    }
    fn process(
        &mut self,
        _: &u64,
        tracker: &mut Tracker<'_, OffsetRange, u64>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        for word in &self.0 {
            match *word {
                "all" => tracker.emit_run(ctx.timestamp(), |x| x),
                "early" => {
                    let next = tracker.restriction().next();
                    let mut claim = tracker.claim(next).ok_or("refused")?;
                    (1..3).for_each(|early| claim.emit_at(1, ctx.timestamp() - Duration::from_millis(early)));
                }
                "early run" => tracker.emit_run(Timestamp::EPOCH, |x| x),
                "odd" => {
                    let next = tracker.restriction().next();
                    tracker.claim(next).ok_or("refused")?.emit_to(&ODD, 7, at(200));
                }
                "even" => {
                    let next = tracker.restriction().next();
                    tracker.claim(next).ok_or("refused")?.emit_to(&Tag::<u64>::new("even"), 7, at(200));
                }
                "fails" => return Err("by itself".into()),
                position => {
                    if let Ok(position) = position.parse()
                        && let Some(mut claim) = tracker.claim(position)
                    {
                        claim.emit(position);
                    }
                }
            }
        }
        Ok(Continuation::Done)
    }
}

fn fails(script: &[&'static str]) -> String {
    let mut driver = Driver::new(Script(script.to_vec()), &0);
    let part = driver.split().unwrap().remove(0);
    let error = driver.process(&part, usize::MAX, 0.0).unwrap_err().to_string();
    assert!(error.starts_with("`Work` (sdk/core/src/dofn/splittable/tests.rs:"), "{error}");
    error
}

#[test]
fn mistakes_are_told_with_the_restriction() {
    let told = |script: &[&'static str], text: &str| {
        let error = fails(script);
        assert!(error.contains(text) && error.contains("(10, 20)"), "{error}");
    };
    told(&["12", "12"], "claims 12, but is beyond it already: the next may be 13");
    told(&["12", "9"], "claims 9, which lies before its restriction");
    told(&["early", "all"], "output at 1970-01-01T00:00:00.099Z is before its input at 1970-01-01T00:00:00.100Z");
    told(&["early run"], "output at 1970-01-01T00:00:00Z is before its input");
    told(&["12"], "returned before all of its restriction was claimed");
    told(&["even", "all"], "no output `even` of this type was declared");
    // What follows from a mistake does not hide it.
    told(&["12", "11", "fails"], "claims 11");
    assert!(fails(&["12", "fails"]).ends_with("failed: by itself"));
}

proptest! {
    #[test]
    fn runs_are_the_whole(orders in orders()) {
        let mut driver = Driver::new(Script(vec!["all"]), &0);
        prop_assert_eq!(driver.finish(&orders), (10..20).map(|x| (x, at(100))).collect::<Vec<_>>());
    }
}

#[test]
fn additional_outputs_have_times_of_their_own() {
    let mut driver = Driver::new(Script(vec!["odd", "all"]), &0);
    let part = driver.split().unwrap().remove(0);
    driver.process(&part, usize::MAX, 0.0).unwrap();
    let odd = std::mem::take(&mut *driver.odd.batches.lock().unwrap());
    assert_eq!((odd[0].values.as_slice(), odd[0].meta.time.get(0)), (&[7][..], &at(200)));
    assert_eq!(driver.rows(), (11..20).map(|x| (x, at(100))).collect::<Vec<_>>());
}

#[test]
fn what_says_that_it_ends_must_end() {
    let mut driver = Driver::new(Script(vec!["unbounded"]), &0);
    let error = driver.split().unwrap_err().to_string();
    assert!(error.contains("its work ends, but made a restriction that does not"), "{error}");
}

/// Never ends, unless it is told to.
#[derive(Clone)]
struct Forever(bool);

impl SplittableDoFn for Forever {
    type In = ();
    type Out = u64;
    type Restriction = OffsetRange;
    type Estimator = ();
    const BOUNDED: bool = false;

    fn initial_restriction(&self, (): &()) -> Result<OffsetRange, BoxError> {
        Ok(OffsetRange::unbounded(3))
    }
    fn process(
        &mut self,
        (): &(),
        tracker: &mut Tracker<'_, OffsetRange, u64>,
        ctx: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        if !self.0 {
            tracker.emit_run(ctx.timestamp(), |x| x);
        }
        Ok(Continuation::Done)
    }
}

#[test]
fn what_has_no_end_is_checkpointed_and_dropped_when_drained() {
    let mut driver = Driver::new(Forever(false), &());
    let part = driver.split().unwrap().remove(0);
    assert_eq!(driver.truncate(&part).unwrap(), None);
    let processed = driver.process(&part, 5, 0.9).unwrap();
    assert_eq!(driver.rows().len(), 5);
    assert_eq!(restriction::<OffsetRange>(&processed.residuals[0].part), OffsetRange::unbounded(8));

    let mut driver = Driver::new(Forever(true), &());
    assert_eq!(driver.process(&part, 5, 0.0).unwrap().residuals, []);
}

/// Grants every second claim.
#[derive(Clone, Element)]
struct Lawless {
    claims: u64,
}

impl Restriction for Lawless {
    type Position = u64;

    fn try_claim(&mut self, _: u64) -> bool {
        self.claims += 1;
        self.claims.is_multiple_of(2)
    }
    fn split(&mut self, _: f64) -> Option<Self> {
        None
    }
    fn is_done(&self) -> bool {
        true
    }
}

#[derive(Clone)]
struct Stubborn;

impl SplittableDoFn for Stubborn {
    type In = ();
    type Out = u64;
    type Restriction = Lawless;
    type Estimator = ();

    fn initial_restriction(&self, (): &()) -> Result<Lawless, BoxError> {
        Ok(Lawless { claims: 0 })
    }
    fn process(
        &mut self,
        (): &(),
        tracker: &mut Tracker<'_, Lawless, u64>,
        _: &mut ElementContext<'_>,
    ) -> Result<Continuation, BoxError> {
        for position in 0..10 {
            if let Some(mut claim) = tracker.claim(position) {
                claim.emit(position);
            }
        }
        Ok(Continuation::Done)
    }
}

#[test]
fn nothing_is_emitted_after_a_refused_claim() {
    let mut driver = Driver::new(Stubborn, &());
    let part = driver.split().unwrap().remove(0);
    driver.process(&part, usize::MAX, 0.0).unwrap();
    assert_eq!(driver.rows(), []);
    let law = crate::testing::check_splits(Lawless { claims: 0 }, |range| range.claims, &[]).unwrap_err().to_string();
    assert!(law.contains("was refused at first and then granted"), "{law}");
}
