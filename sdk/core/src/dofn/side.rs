//! Side inputs: a view says how a whole collection is seen; a tuple of views is seen as a tuple.

use super::erased::{AnyBox, SharedRows};
use crate::error::{BoxError, Result};
use crate::graph::PipelineId;
use crate::windowing::Window;
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
}

/// A way to see a whole collection.
pub trait View: Clone + Send + Sync + 'static {
    /// What is kept for one window, made once from its rows.
    type Loaded: Send + 'static;
    /// What user code gets.
    type Ref<'a>;

    /// What the step must declare.
    fn declaration(&self) -> &SideDeclaration;

    /// Makes the kept form.
    ///
    /// # Errors
    /// The collection does not have the form that this view promises (a singleton with two elements).
    fn load(&self, rows: &SharedRows) -> Result<Self::Loaded, BoxError>;

    /// What user code gets.
    ///
    /// # Errors
    /// The window is empty and the view promises a value.
    fn get<'a>(&'a self, loaded: &'a Self::Loaded) -> Result<Self::Ref<'a>, BoxError>;
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

    /// The loaded views.
    ///
    /// # Errors
    /// See [`View::get`].
    fn get<'a>(&'a self, cache: &'a SideCache) -> Result<Self::Refs<'a>, BoxError>;
}

impl<V: View> SideInputs for V {
    type Refs<'a> = V::Ref<'a>;

    fn declarations(&self) -> Vec<SideDeclaration> {
        vec![self.declaration().clone()]
    }
    fn load(&self, cache: &mut SideCache, window: Window) -> Result<(), BoxError> {
        cache.load(self, window)
    }
    fn get<'a>(&'a self, cache: &'a SideCache) -> Result<Self::Refs<'a>, BoxError> {
        cache.get(self)
    }
}

macro_rules! tuples {
    ($(($($view:ident $i:tt),*))*) => {$(
        impl<$($view: View),*> SideInputs for ($($view,)*) {
            type Refs<'a> = ($($view::Ref<'a>,)*);

            fn declarations(&self) -> Vec<SideDeclaration> {
                vec![$(self.$i.declaration().clone()),*]
            }
            fn load(&self, cache: &mut SideCache, window: Window) -> Result<(), BoxError> {
                $(cache.load(&self.$i, window)?;)*
                Ok(())
            }
            fn get<'a>(&'a self, cache: &'a SideCache) -> Result<Self::Refs<'a>, BoxError> {
                Ok(($(cache.get(&self.$i)?,)*))
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

/// The loaded views of one operator: the newest window of each, so that a run of elements in one window loads once.
pub struct SideCache {
    reader: Arc<dyn SideReader>,
    loaded: Vec<(Arc<str>, Window, AnyBox)>,
}

impl SideCache {
    /// Nothing loaded yet.
    pub fn new(reader: Arc<dyn SideReader>) -> Self {
        SideCache { reader, loaded: Vec::new() }
    }

    pub(crate) fn load<V: View>(&mut self, view: &V, window: Window) -> Result<(), BoxError> {
        let name = &view.declaration().name;
        let known = self.loaded.iter().position(|(n, ..)| n == name);
        if known.is_some_and(|at| self.loaded[at].1 == window) {
            return Ok(());
        }
        let loaded = AnyBox::new(view.load(&self.reader.rows(name, window)?)?);
        match known {
            Some(at) => self.loaded[at] = (name.clone(), window, loaded),
            None => self.loaded.push((name.clone(), window, loaded)),
        }
        Ok(())
    }

    pub(crate) fn get<'a, V: View>(&'a self, view: &'a V) -> Result<V::Ref<'a>, BoxError> {
        let name = &view.declaration().name;
        let loaded = self.loaded.iter().find(|(n, ..)| n == name).and_then(|(.., loaded)| loaded.get::<V::Loaded>());
        match loaded {
            Some(loaded) => view.get(loaded),
            None => Err(format!("the side input `{name}` is not loaded").into()),
        }
    }
}
