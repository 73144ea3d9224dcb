//! Side inputs: a view says how a whole collection is seen; a tuple of views is seen as a tuple.

use super::erased::{AnyBox, SharedRows};
use super::guard::guard;
use crate::error::{BoxError, Result};
use crate::graph::{PipelineId, StepName};
use crate::windowing::Window;
use std::fmt;
use std::sync::Arc;

/// What a step must declare to see a collection as a side input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideDeclaration {
    /// The local name of the input at the step: the same view of the same collection has the same name.
    pub name: Arc<str>,
    /// The collection.
    pub collection: u32,
    /// Identity of the pipeline that the collection belongs to.
    pub(crate) pipeline: PipelineId,
    /// URN of the access pattern.
    pub access_pattern: &'static str,
    /// Which of its windows is seen; by default the one that contains the last timestamp of the main input's.
    pub mapping: Option<WindowMapping>,
}

impl SideDeclaration {
    /// The same with a mapping; under a name of its own, for a step may look through both.
    pub(crate) fn windows_by(self, mapping: impl Fn(Window) -> Window + Send + Sync + 'static) -> Self {
        let name = format!("{}-windows-{}", self.name, self.pipeline.next()).into();
        SideDeclaration { name, mapping: Some(WindowMapping(Arc::new(mapping))), ..self }
    }
}

/// Which window of a side input belongs to one of the main input, as the pipeline's author says.
#[derive(Clone)]
pub struct WindowMapping(Arc<dyn Fn(Window) -> Window + Send + Sync>);

impl WindowMapping {
    /// The window of the side input that belongs to one of the main input of `step`, which looks.
    ///
    /// # Errors
    /// [`Error::Panic`](crate::Error::Panic): it is user code.
    pub fn side_window(&self, step: &StepName, main: Window) -> Result<Window> {
        guard(step, || Ok((self.0)(main)))
    }
}

impl PartialEq for WindowMapping {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for WindowMapping {}

impl fmt::Debug for WindowMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WindowMapping")
    }
}

/// A way to see a whole collection.
pub trait View: Clone + Send + Sync + 'static {
    /// What user code sees of one window.
    type Seen: Send + Sync + 'static;

    /// What the step must declare.
    fn declaration(&self) -> &SideDeclaration;

    /// Makes what user code sees, once for many elements.
    ///
    /// # Errors
    /// The collection does not have the form that this view promises (a singleton with two elements).
    fn load(&self, rows: &SharedRows) -> Result<Arc<Self::Seen>, BoxError>;
}

/// Several views at once: a view, or a tuple of views.
pub trait SideInputs: Clone + Send + Sync + 'static {
    /// What user code gets.
    type Refs<'a>;

    /// What the step must declare.
    fn declarations(&self) -> Vec<SideDeclaration>;

    /// Makes sure that all views are loaded for a window.
    ///
    /// # Errors
    /// See [`View::load`].
    fn load(&self, cache: &mut SideCache, window: Window) -> Result<(), BoxError>;

    /// The views as they were loaded last.
    ///
    /// # Errors
    /// They were not.
    fn get<'a>(&'a self, cache: &'a SideCache) -> Result<Self::Refs<'a>, BoxError>;
}

impl<V: View> SideInputs for V {
    type Refs<'a> = &'a V::Seen;

    fn declarations(&self) -> Vec<SideDeclaration> {
        vec![self.declaration().clone()]
    }
    fn load(&self, cache: &mut SideCache, window: Window) -> Result<(), BoxError> {
        cache.load(self, window)
    }
    fn get<'a>(&'a self, cache: &'a SideCache) -> Result<Self::Refs<'a>, BoxError> {
        cache.get(self).map(|seen| &**seen)
    }
}

