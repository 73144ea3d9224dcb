//! CSV: records of fields, as serde types.

mod decode;
mod delimiter;
mod encode;
mod header;
mod read;
mod records;
mod source;
mod write;

pub use read::{Read, ReadWithErrors, read};
pub use write::{Write, WriteStream, write};
