//! What an engine hears of its worker: whatever has come waits until it is asked for.

use super::engine::Engine;
use super::rows::Port;
use super::services::{Event, locked};
use crate::failure;
use bytes::{Bytes, BytesMut};
use ferrobeam_core::Result;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::instruction_response::Response;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Nobody waits longer than this: a worker that says nothing is a failure, not a test that hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What has come.
pub(super) struct Events {
    pub(super) receiver: Receiver<Event>,
    /// What was not asked for yet.
    pub(super) kept: Vec<Event>,
}

impl Engine {
    /// Waits for the answer to an instruction.
    ///
    /// # Errors
    /// What went wrong, by the worker's own text.
    pub fn answer(&self, id: &str) -> Result<Response> {
        let is_it = |event: &Event| matches!(event, Event::Response(response) if response.instruction_id == id);
        match self.wait(&format!("the answer to `{id}`"), is_it)? {
            Event::Response(pb::InstructionResponse { response: Some(response), error, .. }) if error.is_empty() => {
                Ok(response)
            }
            Event::Response(response) => Err(failure(response.error)),
            _ => Err(failure("not an answer")),
        }
    }

    /// Waits for the end of a bundle.
    ///
    /// # Errors
    /// The worker's.
    pub fn done(&self, id: &str) -> Result<pb::ProcessBundleResponse> {
        match self.answer(id)? {
            Response::ProcessBundle(response) => Ok(response),
            other => Err(failure(format!("a bundle was answered with {other:?}"))),
        }
    }

    /// Waits for the next data of a sink, and whether it is the last.
    ///
    /// # Errors
    /// None comes.
    pub fn piece(&self, id: &str, sink: &Port) -> Result<(Bytes, bool)> {
        let is_it = |data: &pb::elements::Data| data.instruction_id == id && data.transform_id == sink.transform;
        match self.wait(&format!("output of `{id}`"), |event| matches!(event, Event::Data(data) if is_it(data)))? {
            Event::Data(data) => Ok((data.data, data.is_last)),
            _ => Err(failure("not output")),
        }
    }

    /// Waits for all data of a sink.
    ///
    /// # Errors
    /// None comes.
    pub fn output(&self, id: &str, sink: &Port) -> Result<Bytes> {
        let mut all = BytesMut::new();
        loop {
            let (piece, is_last) = self.piece(id, sink)?;
            all.extend_from_slice(&piece);
            if is_last {
                return Ok(all.freeze());
            }
        }
    }

    /// Waits for all timers of a family.
    ///
    /// # Errors
    /// None comes.
    pub fn timers(&self, id: &str, transform: &str, family: &str) -> Result<Bytes> {
        let mut all = BytesMut::new();
        let is_it = |timers: &pb::elements::Timers| {
            timers.instruction_id == id && timers.transform_id == transform && timers.timer_family_id == family
        };
        loop {
            let has = |event: &Event| matches!(event, Event::Timers(timers) if is_it(timers));
            let Event::Timers(timers) = self.wait(&format!("timers of `{id}`"), has)? else { continue };
            all.extend_from_slice(&timers.timers);
            if timers.is_last {
                return Ok(all.freeze());
            }
        }
    }

    /// Waits for the next request for state.
    ///
    /// # Errors
    /// None comes.
    pub fn state_request(&self) -> Result<pb::StateRequest> {
        match self.wait("a request for state", |event| matches!(event, Event::State(_)))? {
            Event::State(request) => Ok(request),
            _ => Err(failure("not a request for state")),
        }
    }

    /// The requests for state that have come and were not asked for.
    pub fn state_requests(&self) -> Vec<pb::StateRequest> {
        let mut events = locked(&self.events);
        let Events { receiver, kept } = &mut *events;
        kept.extend(receiver.try_iter());
        let (requests, others) = std::mem::take(kept).into_iter().partition(|event| matches!(event, Event::State(_)));
        *kept = others;
        let requests: Vec<Event> = requests;
        let request = |event| if let Event::State(request) = event { Some(request) } else { None };
        requests.into_iter().filter_map(request).collect()
    }

    /// Waits for the next log entry.
    ///
    /// # Errors
    /// None comes.
    pub fn log_entry(&self) -> Result<pb::LogEntry> {
        match self.wait("a log entry", |event| matches!(event, Event::Log(_)))? {
            Event::Log(entry) => Ok(entry),
            _ => Err(failure("not a log entry")),
        }
    }

    pub(super) fn wait(&self, what: &str, is_it: impl Fn(&Event) -> bool) -> Result<Event> {
        let mut events = locked(&self.events);
        if let Some(found) = events.kept.iter().position(&is_it) {
            return Ok(events.kept.remove(found));
        }
        loop {
            let nothing = |_| failure(format!("waited in vain for {what}; kept: {:?}", events.kept));
            let event = events.receiver.recv_timeout(PATIENCE).map_err(nothing)?;
            if is_it(&event) {
                return Ok(event);
            }
            events.kept.push(event);
        }
    }
}
