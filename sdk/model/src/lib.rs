//! Apache Beam's model as Rust types: the portable pipeline graph, the protocols around it, and every URN they define.
//!
//! The interface definitions are those of Apache Beam 2.77, in `proto/`. Maps are ordered, so that the same message
//! has the same bytes in every process; `bytes` fields share the buffer they were decoded from.
//!
//! ```
//! use ferrobeam_model::pipeline::{FunctionSpec, PTransform};
//! use ferrobeam_model::urns;
//! use prost::Message;
//!
//! # fn main() -> Result<(), prost::DecodeError> {
//! let spec = FunctionSpec { urn: urns::transforms::IMPULSE.into(), ..Default::default() };
//! let impulse = PTransform { unique_name: "Create/Impulse".into(), spec: Some(spec), ..Default::default() };
//! assert_eq!(PTransform::decode(impulse.encode_to_vec().as_slice())?, impulse);
//! # Ok(())
//! # }
//! ```

pub mod urns;

/// Engines and workers: what a runner and an SDK harness say to each other (the Fn API).
pub use generated::fn_execution::v1 as fn_execution;

/// Expansion services: how one SDK uses a transform of another.
pub use generated::expansion::v1 as expansion;

/// Job services: how a pipeline and its artifacts are handed to an engine (the Job API).
pub use generated::job_management::v1 as job_management;

/// The pipeline graph: transforms, collections, coders, windowing strategies, environments, schemas, metrics.
pub use generated::pipeline::v1 as pipeline;

/// The definitions themselves, options and imports included, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

// Generated code names types of other packages by relative paths: these modules are nested as the packages are.
#[allow(missing_docs, reason = "the definitions are carried without their comments")]
mod generated {
    pub(crate) mod expansion {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/org.apache.beam.model.expansion.v1.rs"));
        }
    }
    pub(crate) mod fn_execution {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/org.apache.beam.model.fn_execution.v1.rs"));
        }
    }
    pub(crate) mod job_management {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/org.apache.beam.model.job_management.v1.rs"));
        }
    }
    pub(crate) mod pipeline {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/org.apache.beam.model.pipeline.v1.rs"));
        }
    }
}
