//! What runners hold of a stateful step: keys, elements and state are bytes; timers are names and times.
//!
//! The step knows the types, the runner knows when. A runner brings the operator to one key and window after another
//! ([`enter`](StatefulOperator::enter)), calls it with elements and timers, and takes what it changed
//! ([`leave`](StatefulOperator::leave)). Nothing of that counts before the runner commits the bundle.

use crate::dofn::erased::{AnyReceiver, Wiring};
use crate::error::Result;
use crate::graph::EdgeCoder;
use crate::grouping::Exchange;
use crate::time::Timestamp;
use crate::windowing::{PaneInfo, Window};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A stateful step: a factory of its operator, and what a runner must know beforehand. This is what the code table holds.
pub trait AnyStateful: Send + Sync {
    /// Makes an operator in front of its consumers.
    ///
    /// # Errors
    /// [`Error::Wire`](crate::Error::Wire) if a consumer wants another type.
    fn wire(&self, wiring: Wiring<'_>) -> Result<Box<dyn StatefulOperator>>;

    /// What the step declares.
    fn facts(&self) -> &StatefulFacts;

    /// How many bytes of an encoded pair are its key. Equal keys, and only those, have equal bytes.
    ///
    /// # Errors
    /// [`Error::Coder`](crate::Error::Coder) if these bytes are no pair, or its key breaks the law of keys.
    fn key_length(&self, step: &crate::graph::StepName, pair: &[u8]) -> Result<usize>;

    /// The coder of its keys.
    fn key_coder(&self) -> Arc<dyn EdgeCoder>;

    /// Deals pairs out to shards by their key: parcels of [`EncodedPair`]s, each in one window. None of a step that only
    /// engines run.
    fn splitter(&self, step: &crate::graph::StepName, to: Box<dyn Exchange>) -> Option<AnyReceiver> {
        let _ = (step, to);
        None
    }
}

/// A pair in its nested encoding, and how many of its bytes are the key.
pub type EncodedPair = (Bytes, u32);

/// What a stateful step declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatefulFacts {
    /// Its cells.
    pub cells: Vec<CellFacts>,
    /// Its timers; a family is one.
    pub timers: Vec<TimerFacts>,
    /// Whether elements of a key must come in the order of their timestamps.
    pub time_sorted: bool,
    /// Whether it wants to be called when a window expires.
    pub on_window_expiration: bool,
}

/// A cell of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellFacts {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: CellKind,
    /// What its author called for, in words; engines may be given another of the same kind.
    pub form: &'static str,
    /// How long what is written counts, in processing time.
    pub ttl: Option<Duration>,
}

/// What a cell of state holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Values without keys: `Value`, `Bag`, `Combining`.
    Bag,
    /// Values by key: `Set`, `Map`, `Multimap`.
    Multimap,
    /// Values by timestamp.
    OrderedList,
}

/// A timer or a family of timers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerFacts {
    /// Its name.
    pub name: &'static str,
    /// Its clock.
    pub domain: TimeDomain,
    /// Whether it is a family: each tag is a timer of its own.
    pub is_family: bool,
}

/// The clock of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeDomain {
    /// The watermark: due when it is beyond the timer's time.
    EventTime,
    /// The wall clock of the runner: due when it has reached the timer's time.
    ProcessingTime,
}

/// The operator of a stateful step.
///
/// Protocol: `start_bundle (enter call* leave)* finish_bundle`. After an error the bundle is lost and the operator is dropped.
pub trait StatefulOperator: Send {
    /// Begins a bundle, downstream first.
    fn start_bundle(&mut self) -> Result<()>;

    /// Goes to a key and window, whose state is read, as far as it is needed, from `state`.
    fn enter(&mut self, key: &Bytes, at: Place, state: Arc<dyn StateReader>) -> Result<()>;

    /// Handles one event; what it does to timers is appended to `timers`, in order.
    fn call(&mut self, event: StatefulEvent<'_>, now: Timestamp, timers: &mut Vec<TimerChange>) -> Result<()>;

    /// What has changed in the state of this key and window since it was entered, in order.
    fn leave(&mut self) -> Result<Vec<StateChange>>;

    /// Ends the bundle; everything that was emitted has been passed on when it returns.
    fn finish_bundle(&mut self) -> Result<()>;
}

/// The window that an operator has been brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The window.
    pub window: Window,
    /// When its state goes: the last timestamp of the window plus the allowed lateness. No event timer lies behind it.
    pub expires: Timestamp,
}

/// Why the operator is called.
#[derive(Clone, Copy, Debug)]
pub enum StatefulEvent<'a> {
    /// An element has come.
    Element {
        /// The encoded pair of key and value.
        pair: &'a Bytes,
        /// Its event time.
        time: Timestamp,
        /// The firing that it belongs to.
        pane: PaneInfo,
    },
    /// A timer is due.
    Timer {
        /// Which one.
        timer: &'a TimerId,
        /// When it was set to fire.
        fire: Timestamp,
        /// Its output timestamp: what is emitted has it.
        output: Timestamp,
    },
    /// The window has expired and its state is about to go.
    WindowExpired,
}

/// A timer of a key and window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    /// The timer's or family's name.
    pub name: &'static str,
    /// Which one of a family; empty if it is none.
    pub tag: String,
}

/// What user code did to a timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerChange {
    /// The timer.
    pub timer: TimerId,
    /// What it is set to, in place of what it was set to before; `None` clears it.
    pub set: Option<TimerSet>,
}

/// What a timer is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerSet {
    /// When it fires, in its domain.
    pub fire: Timestamp,
    /// Its output timestamp: it holds the output watermark until it has fired or was cleared.
    pub output: Timestamp,
}

/// The state of one key and window as it was committed: the runner's half.
pub trait StateReader: Send + Sync {
    /// The values of a bag (`key` is empty), or of one key of a multimap.
    ///
    /// # Errors
    /// The state cannot be read.
    fn values(&self, cell: &str, key: &[u8]) -> Result<Vec<Bytes>>;

    /// The keys of a multimap.
    ///
    /// # Errors
    /// The state cannot be read.
    fn keys(&self, cell: &str) -> Result<Vec<Bytes>>;

    /// The part of an ordered list with timestamps in a range, in order.
    ///
    /// # Errors
    /// The state cannot be read.
    fn range(&self, cell: &str, range: Range<Timestamp>) -> Result<Vec<(Timestamp, Bytes)>>;
}

/// A change of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The cell's name.
    pub cell: &'static str,
    /// What has changed.
    pub change: CellChange,
}

/// What has changed in a cell: what engines can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellChange {
    /// All of it goes.
    Clear,
    /// A value comes to a bag (`key` is empty), or to one key of a multimap.
    Append {
        /// The key.
        key: Bytes,
        /// The value.
        value: Bytes,
    },
    /// A key of a multimap goes, with its values.
    ClearKey {
        /// The key.
        key: Bytes,
    },
    /// A value comes to an ordered list.
    Insert {
        /// Its timestamp.
        at: Timestamp,
        /// The value.
        value: Bytes,
    },
    /// Part of an ordered list goes.
    ClearRange {
        /// From the first timestamp to before the second.
        range: Range<Timestamp>,
    },
}