macro_rules! tuples {
    ($(($($view:ident $i:tt),*))*) => {$(
        impl<$($view: View),*> SideInputs for ($($view,)*) {
            type Refs<'a> = ($(&'a $view::Seen,)*);

            fn declarations(&self) -> Vec<SideDeclaration> {
                vec![$(self.$i.declaration().clone()),*]
            }
            fn load(&self, cache: &mut SideCache, window: Window) -> Result<(), BoxError> {
                $(cache.load(&self.$i, window)?;)*
                Ok(())
            }
            fn get<'a>(&'a self, cache: &'a SideCache) -> Result<Self::Refs<'a>, BoxError> {
                Ok(($(&**cache.get(&self.$i)?,)*))
            }
        }
    )*};
}
tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

/// Where a step's side inputs come from: the runner's half.
pub trait SideReader: Send + Sync {
    /// The rows of a side input that belong to a window of the main input.
    ///
    /// # Errors
    /// The side input is not ready, not declared or cannot be read.
    fn rows(&self, name: &str, window: Window) -> Result<SharedRows>;
}

/// Of steps without side inputs.
pub struct NoSides;

impl SideReader for NoSides {
    fn rows(&self, name: &str, _: Window) -> Result<SharedRows> {
        let message = format!("the side input `{name}` was not declared: pass its view to `par_do_with` or `map_with`");
        Err(crate::Error::Runner { runner: "bundle processor", message })
    }
}

/// The loaded views of one operator: a few windows of each, so that rows that alternate between windows load each once.
///
/// A runner may replace what a window holds, but not within a bundle.
pub struct SideCache {
    reader: Arc<dyn SideReader>,
    views: Vec<LoadedView>,
}

struct LoadedView {
    name: Arc<str>,
    /// The oldest first.
    windows: Vec<LoadedWindow>,
    /// Which of them was asked for last.
    current: usize,
}

struct LoadedWindow {
    window: Window,
    rows: SharedRows,
    seen: AnyBox,
    /// Whether the reader was asked in this bundle.
    is_checked: bool,
}

impl SideCache {
    /// How many windows of a view are kept.
    const WINDOWS: usize = 8;

    /// Nothing loaded yet.
    pub fn new(reader: Arc<dyn SideReader>) -> Self {
        SideCache { reader, views: Vec::new() }
    }

    /// Begins a bundle: the reader is asked again for each window, when it is first looked at. What holds the same rows
    /// as before is not loaded again.
    pub fn start_bundle(&mut self) {
        self.views.iter_mut().flat_map(|view| &mut view.windows).for_each(|loaded| loaded.is_checked = false);
    }

    pub(crate) fn load<V: View>(&mut self, view: &V, window: Window) -> Result<(), BoxError> {
        let SideCache { reader, views } = self;
        let name = &view.declaration().name;
        let at = views.iter().position(|known| known.name == *name).unwrap_or_else(|| {
            views.push(LoadedView { name: name.clone(), windows: Vec::new(), current: 0 });
            views.len() - 1
        });
        let LoadedView { windows, current, .. } = &mut views[at];
        let known = windows.iter().position(|known| known.window == window);
        if let Some(at) = known.filter(|&at| windows[at].is_checked) {
            *current = at;
            return Ok(());
        }
        let rows = reader.rows(name, window)?;
        if let Some(at) = known.filter(|&at| windows[at].rows.is_same(&rows)) {
            windows[at].is_checked = true;
            *current = at;
            return Ok(());
        }
        let loaded = LoadedWindow { window, seen: AnyBox::new(view.load(&rows)?), rows, is_checked: true };
        if let Some(at) = known.or((windows.len() == Self::WINDOWS).then_some(0)) {
            windows.remove(at);
        }
        windows.push(loaded);
        *current = windows.len() - 1;
        Ok(())
    }

