//! All that a pipeline's author names. No threads, sockets or clock; no runner.
//!
//! A pipeline is written with [`Root`] and [`PCollection`]; its graph is Beam's own proto ([`graph`]); its data is
//! described by [`Element`] and encoded by [`coder`]; user code is a closure, a [`dofn::DoFn`] or a
//! [`combiners::CombineFn`]. What runs it is in other crates.

// Derived code says `::ferrobeam::..`; inside this crate that is this crate.
extern crate self as ferrobeam;

pub mod batch;
pub mod coder;
pub mod combiners;
pub mod dofn;
mod element;
mod error;
pub mod graph;
pub mod grouping;
pub mod metrics;
mod pcollection;
mod root;
pub mod runner;
pub mod streaming;
pub mod testing;
pub mod time;
pub mod transforms;
pub mod windowing;

#[doc(hidden)]
pub use coder::derived as __private;
pub use coder::{Coder, CoderError};
pub use dofn::stateful::{State, Timers};
pub use element::{Element, Key, Pair};
pub use error::{BoxError, Error, Result};
pub use ferrobeam_derive::{Element, State, Timers};
pub use pcollection::{Named, PCollection, PTransform, named};
pub use root::Root;
pub use time::Timestamp;

/// What a pipeline's file imports.
pub mod prelude {
    pub use crate::batch::WindowSet;
    pub use crate::combiners::{
        CombineFn, Number, Ordered, approximate_distinct, count, frequent, largest, largest_by, latest, max, max_by,
        mean, min, min_by, quantiles, quantiles_by, sample, smallest, smallest_by, sum, to_list,
    };
    pub use crate::dofn::portable::PortableDoFn;
    pub use crate::dofn::restriction::{OffsetRange, Restriction};
    pub use crate::dofn::side::{SideInputs, View};
    pub use crate::dofn::source::{Claims, Source};
    pub use crate::dofn::splittable::estimator::{Manual, Monotonic, WallTime, WatermarkEstimator};
    pub use crate::dofn::splittable::tracker::Tracker;
    pub use crate::dofn::splittable::{Continuation, ElementContext, SplittableDoFn};
    pub use crate::dofn::stateful::{
        Bag, Combining, Map, Multimap, OrderedList, Set, StatefulContext, StatefulDoFn, Value,
    };
    pub use crate::dofn::{BundleContext, Context, DoFn, Emitter, Tag};
    pub use crate::metrics::{Counter, Distribution, Gauge, StringSet};
    pub use crate::streaming::{
        CombineSliding, CountWindows, Deduplicate, GroupIntoBatches, GroupRecent, IntervalJoin, InverseCombineFn,
        PeriodicImpulse, PeriodicSequence, RateLimit, Refreshed, SampleFraction, SequenceDefinition, TemporalJoin,
        WithProcessingTime,
    };
    pub use crate::transforms::TaggedOutputs;
    pub use crate::transforms::flatten::flatten;
    pub use crate::transforms::group_by_key::Grouped;
    pub use crate::transforms::side_inputs::*;
    pub use crate::windowing::trigger::{
        AfterProcessingTime, AfterWatermark, after_all, after_any, after_count, after_delay, after_each,
        after_synchronized_processing_time, repeatedly,
    };
    pub use crate::windowing::{
        AccumulationMode, CalendarWindows, ClosingBehavior, FixedWindows, GlobalWindows, OnTimeBehavior, Sessions,
        SlidingWindows, TimestampCombiner, Trigger, Window, WindowFn, Windowing,
    };
    pub use crate::{BoxError, Coder, Element, Key, PCollection, PTransform, Root, State, Timers, Timestamp, named};
    // The attribute names its crate by this path.
    pub use typetag;
}
