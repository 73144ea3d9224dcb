//! The ways to see a collection as a side input.

use crate::dofn::erased::SharedRows;
use crate::dofn::side::{SideDeclaration, View};
use crate::error::BoxError;
use crate::windowing::Window;
use crate::{Element, Key, PCollection, Pair};
use ferrobeam_model::urns::side_inputs as urns;
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// Exactly one element in a window, or the default.
#[derive(Clone, Debug)]
pub struct Singleton<T> {
    declaration: SideDeclaration,
    default: Option<Arc<T>>,
}

impl<T: Element> View for Singleton<T> {
    type Seen = T;

    fn declaration(&self) -> &SideDeclaration {
        &self.declaration
    }

    fn load(&self, rows: &SharedRows) -> Result<Arc<T>, BoxError> {
        let none = "a singleton side input is empty in this window; `as_singleton_or` gives it a default";
        match rows.typed::<T>()?.as_slice() {
            [] => self.default.clone().ok_or_else(|| none.into()),
            [one] => Ok(Arc::new(one.clone())),
            many => Err(format!(
                "a singleton side input has {} elements in this window; if they are results of several panes, let the \
                 collection discard what has fired",
                many.len()
            )
            .into()),
        }
    }
}

/// All elements of a window.
#[derive(Clone, Debug)]
pub struct AsIterable<T> {
    declaration: SideDeclaration,
    of: PhantomData<fn() -> T>,
}

impl<T: Element> View for AsIterable<T> {
    type Seen = Vec<T>;

    fn declaration(&self) -> &SideDeclaration {
        &self.declaration
    }

    fn load(&self, rows: &SharedRows) -> Result<Arc<Vec<T>>, BoxError> {
        Ok(rows.shared()?)
    }
}

/// With a fixed hash, so that a run that is repeated sees pairs in the same order.
type Table<K, V> = HashMap<K, V, FixedState>;

/// The pairs of a window by key, one value a key.
#[derive(Clone, Debug)]
pub struct AsMap<K, V> {
    declaration: SideDeclaration,
    of: PhantomData<fn() -> (K, V)>,
}

/// What user code sees of a map.
#[derive(Debug)]
pub struct MapView<K, V>(Table<K, V>);

impl<K: Key, V> MapView<K, V> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// All pairs, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Key, V: Element> View for AsMap<K, V> {
    type Seen = MapView<K, V>;

    fn declaration(&self) -> &SideDeclaration {
        &self.declaration
    }

    fn load(&self, rows: &SharedRows) -> Result<Arc<MapView<K, V>>, BoxError> {
        rows.seen_as(|rows| {
            let rows = rows.typed::<(K, V)>()?;
            let map: Table<K, V> = rows.iter().cloned().collect();
            if map.len() < rows.len() {
                return Err("a map side input has two values for one key; `as_multimap` keeps all".into());
            }
            Ok(MapView(map))
        })
    }
}

/// The pairs of a window by key, any number of values a key.
#[derive(Clone, Debug)]
pub struct AsMultimap<K, V> {
    declaration: SideDeclaration,
    of: PhantomData<fn() -> (K, V)>,
}

/// What user code sees of a multimap.
#[derive(Debug)]
pub struct MultimapView<K, V>(Table<K, Vec<V>>);

impl<K: Key, V> MultimapView<K, V> {
    /// The values of a key; none if it is missing.
    pub fn get(&self, key: &K) -> &[V] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// All keys with their values, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &[V])> {
        self.0.iter().map(|(key, values)| (key, values.as_slice()))
    }
}

impl<K: Key, V: Element> View for AsMultimap<K, V> {
    type Seen = MultimapView<K, V>;

    fn declaration(&self) -> &SideDeclaration {
        &self.declaration
    }

    fn load(&self, rows: &SharedRows) -> Result<Arc<MultimapView<K, V>>, BoxError> {
        rows.seen_as(|rows| {
            let mut map: Table<K, Vec<V>> = Table::default();
            for (key, value) in rows.typed::<(K, V)>()?.iter().cloned() {
                map.entry(key).or_default().push(value);
            }
            Ok(MultimapView(map))
        })
    }
}

