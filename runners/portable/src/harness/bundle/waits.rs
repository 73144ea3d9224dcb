//! What a bundle's thread waits for, for whoever asks how the worker is.

use std::sync::atomic::{AtomicU8, Ordering};

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// More elements or timers.
    Data = 1,
    /// An answer about state.
    State = 2,
    /// Room on the data stream.
    Room = 3,
}

/// What one thread waits for.
#[derive(Debug, Default)]
pub(crate) struct Waits(AtomicU8);

impl Waits {
    /// Does something that may wait.
    pub(super) fn during<R>(&self, what: For, body: impl FnOnce() -> R) -> R {
        self.0.store(what as u8, Ordering::Relaxed);
        let result = body();
        self.0.store(0, Ordering::Relaxed);
        result
    }

    /// What it does, in words.
    pub(crate) fn text(&self) -> &'static str {
        match self.0.load(Ordering::Relaxed) {
            1 => "waits for data",
            2 => "waits for state",
            3 => "waits for room on the data stream",
            _ => "works",
        }
    }
}
