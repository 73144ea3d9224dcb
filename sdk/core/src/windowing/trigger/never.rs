//! `Never`: not before the window closes.

/// Whether it wants to fire. What is left when a window closes comes out without being asked for.
pub(super) fn wants() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use crate::windowing::trigger::Trigger;
    use crate::windowing::trigger::script::{Event::*, firings};

    #[test]
    fn does_not_fire() {
        assert_eq!(firings(&Trigger::Never, &[Element, Time(100), Watermark(100), Element]), [0; 0]);
    }
}
