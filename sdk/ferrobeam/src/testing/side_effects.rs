//! What a pipeline does outside of itself, in a test.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

/// A log that takes the place of what a pipeline talks to: a database, a mail server.
///
/// A bundle may be repeated, and what user code does in it then happens again; what it does in `after_commit` happens
/// once. A [`Simulation`](super::Simulation) that is told of the log compares what was recorded, in any order.
///
/// ```
/// use ferrobeam::prelude::*;
/// use ferrobeam::testing::{SideEffects, Simulation};
///
/// #[derive(Clone)]
/// struct Send(SideEffects);
///
/// impl DoFn for Send {
///     type In = String;
///     type Out = ();
///     const FINALIZES: bool = true;
///     fn process(&mut self, mail: String, ctx: &mut Context<'_, ()>) -> Result<(), BoxError> {
///         let sent = self.0.clone();
///         ctx.after_commit(move || {
///             sent.record(mail);
///             Ok(())
///         });
///         Ok(())
///     }
/// }
///
/// let sent = SideEffects::new();
/// Simulation::new(0..100).comparing(&sent).run(|root| {
///     root.create(["to ann".to_owned(), "to bob".to_owned()]).par_do(Send(sent.clone())).discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SideEffects(Arc<Mutex<Vec<String>>>);

impl SideEffects {
    /// A log without entries; clones of it are the same log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry.
    pub fn record(&self, what: impl Display) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_string());
    }

    /// Removes all entries and returns them.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
