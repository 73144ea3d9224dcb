//! What unit tests have in common: a pipeline with one source, and parts of its work.

use bytes::Bytes;
use ferrobeam_core::dofn::splittable::operator::Part;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::prelude::*;
use ferrobeam_core::windowing::PaneInfo;
use ferrobeam_runner_core::bundle::splits::{EncodedElement, OpenPart};

/// Nothing, in one part.
struct Empty;

impl Source for Empty {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, 1)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), _: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Reads it.
pub(crate) fn graph() -> Graph {
    let graph = Root::build(|root| {
        root.read(Empty).discard();
        Ok(())
    });
    graph.unwrap()
}

/// A part that goes on at a processing time.
pub(crate) fn part(not_before: Timestamp) -> OpenPart {
    let (bytes, time, window, pane) = (Bytes::new(), Timestamp::MIN, Window::Global, PaneInfo::NO_FIRING);
    let element = EncodedElement { bytes: bytes.clone(), time, window, pane };
    OpenPart { element, part: Part { work: bytes, watermark: Timestamp::MIN }, size: 1.0, not_before }
}
