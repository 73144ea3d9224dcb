//! `AfterCount`: once, when the pane has enough elements.

use super::Trigger;
use super::state::{Pane, Slot};

/// Fires once, when the pane has `n` elements or more.
///
/// ```
/// use ferrobeam_core::windowing::trigger::*;
/// let every_hundred = repeatedly(after_count(100));
/// ```
pub fn after_count(n: u32) -> Trigger {
    Trigger::AfterCount(n)
}

pub(super) fn element(slots: &mut [Slot]) {
    let count = count(slots).saturating_add(1);
    slots[0].pane = Pane::Count(count);
}

pub(super) fn wants(n: u32, slots: &[Slot]) -> bool {
    count(slots) >= u64::from(n)
}

fn count(slots: &[Slot]) -> u64 {
    match slots[0].pane {
        Pane::Count(count) => count,
        Pane::Nothing | Pane::Time(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::windowing::trigger::script::{Event::*, finishes, firings};
    use crate::windowing::trigger::{after_count, repeatedly};

    #[test]
    fn fires_once_with_the_nth_element() {
        let script = [Element, Watermark(50), Element, Element, Element];
        assert_eq!((firings(&after_count(3), &script), finishes(&after_count(3), &script)), (vec![3], Some(3)));
    }

    #[test]
    fn counts_anew_when_repeated() {
        assert_eq!(firings(&repeatedly(after_count(2)), &[Element; 7]), [1, 3, 5]);
    }
}
