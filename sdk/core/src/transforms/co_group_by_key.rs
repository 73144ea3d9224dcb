//! The values of each key in two collections.

use super::flatten::flatten;
use super::group_by_key::Grouped;
use crate::graph::Spec;
use crate::{Element, Key, PCollection, Pair};
use std::panic::Location;

/// Has no URN in Beam's definitions; engines expand it.
const URN: &str = "ferrobeam:transform:co_group_by_key:v1";

/// A key with the values that each of two collections has of it.
pub type CoGrouped<K, A, B> = (K, (Grouped<A>, Grouped<B>));

impl<T: Element> PCollection<T> {
    /// Groups two collections of pairs by key and window: the values that each has of a key.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     let names = root.create([(1u64, "ann".to_owned())]);
    ///     let ages = root.create([(1u64, 30u32), (2, 40)]);
    ///     names
    ///         .co_group_by_key(&ages)
    ///         .map(|(id, (names, ages))| (id, names.iter().next(), ages.iter().sum::<u32>()))
    ///         .discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn co_group_by_key<K: Key, A: Element, B: Element>(
        &self,
        other: &PCollection<(K, B)>,
    ) -> PCollection<CoGrouped<K, A, B>>
    where
        T: Pair<K, A>,
    {
        let (root, at) = (&self.root, Location::caller());
        let spec = Spec::Composite(Box::new(|_| ferrobeam_model::pipeline::FunctionSpec {
            urn: URN.to_owned(),
            payload: bytes::Bytes::new(),
        }));
        let (out, node) = root.scope("CoGroupByKey", spec, at, || {
            let left = self.map_step("Left", |pair| {
                let (key, value) = pair.into_pair();
                (key, Ok::<A, B>(value))
            });
            let right = other.map_step("Right", |(key, value)| (key, Err::<A, B>(value)));
            flatten([&left, &right]).group_by_key::<K, Result<A, B>>().map_step("Split", |(key, values)| {
                let (mut left, mut right) = (Vec::new(), Vec::new());
                for value in values.iter() {
                    match value {
                        Ok(value) => left.push(value),
                        Err(value) => right.push(value),
                    }
                }
                (key, (Grouped::new(left), Grouped::new(right)))
            })
        });
        out.made_by(node)
    }
}