macro_rules! windows_by {
    ($($view:ident<$($of:ident),*>)*) => {$(
        impl<$($of),*> $view<$($of),*> {
            /// Says which window is seen by an element in the window `main`, if not the one that contains the last
            /// timestamp of `main`. Like all that constructs a pipeline, the function depends on nothing else.
            ///
            /// ```
            /// use ferrobeam_core::{prelude::*, time::*};
            /// # Root::build(|root| {
            /// let sales = root.create([3u64]).window(FixedWindows::of(hours(1)));
            /// // Those of the hour before.
            /// let before = sales.as_iterable().windows_by(|main| match main {
            ///     Window::Interval { start, end } => Window::interval(start - hours(1), end - hours(1)),
            ///     Window::Global => Window::Global,
            /// });
            /// sales.map_with(before, |sale, before| (sale, before.len())).discard();
            /// # Ok(())
            /// # })?;
            /// # Ok::<(), ferrobeam_core::Error>(())
            /// ```
            #[must_use]
            pub fn windows_by(self, mapping: impl Fn(Window) -> Window + Send + Sync + 'static) -> Self {
                $view { declaration: self.declaration.windows_by(mapping), ..self }
            }
        }
    )*};
}
windows_by! { Singleton<T> AsIterable<T> AsMap<K, V> AsMultimap<K, V> }

impl<T: Element> PCollection<T> {
    fn declaration(&self, kind: &str, access_pattern: &'static str) -> SideDeclaration {
        let (collection, pipeline) = (self.id, self.root.identity());
        let name = format!("{kind}-{collection}").into();
        SideDeclaration { name, collection, pipeline, access_pattern, mapping: None }
    }

