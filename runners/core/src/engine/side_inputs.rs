//! Side inputs: what a collection holds in each of its windows, as of the newest pane.
//!
//! A collection that is looked at from the side is grouped by window, by its own trigger; a pane takes the place of the one
//! before. A window is ready when a pane of it has fired, or when the watermark has passed its end: then it is empty.

use ferrobeam_core::dofn::erased::SharedRows;
use ferrobeam_core::dofn::side::{NoSides, SideReader, WindowMapping};
use ferrobeam_core::graph::{Graph, StepName};
use ferrobeam_core::grouping::{Held, Pieces, SidePane, SpillSpace};
use ferrobeam_core::windowing::{Window, WindowingStrategy, Windows};
use ferrobeam_core::{Error, Result, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What has fired of a side input, shared by those who fill it and those who read it.
#[derive(Clone)]
pub struct Side {
    /// For errors.
    runner: &'static str,
    windowing: Arc<WindowingStrategy>,
    /// Which window belongs to one of the main input, if the reader says so.
    mapping: Option<(StepName, WindowMapping)>,
    none: SharedRows,
    fired: Arc<Mutex<Fired>>,
}

struct Fired {
    panes: BTreeMap<Window, Arc<dyn SidePane>>,
    /// All that may still be asked for and has not fired is empty up to here.
    reached: Timestamp,
    /// Where panes go that memory has no room for, if there is a limit.
    space: Option<Arc<dyn SpillSpace>>,
    back: Back,
}

/// Panes that have come back from files, the oldest first, and about what they take.
///
/// There is room for some of them, for steps look at more windows in turn than they keep.
#[derive(Default)]
struct Back {
    panes: VecDeque<(Weak<dyn SidePane>, usize)>,
    all: usize,
}

impl Back {
    /// A pane has come back: those that give way to it.
    fn push(&mut self, pane: &Arc<dyn SidePane>, room: usize) -> Vec<Arc<dyn SidePane>> {
        let Held { idle, used } = pane.held();
        self.panes.push_back((Arc::downgrade(pane), idle + used));
        self.all += idle + used;
        let mut gone = Vec::new();
        while self.all > room
            && self.panes.len() > 1
            && let Some((pane, size)) = self.panes.pop_front()
        {
            self.all -= size;
            gone.extend(pane.upgrade());
        }
        gone
    }
}

impl Side {
    /// A collection of which nothing has fired; an empty window of it holds `none`.
    #[must_use]
    pub fn new(windowing: Arc<WindowingStrategy>, none: SharedRows, runner: &'static str) -> Self {
        let (panes, back) = (BTreeMap::new(), Back::default());
        let fired = Fired { panes, reached: Timestamp::MIN, space: None, back };
        Side { runner, windowing, mapping: None, none, fired: Arc::new(Mutex::new(fired)) }
    }

    /// The same as the input of this name of a transform sees it.
    ///
    /// # Errors
    /// The transform is not of this graph.
    pub fn seen_by(&self, graph: &Graph, transform: &str, name: &str) -> Result<Side> {
        let step = graph.step_name(graph.transform(transform)?)?;
        let mapping = graph.side_mapping(transform, name).map(|mapping| (step.clone(), mapping.clone()));
        Ok(Side { mapping, ..self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Fired> {
        self.fired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pane has fired.
    pub fn put(&self, window: Window, rows: Arc<dyn SidePane>) {
        self.lock().panes.insert(window, rows);
    }

    /// Says where panes may go that nobody looks at.
    pub fn limit(&self, space: Arc<dyn SpillSpace>) {
        self.lock().space = Some(space);
    }

    /// About how much memory its panes hold, if there is a limit, and how many there are.
    #[must_use]
    pub fn held(&self) -> (Held, usize) {
        let fired = self.lock();
        let mut all = Held::default();
        for Held { idle, used } in fired.panes.values().map(|pane| pane.held()) {
            (all.idle, all.used) = (all.idle + idle, all.used + used);
        }
        (all, fired.panes.len())
    }

    /// Lets panes go to files at which nobody looks.
    ///
    /// # Errors
    /// Those of files; that a row has no encoding.
    pub fn spill(&self) -> Result<()> {
        let mut fired = self.lock();
        let Some(space) = fired.space.clone() else { return Ok(()) };
        fired.back = Back::default();
        let panes: Vec<_> = fired.panes.values().cloned().collect();
        // Those who want other panes do not wait until this one is written.
        drop(fired);
        let mut pieces = Pieces::new(space);
        panes.iter().try_for_each(|pane| pane.spill(&mut pieces))?;
        pieces.close()
    }

    /// Says how far the side input has come: windows that ended before and have not fired are empty. Whether that is news.
    pub fn reach(&self, watermark: Timestamp) -> bool {
        let reached = &mut self.lock().reached;
        let before = *reached;
        *reached = before.max(watermark);
        before < watermark
    }

    /// Forgets the panes of windows that end before this.
    pub fn forget_before(&self, main: Timestamp) {
        let mut fired = self.lock();
        if fired.panes.first_key_value().is_some_and(|(window, _)| window.max_timestamp() < main) {
            fired.panes.retain(|window, _| window.max_timestamp() >= main);
        }
    }

    /// The window that belongs to one of the main input; none if there is none.
    fn window(&self, main: Window) -> Result<Option<Window>> {
        let windows = &self.windowing.windows;
        let failed = |e| Error::Runner { runner: self.runner, message: format!("the window of a side input: {e}") };
        let Some((step, mapping)) = &self.mapping else { return windows.side_window(main).map_err(failed) };
        let window = mapping.side_window(step, main)?;
        // One that nothing is ever put into would only look empty. What a function of the user's own may return, nobody knows.
        let is_theirs = matches!(windows, Windows::Custom(_))
            || windows.assign(window.max_timestamp(), window).map_err(failed)?.as_slice().contains(&window);
        if is_theirs {
            return Ok(Some(window));
        }
        let source = format!("it looks at {window} of a side input that has other windows: {windows}").into();
        Err(Error::User { step: step.clone(), element: None, source })
    }

    /// Whether an element in this window of the main input can be processed.
    ///
    /// # Errors
    /// User code's: which window it is may be the user's choice.
    pub fn is_ready(&self, main: Window) -> Result<bool> {
        let Some(window) = self.window(main)? else { return Ok(true) };
        let fired = self.lock();
        Ok(fired.panes.contains_key(&window) || fired.reached > window.max_timestamp())
    }

    /// The rows of the window that belongs to one of the main input.
    fn rows(&self, main: Window) -> Result<SharedRows> {
        let Some(window) = self.window(main)? else { return Ok(self.none.clone()) };
        let Some(pane) = self.lock().panes.get(&window).cloned() else { return Ok(self.none.clone()) };
        // Others may look at other panes while this one is read.
        let (rows, is_back) = pane.rows()?;
        let mut fired = self.lock();
        let Some(space) = fired.space.clone().filter(|_| is_back) else { return Ok(rows) };
        let gone = fired.back.push(&pane, space.room());
        drop(fired);
        let mut pieces = Pieces::new(space);
        gone.iter().try_for_each(|pane| pane.spill(&mut pieces))?;
        pieces.close()?;
        Ok(rows)
    }
}

/// The side inputs of one step, by local name.
pub struct Sides(pub BTreeMap<String, Side>);

impl SideReader for Sides {
    fn rows(&self, name: &str, window: Window) -> Result<SharedRows> {
        match self.0.get(name) {
            Some(side) => side.rows(window),
            None => NoSides.rows(name, window),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pane of so many bytes.
    struct Sized(usize);

    impl SidePane for Sized {
        fn rows(&self) -> Result<(SharedRows, bool)> {
            Ok((SharedRows::new(vec![self.0]), true))
        }
        fn held(&self) -> Held {
            Held { idle: 0, used: self.0 }
        }
        fn spill(&self, _: &mut Pieces) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_came_back_first_gives_way() {
        let mut back = Back::default();
        let panes: Vec<Arc<dyn SidePane>> = [4, 5, 3, 90, 1].map(|size| Arc::new(Sized(size)) as _).into();
        let mut push =
            |pane: usize| back.push(&panes[pane], 10).iter().map(|gone| gone.held().used).collect::<Vec<_>>();
        assert_eq!([push(0), push(1), push(2)], [vec![], vec![], vec![4]]);
        assert_eq!([push(3), push(4)], [vec![5, 3], vec![90]], "the last one stays, whatever it takes");
    }
}
