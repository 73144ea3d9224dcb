//! The operator of a [`DoFn`]: life cycle, additional outputs, side inputs.

use super::context::{BundleContext, Context, OutBuffer, Row, Rows, Tagged};
use super::erased::{AnyBox, AnyReceiver, AnyStep, MAIN, Next, Outputs, Receiver, Wiring, share};
use super::finalize::guarded;
use super::guard::guard;
use super::side::SideCache;
use super::{DoFn, Tag};
use crate::Element;
use crate::batch::{Batch, Meta};
use crate::error::Result;
use crate::graph::StepName;
use std::sync::{Mutex, PoisonError};

/// A step made of a `DoFn`.
pub struct DoFnStep<D> {
    /// Behind a mutex only to spare users a `Sync` bound; it is locked once per wiring.
    prototype: Mutex<D>,
    tags: Vec<TagFactory>,
}

impl<D: DoFn> DoFnStep<D> {
    /// Makes the step with its additional outputs.
    pub fn new(dofn: D, tags: Vec<TagFactory>) -> Self {
        DoFnStep { prototype: Mutex::new(dofn), tags }
    }
}

/// Makes the typed ends of one additional output.
#[derive(Clone)]
pub struct TagFactory {
    name: &'static str,
    buffer: fn() -> AnyBox,
    rows: fn() -> AnyBox,
    end: fn(&mut Outputs, &str) -> Result<Box<dyn TagEnd>>,
}

impl TagFactory {
    /// Of a tag.
    pub fn of<V: Element>(tag: &Tag<V>) -> Self {
        TagFactory {
            name: tag.name,
            buffer: || AnyBox::new(OutBuffer::<V>::default()),
            rows: || AnyBox::new(Rows::<V>::default()),
            end: |outputs, name| Ok(Box::new(End(outputs.take::<V>(name)?))),
        }
    }

    /// An empty buffer of it, by its name.
    pub(crate) fn buffer(&self) -> (&'static str, AnyBox) {
        (self.name, (self.buffer)())
    }

    /// Its consumer.
    ///
    /// # Errors
    /// The consumer wants another type.
    pub(crate) fn end(&self, outputs: &mut Outputs) -> Result<Box<dyn TagEnd>> {
        (self.end)(outputs, self.name)
    }

    /// Its buffer, with metadata for each row.
    pub(crate) fn rows(&self) -> (&'static str, AnyBox) {
        (self.name, (self.rows)())
    }
}

/// The consumer of one additional output.
pub(crate) trait TagEnd: Send {
    fn start(&mut self) -> Result<()>;
    /// Whether the buffer holds enough for a batch.
    fn is_full(&self, buffer: &mut AnyBox) -> bool;
    /// Passes on what the buffer holds.
    fn flush(&mut self, buffer: &mut AnyBox, input: &Meta) -> Result<()>;
    /// Whether a buffer with metadata for each row holds a whole batch.
    fn has_batch(&self, rows: &mut AnyBox) -> bool;
    /// Passes on what a buffer with metadata for each row holds.
    fn pass(&mut self, rows: &mut AnyBox) -> Result<()>;
    fn finish(&mut self) -> Result<()>;
}

struct End<V>(Next<V>);

impl<V: Element> TagEnd for End<V> {
    fn start(&mut self) -> Result<()> {
        self.0.start_bundle()
    }

    fn is_full(&self, buffer: &mut AnyBox) -> bool {
        buffer.get_mut::<OutBuffer<V>>().is_some_and(OutBuffer::is_full)
    }

    fn flush(&mut self, buffer: &mut AnyBox, input: &Meta) -> Result<()> {
        match buffer.get_mut::<OutBuffer<V>>().and_then(|buffer| buffer.take(input)) {
            Some(batch) => self.0.receive(batch),
            None => Ok(()),
        }
    }

    fn has_batch(&self, rows: &mut AnyBox) -> bool {
        rows.get_mut::<Rows<V>>().is_some_and(|rows| rows.is_full())
    }