    /// The collection's one element as a side input; a window with none or several fails the step that looks.
    ///
    /// If the collection's windows fire more than once, steps see the newest pane, and it is not certain which of them an
    /// element sees. The pane of a collection that accumulates holds the results of all panes before, as in Beam: results of
    /// which only the newest counts come out of a collection that discards what has fired.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let numbers = root.create([1, 3]);
    /// let most = numbers.max_globally().as_singleton();
    /// let rest = numbers.map_with(most, |x, most| most - x);
    /// assert_that(&rest).contains_in_any_order([2, 0]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn as_singleton(&self) -> Singleton<T> {
        Singleton { declaration: self.declaration("singleton", urns::ITERABLE), default: None }
    }

    /// The collection's one element as a side input, or `default` in a window with none.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let limit = root.create([] as [u32; 0]).max_globally().as_singleton_or(2);
    /// let small = root.create([1, 2, 3]).filter_with(limit, |x, limit| x <= limit);
    /// assert_that(&small).contains_in_any_order([1, 2]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn as_singleton_or(&self, default: T) -> Singleton<T> {
        Singleton { declaration: self.declaration("singleton", urns::ITERABLE), default: Some(Arc::new(default)) }
    }

    /// The collection's elements as a side input, in no particular order. It serves as iterable and as list.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let suffixes = root.create(["st".to_owned()]).as_iterable();
    /// let words = root.create(["be".to_owned()]).flat_map_with(suffixes, |word, suffixes, out| {
    ///     suffixes.iter().for_each(|suffix| out.emit(format!("{word}{suffix}")));
    /// });
    /// assert_that(&words).is_singleton("best".to_owned());
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn as_iterable(&self) -> AsIterable<T> {
        AsIterable { declaration: self.declaration("iterable", urns::ITERABLE), of: PhantomData }
    }

    /// The collection's pairs as a side input with lookup by key; a key with two values fails the step that looks.
    ///
    /// Keys are looked up by `Eq` and `Hash`. That equal keys have equal encodings, the law of keys, is not checked here.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let names = root.create([(1, "one".to_owned())]).as_map();
    /// let named = root.create([1, 2]).map_with(names, |id, names| names.get(&id).cloned());
    /// assert_that(&named).contains_in_any_order([Some("one".to_owned()), None]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn as_map<K: Key, V: Element>(&self) -> AsMap<K, V>
    where
        T: Pair<K, V>,
    {
        AsMap { declaration: self.declaration("map", urns::MULTIMAP), of: PhantomData }
    }

    /// The collection's pairs as a side input with lookup by key, any number of values a key.
    ///
    /// Keys are looked up by `Eq` and `Hash`. That equal keys have equal encodings, the law of keys, is not checked here.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let scores = root.create([('a', 1), ('a', 2)]).as_multimap();
    /// let totals = root.create(['a', 'b']).map_with(scores, |key, scores| (key, scores.get(&key).iter().sum::<i32>()));
    /// assert_that(&totals).contains_in_any_order([('a', 3), ('b', 0)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    pub fn as_multimap<K: Key, V: Element>(&self) -> AsMultimap<K, V>
    where
        T: Pair<K, V>,
    {
        AsMultimap { declaration: self.declaration("multimap", urns::MULTIMAP), of: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::StepName;
    use crate::transforms::test_steps::graph;

    fn load<V: View, T: Element>(view: &V, rows: Vec<T>) -> Result<Arc<V::Seen>, String> {
        view.load(&SharedRows::new(rows)).map_err(|e| e.to_string())
    }

    #[test]
    fn a_singleton_is_one_element() {
        let (mut plain, mut or) = (None, None);
        let _ = graph(|root| {
            let one = root.create([1u64]);
            (plain, or) = (Some(one.as_singleton()), Some(one.as_singleton_or(7)));
        });
        let (plain, or) = (plain.unwrap(), or.unwrap());
        let none: [u64; 0] = [];
        assert_eq!(load(&plain, vec![3u64]), Ok(Arc::new(3)));
        assert_eq!(load(&or, vec![3u64]), Ok(Arc::new(3)));
        assert_eq!(load(&or, none.to_vec()), Ok(Arc::new(7)));
        assert!(load(&plain, none.to_vec()).unwrap_err().contains("is empty"));
        let several = load(&plain, vec![3u64, 4]).unwrap_err();
        assert!(several.starts_with("a singleton side input has 2 elements in this window; "), "{several}");
    }

    #[test]
    fn maps_are_looked_up_by_key() {
        let (mut map, mut multimap) = (None, None);
        let _ = graph(|root| {
            let pairs = root.create([('a', 1u64)]);
            (map, multimap) = (Some(pairs.as_map()), Some(pairs.as_multimap()));
        });
        let (map, multimap) = (map.unwrap(), multimap.unwrap());
        let rows = SharedRows::new(vec![('a', 1u64)]);
        let [first, second] = [(), ()].map(|()| map.load(&rows).unwrap());
        assert!(Arc::ptr_eq(&first, &second), "it is made once");
        assert_eq!(multimap.load(&rows).unwrap().get(&'a'), [1], "of the same rows, seen in another way");
        let view = load(&map, vec![('a', 1u64), ('b', 2)]).unwrap();
        assert_eq!((view.get(&'b'), view.get(&'c'), view.len(), view.is_empty()), (Some(&2), None, 2, false));
        assert!(load(&map, vec![('a', 1u64), ('a', 2)]).unwrap_err().contains("`as_multimap` keeps all"));
        let view = load(&multimap, vec![('a', 1u64), ('b', 3), ('a', 2)]).unwrap();
        assert_eq!((view.get(&'a'), view.get(&'c')), (&[1, 2][..], &[][..]));
        assert_eq!(view.iter().map(|(_, values)| values.len()).sum::<usize>(), 3);
    }

    #[test]
    fn the_graph_gives_a_mapping_of_windows_back() {
        let graph = graph(|root| {
            let numbers = root.create([1u64]);
            let plain = numbers.as_iterable();
            let (first, second) = (plain.clone().windows_by(|_| Window::Global), plain.clone().windows_by(|main| main));
            numbers.map_with((plain, first.clone(), second), |x, _| x).named("Look").discard();
            numbers.map_with(first, |x, _| x).named("LookAgain").discard();
        });
        let id = |name: &str| {
            let mut all = graph.components().transforms.iter();
            all.find(|(_, transform)| transform.unique_name == name).unwrap().0.clone()
        };
        let names = |step: &str| {
            let inputs = graph.transform(&id(step)).unwrap().inputs.keys();
            inputs.filter(|name| *name != "in").cloned().collect::<Vec<_>>()
        };
        let main = Window::interval(crate::Timestamp::EPOCH, crate::Timestamp::MAX);
        let mapped = |step: &str, name: &str| {
            let mapping = graph.side_mapping(&id(step), name);
            mapping.map(|mapping| mapping.side_window(&StepName::here(step), main).unwrap())
        };
        let look = names("Look").iter().map(|name| mapped("Look", name)).collect::<Vec<_>>();
        assert_eq!(look, [None, Some(Window::Global), Some(main)], "one input each");
        assert_eq!(names("LookAgain"), names("Look")[1..2], "the same view has the same name");
        assert_eq!(mapped("LookAgain", &names("LookAgain")[0]), Some(Window::Global));
        assert_eq!((mapped("LookAgain", "in"), mapped("Look", "none")), (None, None));
        assert!(graph.side_mapping("no such step", "in").is_none());
    }
}
