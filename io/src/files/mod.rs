//! What all file formats share: globs, compression, lines and byte ranges, shards that appear all at once.
//!
//! Nothing here knows of pipelines: these are plain functions and readers, which the formats put behind a source or a
//! step. Errors name the path, and the line where there is one.

mod compression;
mod error;
mod glob;
mod lines;
mod position;
mod ranges;
mod reader;
mod shard_writer;
mod shards;

pub use compression::Compression;
pub use error::FileError;
pub(crate) use glob::expand_present;
pub use glob::{FoundFile, expand};
pub use lines::{Line, LineError, LineReader};
pub use position::LineCounter;
pub use ranges::{RangeSizes, cut};
pub use reader::FileReader;
pub use shard_writer::{ShardWriter, WrittenShard};
pub use shards::Shards;
