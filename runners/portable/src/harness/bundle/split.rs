//! Which part of a bundle an engine gets that asks for some of it.

use super::desk::{Desk, Split};
use ferrobeam_core::graph::ReadPosition;
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::fn_execution::process_bundle_split_request::DesiredSplit;
use ferrobeam_model::fn_execution::process_bundle_split_response::ChannelSplit;
use std::sync::Arc;

/// What can be split of a running bundle: the elements of its source that were not begun, and the one that is worked on.
#[derive(Clone)]
pub(crate) struct Splitter {
    pub(crate) source: String,
    pub(super) position: Arc<ReadPosition>,
    pub(super) desk: Arc<Desk>,
    /// Whether the source's elements are work that can be cut.
    pub(super) is_splittable: bool,
}

impl Splitter {
    /// How many elements were begun.
    pub(crate) fn read(&self) -> u64 {
        self.position.read()
    }

    /// Splits the bundle; the answer is empty if there is nothing to give. May wait for the next claim.
    pub(crate) fn split(&self, wish: &DesiredSplit) -> pb::ProcessBundleSplitResponse {
        let element = if self.is_splittable { self.desk.progress() } else { None };
        let read = self.position.read();
        // Never more than the engine says: a reader that has just claimed a batch may be ahead of what there is.
        let total = u64::try_from(wish.estimated_input_elements).unwrap_or(0);
        // The element that is worked on counts for the part of it that is left.
        let left_of_element = element.map_or(0.0, |(done, left)| share(done, left));
        let left = total.saturating_sub(read) as f64 + left_of_element;
        let keep = left * wish.fraction_of_remainder.clamp(0.0, 1.0);
        if element.is_some() && keep < left_of_element && (allows(wish, read) || wish.allowed_split_points.is_empty()) {
            let keep_of_element = if left_of_element > 0.0 { keep / left_of_element } else { 0.0 };
            if let Some(response) = self.split_element(keep_of_element) {
                return response;
            }
        }
        let wanted = read + (keep - left_of_element).max(0.0).round() as u64;
        self.split_channel(wish, wanted.max(read), total)
    }

    /// Splits the element that is worked on; all behind it goes, too.
    fn split_element(&self, keep: f64) -> Option<pb::ProcessBundleSplitResponse> {
        let Split { primary, residual, first } = self.desk.ask(keep)?.recv().ok()?;
        Some(pb::ProcessBundleSplitResponse {
            primary_roots: vec![primary],
            residual_roots: vec![residual],
            channel_splits: vec![self.channel_split(first.cast_signed() - 2, first)],
        })
    }

    fn split_channel(&self, wish: &DesiredSplit, wanted: u64, total: u64) -> pb::ProcessBundleSplitResponse {
        let first = self.position.split(|next, stop| {
            let wanted = wanted.max(next);
            let end = stop.min(total);
            if wish.allowed_split_points.is_empty() {
                return (wanted < end).then_some(wanted);
            }
            let allowed = wish.allowed_split_points.iter().filter_map(|&point| u64::try_from(point).ok());
            let allowed = allowed.filter(|point| (next..end).contains(point));
            allowed.min_by_key(|point| point.abs_diff(wanted))
        });
        let split = first.map(|first| self.channel_split(first.cast_signed() - 1, first));
        pb::ProcessBundleSplitResponse { channel_splits: split.into_iter().collect(), ..Default::default() }
    }

    fn channel_split(&self, last_primary_element: i64, first: u64) -> ChannelSplit {
        let (transform_id, first_residual_element) = (self.source.clone(), first.cast_signed());
        ChannelSplit { transform_id, last_primary_element, first_residual_element }
    }
}

/// How much of one element is left.
fn share(done: f64, left: f64) -> f64 {
    match done + left {
        all if all.is_finite() && all > 0.0 => left / all,
        all if all.is_finite() => 0.0,
        _ => 1.0,
    }
}

fn allows(wish: &DesiredSplit, point: u64) -> bool {
    wish.allowed_split_points.iter().any(|&allowed| u64::try_from(allowed) == Ok(point))
}
