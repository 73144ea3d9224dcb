//! Window functions: which windows an element is in, and which windows become one.

use super::merge::{self, Merge, merge_overlapping};
use super::{CalendarWindows, FixedWindows, Sessions, SlidingWindows, Window};
use crate::Timestamp;
use crate::batch::WindowSet;
use crate::error::BoxError;
use std::any::type_name;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A window function of the user's own: pure functions over time.
///
/// Two functions of one type are taken for the same if their `Debug` texts are equal, so derive it, or let it show all
/// that windows depend on. The function itself stays in the program: engines know it by its step only, and workers assign
/// the windows and merge them.
///
/// ```
/// use ferrobeam_core::{prelude::*, time::*};
///
/// /// Two windows a day: from 6 to 22 o'clock, and the night.
/// #[derive(Debug)]
/// struct DayAndNight;
///
/// impl WindowFn for DayAndNight {
///     fn assign(&self, at: Timestamp, _: Window) -> WindowSet {
///         let since_six = (at.millis() - 6 * 3_600_000).rem_euclid(24 * 3_600_000);
///         let six = at - millis(since_six as u64);
///         if since_six < 16 * 3_600_000 {
///             Window::interval(six, six + hours(16)).into()
///         } else {
///             Window::interval(six + hours(16), six + hours(24)).into()
///         }
///     }
/// }
///
/// Root::build(|root| {
///     root.create([1u64]).window(Windowing::of(DayAndNight)).discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub trait WindowFn: fmt::Debug + Send + Sync + 'static {
    /// Returns the windows of an element with this timestamp that is in the window `current` so far: intervals that do
    /// not end before it, each of which counts once. An element in none does not go on.
    fn assign(&self, at: Timestamp, current: Window) -> WindowSet;

    /// Tells whether windows of one key may become one.
    fn is_merging(&self) -> bool {
        false
    }

    /// Returns which windows of one key become one, if this function merges: all the open ones come in, sorted and
    /// distinct; what is in no group stays as it is. What they become does not end before any of them, for that may be
    /// behind the watermark. By default windows that overlap become one, as sessions do.
    fn merge(&self, windows: &[Window]) -> Vec<Merge> {
        merge_overlapping(windows)
    }

    /// Tells whether every element is in at most one window. If so, one in two is an error at the step.
    fn assigns_to_one_window(&self) -> bool {
        false
    }
}

/// A window function.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Windows {
    /// One window for all of time.
    #[default]
    Global,
    /// Windows of one size, one after another.
    Fixed(FixedWindows),
    /// Windows of one size, a new one each period.
    Sliding(SlidingWindows),
    /// Windows that end after a gap without elements.
    Sessions(Sessions),
    /// Windows of days, weeks, months or years.
    Calendar(CalendarWindows),
    /// The user's own.
    Custom(CustomWindows),
}

/// A window function of the user's own, and what it is known by.
#[derive(Clone)]
pub struct CustomWindows {
    function: Arc<dyn WindowFn>,
    type_name: &'static str,
    text: Arc<str>,
}

impl CustomWindows {
    pub(super) fn new<F: WindowFn>(function: F) -> Self {
        let text = format!("{function:?}").into();
        CustomWindows { function: Arc::new(function), type_name: type_name::<F>(), text }
    }

    fn assign(&self, at: Timestamp, current: Window) -> Result<WindowSet, BoxError> {
        let windows = self.function.assign(at, current);
        for window in windows.as_slice() {
            let is_interval = matches!(window, Window::Interval { start, end } if start < end);
            if !is_interval || window.max_timestamp() < at {
                return Err(format!("{} puts an element at {at} into {window}", self.text).into());
            }
        }
        let WindowSet::Many(many) = &windows else { return Ok(windows) };
        let mut seen = BTreeSet::new();
        let distinct: Vec<Window> = many.iter().copied().filter(|window| seen.insert(*window)).collect();
        if let [first, second, ..] = distinct[..]
            && self.function.assigns_to_one_window()
        {
            let text = &self.text;
            let why = format!("{text} puts an element at {at} into {first} and {second}, and says that it is in one");
            return Err(why.into());
        }
        Ok(if distinct.len() == many.len() { windows } else { distinct.into() })
    }
}

impl PartialEq for CustomWindows {
    fn eq(&self, other: &Self) -> bool {
        (self.type_name, &self.text) == (other.type_name, &other.text)
    }
}

impl fmt::Debug for CustomWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The windows of a timestamp, and the timestamps around it, from `from` to before `to`, that are in the same ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) windows: WindowSet,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Windows {
    /// Returns the windows of an element; it is in `current` so far.
    ///
    /// Windows are cut to the time that there is. A timestamp behind the end of the global window counts as that end.
    ///
    /// # Errors
    /// A user's function returned something that is no interval, one that ends before the element, or several though it
    /// says that it assigns to one.
    pub fn assign(&self, at: Timestamp, current: Window) -> Result<WindowSet, BoxError> {
        match self {
            Windows::Custom(custom) => custom.assign(at.min(Timestamp::END_OF_GLOBAL_WINDOW), current),
            standard => Ok(standard.place(at).map_or(WindowSet::GLOBAL, |placed| placed.windows)),
        }
    }

