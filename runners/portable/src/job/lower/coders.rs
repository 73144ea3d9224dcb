//! Coders that an engine cannot read by itself.

use crate::engine::Engine;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::coders;

/// The coder of a window that is a value, behind a length.
const PREFIXED: &str = "window-behind-its-length";

/// Prism knows the coders of windows as those of windows only: inside an element they stand behind a length, as all that it does
/// not know.
pub(super) fn lower(target: Engine, components: &mut pb::Components) {
    if target != Engine::Prism {
        return;
    }
    let is_window = |coder: &pb::Coder| {
        let urn = coder.spec.as_ref().map_or("", |spec| &spec.urn);
        matches!(urn, coders::INTERVAL_WINDOW | coders::GLOBAL_WINDOW)
    };
    let windows: Vec<String> =
        components.coders.iter().filter(|(_, coder)| is_window(coder)).map(|(id, _)| id.clone()).collect();
    let prefixed = |id: &String| format!("{PREFIXED}-{id}");
    let is_timer = |coder: &pb::Coder| coder.spec.as_ref().is_some_and(|spec| spec.urn == coders::TIMER);
    for coder in components.coders.values_mut().filter(|coder| !is_timer(coder)) {
        for id in &mut coder.component_coder_ids {
            if windows.contains(id) {
                *id = prefixed(id);
            }
        }
    }
    for id in windows {
        let spec = pb::FunctionSpec { urn: coders::LENGTH_PREFIX.to_owned(), payload: Default::default() };
        let coder = pb::Coder { spec: Some(spec), component_coder_ids: vec![id.clone()] };
        components.coders.insert(prefixed(&id), coder);
    }
}
