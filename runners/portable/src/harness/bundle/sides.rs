//! Side inputs: what the engine has of a collection in a window, read once a bundle.

use super::current::Current;
use bytes::Bytes;
use ferrobeam_core::coder::{Coder, CoderError, CoderSpec, Decoded, DynCoder, StrategyWindowCoder};
use ferrobeam_core::dofn::erased::SharedRows;
use ferrobeam_core::dofn::guard::guard;
use ferrobeam_core::dofn::side::{SideReader, WindowMapping};
use ferrobeam_core::graph::{StepName, WireCoder};
use ferrobeam_core::windowing::{Window, WindowingStrategy};
use ferrobeam_core::{Error, Result};
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::pipeline::ParDoPayload;
use ferrobeam_model::urns::side_inputs::MULTIMAP;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The side inputs of one step.
pub(super) struct Sides {
    pub(super) step: StepName,
    /// The transform's id in the descriptor.
    pub(super) transform: String,
    pub(super) current: Arc<Current>,
    pub(super) sides: BTreeMap<String, Side>,
    pub(super) loaded: Mutex<BTreeMap<(String, Window), SharedRows>>,
}

/// So many keys of a map are looked up together.
const TOGETHER: usize = 256;

/// One side input.
pub(super) struct Side {
    /// How the engine keeps it: pairs by key, or rows in no order.
    pub(super) pairs: Option<Pairs>,
    pub(super) rows: Arc<dyn WireCoder>,
    pub(super) windows: StrategyWindowCoder,
    pub(super) of_main: SideWindows,
}

/// Which windows of a side input belong to those of the main input.
pub(super) struct SideWindows {
    pub(super) windowing: Arc<WindowingStrategy>,
    pub(super) mapping: Option<WindowMapping>,
}

impl SideWindows {
    /// The window that belongs to `main`, as `step` sees it.
    pub(super) fn of(&self, step: &StepName, main: Window) -> Result<Option<Window>> {
        match &self.mapping {
            Some(mapping) => mapping.side_window(step, main).map(Some),
            None => guard(step, || self.windowing.windows.side_window(main)),
        }
    }
}

/// Where keys and values end of pairs that an engine keeps by key.
pub(super) struct Pairs {
    key: DynCoder,
    value: DynCoder,
}

impl Pairs {
    /// How the engine keeps a side input of elements of this coder.
    pub(super) fn of(payload: &ParDoPayload, name: &str, element: &CoderSpec) -> Decoded<Option<Self>> {
        let pattern = payload.side_inputs.get(name).and_then(|side| side.access_pattern.as_ref());
        if pattern.is_none_or(|pattern| pattern.urn != MULTIMAP) {
            return Ok(None);
        }
        let [key, value] = element.components.as_slice() else {
            return Err(CoderError::spec("the coder of pairs", &element.urn));
        };
        Ok(Some(Pairs { key: DynCoder::from_spec(key)?, value: DynCoder::from_spec(value)? }))
    }
}

/// Cuts concatenated values apart.
fn cut(coder: &DynCoder, all: &Bytes) -> Decoded<Vec<Bytes>> {
    let (mut input, mut cut) = (&all[..], Vec::new());
    while !input.is_empty() {
        let before = input;
        coder.decode(&mut input)?;
        cut.push(all.slice_ref(&before[..before.len() - input.len()]));
    }
    Ok(cut)
}

impl Sides {
    /// Forgets what an earlier bundle read.
    pub(super) fn start(&self) {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn iterable(&self, name: &str, window: Bytes) -> Result<Bytes> {
        let (transform_id, side_input_id) = (self.transform.clone(), name.to_owned());
        let of = pb::state_key::IterableSideInput { transform_id, side_input_id, window };
        self.current.read(&pb::StateKey { r#type: Some(pb::state_key::Type::IterableSideInput(of)) })
    }

    /// The pairs of a map, one after another: its keys first, then the values of each.
    fn pairs(&self, name: &str, pairs: &Pairs, window: &Bytes) -> Result<Decoded<Bytes>> {
        let (transform, window) = (|| self.transform.clone(), || window.clone());
        let (transform_id, side_input_id) = (transform(), name.to_owned());
        let of = pb::state_key::MultimapKeysSideInput { transform_id, side_input_id, window: window() };
        let keys = pb::StateKey { r#type: Some(pb::state_key::Type::MultimapKeysSideInput(of)) };
        let keys = match cut(&pairs.key, &self.current.read(&keys)?) {
            Ok(keys) => keys,
            Err(error) => return Ok(Err(error)),
        };
        let values_of = |key: &Bytes| {
            let (transform_id, side_input_id, key) = (transform(), name.to_owned(), key.clone());
            let of = pb::state_key::MultimapSideInput { transform_id, side_input_id, window: window(), key };
            pb::StateKey { r#type: Some(pb::state_key::Type::MultimapSideInput(of)) }
        };
        let mut all = Vec::new();
        for keys in keys.chunks(TOGETHER) {
            let values = self.current.read_all(&keys.iter().map(values_of).collect::<Vec<_>>())?;
            for (key, values) in keys.iter().zip(&values) {
                match cut(&pairs.value, values) {
                    Ok(values) => values.iter().for_each(|value| all.extend([key, value].into_iter().flatten())),
                    Err(error) => return Ok(Err(error)),
                }
            }
        }
        Ok(Ok(all.into()))
    }
}

impl SideReader for Sides {
    fn rows(&self, name: &str, main: Window) -> Result<SharedRows> {
        let unknown = || {
            let source =
                format!("the side input `{name}` was not declared: pass its view to `par_do_with` or `map_with`")
                    .into();
            Error::User { step: self.step.clone(), element: None, source }
        };
        let side = self.sides.get(name).ok_or_else(unknown)?;
        let failed = |source| Error::Coder { step: self.step.clone(), element: None, source };
        let Some(window) = side.of_main.of(&self.step, main)? else {
            return side.rows.rows(&[]).map_err(failed);
        };
        let key = (name.to_owned(), window);
        if let Some(rows) = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(rows.clone());
        }
        let mut encoded = Vec::new();
        side.windows.encode(&window, &mut encoded).map_err(failed)?;
        let failed = |source: CoderError| failed(source.at(format!("side input `{name}`")));
        let all = match &side.pairs {
            None => self.iterable(name, encoded.into())?,
            Some(pairs) => self.pairs(name, pairs, &encoded.into())?.map_err(failed)?,
        };
        let rows = side.rows.rows(&all).map_err(failed)?;
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(key, rows.clone());
        Ok(rows)
    }
}
