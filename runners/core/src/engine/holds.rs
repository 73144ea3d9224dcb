//! What keeps an output watermark back.

use ferrobeam_core::Timestamp;
use std::collections::BTreeMap;

/// Timestamps that an output watermark may not pass: an ordered multiset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds(BTreeMap<Timestamp, usize>);

impl Holds {
    /// The earliest one.
    #[must_use]
    pub fn earliest(&self) -> Option<Timestamp> {
        self.0.first_key_value().map(|(at, _)| *at)
    }

    /// Puts one in the place of another; either may be none. What is taken away must have been put in.
    pub fn replace(&mut self, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        if let Some(at) = new {
            *self.0.entry(at).or_default() += 1;
        }
        if let Some(at) = old
            && let Some(count) = self.0.get_mut(&at)
        {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_holds_are_counted() {
        let (mut holds, at) = (Holds::default(), |n| Some(Timestamp::from_millis(n)));
        holds.replace(None, at(5));
        holds.replace(None, at(5));
        holds.replace(at(5), at(3));
        assert_eq!(holds.earliest(), at(3));
        holds.replace(at(3), None);
        assert_eq!(holds.earliest(), at(5));
        holds.replace(at(5), None);
        assert_eq!(holds, Holds::default());
    }
}
