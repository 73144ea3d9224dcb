//! The encoding of panes: a byte of flags, and as many varints as the pane needs.

use super::wire::{put_varint, take_array, take_varint};
use super::{CoderError, Decoded};
use crate::windowing::{PaneInfo, Timing};

const FIRST: u8 = 1;
const LAST: u8 = 2;

/// Which numbers follow the flags, in the high half of the byte.
const NO_INDEX: u8 = 0;
const ONE_INDEX: u8 = 1;
const TWO_INDICES: u8 = 2;

/// Appends a pane: without index if both are 0, with one if the nonspeculative index follows from it, else with two.
pub fn put_pane(pane: &PaneInfo, out: &mut Vec<u8>) {
    let timing = match pane.timing {
        Timing::Early => 0,
        Timing::OnTime => 1,
        Timing::Late => 2,
        Timing::Unknown => 3,
    };
    let flags = timing << 2 | if pane.is_first { FIRST } else { 0 } | if pane.is_last { LAST } else { 0 };
    if pane.timing != Timing::Early && pane.index == 0 && pane.nonspeculative_index == 0 {
        out.push(NO_INDEX << 4 | flags);
    } else if nonspeculative(pane.timing, pane.index) == Some(pane.nonspeculative_index) {
        out.push(ONE_INDEX << 4 | flags);
        put_varint(pane.index, out);
    } else {
        out.push(TWO_INDICES << 4 | flags);
        put_varint(pane.index, out);
        put_varint(pane.nonspeculative_index.cast_unsigned(), out);
    }
}

/// The nonspeculative index if it is not written: it follows from the index.
fn nonspeculative(timing: Timing, index: u64) -> Option<i64> {
    if timing == Timing::Early { Some(-1) } else { i64::try_from(index).ok() }
}

/// Reads a pane.
///
/// # Errors
/// If the form is unknown or an index is beyond its range.
pub fn take_pane(input: &mut &[u8]) -> Decoded<PaneInfo> {
    let [byte] = take_array(input, "a pane")?;
    let timing = match byte >> 2 & 3 {
        0 => Timing::Early,
        1 => Timing::OnTime,
        2 => Timing::Late,
        _ => Timing::Unknown,
    };
    let (index, written) = match byte >> 4 {
        NO_INDEX => (0, None),
        ONE_INDEX => (take_varint(input)?, None),
        TWO_INDICES => (take_varint(input)?, Some(take_varint(input)?.cast_signed())),
        other => return Err(CoderError::invalid("the form of a pane, 0 to 2", other)),
    };
    let nonspeculative_index = written
        .or_else(|| nonspeculative(timing, index))
        .ok_or_else(|| CoderError::invalid("the index of a pane", index))?;
    let (is_first, is_last) = (byte & FIRST != 0, byte & LAST != 0);
    Ok(PaneInfo { timing, index, nonspeculative_index, is_first, is_last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn panes() -> impl Strategy<Value = PaneInfo> {
        let timing = prop::sample::select(vec![Timing::Early, Timing::OnTime, Timing::Late, Timing::Unknown]);
        let index = prop_oneof![Just(0), 0..300u64, any::<u64>()];
        let other = prop_oneof![Just(0), Just(-1), 0..300i64, any::<i64>()];
        (timing, index, other, any::<bool>(), any::<bool>()).prop_map(
            |(timing, index, nonspeculative_index, is_first, is_last)| PaneInfo {
                timing,
                index,
                nonspeculative_index,
                is_first,
                is_last,
            },
        )
    }

    proptest! {
        #[test]
        fn round_trip(pane in panes(), tail: Vec<u8>) {
            let mut bytes = Vec::new();
            put_pane(&pane, &mut bytes);
            bytes.extend_from_slice(&tail);
            let mut input = bytes.as_slice();
            prop_assert_eq!(take_pane(&mut input)?, pane);
            prop_assert_eq!(input, tail.as_slice());
        }
    }

    #[test]
    fn forms_are_beams() {
        let pane = |timing, index, nonspeculative_index| {
            let mut out = Vec::new();
            put_pane(&PaneInfo { timing, index, nonspeculative_index, is_first: false, is_last: false }, &mut out);
            out
        };
        assert_eq!(pane(Timing::OnTime, 0, 0), [0x04]);
        assert_eq!(pane(Timing::Early, 0, -1), [0x10, 0]);
        assert_eq!(pane(Timing::Late, 3, 3), [0x18, 3]);
        assert_eq!(pane(Timing::OnTime, 3, 0), [0x24, 3, 0]);
    }
}
