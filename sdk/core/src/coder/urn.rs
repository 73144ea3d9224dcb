//! The URNs of coders and of logical types: Beam's, and the few of our own. A coder of ours never stands without a length
//! prefix.

pub use ferrobeam_model::urns::coders::*;

/// A serde type in postcard's encoding.
pub const POSTCARD: &str = "ferrobeam:coder:postcard:v1";
/// An integer of 128 bits: 16 bytes, big-endian.
pub const INT128: &str = "ferrobeam:coder:int128:v1";

/// Logical type of a field that is no Beam type: the bytes of its element coder, whose URN is the argument.
pub const LOGICAL_ELEMENT: &str = "ferrobeam:logical_type:element:v1";
/// Logical type of an enum without data: its discriminant; the argument maps names to discriminants.
pub const LOGICAL_ENUM: &str = "ferrobeam:logical_type:enum:v1";
/// Logical type of a length of time: a row of seconds and nanoseconds, as Beam's Java SDK has it.
pub const LOGICAL_NANOS_DURATION: &str = "beam:logical_type:nanos_duration:v1";
