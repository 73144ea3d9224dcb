//! Where pairs meet their driver: the store numbers their keys, the driver says what becomes of them, and the store does it.

use crate::engine::{Grouping, Now, Row};
use ferrobeam_core::Result;
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::{Cells, KeyId, Rows};

/// Puts pairs that come at `now` into a grouping's store, as its driver says, and counts what is dropped for the step.
///
/// # Errors
/// User code's: of accumulators, and of window functions of the user's own, which merge in here.
pub fn take_in(step: &StepName, driver: &mut Grouping, cells: &mut dyn Cells, parcel: Parcel, now: Now) -> Result<()> {
    let mut keys = Vec::new();
    let rows = cells.intern(parcel, &mut keys)?;
    put_in(step, driver, cells, (rows, &keys), now)
}

/// As [`take_in`], if the store has numbered the keys.
pub(super) fn put_in(
    step: &StepName,
    driver: &mut Grouping,
    cells: &mut dyn Cells,
    (rows, keys): (Rows, &[KeyId]),
    now: Now,
) -> Result<()> {
    let (mut commands, before) = (Vec::new(), driver.dropped());
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
