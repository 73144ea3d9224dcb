//! What stands for user code in the graph: the id of its step. Engines copy payloads and rename all else.

use bytes::Bytes;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;
use prost::Message;

/// URN of a function that the worker finds by step id in the graph that it built itself.
pub const DO_FN: &str = "ferrobeam:dofn:in_graph:v1";
/// URN of a function that is in the payload itself, beside its step.
pub const PORTABLE_DO_FN: &str = "ferrobeam:dofn:typetag:v1";
/// URN of a view of a side input, likewise.
pub const VIEW_FN: &str = "ferrobeam:view_fn:in_graph:v1";
/// URN of the mapping of a main input's windows to a side input's, likewise.
pub const WINDOW_MAPPING_FN: &str = "ferrobeam:window_mapping_fn:in_graph:v1";
/// URN of a window function of the user's own, likewise.
pub const WINDOW_FN: &str = "ferrobeam:window_fn:in_graph:v1";
/// URN of the step that keeps the elements that groupings of the same collection drop, because their window has expired.
pub const LATE_OUTPUT: &str = "ferrobeam:transform:late_output:v1";
/// URN of a combine function, likewise.
pub(crate) const COMBINE_FN: &str = "ferrobeam:combine_fn:in_graph:v1";

/// The payload of every function in the graph.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct FnRef {
    /// The step's unique name.
    #[prost(string, tag = "1")]
    pub step: String,
    /// The fingerprint of the graph that was submitted.
    #[prost(fixed64, tag = "2")]
    pub fingerprint: u64,
}

/// The payload of the mapping of windows of a side input: that of its step, and which side input it is.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SideRef {
    /// The step's unique name.
    #[prost(string, tag = "1")]
    pub step: String,
    /// The fingerprint of the graph that was submitted.
    #[prost(fixed64, tag = "2")]
    pub fingerprint: u64,
    /// The local name of the side input.
    #[prost(string, tag = "3")]
    pub side: String,
}

impl SideRef {
    /// The reference as a function of the graph.
    pub fn function(&self) -> pb::FunctionSpec {
        pb::FunctionSpec { urn: WINDOW_MAPPING_FN.to_owned(), payload: Bytes::from(self.encode_to_vec()) }
    }
}

/// Beam's payload of a step that assigns windows, with the step in a field that Beam does not have and engines keep: its
/// own window functions are known by their parameters, and name no step.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AssignWindows {
    #[prost(message, optional, tag = "1")]
    pub(crate) window_fn: Option<pb::FunctionSpec>,
    #[prost(message, optional, tag = "1000")]
    pub(crate) step: Option<FnRef>,
}

/// A function that travels as bytes: a [`FnRef`], and the function.
#[derive(Clone, PartialEq, Eq, Message)]
struct Carried {
    #[prost(string, tag = "1")]
    step: String,
    #[prost(fixed64, tag = "2")]
    fingerprint: u64,
    #[prost(bytes = "bytes", tag = "3")]
    dofn: Bytes,
}

/// The function that the payload of a transform holds, if it holds one.
pub(super) fn carried(transform: &pb::PTransform) -> Option<Bytes> {
    let spec = transform.spec.as_ref().filter(|spec| spec.urn == urns::transforms::PAR_DO)?;
    let function = pb::ParDoPayload::decode(&spec.payload[..]).ok()?.do_fn?;
    // One that is damaged is none that could be read.
    (function.urn == PORTABLE_DO_FN).then(|| Carried::decode(&function.payload[..]).unwrap_or_default().dofn)
}

impl FnRef {
    /// Puts the function itself beside the reference in a transform's payload.
    ///
    /// # Errors
    /// The transform is no ParDo.
    pub(crate) fn carry(&self, transform: &mut pb::PTransform, dofn: Bytes) -> Result<(), prost::DecodeError> {
        let spec = transform.spec.get_or_insert_default();
        let mut payload = pb::ParDoPayload::decode(&spec.payload[..])?;
        let carried = Carried { step: self.step.clone(), fingerprint: self.fingerprint, dofn };
        let urn = PORTABLE_DO_FN.to_owned();
        payload.do_fn = Some(pb::FunctionSpec { urn, payload: carried.encode_to_vec().into() });
        spec.payload = payload.encode_to_vec().into();
        Ok(())
    }

    /// The reference in a transform's payload, if it runs code of ours.
    pub fn of(transform: &pb::PTransform) -> Option<FnRef> {
        use urns::transforms::*;
        let spec = transform.spec.as_ref()?;
        let function = match spec.urn.as_str() {
            PAR_DO
            | PAIR_WITH_RESTRICTION
            | SPLIT_AND_SIZE_RESTRICTIONS
            | TRUNCATE_SIZED_RESTRICTION
            | PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS => pb::ParDoPayload::decode(&spec.payload[..]).ok()?.do_fn,
            COMBINE_PER_KEY
            | COMBINE_PER_KEY_PRECOMBINE
            | COMBINE_PER_KEY_MERGE_ACCUMULATORS
            | COMBINE_PER_KEY_EXTRACT_OUTPUTS
            | COMBINE_PER_KEY_CONVERT_TO_ACCUMULATORS
            | COMBINE_GROUPED_VALUES => pb::CombinePayload::decode(&spec.payload[..]).ok()?.combine_fn,
            // An engine asks about a function that is the whole payload.
            MAP_WINDOWS | MERGE_WINDOWS => pb::FunctionSpec::decode(&spec.payload[..]).ok(),
            ASSIGN_WINDOWS => return AssignWindows::decode(&spec.payload[..]).ok()?.step,
            _ => None,
        }?;
        function.urn.starts_with("ferrobeam:").then(|| FnRef::decode(&function.payload[..]).ok()).flatten()
    }

    /// The reference as a function of the graph.
    pub fn function(&self, urn: &str) -> pb::FunctionSpec {
        pb::FunctionSpec { urn: urn.to_owned(), payload: Bytes::from(self.encode_to_vec()) }
    }
}
