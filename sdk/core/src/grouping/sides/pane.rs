//! What has fired.

use super::{Held, SidePane, Stored};
use crate::Element;
use crate::dofn::erased::{LentRows, SharedRows};
use crate::error::Result;
use crate::graph::StepName;
use crate::grouping::spill::Pieces;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

/// A pane of `T`.
pub(super) struct PaneOf<T> {
    /// Who made it, if it can go to files.
    step: Option<StepName>,
    rows: Mutex<Rows<T>>,
    /// What comes into memory for somebody who has the lock.
    coming: AtomicUsize,
}

struct Rows<T> {
    /// What is in files, and in memory if nobody has looked yet.
    stored: Stored<T>,
    /// All of it, since somebody has looked.
    whole: Option<SharedRows>,
    /// All of it, which is in files: in memory as long as somebody looks.
    lent: LentRows,
}

impl<T> PaneOf<T> {
    pub(super) fn new(stored: Stored<T>, step: Option<StepName>) -> Self {
        let rows = Mutex::new(Rows { stored, whole: None, lent: LentRows::default() });
        PaneOf { step, rows, coming: AtomicUsize::new(0) }
    }
}

impl<T: Element> SidePane for PaneOf<T> {
    fn rows(&self) -> Result<(SharedRows, bool)> {
        // Others who want the same rows wait for them.
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let Rows { stored, whole, lent } = &mut *rows;
        if let Some(known) = whole.clone().or_else(|| lent.rows()) {
            return Ok((known, false));
        }
        let mut all = match &self.step {
            Some(step) if stored.written() > 0 => {
                self.coming.store(stored.whole(), Ordering::Relaxed);
                let read = stored.read(step);
                self.coming.store(0, Ordering::Relaxed);
                read?
            }
            _ => Vec::new(),
        };
        let is_read = !all.is_empty();
        if is_read {
            all.append(&mut stored.here);
        } else {
            all = std::mem::take(&mut stored.here);
        }
        Ok((whole.insert(SharedRows::new(all)).clone(), is_read))
    }

    fn held(&self) -> Held {
        let rows = match self.rows.try_lock() {
            Ok(rows) => rows,
            Err(TryLockError::Poisoned(rows)) => rows.into_inner(),
            // Somebody reads it now, who will look at it, or writes it.
            Err(TryLockError::WouldBlock) => return Held { idle: 0, used: self.coming.load(Ordering::Relaxed) },
        };
        let Rows { stored, whole, lent } = &*rows;
        match whole {
            Some(whole) if whole.is_used() => Held { idle: 0, used: stored.whole() },
            Some(whole) => Held { idle: stored.whole() * (1 + whole.made()), used: 0 },
            None if lent.rows().is_some() => Held { idle: 0, used: stored.whole() },
            None => Held { idle: stored.held(), used: 0 },
        }
    }

    fn spill(&self, pieces: &mut Pieces) -> Result<()> {
        let Some(step) = &self.step else { return Ok(()) };
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let Rows { stored, whole, lent } = &mut *rows;
        let Some(all) = whole else {
            stored.write(step, pieces)?;
            return pieces.flush();
        };
        let new = all.typed::<T>()?.get(stored.written()..).unwrap_or_default();
        if !new.is_empty() {
            if all.is_used() {
                return Ok(());
            }
            stored.add(step, pieces, new)?;
            // Whoever looks next reads it, even if the file goes on.
            pieces.flush()?;
        }
        *lent = all.lent();
        *whole = None;
        Ok(())
    }
}
