//! Short names of what workers report, for engines that read nothing else: Prism takes payloads by short id and asks what an id
//! means. Until it has asked, it keeps one payload for each, so an id is used again only when it is known.

use bytes::Bytes;
use ferrobeam_model::pipeline::MonitoringInfo;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// The short ids of a worker.
#[derive(Default)]
pub(super) struct ShortIds {
    /// What ids mean: reports without their payloads.
    meanings: BTreeMap<String, MonitoringInfo>,
    /// The ids that the engine has asked for, by what they mean.
    known: BTreeMap<Vec<u8>, String>,
    next: u64,
}

impl ShortIds {
    /// Payloads by short ids.
    pub(super) fn shorten(&mut self, infos: &[MonitoringInfo]) -> BTreeMap<String, Bytes> {
        infos.iter().map(|info| (self.id(info), info.payload.clone())).collect()
    }

    fn id(&mut self, info: &MonitoringInfo) -> String {
        let meaning = MonitoringInfo { payload: Bytes::new(), ..info.clone() };
        if let Some(id) = self.known.get(&meaning.encode_to_vec()) {
            return id.clone();
        }
        self.next += 1;
        let id = format!("{:x}", self.next);
        self.meanings.insert(id.clone(), meaning);
        id
    }

    /// What ids mean; those that this worker never gave are left out.
    pub(super) fn explain(&mut self, ids: &[String]) -> BTreeMap<String, MonitoringInfo> {
        let asked: BTreeSet<&String> = ids.iter().collect();
        let told: BTreeMap<String, MonitoringInfo> =
            asked.into_iter().filter_map(|id| Some((id.clone(), self.meanings.get(id)?.clone()))).collect();
        for (id, meaning) in &told {
            self.known.entry(meaning.encode_to_vec()).or_insert_with(|| id.clone());
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_used_again_when_the_engine_knows_it() {
        let mut ids = ShortIds::default();
        let info = |payload: &'static [u8]| MonitoringInfo {
            urn: "count".to_owned(),
            payload: Bytes::from_static(payload),
            ..Default::default()
        };
        let first = ids.id(&info(b"1"));
        assert_ne!(ids.id(&info(b"2")), first, "the engine would lose one of two payloads");
        assert_eq!(ids.explain(&[first.clone(), "other".to_owned()])[&first], info(b""));
        assert_eq!(ids.id(&info(b"3")), first);
    }
}
