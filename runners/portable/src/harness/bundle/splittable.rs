//! The four steps that engines take a splittable DoFn apart into.

use super::current::Current;
use super::desk::Desk;
use super::paired::{Paired, PairedCoder, put_windowed};
use bytes::Bytes;
use ferrobeam_core::batch::{Batch, Meta, MetaBuilder, WindowSet};
use ferrobeam_core::coder::StrategyWindowCoder;
use ferrobeam_core::dofn::erased::{Next, Receiver};
use ferrobeam_core::dofn::splittable::operator::{Element, Order, Part, Residual, SplittableOperator};
use ferrobeam_core::graph::{ReadPosition, StepName};
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Error, Result};
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::pipeline::is_bounded;
use std::sync::Arc;

/// Gives each element all of its work.
pub(super) struct Pair {
    pub(super) operator: Box<dyn SplittableOperator>,
    pub(super) next: Next<Paired>,
}

impl Receiver<Bytes> for Pair {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()?;
        self.operator.start_bundle()
    }

    fn receive(&mut self, batch: Batch<Bytes>) -> Result<()> {
        each(batch, |bytes, at, paired| {
            let work = self.operator.initial(&element(&bytes, at))?.work;
            paired.push(Paired { element: bytes, work, size: 0.0 }, at);
            Ok(())
        })
        .and_then(|out| out.send(&mut self.next))
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.operator.finish_bundle()?;
        self.next.finish_bundle()
    }
}

/// Cuts work into parts with their sizes, or to what is finished when the pipeline drains.
pub(super) struct Cut {
    pub(super) operator: Box<dyn SplittableOperator>,
    pub(super) truncates: bool,
    pub(super) next: Next<Paired>,
}

impl Receiver<Paired> for Cut {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()?;
        self.operator.start_bundle()
    }

    fn receive(&mut self, batch: Batch<Paired>) -> Result<()> {
        let Cut { operator, truncates, next } = self;
        each(batch, |whole: Paired, at, out| {
            let (of, part) = (element(&whole.element, at), part(&whole, at));
            let parts = if *truncates {
                operator.truncate(&of, &part)?.into_iter().collect()
            } else {
                operator.split(&of, &part)?
            };
            for part in parts {
                let size = finite(operator.size(&part)?);
                out.push(Paired { element: whole.element.clone(), work: part.work, size }, at);
            }
            Ok(())
        })
        .and_then(|out| out.send(next))
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.operator.finish_bundle()?;
        self.next.finish_bundle()
    }
}

/// Does the work.
pub(super) struct Process {
    pub(super) operator: Box<dyn SplittableOperator>,
    pub(super) desk: Arc<Desk>,
    pub(super) current: Arc<Current>,
    pub(super) applications: Arc<Applications>,
}

impl Receiver<Paired> for Process {
    fn start_bundle(&mut self) -> Result<()> {
        self.operator.start_bundle()
    }

    fn receive(&mut self, batch: Batch<Paired>) -> Result<()> {
        batch.explode(|batch| {
            for (row, paired) in batch.values.iter().enumerate() {
                let meta = batch.meta.select(&[row as u32]);
                self.one(paired, &meta)?;
            }
            Ok(())
        })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.operator.finish_bundle()
    }
}

impl Process {
    fn one(&mut self, paired: &Paired, meta: &Meta) -> Result<()> {
        let element = element(&paired.element, meta);
        self.desk.begin(paired.clone(), meta.clone(), self.applications.clone());
        let order = Order {
            claims: 1,
            keep: 0.0,
            further: usize::MAX,
            now: self.current.now(),
            one_by_one: false,
            pace: Some(self.desk.clone()),
        };
        let processed = self.operator.process(&element, &part(paired, meta), &order);
        self.desk.end();
        for residual in processed?.residuals {
            let application = self.applications.delayed(paired, meta, &residual)?;
            self.current.add_residual(application);
        }
        Ok(())
    }
}

