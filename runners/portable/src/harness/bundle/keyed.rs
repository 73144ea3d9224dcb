//! A stateful step: brings its operator to one key and window after another, with the engine's state and timers.

use super::cells::{Place as Cells, Shelf};
use super::current::Current;
use super::output::Output;
use bytes::Bytes;
use ferrobeam_core::batch::Batch;
use ferrobeam_core::coder::wire::{put_prefixed, take_prefixed};
use ferrobeam_core::coder::{
    Coder, CoderError, CoderProblem, Decoded, IterableCoder, StrategyWindowCoder, TimerSetting,
};
use ferrobeam_core::dofn::erased::Receiver;
use ferrobeam_core::dofn::stateful::operator::{
    AnyStateful, Place, StatefulEvent, StatefulOperator, TimerChange, TimerId, TimerSet,
};
use ferrobeam_core::graph::{StepName, WireCoder};
use ferrobeam_core::windowing::{PaneInfo, Window, WindowingStrategy};
use ferrobeam_core::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A stateful step of a processor: elements reach it by one way, timers by another.
#[derive(Clone)]
pub(super) struct Keyed(pub(super) Arc<Mutex<Visitor>>);

impl Keyed {
    fn visitor(&self) -> MutexGuard<'_, Visitor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles timers of a family that are due: a piece of encoded timers, one after another, which may end in the middle
    /// of one.
    pub(super) fn timers(&self, family: &str, piece: &Bytes, is_last: bool) -> Result<()> {
        let mut visitor = self.visitor();
        let mut all = visitor.rests.remove(family).unwrap_or_default();
        all.extend_from_slice(piece);
        let mut input = &all[..];
        while !input.is_empty() {
            let before = input;
            match visitor.take_timer(&mut input) {
                Ok(timer) => visitor.timer(family, timer)?,
                Err(error) if !is_last && matches!(error.problem(), CoderProblem::Truncated { .. }) => {
                    visitor.rests.insert(family.to_owned(), before.to_vec());
                    break;
                }
                Err(source) => return Err(visitor.failed(source.at("a timer"))),
            }
        }
        Ok(())
    }
}

impl Receiver<Bytes> for Keyed {
    fn start_bundle(&mut self) -> Result<()> {
        let mut visitor = self.visitor();
        visitor.at = None;
        visitor.shelf.start();
        visitor.rests.clear();
        visitor.operator.start_bundle()
    }

    fn receive(&mut self, batch: Batch<Bytes>) -> Result<()> {
        let mut visitor = self.visitor();
        batch.explode(|batch| {
            for (row, pair) in batch.values.iter().enumerate() {
                let window = batch.meta.windows.get(row).as_slice().first().copied().unwrap_or(Window::Global);
                let length = visitor.code.key_length(&visitor.step, pair)?;
                let event =
                    StatefulEvent::Element { pair, time: *batch.meta.time.get(row), pane: *batch.meta.pane.get(row) };
                visitor.call(&pair.slice(..length), window, event)?;
            }
            Ok(())
        })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        let mut visitor = self.visitor();
        visitor.leave()?;
        visitor.shelf.write()?;
        visitor.operator.finish_bundle()
    }
}

/// What brings the operator around.
pub(super) struct Visitor {
    pub(super) step: StepName,
    pub(super) code: Arc<dyn AnyStateful>,
    pub(super) operator: Box<dyn StatefulOperator>,
    pub(super) keys: Arc<dyn WireCoder>,
    pub(super) windows: StrategyWindowCoder,
    pub(super) windowing: Arc<WindowingStrategy>,
    pub(super) current: Arc<Current>,
    /// Timers go out here, by family.
    pub(super) families: BTreeMap<String, Arc<Output>>,
    /// The family that stands for the end of a window.
    pub(super) expiration: String,
    pub(super) at: Option<Here>,
    /// The cells of where it was before.
    pub(super) shelf: Shelf,
    /// Beginnings of timers whose ends are in the next pieces, by family.
    pub(super) rests: BTreeMap<String, Vec<u8>>,
    pub(super) changes: Vec<TimerChange>,
}

