//! Pairs from elements.

use crate::{Element, Key, PCollection};

impl<T: Element> PCollection<T> {
    /// Pairs each element with its key.
    ///
    /// ```
    /// use ferrobeam_core::prelude::*;
    /// Root::build(|root| {
    ///     root.create(["a".to_owned()]).key_by(|word| word.len()).discard();
    ///     Ok(())
    /// })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn key_by<K: Key>(&self, key: impl Fn(&T) -> K + Send + Sync + 'static) -> PCollection<(K, T)> {
        self.map_step("KeyBy", move |x| (key(&x), x))
    }
}
