//! Side inputs of which only the run time knows how many and of which kind.

use super::{Pair, View};
use ferrobeam::dofn::side::{SideCache, SideDeclaration};
use ferrobeam::prelude::{
    AsIterable, AsMap, AsMultimap, BoxError, MapView, MultimapView, PCollection, SideInputs, Singleton, sum,
};
use ferrobeam::windowing::Window;

/// Any number of views.
#[derive(Clone)]
pub(super) struct Looks(pub(super) Vec<Look>);

/// One view.
#[derive(Clone)]
pub(super) enum Look {
    Singleton(Singleton<u64>),
    Iterable(AsIterable<Pair>),
    Map(AsMap<u64, u64>),
    Multimap(AsMultimap<u64, u64>),
}

/// What a view shows.
pub(super) enum Seen<'a> {
    Singleton(&'a u64),
    Iterable(&'a [Pair]),
    Map(&'a MapView<u64, u64>),
    Multimap(&'a MultimapView<u64, u64>),
}

pub(super) fn total(pairs: &PCollection<Pair>) -> PCollection<u64> {
    pairs.map(|(_, value)| value).combine_globally(sum())
}

impl Look {
    pub(super) fn at(side: &PCollection<Pair>, view: View) -> Self {
        match view {
            View::Singleton => Look::Singleton(total(side).as_singleton()),
            View::Iterable => Look::Iterable(side.as_iterable()),
            View::Map => Look::Map(side.combine_per_key(sum()).as_map()),
            View::Multimap => Look::Multimap(side.as_multimap()),
        }
    }
}

impl Seen<'_> {
    /// What an element with this key sees.
    pub(super) fn of(&self, key: u64) -> u64 {
        match self {
            Seen::Singleton(total) => **total,
            Seen::Iterable(pairs) => pairs.iter().map(|(_, value)| value).sum(),
            Seen::Map(sums) => sums.get(&key).copied().unwrap_or(0),
            Seen::Multimap(values) => values.get(&key).iter().sum(),
        }
    }
}

impl SideInputs for Looks {
    type Refs<'a> = Vec<Seen<'a>>;

    fn declarations(&self) -> Vec<SideDeclaration> {
        let declarations = |look: &Look| match look {
            Look::Singleton(view) => view.declarations(),
            Look::Iterable(view) => view.declarations(),
            Look::Map(view) => view.declarations(),
            Look::Multimap(view) => view.declarations(),
        };
        self.0.iter().flat_map(declarations).collect()
    }

    fn load(&self, cache: &mut SideCache, window: Window) -> Result<(), BoxError> {
        self.0.iter().try_for_each(|look| match look {
            Look::Singleton(view) => SideInputs::load(view, cache, window),
            Look::Iterable(view) => SideInputs::load(view, cache, window),
            Look::Map(view) => SideInputs::load(view, cache, window),
            Look::Multimap(view) => SideInputs::load(view, cache, window),
        })
    }

    fn get<'a>(&'a self, cache: &'a SideCache) -> Result<Vec<Seen<'a>>, BoxError> {
        let get = |look: &'a Look| {
            Ok(match look {
                Look::Singleton(view) => Seen::Singleton(SideInputs::get(view, cache)?),
                Look::Iterable(view) => Seen::Iterable(SideInputs::get(view, cache)?),
                Look::Map(view) => Seen::Map(SideInputs::get(view, cache)?),
                Look::Multimap(view) => Seen::Multimap(SideInputs::get(view, cache)?),
            })
        };
        self.0.iter().map(get).collect()
    }
}