/// The key and window that the operator was brought to.
pub(super) struct Here {
    window: Window,
    cells: Arc<Cells>,
}

/// A timer that is due.
struct Due {
    key: Bytes,
    tag: String,
    windows: Vec<Window>,
    setting: TimerSetting,
}

impl Visitor {
    fn failed(&self, source: CoderError) -> Error {
        Error::Coder { step: self.step.clone(), element: None, source }
    }

    fn take_timer(&self, input: &mut &[u8]) -> Decoded<Due> {
        let key = self.keys.take(input)?;
        let tag = take_prefixed(input, "a timer's tag")?;
        let tag = String::from_utf8(tag.to_vec()).map_err(|_| CoderError::invalid("a timer's tag", "no UTF-8"))?;
        let windows: Vec<Window> = IterableCoder::of_windows(self.windows).decode(input)?;
        let setting = TimerSetting::take(input)?;
        let setting = setting.ok_or_else(|| CoderError::invalid("a timer that is due", "one that is cleared"))?;
        Ok(Due { key, tag, windows, setting })
    }

    fn timer(&mut self, family: &str, due: Due) -> Result<()> {
        for window in due.windows {
            if !self.expiration.is_empty() && family == self.expiration {
                self.call(&due.key, window, StatefulEvent::WindowExpired)?;
                continue;
            }
            let declared = self.code.facts().timers.iter().find(|timer| timer.name == family);
            let Some(name) = declared.map(|timer| timer.name) else {
                return Err(self.failed(CoderError::invalid("a timer of this step", family)));
            };
            let timer = TimerId { name, tag: due.tag.clone() };
            let (fire, output) = (due.setting.fire, due.setting.hold);
            self.call(&due.key, window, StatefulEvent::Timer { timer: &timer, fire, output })?;
        }
        Ok(())
    }

    fn call(&mut self, key: &Bytes, window: Window, event: StatefulEvent<'_>) -> Result<()> {
        self.enter(key, window)?;
        let mut changes = std::mem::take(&mut self.changes);
        self.operator.call(event, self.current.now(), &mut changes)?;
        changes.drain(..).try_for_each(|change| self.set_timer(change))?;
        self.changes = changes;
        Ok(())
    }

    fn enter(&mut self, key: &Bytes, window: Window) -> Result<()> {
        if self.at.as_ref().is_some_and(|here| here.cells.is(key, window)) {
            return Ok(());
        }
        self.leave()?;
        let cells = match self.shelf.take(key, window) {
            Some(cells) => cells,
            None => {
                let (mut wire_key, mut wire_window) = (Vec::new(), Vec::new());
                self.keys.put(key, &mut wire_key).map_err(|source| self.failed(source.at("key")))?;
                let encoded = self.windows.encode(&window, &mut wire_window);
                encoded.map_err(|source| self.failed(source.at("window")))?;
                self.shelf.place(key, window, wire_key, wire_window)
            }
        };
        let expires = self.windowing.garbage_collection_time(window);
        self.operator.enter(key, Place { window, expires }, cells.clone())?;
        self.at = Some(Here { window, cells });
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let Some(here) = self.at.take() else { return Ok(()) };
        here.cells.apply(self.operator.leave()?)?;
        self.shelf.keep(here.cells)
    }

    /// Tells the engine what has become of a timer.
    fn set_timer(&self, change: TimerChange) -> Result<()> {
        let TimerChange { timer, set } = change;
        let (Some(here), Some(family)) = (&self.at, self.families.get(timer.name)) else {
            return Err(self.failed(CoderError::invalid("a timer family of the engine's", timer.name)));
        };
        let mut encoded = here.cells.key.to_vec();
        put_prefixed(timer.tag.as_bytes(), &mut encoded);
        IterableCoder::of_windows(self.windows)
            .encode(&vec![here.window], &mut encoded)
            .map_err(|source| self.failed(source.at("window")))?;
        let setting =
            set.map(|TimerSet { fire, output }| TimerSetting { fire, hold: output, pane: PaneInfo::NO_FIRING });
        TimerSetting::put(setting.as_ref(), &mut encoded);
        family.push(encoded.into())
    }
}
