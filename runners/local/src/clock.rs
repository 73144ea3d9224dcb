//! Processing time.

use ferrobeam_core::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What time it is.
pub(crate) struct Clock {
    /// Whether time passes by itself.
    is_real: bool,
    /// Milliseconds that it is ahead of the wall clock; or the time itself.
    millis: AtomicI64,
    synchronized: AtomicI64,
}

impl Clock {
    pub(crate) fn new(is_real: bool) -> Self {
        Clock { is_real, millis: AtomicI64::new(0), synchronized: AtomicI64::new(Timestamp::EPOCH.millis()) }
    }

    /// Whether time passes by itself.
    pub(crate) fn is_real(&self) -> bool {
        self.is_real
    }

    /// The processing time.
    pub(crate) fn now(&self) -> Timestamp {
        let millis = self.millis.load(Ordering::Acquire);
        if !self.is_real {
            return Timestamp::from_millis(millis);
        }
        // Before 1970 nobody had this runner.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Timestamp::from_millis(i64::try_from(wall).unwrap_or(i64::MAX).saturating_add(millis))
    }

    /// Lets time pass up to `at`, at once.
    pub(crate) fn pass_to(&self, at: Timestamp) {
        let length = at.millis().saturating_sub(self.now().millis()).max(0);
        self.millis.fetch_add(length, Ordering::AcqRel);
    }

    /// The processing time that all work has reached.
    pub(crate) fn synchronized(&self) -> Timestamp {
        Timestamp::from_millis(self.synchronized.load(Ordering::Acquire))
    }

    /// All work has reached this time. Whether that is news.
    pub(crate) fn synchronize(&self, at: Timestamp) -> bool {
        self.synchronized.fetch_max(at.millis(), Ordering::AcqRel) < at.millis()
    }
}
