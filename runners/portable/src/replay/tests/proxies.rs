//! Each stream, held back for a while and broken off.

use super::{run, values};
use crate::replay::{Engine, Proxy, Stage, Stream};
use ferrobeam_core::prelude::*;

/// An engine whose worker reaches one service by a proxy, and a stage that logs and looks at a side input.
fn behind(stream: Stream) -> (Engine, Stage, Proxy) {
    let graph = Root::build(|root| {
        let more = root.create([1u64]);
        let add = |x: u64, more: &[u64]| {
            log::warn!("saw {x}");
            x + more.len() as u64
        };
        root.create([0u64]).map_with(more.as_iterable(), move |x, more| add(x, more)).named("Add").discard();
        Ok(())
    });
    let (engine, proxy) = Engine::start_behind(graph.unwrap(), stream).unwrap();
    let stage = Stage::of(&engine, "stage", &["Add"]).unwrap();
    run::<u64, u64>(&engine, "0", &stage, [1]).unwrap();
    (engine, stage, proxy)
}

/// A bundle that was held back is done as any other.
fn is_only_late(stream: Stream) {
    let (engine, stage, proxy) = behind(stream);
    proxy.hold();
    engine.begin("1", &stage);
    engine.data("1", &stage.sources[0], stage.sources[0].values([7u64]).unwrap(), true);
    proxy.wait_held().unwrap();
    proxy.release();
    engine.done("1").unwrap();
    assert_eq!(values::<u64>(&engine, "1", &stage.sinks[0]), [7]);
    engine.end().unwrap();
}

#[test]
fn instructions_may_be_late() {
    is_only_late(Stream::Control);
}

#[test]
fn elements_may_be_late() {
    is_only_late(Stream::Data);
}

#[test]
fn state_may_be_late() {
    is_only_late(Stream::State);
}

#[test]
fn the_log_may_be_late_and_nobody_waits_for_it() {
    let (engine, stage, proxy) = behind(Stream::Logging);
    assert_eq!(engine.log_entry().unwrap().message, "saw 1");
    proxy.hold();
    assert_eq!(run::<u64, u64>(&engine, "1", &stage, [7]).unwrap(), [7]);
    proxy.wait_held().unwrap();
    proxy.release();
    assert_eq!(engine.log_entry().unwrap().message, "saw 7");
    engine.end().unwrap();
}

#[test]
fn questions_may_be_late() {
    let (engine, _, proxy) = behind(Stream::Status);
    engine.status("0").unwrap();
    proxy.hold();
    std::thread::scope(|scope| {
        let status = scope.spawn(|| engine.status("1").unwrap());
        proxy.wait_held().unwrap();
        proxy.release();
        assert!(status.join().unwrap().starts_with("0 bundles run"));
    });
    engine.end().unwrap();
}

#[test]
fn without_the_control_stream_the_worker_ends() {
    let (engine, stage, proxy) = behind(Stream::Control);
    engine.begin("1", &stage);
    proxy.break_off();
    let error = engine.end().unwrap_err().to_string();
    assert!(error.contains("the control stream broke: "), "{error}");
}

#[test]
fn without_the_data_stream_bundles_fail() {
    let (engine, stage, proxy) = behind(Stream::Data);
    engine.begin("1", &stage);
    proxy.break_off();
    let error = engine.done("1").unwrap_err().to_string();
    assert!(error.contains("the data stream at localhost:") && error.contains(" broke: "), "{error}");
    let error = engine.run("2", &stage, stage.sources[0].values([1u64]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("the data stream at localhost:"), "{error}");
    engine.end().unwrap();
}

#[test]
fn without_the_state_stream_bundles_fail() {
    let (engine, stage, proxy) = behind(Stream::State);
    engine.states().fall_silent();
    engine.state_requests();
    engine.begin("1", &stage);
    engine.data("1", &stage.sources[0], stage.sources[0].values([7u64]).unwrap(), true);
    engine.state_request().unwrap();
    proxy.break_off();
    let error = engine.done("1").unwrap_err().to_string();
    assert!(error.contains("the state stream at localhost:") && error.contains(" broke: "), "{error}");
    engine.end().unwrap();
}

#[test]
fn without_the_log_stream_work_goes_on() {
    let (engine, stage, proxy) = behind(Stream::Logging);
    proxy.break_off();
    for id in ["1", "2"] {
        assert_eq!(run::<u64, u64>(&engine, id, &stage, [7]).unwrap(), [7]);
    }
    engine.end().unwrap();
}

#[test]
fn without_the_status_stream_work_goes_on() {
    let (engine, stage, proxy) = behind(Stream::Status);
    engine.status("0").unwrap();
    proxy.break_off();
    while !engine.log_entry().unwrap().message.contains("the status stream broke: ") {}
    assert_eq!(run::<u64, u64>(&engine, "1", &stage, [7]).unwrap(), [7]);
    engine.end().unwrap();
}
