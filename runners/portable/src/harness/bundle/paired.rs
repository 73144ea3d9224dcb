//! Elements with a part of their work: what travels between the steps of a splittable DoFn.

use bytes::Bytes;
use ferrobeam_core::batch::{Batch, MetaBuilder};
use ferrobeam_core::coder::wire::{finish, prefixed, put_sortable, take_prefixed, take_sortable};
use ferrobeam_core::coder::{
    Coder, CoderError, CoderProblem, CoderSpec, Decoded, Encoded, IterableCoder, StrategyWindowCoder, put_pane,
    take_pane,
};
use ferrobeam_core::dofn::erased::{Next, Receiver};
use ferrobeam_core::dofn::splittable::operator::Element;
use ferrobeam_core::graph::{EdgeCoder, ReadPosition, StepName, WireCoder};
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Error, Result, Timestamp};
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

    fn take(&self, input: &mut &[u8]) -> Decoded<Paired> {
        if !self.outer_prefixed {
            return self.take_sized(input);
        }
        let mut inner = take_prefixed(input, "a length-prefixed element")?;
        let paired = self.take_sized(&mut inner)?;
        finish(paired, inner)
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

    pub(super) fn put(&self, paired: &Paired, out: &mut Vec<u8>) -> Encoded {
        if self.outer_prefixed { prefixed(out, |out| self.put_sized(paired, out)) } else { self.put_sized(paired, out) }
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

/// Reads pieces of a data stream, one element at a time: each may be long work, and what was not begun may be split off.
pub(super) struct PairedReader {
    pub(super) step: StepName,
    pub(super) coder: Arc<PairedCoder>,
    pub(super) windows: StrategyWindowCoder,
    pub(super) position: Arc<ReadPosition>,
    pub(super) rest: Vec<u8>,
    pub(super) next: Next<Paired>,
}

impl Receiver<Bytes> for PairedReader {
    fn start_bundle(&mut self) -> Result<()> {
        self.rest.clear();
        self.next.start_bundle()
    }

    fn receive(&mut self, pieces: Batch<Bytes>) -> Result<()> {
        let windows = IterableCoder::of_windows(self.windows);
        for piece in pieces.values {
            self.rest.extend_from_slice(&piece);
            let all = std::mem::take(&mut self.rest);
            let mut input = &all[..];
            while !input.is_empty() {
                let before = input;
                match self.one(&windows, &mut input) {
                    Ok(Some(batch)) => self.next.receive(batch)?,
                    // The rest is somebody else's.
                    Ok(None) => return Ok(()),
                    Err(error) if matches!(error.problem(), CoderProblem::Truncated { .. }) => {
                        self.rest = before.to_vec();
                        break;
                    }
                    Err(source) => return Err(self.failed(source)),
                }
            }
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        if !self.rest.is_empty() {
            return Err(self.failed(CoderError::truncated("an element, where the data stream ends")));
        }
        self.next.finish_bundle()
    }
}

impl PairedReader {
    fn one(&self, coder: &IterableCoder<StrategyWindowCoder>, input: &mut &[u8]) -> Decoded<Option<Batch<Paired>>> {
        let time = Timestamp::from_millis(take_sortable(input, "a timestamp")?);
        let windows: Vec<Window> = coder.decode(input)?;
        let pane = take_pane(input)?;
        let paired = self.coder.take(input)?;
        if self.position.claim(1) == 0 {
            return Ok(None);
        }
        let mut meta = MetaBuilder::default();
        meta.push(time, &windows.into(), pane);
        Ok(Some(Batch { values: vec![paired], meta: meta.finish() }))
    }

    fn failed(&self, source: CoderError) -> Error {
        Error::Coder { step: self.step.clone(), element: None, source: source.at("what the engine sent") }
    }
}

/// Writes pieces of a data stream.
pub(super) struct PairedWriter {
    pub(super) step: StepName,
    pub(super) coder: Arc<PairedCoder>,
    pub(super) windows: StrategyWindowCoder,
    pub(super) count: Arc<std::sync::atomic::AtomicU64>,
    pub(super) next: Next<Bytes>,
}

impl Receiver<Paired> for PairedWriter {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<Paired>) -> Result<()> {
        let mut piece = Vec::new();
        let windows = IterableCoder::of_windows(self.windows);
        for (row, paired) in batch.values.iter().enumerate() {
            put_sortable(batch.meta.time.get(row).millis(), &mut piece);
            let encoded = windows.encode(&batch.meta.windows.get(row).as_slice().to_vec(), &mut piece).and_then(|()| {
                put_pane(batch.meta.pane.get(row), &mut piece);
                self.coder.put(paired, &mut piece)
            });
            encoded.map_err(|source| Error::Coder { step: self.step.clone(), element: None, source })?;
        }
        self.count.fetch_add(batch.values.len() as u64, std::sync::atomic::Ordering::Relaxed);
        let meta = ferrobeam_core::batch::Meta::at(Timestamp::MIN);
        self.next.receive(Batch { values: vec![piece.into()], meta })
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}