    /// The windows of a timestamp; none for functions that look at more than that, and for the global window.
    pub(super) fn place(&self, at: Timestamp) -> Option<Placed> {
        let at = at.min(Timestamp::END_OF_GLOBAL_WINDOW);
        let window = match self {
            Windows::Global | Windows::Custom(_) => return None,
            Windows::Sliding(sliding) => return Some(sliding.place(at)),
            Windows::Sessions(sessions) => {
                let windows = WindowSet::One(sessions.window(at));
                return Some(Placed { windows, from: at, to: Timestamp::from_millis(at.millis() + 1) });
            }
            Windows::Fixed(fixed) => fixed.window(at),
            Windows::Calendar(calendar) => calendar.window(at),
        };
        let Window::Interval { start: from, end: to } = window else { return None };
        Some(Placed { windows: WindowSet::One(window), from, to })
    }

    /// Tells whether windows of one key may become one.
    #[must_use]
    pub fn is_merging(&self) -> bool {
        match self {
            Windows::Sessions(_) => true,
            Windows::Custom(custom) => custom.function.is_merging(),
            Windows::Global | Windows::Fixed(_) | Windows::Sliding(_) | Windows::Calendar(_) => false,
        }
    }

    /// Returns which of the windows of one key become one; the order in which they come does not matter.
    ///
    /// # Errors
    /// A user's function merged a window twice, one that is not there, into one that is another's, or into one that ends
    /// before it.
    pub fn merge(&self, windows: impl IntoIterator<Item = Window>) -> Result<Vec<Merge>, BoxError> {
        let mut windows: Vec<Window> = windows.into_iter().collect();
        windows.sort_unstable();
        windows.dedup();
        match self {
            Windows::Sessions(_) => Ok(merge_overlapping(&windows)),
            Windows::Custom(custom) if custom.function.is_merging() => {
                let merges = custom.function.merge(&windows);
                merge::check(&windows, &merges).map_err(|error| format!("{}: {error}", custom.text))?;
                Ok(merges)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Tells whether every element is in at most one window.
    #[must_use]
    pub fn assigns_to_one_window(&self) -> bool {
        match self {
            Windows::Sliding(sliding) => sliding.is_disjoint(),
            Windows::Custom(custom) => custom.function.assigns_to_one_window(),
            Windows::Global | Windows::Fixed(_) | Windows::Sessions(_) | Windows::Calendar(_) => true,
        }
    }

    /// Returns the window of a side input with these windows that belongs to a window of the main input: the earliest that
    /// holds its last timestamp. None if there is none: in gaps of sliding windows, and in windows that merge, for those
    /// are known for a key only.
    ///
    /// # Errors
    /// See [`assign`](Self::assign).
    pub fn side_window(&self, main: Window) -> Result<Option<Window>, BoxError> {
        if self.is_merging() {
            return Ok(None);
        }
        let windows = self.assign(main.max_timestamp(), main)?;
        Ok(windows.as_slice().iter().min().copied())
    }

    /// What makes no sense in what the user said.
    pub(super) fn mistake(&self) -> Option<Cow<'_, str>> {
        match self {
            Windows::Fixed(fixed) => fixed.mistake().map(Cow::from),
            Windows::Sliding(sliding) => sliding.mistake().map(Cow::from),
            Windows::Sessions(sessions) => sessions.mistake().map(Cow::from),
            Windows::Calendar(calendar) => calendar.mistake.as_deref().map(Cow::from),
            Windows::Global | Windows::Custom(_) => None,
        }
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ms: i64| std::time::Duration::from_millis(ms.unsigned_abs());
        let offset = |f: &mut fmt::Formatter<'_>, offset: i64| {
            if offset == 0 { Ok(()) } else { write!(f, ", offset {:?}", ms(offset)) }
        };
        match self {
            Windows::Global => f.write_str("the global window"),
            Windows::Fixed(fixed) => {
                write!(f, "fixed windows of {:?}", ms(fixed.size))?;
                offset(f, fixed.offset)
            }
            Windows::Sliding(sliding) => {
                write!(f, "sliding windows of {:?} every {:?}", ms(sliding.size), ms(sliding.period))?;
                offset(f, sliding.offset)
            }
            Windows::Sessions(sessions) => write!(f, "sessions with a gap of {:?}", ms(sessions.gap)),
            Windows::Calendar(calendar) => fmt::Display::fmt(calendar, f),
            Windows::Custom(custom) => write!(f, "windows of {}", custom.text),
        }
    }
}
