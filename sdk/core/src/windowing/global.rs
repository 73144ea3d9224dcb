//! One window for all of time.

use super::builder::Windowing;

/// One window for all of time.
///
/// Its end comes only with the end of the data, so a grouping of unbounded data needs a trigger.
///
/// ```
/// use ferrobeam_core::{prelude::*, time::*};
/// let each_minute = GlobalWindows::new().trigger(repeatedly(after_delay(minutes(1)))).discarding();
/// # Root::build(|root| {
/// #   root.create([1u64]).window(each_minute).discard();
/// #   Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalWindows(());

impl GlobalWindows {
    /// The global window.
    pub fn new() -> Windowing<GlobalWindows> {
        Windowing::new(GlobalWindows(()))
    }
}
