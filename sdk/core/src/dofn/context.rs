//! What user code may see and do besides its element.

use super::erased::AnyBox;
use super::fill::Fill;
use super::finalize;
use super::side::{SideCache, View};
use crate::Element;
use crate::batch::{Batch, Column, Meta, MetaBuilder, WindowSet};
use crate::error::{BoxError, Result};
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use std::marker::PhantomData;
use std::sync::Arc;

/// Where `flat_map_into` puts results. Only a vector push: metadata is extended once per input row, not per emit.
pub struct Emitter<'a, U> {
    pub(crate) out: &'a mut Vec<U>,
}

impl<U> Emitter<'_, U> {
    /// Adds a result.
    #[inline]
    pub fn emit(&mut self, value: U) {
        self.out.push(value);
    }
}

/// A typed name of an additional output.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// const REJECTED: Tag<String> = Tag::new("rejected");
/// # let _ = REJECTED;
/// ```
pub struct Tag<T> {
    pub(crate) name: &'static str,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Tag<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Tag<T> {}

impl<T: Element> Tag<T> {
    /// Names an output; `out` is the main output's name.
    pub const fn new(name: &'static str) -> Self {
        Tag { name, of: PhantomData }
    }
}

/// Rows of one output until the end of the batch, each with the input row that it came from.
pub(crate) struct OutBuffer<U> {
    pub(crate) values: Vec<U>,
    /// The input row of each value; kept up only where rows differ in metadata.
    rows: Vec<u32>,
    /// Timestamps of their own, from the first `emit_at` on.
    times: Vec<Timestamp>,
    fill: Fill<U>,
}

impl<U> Default for OutBuffer<U> {
    fn default() -> Self {
        OutBuffer { values: Vec::new(), rows: Vec::new(), times: Vec::new(), fill: Fill::default() }
    }
}

impl<U: Element> OutBuffer<U> {
    /// Whether there are enough.
    #[inline]
    pub(crate) fn is_full(&mut self) -> bool {
        self.fill.is_full(&self.values)
    }
}

impl<U> OutBuffer<U> {
    #[inline]
    pub(crate) fn push(&mut self, value: U, row: Row<'_>) {
        if !row.shared {
            self.rows.push(row.index);
        }
        if !self.times.is_empty() {
            self.times.push(row.time());
        }
        self.values.push(value);
    }

    pub(crate) fn push_at(&mut self, value: U, at: Timestamp, row: Row<'_>) {
        if self.times.is_empty() {
            let earlier = 0..self.values.len();
            let time = |i: usize| *row.meta.time.get(self.rows.get(i).map_or(0, |&row| row as usize));
            self.times = earlier.map(time).collect();
        }
        if !row.shared {
            self.rows.push(row.index);
        }
        self.times.push(at);
        self.values.push(value);
    }

    /// The rows so far as a batch, if there are any.
    pub(crate) fn take(&mut self, input: &Meta) -> Option<Batch<U>> {
        let OutBuffer { values, rows, times, .. } = std::mem::take(self);
        if values.is_empty() {
            return None;
        }
        let mut meta = if input.is_shared() { input.clone() } else { input.select(&rows) };
        if !times.is_empty() {
            meta.time = Column::Each(times);
        }
        Some(Batch { values, meta })
    }
}

/// Rows of one output, each with metadata of its own.
pub(crate) struct Rows<U> {
    /// Batches that are as large as they should be.
    full: Vec<Batch<U>>,
    values: Vec<U>,
    meta: MetaBuilder,
    fill: Fill<U>,
}

impl<U> Default for Rows<U> {
    fn default() -> Self {
        Rows { full: Vec::new(), values: Vec::new(), meta: MetaBuilder::default(), fill: Fill::default() }
    }
}

impl<U: Element> Rows<U> {
    pub(crate) fn push(&mut self, value: U, at: Timestamp, window: Window, pane: PaneInfo) {
        self.values.push(value);
        self.meta.push(at, &WindowSet::One(window), pane);
        if self.fill.is_full(&self.values) {
            self.cut();
        }
    }
}

impl<U> Rows<U> {
    fn cut(&mut self) {
        let (values, meta) = (std::mem::take(&mut self.values), std::mem::take(&mut self.meta));
        self.fill = Fill::default();
        self.full.push(Batch { values, meta: meta.finish() });
    }

    /// Whether a batch is full.
    pub(crate) fn is_full(&self) -> bool {
        !self.full.is_empty()
    }

    /// Takes all rows as batches.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Batch<U>> + use<U> {
        if !self.values.is_empty() {
            self.cut();
        }
        std::mem::take(&mut self.full).into_iter()
    }
}

/// The input row that is being processed.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) index: u32,
    pub(crate) shared: bool,
    pub(crate) meta: &'a Meta,
}

impl Row<'_> {
    fn time(&self) -> Timestamp {
        *self.meta.time.get(self.index as usize)
    }
    fn window(&self) -> Window {
        // The operator explodes rows in several windows before user code sees them.
        self.meta.windows.get(self.index as usize).as_slice().first().copied().unwrap_or(Window::Global)
    }
}

/// Buffers of additional outputs, by name.
pub(crate) type Tagged = Vec<(&'static str, AnyBox)>;

/// What `process` may see and do besides its element.
pub struct Context<'a, U> {
    pub(crate) row: Row<'a>,
    pub(crate) main: &'a mut OutBuffer<U>,
    pub(crate) tagged: &'a mut Tagged,
    pub(crate) sides: &'a mut SideCache,
    pub(crate) mistake: &'a mut Option<String>,
}

