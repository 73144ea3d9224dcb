//! Where a splittable step emits: batches that go on when they are full, so that one call may emit any number of rows.

use super::operator::{Element as Work, Order};
use crate::Element;
use crate::batch::{Batch, Collapsed, Column, Meta, WindowColumn, WindowSet};
use crate::dofn::Tag;
use crate::dofn::context::{OutBuffer, Row, Tagged};
use crate::dofn::dofn_step::{TagEnd, TagFactory};
use crate::dofn::erased::{MAIN, Next, Outputs};
use crate::dofn::fill::Fill;
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// The outputs of a splittable step, and what is left to do in this call.
pub(crate) struct Output<T> {
    values: Vec<T>,
    times: Collapsed<Timestamp>,
    /// Of the element that is worked on.
    meta: Meta,
    pub(crate) time: Timestamp,
    fill: Fill<T>,
    tagged: Tagged,
    /// How many rows of those go on at once.
    rows: usize,
    tagged_rows: usize,
    ends: Vec<Box<dyn TagEnd>>,
    next: Next<T>,
    /// How many more claims there may be before something must be done.
    pub(crate) left: usize,
    pub(crate) halt: Option<Halt>,
}

/// Why no claim is granted any more.
pub(crate) enum Halt {
    /// One was refused.
    Refused,
    /// User code did what it must not.
    Mistake(String),
    /// A step behind failed.
    Failed(Error),
}

impl<T: Element> Output<T> {
    pub(crate) fn wire(outputs: &mut Outputs, tags: &[TagFactory]) -> Result<Self> {
        Ok(Output {
            values: Vec::new(),
            times: Collapsed::default(),
            meta: Meta::at(Timestamp::MIN),
            time: Timestamp::MIN,
            fill: Fill::default(),
            tagged: tags.iter().map(TagFactory::buffer).collect(),
            rows: 0,
            tagged_rows: 0,
            ends: tags.iter().map(|tag| tag.end(outputs)).collect::<Result<_>>()?,
            next: outputs.take::<T>(MAIN)?,
            left: 0,
            halt: None,
        })
    }

    pub(crate) fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()?;
        self.ends.iter_mut().try_for_each(|end| end.start())
    }

    pub(crate) fn finish_bundle(&mut self) -> Result<()> {
        self.ends.iter_mut().try_for_each(|end| end.finish())?;
        self.next.finish_bundle()
    }

    /// Begins to work on an element.
    pub(crate) fn begin(&mut self, element: &Work<'_>, order: &Order) {
        self.meta = Meta {
            time: Column::All(element.time),
            windows: WindowColumn::All(WindowSet::One(element.window)),
            pane: Column::All(element.pane),
        };
        self.time = element.time;
        self.rows = if order.one_by_one { 1 } else { Batch::<T>::ROWS };
        self.fill = Fill::up_to(self.rows);
        (self.left, self.halt) = (order.claims, None);
    }

    /// Hands on what was emitted.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.tagged_rows > 0 {
            self.tagged_rows = 0;
            for (end, (_, buffer)) in self.ends.iter_mut().zip(&mut self.tagged) {
                end.flush(buffer, &self.meta)?;
            }
        }
        if self.values.is_empty() {
            return Ok(());
        }
        self.fill = Fill::up_to(self.rows);
        let values = std::mem::take(&mut self.values);
        let time = std::mem::take(&mut self.times).finish(self.time);
        self.next.receive(Batch { values, meta: Meta { time, ..self.meta.clone() } })
    }

    #[cold]
    pub(crate) fn overflow(&mut self) {
        if let Err(error) = self.flush() {
            self.halt(Halt::Failed(error));
        }
    }

    /// Grants no claims any more; the first reason counts.
    #[cold]
    pub(crate) fn halt(&mut self, halt: Halt) {
        self.left = 0;
        self.halt.get_or_insert(halt);
    }
}

impl<T> Output<T> {
    /// How many rows there is room for.
    pub(crate) fn room(&self) -> usize {
        self.fill.room(self.values.len())
    }
}

impl<T: Element> Output<T> {
    #[inline]
    pub(crate) fn push(&mut self, value: T, at: Timestamp) {
        if self.values.capacity() == 0 {
            self.values.reserve(self.rows);
        }
        self.times.push(at, self.values.len());
        self.values.push(value);
        if self.fill.is_full(&self.values) {
            self.overflow();
        }
    }

    /// Adds rows with one time; there is room for them.
    pub(crate) fn extend(&mut self, rows: impl Iterator<Item = T>, at: Timestamp) {
        let before = self.values.len();
        self.values.extend(rows);
        self.times.push_all(at, before, self.values.len() - before);
        if self.fill.is_full(&self.values) {
            self.overflow();
        }
    }

    /// Adds rows with a time each; there is room for them.
    pub(crate) fn extend_at(&mut self, rows: Vec<T>, times: Vec<Timestamp>) {
        self.times.append(times, self.values.len());
        if self.values.is_empty() {
            self.values = rows;
        } else {
            self.values.extend(rows);
        }
        if self.fill.is_full(&self.values) {
            self.overflow();
        }
    }

    pub(crate) fn push_to<V: Element>(&mut self, tag: &Tag<V>, value: V, at: Timestamp) {
        let row = Row { index: 0, shared: true, meta: &self.meta };
        let buffer = self.tagged.iter_mut().find(|(name, _)| *name == tag.name);
        let Some(buffer) = buffer.and_then(|(_, buffer)| buffer.get_mut::<OutBuffer<V>>()) else {
            return self.halt(Halt::Mistake(format!("no output `{}` of this type was declared", tag.name)));
        };
        if at == self.time {
            buffer.push(value, row)
        } else {
            buffer.push_at(value, at, row)
        }
        self.tagged_rows += 1;
        if buffer.is_full() || self.tagged_rows >= self.rows {
            self.overflow();
        }
    }
}
