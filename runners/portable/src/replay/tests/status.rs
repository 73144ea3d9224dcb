//! What a worker says of itself.

use super::{engine, run};
use crate::replay::Stage;
use ferrobeam_model::fn_execution::log_entry::severity::Enum as Severity;

#[test]
fn user_code_logs_with_instruction_and_step() {
    let engine = engine(|root| {
        let seen = root.create([0u64]).map(|x| {
            log::warn!("saw {x}");
            log::debug!("nobody wants to know");
            x
        });
        seen.named("See").discard();
    });
    log::error!("outside of a bundle");
    let stage = Stage::of(&engine, "stage", &["See"]).unwrap();
    run::<u64, u64>(&engine, "1", &stage, [7, 8]).unwrap();
    for text in ["saw 7", "saw 8"] {
        let entry = engine.log_entry().unwrap();
        assert_eq!((&*entry.message, &*entry.instruction_id, entry.severity()), (text, "1", Severity::Warn));
        assert_eq!(entry.transform_id, stage.id_of("See").unwrap());
        assert!(entry.log_location.contains("status.rs:"), "{entry:?}");
        assert!(entry.timestamp.is_some());
    }
}

#[test]
fn a_worker_says_what_its_bundles_wait_for() {
    let engine = engine(|root| {
        let more = root.create([1u64]);
        root.create([0u64]).map_with(more.as_iterable(), |x, more| x + more.len() as u64).named("Add").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Add"]).unwrap();
    assert_eq!(engine.status("0").unwrap(), "0 bundles run, 0 processors wait for one\n");
    run::<u64, u64>(&engine, "1", &stage, [1]).unwrap();
    assert_eq!(engine.status("1").unwrap(), "0 bundles run, 1 processors wait for one\n");
    engine.states().fall_silent();
    engine.state_request().unwrap();
    engine.begin("2", &stage);
    engine.data("2", &stage.sources[0], stage.sources[0].values([1u64, 2]).unwrap(), true);
    engine.state_request().unwrap();
    let status = engine.status("2").unwrap();
    assert!(status.starts_with("1 bundles run, 0 processors"), "{status}");
    assert!(status.contains("\nbundle `2` of `stage` waits for state; 2 elements were begun\n"), "{status}");
    engine.end().unwrap();
}