    /// What a view has of the window for which it was loaded last.
    pub(crate) fn get<V: View>(&self, view: &V) -> Result<&Arc<V::Seen>, BoxError> {
        let name = &view.declaration().name;
        let loaded = self.views.iter().find(|known| known.name == *name);
        let window = loaded.and_then(|loaded| loaded.windows.get(loaded.current));
        let seen = window.and_then(|window| window.seen.get::<Arc<V::Seen>>());
        seen.ok_or_else(|| format!("the side input `{name}` is not loaded").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::transforms::side_inputs::AsIterable;
    use crate::transforms::test_steps::graph;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    /// Rows by window, and how often they were asked for.
    #[derive(Default)]
    struct Panes(Mutex<(BTreeMap<Window, SharedRows>, usize)>);

    impl Panes {
        fn put(&self, window: Window, rows: Vec<u64>) {
            self.0.lock().unwrap().0.insert(window, SharedRows::new(rows));
        }
        fn asked(&self) -> usize {
            std::mem::take(&mut self.0.lock().unwrap().1)
        }
    }

    impl SideReader for Panes {
        fn rows(&self, _: &str, window: Window) -> Result<SharedRows> {
            let mut panes = self.0.lock().unwrap();
            panes.1 += 1;
            Ok(panes.0[&window].clone())
        }
    }

    /// A view that tells how often it was loaded.
    #[derive(Clone)]
    struct Counted(AsIterable<u64>, Arc<Mutex<usize>>);

    impl View for Counted {
        type Seen = Vec<u64>;
        fn declaration(&self) -> &SideDeclaration {
            self.0.declaration()
        }
        fn load(&self, rows: &SharedRows) -> Result<Arc<Vec<u64>>, BoxError> {
            *self.1.lock().unwrap() += 1;
            View::load(&self.0, rows)
        }
    }

    fn cache() -> (SideCache, Arc<Panes>, Counted) {
        let mut view = None;
        let _ = graph(|root| view = Some(root.create([0u64]).as_iterable()));
        let panes = Arc::new(Panes::default());
        (0..9).for_each(|i| panes.put(window(i), vec![i as u64]));
        (SideCache::new(panes.clone()), panes, Counted(view.unwrap(), Arc::default()))
    }

    fn window(i: i64) -> Window {
        Window::interval(Timestamp::from_millis(i), Timestamp::from_millis(i + 1))
    }

    fn see(cache: &mut SideCache, view: &Counted, i: i64) -> Vec<u64> {
        cache.load(view, window(i)).unwrap();
        cache.get(view).unwrap().to_vec()
    }

    fn loaded(view: &Counted) -> usize {
        std::mem::take(&mut view.1.lock().unwrap())
    }

    #[test]
    fn a_few_windows_are_kept_and_the_oldest_goes() {
        let (mut cache, panes, view) = cache();
        for _ in 0..3 {
            (0..8).for_each(|i| assert_eq!(see(&mut cache, &view, i), [i as u64]));
        }
        assert_eq!((loaded(&view), panes.asked()), (8, 8));
        assert_eq!(see(&mut cache, &view, 8), [8]);
        assert_eq!(see(&mut cache, &view, 1), [1]);
        assert_eq!(loaded(&view), 1, "the others stay");
        assert_eq!(see(&mut cache, &view, 0), [0]);
        assert_eq!(loaded(&view), 1, "the oldest has gone");
    }

    #[test]
    fn a_bundle_sees_what_has_replaced_the_rows_before_it() {
        let (mut cache, panes, view) = cache();
        assert_eq!((see(&mut cache, &view, 1), see(&mut cache, &view, 2)), (vec![1], vec![2]));
        panes.put(window(1), vec![7, 7]);
        assert_eq!(see(&mut cache, &view, 1), [1], "not within a bundle");
        assert_eq!((loaded(&view), panes.asked()), (2, 2));
        cache.start_bundle();
        assert_eq!((loaded(&view), panes.asked()), (0, 0), "nobody has looked yet");
        for _ in 0..2 {
            assert_eq!((see(&mut cache, &view, 1), see(&mut cache, &view, 2)), (vec![7, 7], vec![2]));
        }
        assert_eq!((loaded(&view), panes.asked()), (1, 2));
    }

    #[test]
    fn a_mapping_is_user_code() {
        let mapping = WindowMapping(Arc::new(|main| {
            assert!(main == window(1), "no such window");
            window(5)
        }));
        let step = StepName::here("Look");
        assert_eq!(mapping.side_window(&step, window(1)).unwrap(), window(5));
        let error = mapping.side_window(&step, Window::Global).unwrap_err().to_string();
        assert!(error.starts_with("`Look` (") && error.contains("panicked: no such window"), "{error}");
    }
}