    fn pass(&mut self, rows: &mut AnyBox) -> Result<()> {
        match rows.get_mut::<Rows<V>>() {
            Some(rows) => rows.take().try_for_each(|batch| self.0.receive(batch)),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.0.finish_bundle()
    }
}

impl<D: DoFn> AnyStep for DoFnStep<D> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        let ends = self.tags.iter().map(|tag| tag.end(wiring.outputs)).collect::<Result<_>>()?;
        let dofn = guard(wiring.step, || Ok(self.prototype.lock().unwrap_or_else(PoisonError::into_inner).clone()))?;
        Ok(AnyReceiver::new(DoFnOperator {
            step: wiring.step.clone(),
            dofn,
            ready: false,
            tagged: self.tags.iter().map(TagFactory::buffer).collect(),
            ends,
            sides: SideCache::new(wiring.sides),
            next: wiring.outputs.take::<D::Out>(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<D::In>()?, producers))
    }
}

struct DoFnOperator<D: DoFn> {
    step: StepName,
    dofn: D,
    ready: bool,
    tagged: Tagged,
    ends: Vec<Box<dyn TagEnd>>,
    sides: SideCache,
    next: Next<D::Out>,
}

impl<D: DoFn> Receiver<D::In> for DoFnOperator<D> {
    fn start_bundle(&mut self) -> Result<()> {
        self.sides.start_bundle();
        self.next.start_bundle()?;
        self.ends.iter_mut().try_for_each(|end| end.start())?;
        if !self.ready {
            // Torn down also if `setup` fails half-way: it may have opened something.
            self.ready = true;
            guard(&self.step, || self.dofn.setup())?;
        }
        guarded(&self.step, D::FINALIZES, || self.dofn.start_bundle())
    }

    fn receive(&mut self, batch: Batch<D::In>) -> Result<()> {
        batch.explode(|batch| self.process(batch))
    }

    fn finish_bundle(&mut self) -> Result<()> {
        let mut rows = Rows::default();
        guarded(&self.step, D::FINALIZES, || {
            let mut ctx = BundleContext::new(&mut rows);
            self.dofn.finish_bundle(&mut ctx)?;
            ctx.end()
        })?;
        rows.take().try_for_each(|batch| self.next.receive(batch))?;
        self.ends.iter_mut().try_for_each(|end| end.finish())?;
        self.next.finish_bundle()
    }
}

impl<D: DoFn> DoFnOperator<D> {
    /// Processes rows that are in one window each. Between two of them it passes on what is enough for a batch.
    fn process(&mut self, batch: Batch<D::In>) -> Result<()> {
        let Batch { values, meta } = batch;
        let shared = meta.is_shared();
        let (mut values, mut main) = (values.into_iter().enumerate(), OutBuffer::default());
        while values.len() > 0 {
            let DoFnOperator { dofn, tagged, ends, sides, .. } = self;
            guarded(&self.step, D::FINALIZES, || {
                let mut mistake = None;
                for (index, element) in values.by_ref() {
                    let row = Row { index: index as u32, shared, meta: &meta };
                    let main = &mut main;
                    dofn.process(element, &mut Context { row, main, tagged, sides, mistake: &mut mistake })?;
                    if let Some(mistake) = mistake.take() {
                        return Err(mistake.into());
                    }
                    if main.is_full() || ends.iter().zip(&mut *tagged).any(|(end, (_, buffer))| end.is_full(buffer)) {
                        break;
                    }
                }
                Ok(())
            })?;
            for (end, (_, buffer)) in self.ends.iter_mut().zip(&mut self.tagged) {
                end.flush(buffer, &meta)?;
            }
            main.take(&meta).map_or(Ok(()), |batch| self.next.receive(batch))?;
        }
        Ok(())
    }
}

impl<D: DoFn> Drop for DoFnOperator<D> {
    fn drop(&mut self) {
        if self.ready {
            // Nobody can take an error here, and a panic in user code must not become one in the runner.
            let _ = guard(&self.step, || {
                self.dofn.teardown();
                Ok(())
            });
        }
    }
}