/// How work that is left is told to the engine.
pub(super) struct Applications {
    pub(super) step: StepName,
    pub(super) transform: String,
    pub(super) input: String,
    pub(super) outputs: Vec<String>,
    pub(super) coder: Arc<PairedCoder>,
    pub(super) windows: StrategyWindowCoder,
    /// Where the source stands whose elements these are.
    pub(super) position: Arc<ReadPosition>,
    pub(super) is_bounded: bool,
}

impl Applications {
    pub(super) fn primary(&self, of: &Paired, meta: &Meta, part: &Part) -> Result<pb::BundleApplication> {
        let paired = Paired { element: of.element.clone(), work: part.work.clone(), size: of.size };
        let mut bytes = Vec::new();
        put_windowed(&self.coder, self.windows, &element(&of.element, meta), &paired, &mut bytes)
            .map_err(|source| Error::Coder { step: self.step.clone(), element: None, source })?;
        let bounded = if self.is_bounded { is_bounded::Enum::Bounded } else { is_bounded::Enum::Unbounded };
        Ok(pb::BundleApplication {
            transform_id: self.transform.clone(),
            input_id: self.input.clone(),
            element: bytes.into(),
            output_watermarks: Default::default(),
            is_bounded: bounded.into(),
        })
    }

    pub(super) fn delayed(
        &self,
        of: &Paired,
        meta: &Meta,
        residual: &Residual,
    ) -> Result<pb::DelayedBundleApplication> {
        let of = Paired { size: finite(residual.size), ..of.clone() };
        let mut application = self.primary(&of, meta, &residual.part)?;
        let millis = residual.part.watermark.millis();
        let watermark = prost_types::Timestamp {
            seconds: millis.div_euclid(1000),
            nanos: (millis.rem_euclid(1000) * 1_000_000) as i32,
        };
        application.output_watermarks = self.outputs.iter().map(|output| (output.clone(), watermark)).collect();
        let requested_time_delay = Some(prost_types::Duration {
            seconds: i64::try_from(residual.resume_after.as_secs()).unwrap_or(i64::MAX),
            nanos: residual.resume_after.subsec_nanos().cast_signed(),
        });
        Ok(pb::DelayedBundleApplication { application: Some(application), requested_time_delay })
    }
}

/// Engines add sizes up; what has no end counts for very much.
pub(super) fn finite(size: f64) -> f64 {
    if size.is_finite() { size } else { 1e18 }
}

fn element<'a>(bytes: &'a Bytes, at: &Meta) -> Element<'a> {
    let window = at.windows.get(0).as_slice().first().copied().unwrap_or(Window::Global);
    Element { bytes, time: *at.time.get(0), window, pane: *at.pane.get(0) }
}

fn part(paired: &Paired, at: &Meta) -> Part {
    Part { work: paired.work.clone(), watermark: *at.time.get(0) }
}

/// Rows that come out, each with the metadata of the one that it comes from.
#[derive(Default)]
struct Out {
    values: Vec<Paired>,
    meta: MetaBuilder,
}

impl Out {
    fn push(&mut self, paired: Paired, at: &Meta) {
        let windows: &WindowSet = at.windows.get(0);
        self.meta.push(*at.time.get(0), windows, *at.pane.get(0));
        self.values.push(paired);
    }

    fn send(self, next: &mut Next<Paired>) -> Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        next.receive(Batch { values: self.values, meta: self.meta.finish() })
    }
}

/// Calls `f` for each row in each of its windows.
fn each<R: Clone>(batch: Batch<R>, mut f: impl FnMut(R, &Meta, &mut Out) -> Result<()>) -> Result<Out> {
    let mut out = Out::default();
    batch.explode(|batch| {
        let Batch { values, meta } = batch;
        values.into_iter().enumerate().try_for_each(|(row, value)| f(value, &meta.select(&[row as u32]), &mut out))
    })?;
    Ok(out)
}
