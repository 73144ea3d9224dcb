//! Grouping by encoded keys, made of ordinary steps around the same store.

use super::law::{Law, decode_all};
use super::{AnyGrouping, Grouping};
use crate::batch::Batch;
use crate::coder::{self, Coder};
use crate::combiners::CombineFn;
use crate::dofn::batch_step::BatchStep;
use crate::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use crate::dofn::guard::guard;
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use crate::{Element, Key};
use bytes::Bytes;
use std::marker::PhantomData;
use std::sync::Arc;

/// A typed pair becomes one with an encoded key and a value that was encoded and decoded; the same store groups them;
/// the key is decoded again. So coders of keys and values are exercised as an engine would, and the law of keys
/// (equal values have equal bytes and the reverse) is checked on every key.
pub struct OnBytes {
    /// Before the store.
    pub encode: Arc<dyn AnyStep>,
    /// The store.
    pub grouping: Arc<dyn AnyGrouping>,
    /// After the store.
    pub decode: Arc<dyn AnyStep>,
}

pub(super) fn on_bytes<K: Key, C: CombineFn>(combine: C) -> OnBytes {
    OnBytes {
        encode: Arc::new(EncodeKeys::<K, C::In>(PhantomData)),
        grouping: Arc::new(Grouping::<Bytes, C>::unlifted(combine, |key| coder::describe(&coder::spec_of::<K>(), key))),
        decode: Arc::new(BatchStep::new(decode::<K, C::Out>)),
    }
}

/// Makes keys bytes, and checks their law among all keys of a bundle.
struct EncodeKeys<K, V>(PhantomData<fn(K, V)>);

impl<K: Key, V: Element> AnyStep for EncodeKeys<K, V> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        let (step, next) = (wiring.step.clone(), wiring.outputs.take::<(Bytes, V)>(MAIN)?);
        Ok(AnyReceiver::new(KeyEncoder::<K, V> { step, law: Law::default(), next }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<(K, V)>()?, producers))
    }
}

struct KeyEncoder<K, V> {
    step: StepName,
    law: Law<K>,
    next: Next<(Bytes, V)>,
}

impl<K: Key, V: Element> Receiver<(K, V)> for KeyEncoder<K, V> {
    fn start_bundle(&mut self) -> Result<()> {
        self.law = Law::default();
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<(K, V)>) -> Result<()> {
        let encoded = guard(&self.step, || encode(batch, &mut self.law))?;
        self.next.receive(encoded)
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

fn encode<K: Key, V: Element>(batch: Batch<(K, V)>, law: &mut Law<K>) -> Result<Batch<(Bytes, V)>, BoxError> {
    let (keys, values) = (coder::of::<K>(), coder::of::<V>());
    let mut scratch = Vec::new();
    let mut pair = |(key, value): (K, V)| -> Result<(Bytes, V), BoxError> {
        scratch.clear();
        keys.encode(&key, &mut scratch)?;
        let key = law.check(key, &scratch)?;
        scratch.clear();
        values.encode(&value, &mut scratch)?;
        Ok((key, decode_all(&values, &scratch)?))
    };
    let values = batch.values.into_iter().map(&mut pair).collect::<Result<_, _>>()?;
    Ok(Batch { values, meta: batch.meta })
}

fn decode<K: Key, T: Element>(batch: Batch<(Bytes, T)>) -> Result<Batch<(K, T)>, BoxError> {
    let keys = coder::of::<K>();
    let pair = |(key, out): (Bytes, T)| Ok::<_, BoxError>((decode_all(&keys, &key)?, out));
    Ok(Batch { values: batch.values.into_iter().map(pair).collect::<Result<_, _>>()?, meta: batch.meta })
}
