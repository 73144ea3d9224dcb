//! Sources and sinks: how elements enter a pipeline from other systems and leave it again.
//!
//! One module per system: [`text`], [`csv`] and [`json`]; [`follow`] reads
//! text as it is written. [`files`] is the layer beneath them; it knows nothing of
//! pipelines.

pub mod csv;
pub mod files;
pub mod follow;
pub mod json;
pub mod live;
pub mod text;

mod bad_row;
mod file_range;
mod line_source;
mod write;
mod write_stream;

pub use bad_row::BadRow;
