//! Where pairs meet their driver: the store numbers their keys, the driver says what becomes of them, and the store does it.

use crate::engine::{Grouping, Now, Row};
use ferrobeam_core::Result;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::Cells;

/// Puts pairs that come at `now` into a grouping's store, as its driver says, and counts what is dropped for the step.
///
/// # Errors
/// User code's: of accumulators, and of window functions of the user's own, which merge in here.
pub fn take_in(step: &StepName, driver: &mut Grouping, cells: &mut dyn Cells, parcel: Parcel, now: Now) -> Result<()> {
    let (mut keys, mut commands, before) = (Vec::new(), Vec::new(), driver.dropped());
    let rows = cells.intern(parcel, &mut keys)?;
    guard(step, || {
        let Some(meta) = rows.meta() else { return Ok(()) };
        let row = |(row, &key): (usize, &u32)| Row {
            key,
            timestamp: *meta.time.get(row),
            windows: meta.windows.get(row).as_slice(),
        };
        driver.add(keys.iter().enumerate().map(row), now, &mut commands)?;
        driver.dropped().count_since(before);
        Ok(())
    })?;
    cells.apply(rows, &commands)
}