impl<U> Context<'_, U> {
    /// Emits by the main output, with the element's timestamp.
    #[inline]
    pub fn emit(&mut self, value: U) {
        self.main.push(value, self.row);
    }

    /// Emits by the main output with another timestamp.
    ///
    /// A timestamp before the element's own fails the step: the watermark may have passed it.
    pub fn emit_at(&mut self, value: U, at: Timestamp) {
        if at < self.timestamp() && self.mistake.is_none() {
            *self.mistake = Some(format!("output at {at} is before its input at {}", self.timestamp()));
        }
        self.main.push_at(value, at, self.row);
    }

    /// Emits by an additional output, with the element's timestamp.
    ///
    /// The output must have been declared where the step was added (`par_do_tagged`); otherwise the step fails.
    pub fn emit_to<V: Element>(&mut self, tag: &Tag<V>, value: V) {
        let buffer = self.tagged.iter_mut().find(|(name, _)| *name == tag.name);
        match buffer.and_then(|(_, buffer)| buffer.get_mut::<OutBuffer<V>>()) {
            Some(buffer) => buffer.push(value, self.row),
            None => *self.mistake = Some(format!("no output `{}` of this type was declared", tag.name)),
        }
    }

    /// The element's event time.
    pub fn timestamp(&self) -> Timestamp {
        self.row.time()
    }

    /// The element's window; an element in several is processed once for each.
    pub fn window(&self) -> Window {
        self.row.window()
    }

    /// The firing that the element belongs to.
    pub fn pane(&self) -> PaneInfo {
        *self.row.meta.pane.get(self.row.index as usize)
    }

    /// The side input in the window that belongs to the element's. It is shared, so one can emit while reading it.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// #[derive(Clone)]
    /// struct Multiples { factors: AsIterable<u32> }
    /// impl DoFn for Multiples {
    ///     type In = u32;
    ///     type Out = u32;
    ///     fn process(&mut self, n: u32, ctx: &mut Context<'_, u32>) -> Result<(), BoxError> {
    ///         for factor in ctx.side(&self.factors)?.iter() {
    ///             ctx.emit(n * factor);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    /// let factors = root.create([2, 3]).as_iterable();
    /// let multiples = root.create([5]).par_do_with(factors.clone(), Multiples { factors });
    /// assert_that(&multiples).contains_in_any_order([10, 15]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The view was not declared at the step, or its collection does not have the form that it asks for.
    pub fn side<V: View>(&mut self, view: &V) -> Result<Arc<V::Seen>, BoxError> {
        let window = self.window();
        self.sides.load(view, window)?;
        self.sides.get(view).cloned()
    }

    /// Calls back once the bundle is committed, to acknowledge what was read, say.
    ///
    /// The callback is called at best: never if the bundle fails, and not if the worker ends before. Its error comes too late
    /// to fail the bundle; the direct runner stops with it, for it tells of a bug. The step must declare with
    /// `const FINALIZES: bool = true` that it does this; otherwise it fails.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    ///
    /// #[derive(Clone)]
    /// struct Acknowledge;
    ///
    /// impl DoFn for Acknowledge {
    ///     type In = u64;
    ///     type Out = u64;
    ///     const FINALIZES: bool = true;
    ///
    ///     fn process(&mut self, message: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
    ///         ctx.after_commit(move || {
    ///             let _ = message; // tell the queue
    ///             Ok(())
    ///         });
    ///         ctx.emit(message);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let graph = Root::build(|root| {
    ///     root.create([1]).par_do(Acknowledge).discard();
    ///     Ok(())
    /// });
    /// assert!(graph.is_ok());
    /// ```
    pub fn after_commit(&mut self, callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static) {
        finalize::after_commit(Box::new(callback));
    }

    /// Calls back once what the bundle did cannot be lost any more, to say from where to read next time, say.
    ///
    /// Engines keep the state of a job with the bundle: there it is called as [`after_commit`](Self::after_commit) is. The
    /// direct and the local runner lose their state with the run: they call it when the run has ended well, and what comes of
    /// its error is the run's. Of those that one step asks for, only the last is sure to be called. The step must declare with
    /// `const FINALIZES: bool = true` that it does this; otherwise it fails.
    pub fn when_durable(&mut self, callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static) {
        finalize::when_durable(Box::new(callback));
    }
}

/// What `finish_bundle` may do: it belongs to no element, so it says where its output goes.
pub struct BundleContext<'a, U> {
    pub(crate) rows: &'a mut Rows<U>,
    pub(crate) mistake: Option<String>,
}

impl<'a, U> BundleContext<'a, U> {
    pub(crate) fn new(rows: &'a mut Rows<U>) -> Self {
        BundleContext { rows, mistake: None }
    }

    /// Emits by the main output. The time may not lie behind the end of the window; if it lies before all elements of the
    /// bundle, the output may be late.
    pub fn emit(&mut self, value: U, at: Timestamp, window: Window)
    where
        U: Element,
    {
        if at > window.max_timestamp() {
            self.mistake.get_or_insert_with(|| format!("output at {at} is behind the end of its window, {window}"));
        }
        self.rows.push(value, at, window, PaneInfo::NO_FIRING);
    }

    /// That something was emitted that may not be.
    pub(crate) fn end(self) -> Result<(), BoxError> {
        self.mistake.map_or(Ok(()), |mistake| Err(mistake.into()))
    }

    /// Calls back once the bundle is committed: see [`Context::after_commit`].
    pub fn after_commit(&mut self, callback: impl FnOnce() -> Result<(), BoxError> + Send + 'static) {
        finalize::after_commit(Box::new(callback));
    }
}
