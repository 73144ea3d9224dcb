//! Sources and sinks: how elements enter a pipeline from other systems and leave it again.
//!
//! One module per system. [`files`] is the layer beneath all file formats; it knows nothing of pipelines.

pub mod csv;
pub mod files;
