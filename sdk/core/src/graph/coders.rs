//! Coder specs in the graph, each once.

use crate::coder::CoderSpec;
use ferrobeam_model::pipeline as pb;
use std::collections::BTreeMap;

/// Gives coders their ids: equal specs have one id, which engines rely on at a Flatten.
#[derive(Clone, Default)]
pub(crate) struct Coders {
    ids: BTreeMap<Vec<u8>, String>,
    pub(crate) protos: BTreeMap<String, pb::Coder>,
}

impl Coders {
    pub(crate) fn id(&mut self, spec: &CoderSpec) -> String {
        let component_coder_ids = spec.components.iter().map(|component| self.id(component)).collect();
        let function = pb::FunctionSpec { urn: spec.urn.to_string(), payload: spec.payload.clone() };
        let proto = pb::Coder { spec: Some(function), component_coder_ids };
        // The encoded coder with its components' ids identifies the tree, for those are unique already.
        let known = self.ids.entry(prost::Message::encode_to_vec(&proto)).or_insert_with(|| {
            let id = format!("coder-{}", self.protos.len());
            self.protos.insert(id.clone(), proto);
            id
        });
        known.clone()
    }
}

/// All coder URNs that a worker of ours understands.
pub(crate) fn capabilities() -> Vec<String> {
    use ferrobeam_model::urns::coders::*;
    let coders = [
        BOOL,
        BYTES,
        DOUBLE,
        GLOBAL_WINDOW,
        INTERVAL_WINDOW,
        ITERABLE,
        KV,
        LENGTH_PREFIX,
        NULLABLE,
        ROW,
        SHARDED_KEY,
        STATE_BACKED_ITERABLE,
        STRING_UTF8,
        TIMER,
        VARINT,
        WINDOWED_VALUE,
    ];
    coders.map(str::to_owned).to_vec()
}
