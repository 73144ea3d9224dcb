//! The work on elements of a splittable step, cut into parts: bundles of it.

use bytes::Bytes;
use ferrobeam_core::dofn::splittable::operator::{Element, Order, Part, Residual, SplittableOperator};
use ferrobeam_core::windowing::{PaneInfo, Window};
use ferrobeam_core::{Result, Timestamp};

/// An encoded element in one window.
#[derive(Clone, Debug)]
pub struct EncodedElement {
    /// Its nested encoding.
    pub bytes: Bytes,
    /// Its timestamp.
    pub time: Timestamp,
    /// Its window.
    pub window: Window,
    /// The pane that it came with.
    pub pane: PaneInfo,
}

impl EncodedElement {
    /// The element as operators see it.
    #[must_use]
    pub fn as_element(&self) -> Element<'_> {
        Element { bytes: &self.bytes, time: self.time, window: self.window, pane: self.pane }
    }
}

/// A part of an element's work that is still to be done.
#[derive(Clone, Debug)]
pub struct OpenPart {
    /// The element.
    pub element: EncodedElement,
    /// The part.
    pub part: Part,
    /// How much it is, in the restriction's own unit; infinite if it has no end.
    pub size: f64,
    /// The processing time at which it goes on.
    pub not_before: Timestamp,
}

impl OpenPart {
    /// What has become of a residual of this part.
    #[must_use]
    pub fn residual(&self, residual: Residual, now: Timestamp) -> OpenPart {
        let not_before = now.saturating_add(residual.resume_after);
        OpenPart { element: self.element.clone(), part: residual.part, size: residual.size, not_before }
    }

    /// Whether it goes on now; what is put aside until the end of time never does.
    #[must_use]
    pub fn goes_on(&self, now: Timestamp) -> bool {
        self.not_before <= now && self.not_before < Timestamp::MAX
    }
}

/// Works on a part; what is left of it. A bundle that is cut off does not end.
///
/// # Errors
/// User code's.
pub fn process(
    operator: &mut dyn SplittableOperator,
    open: &OpenPart,
    order: &Order,
    is_cut_off: bool,
) -> Result<Vec<OpenPart>> {
    operator.start_bundle()?;
    let processed = operator.process(&open.element.as_element(), &open.part, order)?;
    if !is_cut_off {
        operator.finish_bundle()?;
    }
    Ok(processed.residuals.into_iter().map(|residual| open.residual(residual, order.now)).collect())
}

/// Cuts the work on new elements into parts.
///
/// # Errors
/// User code's.
pub fn cut(
    operator: &mut dyn SplittableOperator,
    elements: impl IntoIterator<Item = EncodedElement>,
    now: Timestamp,
) -> Result<Vec<OpenPart>> {
    operator.start_bundle()?;
    let mut cut = Vec::new();
    for element in elements {
        let whole = operator.initial(&element.as_element())?;
        for part in operator.split(&element.as_element(), &whole)? {
            let size = operator.size(&part)?;
            cut.push(OpenPart { element: element.clone(), part, size, not_before: now });
        }
    }
    operator.finish_bundle()?;
    Ok(cut)
}

/// What of some parts is still to be done when the pipeline drains.
///
/// # Errors
/// User code's.
pub fn truncate(operator: &mut dyn SplittableOperator, parts: &[OpenPart]) -> Result<Vec<OpenPart>> {
    operator.start_bundle()?;
    let mut left = Vec::new();
    for open in parts {
        let part = operator.truncate(&open.element.as_element(), &open.part)?;
        if let Some(part) = part {
            let size = operator.size(&part)?;
            left.push(OpenPart { part, size, not_before: Timestamp::MIN, ..open.clone() });
        }
    }
    operator.finish_bundle()?;
    Ok(left)
}
