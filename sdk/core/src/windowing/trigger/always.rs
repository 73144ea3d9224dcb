//! `Always`: with every element.

/// Whether it wants to fire. Only a pane with elements is asked for, so every element makes one.
pub(super) fn wants() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use crate::windowing::trigger::Trigger;
    use crate::windowing::trigger::script::{Event::*, firings};

    #[test]
    fn fires_with_every_element_and_never_finishes() {
        assert_eq!(firings(&Trigger::Always, &[Element, Element, Watermark(50), Element]), [0, 1, 3]);
    }
}
