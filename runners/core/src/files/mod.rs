//! Sorted records in files, for what memory has no room for: a log-structured merge tree.
//!
//! Records are written in the order of their keys, as a [`Run`](run::Run) that does not change any more. A [`Map`] looks for
//! the newest record of a key, a [`Queue`] gives the least one. Eight runs of one size become one that is larger (O'Neil et
//! al., *The log-structured merge-tree*, 1996; in tiers, as in Bigtable).

mod filter;
mod map;
mod merge;
mod queue;
mod run;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use map::Map;
pub(crate) use queue::Queue;
pub(crate) use wire::{damaged, number, put_bytes, put_time, put_window, time};
pub(crate) use wire::{take_array, take_bytes, take_len, take_time, take_window};

/// So many runs of a level become one of the next.
const FAN: usize = 8;
