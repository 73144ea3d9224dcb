//! Windows that become one.

use super::Window;
use crate::error::BoxError;
use std::collections::{BTreeMap, BTreeSet};

/// Several windows of one key that become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// What they become; it may be one of them.
    pub result: Window,
    /// What goes, in order.
    pub sources: Vec<Window>,
}

/// Merges windows that overlap, directly or by way of others, into the smallest window that holds them: Beam's rule for
/// sessions. Windows that only touch stay apart.
///
/// ```
/// use ferrobeam_core::prelude::*;
/// use ferrobeam_core::windowing::merge_overlapping;
///
/// let window = |start, end| Window::interval(Timestamp::from_millis(start), Timestamp::from_millis(end));
/// let merges = merge_overlapping(&[window(9, 19), window(0, 10), window(19, 29)]);
/// assert_eq!(merges.len(), 1);
/// assert_eq!(merges[0].result, window(0, 19));
/// ```
#[must_use]
pub fn merge_overlapping(windows: &[Window]) -> Vec<Merge> {
    let mut groups: Vec<Merge> = Vec::new();
    for window in windows.iter().copied().collect::<BTreeSet<_>>() {
        match groups.last_mut() {
            // Sorted by start, so a group that this window does not reach is reached by none behind it.
            Some(group) if group.result.intersects(&window) => {
                group.result = group.result.span(&window);
                group.sources.push(window);
            }
            _ => groups.push(Merge { result: window, sources: vec![window] }),
        }
    }
    groups.retain(|group| group.sources.len() > 1);
    groups
}

/// Checks what a user's function made of these windows, which are in order and distinct.
pub(super) fn check(windows: &[Window], merges: &[Merge]) -> Result<(), BoxError> {
    let mut left: BTreeSet<&Window> = windows.iter().collect();
    let mut groups = BTreeMap::new();
    for (group, source) in merges.iter().enumerate().flat_map(|(i, merge)| merge.sources.iter().map(move |w| (i, w))) {
        groups.insert(source, group);
        if !left.remove(source) {
            return Err(format!("{source} is merged twice, or is none of the windows to merge").into());
        }
    }
    for (group, Merge { result, sources }) in merges.iter().enumerate() {
        if !matches!(result, Window::Interval { start, end } if start < end) {
            return Err(format!("windows become {result}, which is no interval").into());
        }
        if groups.get(result).is_some_and(|other| *other != group) || !left.insert(result) {
            return Err(format!("windows become {result}, which is another one already").into());
        }
        // The watermark may have passed an earlier end: what the window emits would be behind it.
        if let Some(source) = sources.iter().find(|source| source.max_timestamp() > result.max_timestamp()) {
            return Err(format!("{source} becomes {result}, which ends before it").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn windows() -> impl Strategy<Value = Vec<Window>> {
        let window = (0i64..200, 1i64..15).prop_map(|(start, length)| Window::cut(start, start + length));
        vec(window, 0..40)
    }

    /// The windows after merging.
    fn merged(windows: &[Window]) -> BTreeSet<Window> {
        let mut left: BTreeSet<Window> = windows.iter().copied().collect();
        for merge in merge_overlapping(windows) {
            merge.sources.iter().for_each(|source| assert!(left.remove(source)));
            assert!(left.insert(merge.result));
        }
        left
    }

    fn covered(windows: impl IntoIterator<Item = Window>) -> BTreeSet<i64> {
        let millis = |window| match window {
            Window::Interval { start, end } => start.millis()..end.millis(),
            Window::Global => 0..0,
        };
        windows.into_iter().flat_map(millis).collect()
    }

    proptest! {
        #[test]
        fn merged_windows_cover_the_same_time_and_do_not_overlap(windows in windows()) {
            let result = merged(&windows);
            prop_assert_eq!(covered(result.iter().copied()), covered(windows.iter().copied()));
            let result: Vec<_> = result.into_iter().collect();
            prop_assert!(result.windows(2).all(|pair| !pair[0].intersects(&pair[1])));
            prop_assert!(check(&windows.iter().copied().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
                &merge_overlapping(&windows)).is_ok());
        }

        #[test]
        fn the_order_of_arrival_does_not_matter(windows in windows(), shuffled in any::<prop::sample::Index>()) {
            let mut other = windows.clone();
            other.reverse();
            if !other.is_empty() {
                let mid = shuffled.index(other.len());
                other.rotate_left(mid);
            }
            prop_assert_eq!(merge_overlapping(&windows), merge_overlapping(&other));
        }

        /// Whether windows merge at once or as they come.
        #[test]
        fn merging_in_steps_comes_to_the_same(first in windows(), then in windows()) {
            let so_far: Vec<_> = merged(&first).into_iter().chain(then.iter().copied()).collect();
            let all: Vec<_> = first.into_iter().chain(then).collect();
            prop_assert_eq!(merged(&so_far), merged(&all));
        }

        #[test]
        fn windows_that_touch_stay_apart(ends in prop::collection::btree_set(0i64..500, 2..20)) {
            let ends: Vec<_> = ends.into_iter().collect();
            let windows: Vec<_> = ends.windows(2).map(|pair| Window::cut(pair[0], pair[1])).collect();
            prop_assert_eq!(merge_overlapping(&windows), []);
        }
    }

    #[test]
    fn what_a_user_merges_is_checked() {
        let window = |start, end| Window::interval(Timestamp::from_millis(start), Timestamp::from_millis(end));
        let (a, b, c) = (window(0, 5), window(5, 10), window(10, 15));
        let refused = |merges: &[Merge]| check(&[a, b, c], merges).unwrap_err().to_string();
        let merge = |result, sources: &[Window]| Merge { result, sources: sources.to_vec() };
        assert!(check(&[a, b, c], &[merge(window(0, 10), &[a, b])]).is_ok());
        assert!(check(&[a, b, c], &[merge(b, &[a, b])]).is_ok(), "the result may be one of the sources");
        assert!(refused(&[merge(a, &[a, b]), merge(c, &[b, c])]).contains("is merged twice"));
        assert!(refused(&[merge(a, &[window(1, 2)])]).contains("is none of the windows"));
        assert!(refused(&[merge(c, &[a, b])]).contains("which is another one already"));
        assert!(refused(&[merge(c, &[a]), merge(a, &[b, c])]).contains("which is another one already"));
        assert!(refused(&[merge(a, &[a, b])]).contains("which ends before it"));
        assert!(refused(&[merge(window(0, 9), &[a, b])]).contains("which ends before it"));
        assert!(check(&[a, b, c], &[merge(window(7, 10), &[a, b])]).is_ok(), "it may begin anywhere");
        assert!(refused(&[merge(Window::Global, &[a, b])]).contains("is no interval"));
    }
}
