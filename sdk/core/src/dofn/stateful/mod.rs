//! State and timers of a key and window.

mod bag;
mod combining;
mod context;
mod keyed;
mod map;
mod multimap;
pub mod operator;
mod ordered_list;
mod set;
mod split;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod timers;
mod value;
mod values;
mod visit;

pub use bag::Bag;
pub use combining::Combining;
pub use context::StatefulContext;
pub use map::Map;
pub use multimap::Multimap;
pub use ordered_list::OrderedList;
pub use set::Set;
pub(crate) use state::specs;
pub use state::{CellForm, CellSpec, NewStateCell, State, StateCell};
pub use step::StatefulStep;
pub use timers::Timers;
#[doc(hidden)]
pub use timers::{TimerTag, unknown};
pub use value::Value;
pub use visit::Visit;

use super::BundleContext;
use crate::error::BoxError;
use crate::{Element, Key};

/// A function of the elements of a key that remembers: it has state and timers for each key and window.
///
/// Life cycle and bundles are those of a [`DoFn`](super::DoFn). Elements of one key and window come one after the other,
/// and see what the ones before left in the state; the state goes when the window expires.
///
/// ```
/// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that, time::minutes};
/// /// Emits a user's clicks together once there was none for a minute.
/// #[derive(Clone)]
/// struct Visits;
///
/// #[derive(State)]
/// # #[state(crate = "ferrobeam_core")]
/// struct Clicks {
///     pages: Bag<String>,
/// }
///
/// #[derive(Timers)]
/// # #[timer(crate = "ferrobeam_core")]
/// enum Due {
///     #[timer(event_time)]
///     Idle,
/// }
///
/// impl StatefulDoFn for Visits {
///     type Key = String;
///     type In = String;
///     type Out = (String, u64);
///     type State = Clicks;
///     type Timer = Due;
///
///     fn process(
///         &mut self,
///         _user: &String,
///         page: String,
///         state: &mut Clicks,
///         ctx: &mut StatefulContext<'_, (String, u64), Due>,
///     ) -> Result<(), BoxError> {
///         state.pages.add(page);
///         ctx.set_after(Due::Idle, minutes(1));
///         Ok(())
///     }
///
///     fn on_timer(
///         &mut self,
///         user: &String,
///         due: Due,
///         state: &mut Clicks,
///         ctx: &mut StatefulContext<'_, (String, u64), Due>,
///     ) -> Result<(), BoxError> {
///         match due {
///             Due::Idle => ctx.emit((user.clone(), state.pages.take().len() as u64)),
///         }
///         Ok(())
///     }
/// }
///
/// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
/// # direct.run(|root| {
/// let clicks = [("ann", "/", 0), ("bob", "/", 0), ("ann", "/shop", 30), ("ann", "/", 600)];
/// let clicks = root.create(clicks.map(|(user, page, second)| (user.to_owned(), page.to_owned(), second)));
/// let clicks = clicks.with_timestamps(|(.., second)| Timestamp::EPOCH + std::time::Duration::from_secs(*second));
/// let visits = clicks.map(|(user, page, _)| (user, page)).par_do_stateful(Visits);
/// assert_that(&visits.map(|(_, pages)| pages).sum_globally()).is_singleton(4);
/// # Ok(())
/// # })?;
/// # Ok::<(), ferrobeam_core::Error>(())
/// ```
pub trait StatefulDoFn: Clone + Send + 'static {
    /// What state and timers belong to.
    type Key: Key;
    /// What comes in with a key.
    type In: Element;
    /// What goes out by the main output.
    type Out: Element;
    /// What is remembered: see [`State`].
    type State: State;
    /// What may be set to call back: see [`Timers`].
    type Timer: Timers;

    /// Whether the elements of a key must come in the order of their timestamps. A runner then holds each back until the
    /// watermark says that none before it is missing, not even a late one that is allowed; what is later than that is dropped.
    /// Event-time timers of the key for times before an element fire before it, also where all elements come at once.
    const TIME_SORTED: bool = false;
    /// Whether [`on_window_expiration`](StatefulDoFn::on_window_expiration) is called: without this it is not.
    const ON_WINDOW_EXPIRATION: bool = false;
    /// Whether the step may call `after_commit`: see [`Context::after_commit`](super::Context::after_commit).
    const FINALIZES: bool = false;

    /// Called once before the first bundle: opens connections, loads models.
    fn setup(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called before the elements of each bundle.
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Called with each element.
    ///
    /// # Errors
    /// Any error fails the bundle; its text is reported with the step's name, file and line.
    fn process(
        &mut self,
        key: &Self::Key,
        element: Self::In,
        state: &mut Self::State,
        ctx: &mut StatefulContext<'_, Self::Out, Self::Timer>,
    ) -> Result<(), BoxError>;

    /// Called when a timer is due. Only a step without timers can leave it out: others do not compile.
    ///
    /// ```compile_fail
    /// # use ferrobeam_core::prelude::*;
    /// #[derive(Timers)]
    /// # #[timer(crate = "ferrobeam_core")]
    /// enum Due {
    ///     #[timer(event_time)]
    ///     End,
    /// }
    ///
    /// #[derive(Clone)]
    /// struct Forgetful;
    ///
    /// impl StatefulDoFn for Forgetful {
    ///     type Key = char;
    ///     type In = u64;
    ///     type Out = u64;
    ///     type State = ();
    ///     type Timer = Due;
    ///
    ///     fn process(
    ///         &mut self,
    ///         _key: &char,
    ///         _n: u64,
    ///         _state: &mut (),
    ///         ctx: &mut StatefulContext<'_, u64, Due>,
    ///     ) -> Result<(), BoxError> {
    ///         ctx.set(Due::End, ctx.window().max_timestamp());
    ///         Ok(())
    ///     }
    ///     // error: a `StatefulDoFn` with timers needs `on_timer`
    /// }
    /// # fn apply(root: &Root) { root.create([('a', 1)]).par_do_stateful(Forgetful).discard() }
    /// # let _ = Root::build(|root| { apply(root); Ok(()) });
    /// ```
    ///
    /// # Errors
    /// As [`process`](StatefulDoFn::process).
    fn on_timer(
        &mut self,
        key: &Self::Key,
        timer: Self::Timer,
        state: &mut Self::State,
        ctx: &mut StatefulContext<'_, Self::Out, Self::Timer>,
    ) -> Result<(), BoxError> {
        const { assert!(Self::Timer::FACTS.is_empty(), "a `StatefulDoFn` with timers needs `on_timer`") };
        let _ = (key, timer, state, ctx);
        Ok(())
    }

    /// Called when the window has expired, after all timers and before the state goes, if
    /// [`ON_WINDOW_EXPIRATION`](StatefulDoFn::ON_WINDOW_EXPIRATION) says so. It sets no timers.
    ///
    /// # Errors
    /// As [`process`](StatefulDoFn::process).
    fn on_window_expiration(
        &mut self,
        key: &Self::Key,
        state: &mut Self::State,
        ctx: &mut StatefulContext<'_, Self::Out, Self::Timer>,
    ) -> Result<(), BoxError> {
        const { assert!(!Self::ON_WINDOW_EXPIRATION, "`ON_WINDOW_EXPIRATION` needs `on_window_expiration`") };
        let _ = (key, state, ctx);
        Ok(())
    }

    /// Called after the elements of each bundle; it may still emit, with a time and a window of its own choice.
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, Self::Out>) -> Result<(), BoxError> {
        let _ = ctx;
        Ok(())
    }

    /// Called once when the instance goes, whether the last bundle succeeded or not. It has nobody to report to.
    fn teardown(&mut self) {}
}
