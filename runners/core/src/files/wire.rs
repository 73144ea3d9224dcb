//! What records are made of. All errors are that a record is not as it was written.

use ferrobeam_core::coder::{put_varint, take_varint};
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Error, Result, Timestamp};

/// A record of a file is not as it was written.
#[cold]
pub(crate) fn damaged() -> Error {
    let message = "a record that was spilled to a file is not as it was written".to_owned();
    Error::Runner { runner: "spilled files", message }
}

/// Appends bytes behind their length.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Splits what [`put_bytes`] has written from the front.
pub(crate) fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let len = take_len(input)?;
    let (bytes, rest) = input.split_at_checked(len).ok_or_else(damaged)?;
    *input = rest;
    Ok(bytes)
}

/// Splits a varint from the front that is a length, a count or a place.
pub(crate) fn take_len(input: &mut &[u8]) -> Result<usize> {
    take_varint(input).ok().and_then(|len| usize::try_from(len).ok()).ok_or_else(damaged)
}

/// Splits an array from the front.
pub(crate) fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N]> {
    let (array, rest) = input.split_first_chunk().ok_or_else(damaged)?;
    *input = rest;
    Ok(*array)
}

/// A time as a number that stands in the same order.
pub(crate) fn number(at: Timestamp) -> u64 {
    at.millis() as u64 ^ 1 << 63
}

/// The time of a [`number`].
pub(crate) fn time(number: u64) -> Timestamp {
    Timestamp::from_millis((number ^ 1 << 63) as i64)
}

pub(crate) fn put_time(at: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(&number(at).to_le_bytes());
}

pub(crate) fn take_time(input: &mut &[u8]) -> Result<Timestamp> {
    Ok(time(u64::from_le_bytes(take_array(input)?)))
}

pub(crate) fn put_window(window: Window, out: &mut Vec<u8>) {
    out.push((window != Window::Global).into());
    if let Window::Interval { start, end } = window {
        put_time(start, out);
        put_time(end, out);
    }
}

pub(crate) fn take_window(input: &mut &[u8]) -> Result<Window> {
    match take_array(input)? {
        [0] => Ok(Window::Global),
        _ => Ok(Window::interval(take_time(input)?, take_time(input)?)),
    }
}
