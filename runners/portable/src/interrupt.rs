//! Requests to end that come from outside.

use crate::failure;
use ferrobeam_core::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C at the terminal, and the signal of those that end programs. For as long as this process lives they do nothing by
/// themselves from then on.
pub(crate) struct Interrupts(Option<[Signal; 2]>);

impl Interrupts {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn listen() -> Result<Interrupts> {
        let on = |kind| signal(kind).map_err(|error| failure(format!("cannot listen to signals: {error}")));
        Ok(Interrupts(Some([on(SignalKind::interrupt())?, on(SignalKind::terminate())?])))
    }

    /// Signals do what they do.
    pub(crate) fn ignore() -> Interrupts {
        Interrupts(None)
    }

    /// Waits for the next.
    pub(crate) async fn next(&mut self) {
        match &mut self.0 {
            None => std::future::pending().await,
            Some([interrupt, terminate]) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
        }
    }
}
