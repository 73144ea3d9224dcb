//! One collection becomes several.

use crate::batch::{Batch, Meta};
use crate::dofn::erased::{AnyReceiver, AnyStep, Next, Receiver, Wiring, share};
use crate::dofn::guard::guard;
use crate::error::Result;
use crate::graph::{StepCode, StepName};
use crate::pcollection::par_do;
use crate::{Element, PCollection};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

/// As many outputs as have names.
const MOST: usize = 1000;

/// Three digits for each number.
const DIGITS: [u8; 3 * MOST] = {
    let (mut digits, mut i) = ([b'0'; 3 * MOST], 0);
    while i < MOST {
        digits[3 * i] += (i / 100) as u8;
        digits[3 * i + 1] += (i / 10 % 10) as u8;
        digits[3 * i + 2] += (i % 10) as u8;
        i += 1;
    }
    digits
};

/// The name of an output: its number. Names live as long as the program, and only those below `MOST` are asked for.
fn name(i: usize) -> &'static str {
    let leading_zeros = if i < 10 { 2 } else { usize::from(i < 100) };
    DIGITS.get(3 * i + leading_zeros..3 * i + 3).and_then(|digits| str::from_utf8(digits).ok()).unwrap_or("beyond")
}

impl<T: Element> PCollection<T> {
    /// Sends each element to the collection that `which` says, of as many as the pattern on the left names.
    ///
    /// All must be used, or [discarded](PCollection::discard) on purpose. A number that is not among them fails the step.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let [even, odd] = root.create([1usize, 2, 3]).partition(|x| x % 2);
    /// assert_that(&even).contains_in_any_order([2]);
    /// assert_that(&odd).contains_in_any_order([1, 3]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn partition<const N: usize>(
        &self,
        which: impl Fn(&T) -> usize + Send + Sync + 'static,
    ) -> [PCollection<T>; N] {
        const { assert!(N > 0 && N <= MOST, "a collection can be cut into 1 to 1000 partitions") }
        let (root, at) = (&self.root, Location::caller());
        let code = Some(StepCode::Step(Arc::new(PartitionStep { which: Arc::new(which), parts: N, of: PhantomData })));
        let node = root.step("Partition", par_do(|_, _| ()), vec![self.input("in")], code, at);
        let (windowing, bounded) = (root.windowing(self.id), root.is_bounded(self.id));
        std::array::from_fn(|i| root.output(node, Some(name(i)), windowing.clone(), bounded))
    }
}

struct PartitionStep<T, F> {
    which: Arc<F>,
    parts: usize,
    of: PhantomData<fn(T)>,
}

impl<T: Element, F: Fn(&T) -> usize + Send + Sync + 'static> AnyStep for PartitionStep<T, F> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        let next = (0..self.parts).map(|i| wiring.outputs.take(name(i))).collect::<Result<_>>()?;
        Ok(AnyReceiver::new(Partitioner { step: wiring.step.clone(), which: self.which.clone(), next }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

struct Partitioner<T, F> {
    step: StepName,
    which: Arc<F>,
    next: Vec<Next<T>>,
}

impl<T: Element, F: Fn(&T) -> usize + Send + Sync> Receiver<T> for Partitioner<T, F> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.iter_mut().try_for_each(|next| next.start_bundle())
    }

    fn receive(&mut self, Batch { values, meta }: Batch<T>) -> Result<()> {
        let parts = self.next.len();
        let mut split: Vec<(Vec<T>, Vec<u32>)> = (0..parts).map(|_| Default::default()).collect();
        guard(&self.step, || {
            for (row, value) in values.into_iter().enumerate() {
                let which = (self.which)(&value);
                let part = split.get_mut(which);
                let Some((values, rows)) = part else {
                    return Err(
                        format!("there are {parts} partitions, and an element is to go to number {which}").into()
                    );
                };
                values.push(value);
                rows.push(row as u32);
            }
            Ok(())
        })?;
        let meta = |rows: &[u32]| -> Meta { if meta.is_shared() { meta.clone() } else { meta.select(rows) } };
        for (next, (values, rows)) in self.next.iter_mut().zip(split).filter(|(_, (values, _))| !values.is_empty()) {
            next.receive(Batch { values, meta: meta(&rows) })?;
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.iter_mut().try_for_each(|next| next.finish_bundle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dofn::side::NoSides;
    use crate::transforms::test_steps::{batch, graph, mistakes, rows, run_to};
    use std::collections::BTreeSet;

    #[test]
    fn outputs_have_names_of_their_own() {
        assert_eq!([0, 9, 10, 99, 100, 999].map(name), ["0", "9", "10", "99", "100", "999"]);
        assert_eq!((0..MOST).map(name).collect::<BTreeSet<_>>().len(), MOST);
    }

    #[test]
    fn elements_go_with_their_time_where_they_are_sent() {
        let graph = graph(|root| {
            let parts: [_; 3] = root.create([0usize]).partition(|x| *x);
            parts.iter().for_each(PCollection::discard);
        });
        let run = |input| run_to::<usize, usize>(&graph, "Partition", &["0", "1", "2"], Arc::new(NoSides), input);
        let out = run(batch([(5, 2), (6, 0), (7, 2)])).unwrap();
        assert_eq!([rows(&out[0]), rows(&out[1]), rows(&out[2])], [vec![(6, 0)], vec![], vec![(5, 2), (7, 2)]]);
        let error = run(batch([(5, 3)])).err().unwrap().to_string();
        assert!(error.ends_with("there are 3 partitions, and an element is to go to number 3"), "{error}");
    }

    #[test]
    fn no_partition_is_lost() {
        let text = mistakes(|root| {
            let [even, _odd] = root.create([1usize]).partition(|x| x % 2);
            even.discard();
        });
        assert!(text.contains("`Partition` (") && text.contains("): nothing consumes the output `1`"), "{text}");
    }
}
