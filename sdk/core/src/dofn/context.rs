//! What user code may see and do besides its element.

use super::erased::AnyBox;
use super::side::{SideCache, View};
use crate::Element;
use crate::batch::{Batch, Column, Meta, MetaBuilder, WindowSet};
use crate::error::{BoxError, Result};
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use std::marker::PhantomData;

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
}

impl<U> Default for OutBuffer<U> {
    fn default() -> Self {
        OutBuffer { values: Vec::new(), rows: Vec::new(), times: Vec::new() }
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
        let OutBuffer { values, rows, times } = std::mem::take(self);
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

    /// The side input in the window that belongs to the element's.
    ///
    /// # Errors
    /// The view was not declared at the step, or its collection does not have the form that it asks for.
    pub fn side<'s, V: View>(&'s mut self, view: &'s V) -> Result<V::Ref<'s>, BoxError> {
        let window = self.window();
        self.sides.load(view, window)?;
        self.sides.get(view)
    }
}

/// What `finish_bundle` may do: it belongs to no element, so it says where its output goes.
pub struct BundleContext<'a, U> {
    pub(crate) values: &'a mut Vec<U>,
    pub(crate) meta: &'a mut MetaBuilder,
}

impl<U> BundleContext<'_, U> {
    /// Emits by the main output.
    pub fn emit(&mut self, value: U, at: Timestamp, window: Window) {
        self.values.push(value);
        self.meta.push(at, &WindowSet::One(window), PaneInfo::NO_FIRING);
    }
}
