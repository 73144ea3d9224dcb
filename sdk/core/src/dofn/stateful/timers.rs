//! The timers of a stateful step: an enum.

use super::operator::{TimerFacts, TimerId};
use crate::error::BoxError;
use std::fmt::Display;
use std::str::FromStr;

/// The timers of a step: an enum, made by `#[derive(Timers)]`; `()` is none.
///
/// A variant says by which clock it is due. One with a field is a family: each value of the field is a timer of its own.
/// The field is a `String`, or any type whose `Display` its `FromStr` reads back.
///
/// ```
/// use ferrobeam_core::prelude::*;
///
/// #[derive(Timers)]
/// # #[timer(crate = "ferrobeam_core")]
/// enum Due {
///     #[timer(event_time)]
///     EndOfHour,
///     #[timer(processing_time)]
///     Retry(String),
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the timers of a step",
    label = "not `Timers`",
    note = "write `#[derive(Timers)]` on an enum of timers; a step without timers has `()`"
)]
pub trait Timers: Sized + 'static {
    /// What is declared: a timer or a family for each variant.
    const FACTS: &'static [TimerFacts];

    /// Which timer it is.
    fn id(&self) -> TimerId;

    /// The timer that was set as this one.
    ///
    /// # Errors
    /// There is no such timer, or its tag is not read back.
    fn of(id: &TimerId) -> Result<Self, BoxError>;
}

/// No timers.
impl Timers for () {
    const FACTS: &'static [TimerFacts] = &[];

    fn id(&self) -> TimerId {
        TimerId { name: "()", tag: String::new() }
    }

    fn of(id: &TimerId) -> Result<(), BoxError> {
        Err(unknown(id))
    }
}

/// No timer of the step has this id.
#[doc(hidden)]
#[cold]
pub fn unknown(id: &TimerId) -> BoxError {
    format!("the step has no timer `{}`", id.name).into()
}

/// What tells the timers of a family apart: a value with a text form that is read back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell the timers of a family apart",
    label = "has no text form",
    note = "a family's field is a `String`, or any type with `Display` and a `FromStr` that reads it back"
)]
#[doc(hidden)]
pub trait TimerTag: Sized {
    fn to_tag(&self) -> String;

    /// # Errors
    /// The tag is not read back.
    fn of_tag(id: &TimerId) -> Result<Self, BoxError>;
}

#[diagnostic::do_not_recommend]
impl<T: Display + FromStr<Err: Display>> TimerTag for T {
    fn to_tag(&self) -> String {
        self.to_string()
    }

    fn of_tag(id: &TimerId) -> Result<T, BoxError> {
        let TimerId { name, tag } = id;
        tag.parse().map_err(|error| format!("the tag {tag:?} of the timer `{name}` is not read back: {error}").into())
    }
}
