//! One worker's share of a grouping: its keys, until their windows fire.

use crate::by_window::ByWindow;
use crate::layout::Layout;
use crate::outbox::{Lane, Outbox, Route};
use crate::wiring::{Code, Wirer};
use ferrobeam_core::dofn::erased::{Outputs, Parcel};
use ferrobeam_core::graph::StepName;
use ferrobeam_core::grouping::Spills;
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::bundle::by_key::ByKey;
use ferrobeam_runner_core::engine::{NodeId, Now};

/// So much is done between two looks at the room in the outbox; and so much if there is a limit, for panes may be large.
const COMMANDS: usize = 4096;
const FEW_COMMANDS: usize = 32;

/// A grouping while it runs.
pub(crate) struct GroupingNode {
    pub(crate) step: StepName,
    store: Store,
}

/// What holds the values until they fire.
enum Store {
    /// Each window fires once, as a whole.
    ByWindow(ByWindow),
    /// Windows fire as their trigger says.
    ByKey(Box<ByKey>),
}

impl GroupingNode {
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn new(layout: &Layout<'_>, number: usize, wirer: &Wirer<'_>) -> Result<Self> {
        let junction = &layout.plan.groupings[number];
        let Code { step, code, by_window, waits, .. } = Code::of(layout.graph, junction, wirer.workers)?;
        let out = wirer.leaving(&junction.output, &step)?;
        let store = if by_window {
            let panes = limited(code.panes(&step, out)?, &step, wirer);
            Store::ByWindow(ByWindow::new(panes, waits, false))
        } else {
            let windowing = WindowingStrategy::clone(layout.graph.windowing(&junction.input)?);
            let store = ByKey::new(code.cells(&step, &mut Outputs::main(out))?, windowing);
            Store::ByKey(limited(Box::new(store), &step, wirer))
        };
        Ok(GroupingNode { step, store })
    }

    /// The half of a grouping that combines before the shuffle, in front of that node, which is the other one.
    ///
    /// # Errors
    /// The graph does not fit the code.
    pub(crate) fn partial(layout: &Layout<'_>, number: usize, to: NodeId, wirer: &Wirer<'_>) -> Result<Self> {
        let Code { step, partial, code, waits, .. } =
            Code::of(layout.graph, &layout.plan.groupings[number], wirer.workers)?;
        let partial =
            partial.ok_or_else(|| Error::Graph(vec![format!("{step} is not combined before its shuffle")]))?;
        let split = code.splitter(&step, Box::new(Lane { sets: true, ..wirer.lane(to, Route::All) }));
        let panes = limited(partial.panes(&step, vec![split])?, &step, wirer);
        let store = Store::ByWindow(ByWindow::new(panes, waits, true));
        Ok(GroupingNode { step, store })
    }

    /// Takes pairs that come at `now`.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn add(&mut self, parcel: Parcel, now: Now) -> Result<()> {
        match &mut self.store {
            Store::ByWindow(store) => store.add(&self.step, parcel, now),
            Store::ByKey(store) => store.add(&self.step, parcel, now),
        }
    }

    /// Does what is due, as long as there is room for it; whether something was.
    ///
    /// # Errors
    /// User code's.
    pub(crate) fn advance(&mut self, now: Now, outbox: &Outbox) -> Result<bool> {
        match &mut self.store {
            Store::ByWindow(store) => store.fire(now, outbox),
            Store::ByKey(store) => {
                let mut fired = false;
                while store.is_due(now) && !outbox.is_full() {
                    let is_limited = outbox.shared().memory.is_some();
                    store.advance_some(now, if is_limited { FEW_COMMANDS } else { COMMANDS })?;
                    fired = true;
                }
                Ok(fired)
            }
        }
    }

    /// What the output watermark may not pass.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        match &self.store {
            Store::ByWindow(store) => store.hold(),
            Store::ByKey(store) => store.hold(),
        }
    }

    /// Whether something is still to fire for which it is time.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        match &self.store {
            Store::ByWindow(store) => store.is_due(now),
            Store::ByKey(store) => store.is_due(now),
        }
    }

    /// About how much memory it holds, if there is a limit.
    pub(crate) fn held(&self) -> usize {
        match &self.store {
            Store::ByWindow(store) => store.held(),
            Store::ByKey(store) => store.held(),
        }
    }

    /// Gives memory back.
    ///
    /// # Errors
    /// Those of files; user code's.
    pub(crate) fn spill(&mut self) -> Result<()> {
        match &mut self.store {
            Store::ByWindow(store) => store.spill(),
            Store::ByKey(store) => store.spill(),
        }
    }

    /// What fires as its trigger says.
    pub(crate) fn by_key(&self) -> Option<&ByKey> {
        match &self.store {
            Store::ByWindow(_) => None,
            Store::ByKey(store) => Some(store),
        }
    }
}

/// The store, under the limit if there is one.
fn limited<S: Spills + ?Sized>(mut store: Box<S>, step: &StepName, wirer: &Wirer<'_>) -> Box<S> {
    wirer.space(step).into_iter().for_each(|space| store.limit(space));
    store
}
