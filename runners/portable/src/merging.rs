//! What a grouping becomes whose windows an engine would not merge as the model does: the names that submitter and worker
//! share.
//!
//! The engine sees two ParDos in its place. The first makes of each pair its key and bytes, in the global window; the second
//! keeps the bytes in state until the ends of windows, and groups them. The payload of both names the grouping's step.

use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::transforms::PAR_DO;
use prost::Message;

/// The bag of what came since a window last ended.
pub(crate) const ROWS: &str = "rows";
/// The value with the windows of a key that are open.
pub(crate) const OPEN: &str = "open";
/// The family of the timers at the ends of windows.
pub(crate) const ENDS: &str = "ends";

/// One of the two ParDos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergingPart {
    /// Pairs in their windows to keys with bytes.
    Carry,
    /// Keys with bytes to groups in merged windows.
    Group,
}

impl MergingPart {
    /// The URN of its function.
    pub(crate) fn urn(self) -> &'static str {
        match self {
            MergingPart::Carry => "ferrobeam:dofn:carry_windows:v1",
            MergingPart::Group => "ferrobeam:dofn:group_by_merged_window:v1",
        }
    }

    /// The part that a transform is, if so.
    pub(crate) fn of(transform: &pb::PTransform) -> Option<MergingPart> {
        let spec = transform.spec.as_ref().filter(|spec| spec.urn == PAR_DO)?;
        let function = pb::ParDoPayload::decode(&spec.payload[..]).ok()?.do_fn?;
        [MergingPart::Carry, MergingPart::Group].into_iter().find(|part| part.urn() == function.urn)
    }
}
