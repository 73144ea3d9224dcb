//! Coders that an engine cannot read by itself.

use crate::engine::Engine;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::coders;
use std::collections::BTreeMap;

/// Puts what the engine would misread inside another coder behind a length, as it does itself with what it does not know.
pub(super) fn lower(target: Engine, components: &mut pb::Components) {
    let urns: BTreeMap<String, String> = components.coders.iter().map(|(id, coder)| (id.clone(), urn(coder))).collect();
    let mut prefixed = BTreeMap::new();
    for coder in components.coders.values_mut() {
        let outer = urn(coder);
        for id in &mut coder.component_coder_ids {
            if urns.get(id).is_some_and(|inner| misreads(target, &outer, inner)) {
                let behind = format!("{id}-behind-its-length");
                prefixed.insert(behind.clone(), std::mem::replace(id, behind));
            }
        }
    }
    for (id, inner) in prefixed {
        let spec = pb::FunctionSpec { urn: coders::LENGTH_PREFIX.to_owned(), payload: Default::default() };
        components.coders.insert(id, pb::Coder { spec: Some(spec), component_coder_ids: vec![inner] });
    }
}

fn misreads(target: Engine, outer: &str, inner: &str) -> bool {
    match target {
        // It knows the coders of windows as those of windows only.
        Engine::Prism => {
            matches!(inner, coders::INTERVAL_WINDOW | coders::GLOBAL_WINDOW)
                && !matches!(outer, coders::TIMER | coders::LENGTH_PREFIX)
        }
        // Java has one null, so that two nullable coders would be one; and Flink keeps none in the groups of a stream.
        Engine::Flink | Engine::Spark => inner == coders::NULLABLE && outer != coders::LENGTH_PREFIX,
        Engine::Other => false,
    }
}

fn urn(coder: &pb::Coder) -> String {
    coder.spec.as_ref().map(|spec| spec.urn.clone()).unwrap_or_default()
}
