//! Clients and servers of Beam's services, generated; the messages are in `ferrobeam-model`.

#[allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_qualifications,
    clippy::all,
    reason = "generated: without comments, and more than is used"
)]
mod generated {
    pub(crate) mod fn_execution {
        include!(concat!(env!("OUT_DIR"), "/org.apache.beam.model.fn_execution.v1.rs"));
    }
    pub(crate) mod job_management {
        include!(concat!(env!("OUT_DIR"), "/org.apache.beam.model.job_management.v1.rs"));
    }
}

#[allow(unused_imports, reason = "see above")]
pub(crate) use generated::{fn_execution::*, job_management::*};
