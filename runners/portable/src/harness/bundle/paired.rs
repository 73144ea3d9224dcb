//! Elements with a part of their work: what travels between the steps of a splittable DoFn.

use super::rows::RowCoder;
use bytes::Bytes;
use ferrobeam_core::coder::wire::{finish, prefixed, put_sortable, take_prefixed};
use ferrobeam_core::coder::{Coder, CoderSpec, Decoded, Encoded, IterableCoder, StrategyWindowCoder, put_pane};
use ferrobeam_core::dofn::splittable::operator::Element;
use ferrobeam_core::graph::{EdgeCoder, WireCoder};
use ferrobeam_model::urns::coders;
use std::sync::Arc;

/// An element and a part of its work, both in our own encoding.
#[derive(Clone, Debug)]
pub(super) struct Paired {
    pub(super) element: Bytes,
    pub(super) work: Bytes,
    pub(super) size: f64,
}

/// `kv<kv<element, work>, size>`, or the pair alone; an engine may have put a length before either.
pub(super) struct PairedCoder {
    is_sized: bool,
    outer_prefixed: bool,
    pair_prefixed: bool,
    element: Arc<dyn WireCoder>,
    work: Arc<dyn WireCoder>,
}

impl PairedCoder {
    pub(super) fn new(spec: &CoderSpec, element: &dyn EdgeCoder, work: &dyn EdgeCoder) -> Decoded<Self> {
        let (outer, outer_prefixed) = without_prefix(spec);
        outer.expect(coders::KV, 2)?;
        let is_sized = outer.components[1].urn == coders::DOUBLE;
        let (pair, pair_prefixed) = if is_sized { without_prefix(&outer.components[0]) } else { (outer, false) };
        pair.expect(coders::KV, 2)?;
        let element = element.on_wire(&pair.components[0]).map_err(|e| e.at("element"))?;
        let work = work.on_wire(&pair.components[1]).map_err(|e| e.at("restriction"))?;
        Ok(PairedCoder { is_sized, outer_prefixed, pair_prefixed, element, work })
    }

    fn take_sized(&self, input: &mut &[u8]) -> Decoded<Paired> {
        let (element, work) = if self.pair_prefixed {
            let mut inner = take_prefixed(input, "a length-prefixed pair")?;
            let pair = (self.element.take(&mut inner)?, self.work.take(&mut inner)?);
            finish(pair, inner)?
        } else {
            (self.element.take(input)?, self.work.take(input)?)
        };
        let size = if self.is_sized { f64::from_bits(take_be(input)?) } else { 0.0 };
        Ok(Paired { element, work, size })
    }

    fn put_sized(&self, paired: &Paired, out: &mut Vec<u8>) -> Encoded {
        if self.pair_prefixed {
            prefixed(out, |out| self.put_pair(paired, out))?;
        } else {
            self.put_pair(paired, out)?;
        }
        if self.is_sized {
            out.extend_from_slice(&paired.size.to_bits().to_be_bytes());
        }
        Ok(())
    }

    fn put_pair(&self, paired: &Paired, out: &mut Vec<u8>) -> Encoded {
        self.element.put(&paired.element, out)?;
        self.work.put(&paired.work, out)
    }
}

impl RowCoder for PairedCoder {
    type Row = Paired;

    fn take(&self, input: &mut &[u8]) -> Decoded<Paired> {
        if !self.outer_prefixed {
            return self.take_sized(input);
        }
        let mut inner = take_prefixed(input, "a length-prefixed element")?;
        let paired = self.take_sized(&mut inner)?;
        finish(paired, inner)
    }

    fn put(&self, paired: &Paired, out: &mut Vec<u8>) -> Encoded {
        if self.outer_prefixed { prefixed(out, |out| self.put_sized(paired, out)) } else { self.put_sized(paired, out) }
    }
}

fn take_be(input: &mut &[u8]) -> Decoded<u64> {
    let bytes = ferrobeam_core::coder::wire::take_array(input, "a size")?;
    Ok(u64::from_be_bytes(bytes))
}

fn without_prefix(spec: &CoderSpec) -> (&CoderSpec, bool) {
    match spec.components.as_slice() {
        [inner] if spec.urn == coders::LENGTH_PREFIX => (inner, true),
        _ => (spec, false),
    }
}

/// Appends an element with what travels beside it, as on the data stream.
pub(super) fn put_windowed(
    coder: &PairedCoder,
    windows: StrategyWindowCoder,
    at: &Element<'_>,
    paired: &Paired,
    out: &mut Vec<u8>,
) -> Encoded {
    put_sortable(at.time.millis(), out);
    IterableCoder::of_windows(windows).encode(&vec![at.window], out)?;
    put_pane(&at.pane, out);
    coder.put(paired, out)
}
