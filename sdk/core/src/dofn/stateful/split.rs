//! The upstream end of a stateful step whose keys are spread over shards.

use super::operator::EncodedPair;
use crate::batch::{Batch, MetaBuilder};
use crate::coder;
use crate::dofn::erased::{AnyReceiver, Parcel, Receiver};
use crate::dofn::guard::guard;
use crate::error::{Error, Result};
use crate::graph::StepName;
use crate::grouping::{Exchange, hash, route};
use crate::{Element, Key};
use bytes::Bytes;
use std::marker::PhantomData;

pub(super) fn splitter<K: Key, V: Element>(step: &StepName, to: Box<dyn Exchange>) -> AnyReceiver {
    AnyReceiver::new(Splitter::<K, V> { step: step.clone(), to, of: PhantomData })
}

struct Splitter<K, V> {
    step: StepName,
    to: Box<dyn Exchange>,
    of: PhantomData<fn(K, V)>,
}

impl<K: Key, V: Element> Receiver<(K, V)> for Splitter<K, V> {
    fn start_bundle(&mut self) -> Result<()> {
        Ok(())
    }

    fn receive(&mut self, batch: Batch<(K, V)>) -> Result<()> {
        batch.explode(|batch| self.deal(batch))
    }

    fn finish_bundle(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<K: Key, V: Element> Splitter<K, V> {
    fn deal(&mut self, batch: Batch<(K, V)>) -> Result<()> {
        let shards = self.to.shards();
        let mut dealt: Vec<(Vec<EncodedPair>, MetaBuilder)> = (0..shards).map(|_| Default::default()).collect();
        // One allocation for the batch; each row is a slice of it.
        let (mut buffer, mut ends) = (Vec::new(), Vec::with_capacity(batch.values.len()));
        let step = &self.step;
        guard(step, || {
            for (key, value) in &batch.values {
                let failed = |source| Error::Coder { step: step.clone(), element: None, source };
                let start = buffer.len();
                coder::put(key, &mut buffer).map_err(failed)?;
                let key_length = buffer.len() - start;
                coder::put(value, &mut buffer).map_err(failed)?;
                ends.push((buffer.len(), key_length as u32));
            }
            Ok(())
        })?;
        let (all, mut start) = (Bytes::from(buffer), 0);
        for (row, ((key, _), (end, key_length))) in batch.values.iter().zip(ends).enumerate() {
            let (rows, meta) = &mut dealt[route(hash(key), shards)];
            rows.push((all.slice(std::mem::replace(&mut start, end)..end), key_length));
            meta.push(*batch.meta.time.get(row), batch.meta.windows.get(row), *batch.meta.pane.get(row));
        }
        for (shard, (values, meta)) in dealt.into_iter().enumerate().filter(|(_, (rows, _))| !rows.is_empty()) {
            self.to.send(shard, Parcel::new(Batch { values, meta: meta.finish() }))?;
        }
        Ok(())
    }
}
