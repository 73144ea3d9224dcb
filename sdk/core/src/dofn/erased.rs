//! The only file with `Any`. Types are erased where operators are wired, never per element: one checked downcast per
//! edge and bundle processor, and one per batch that crosses threads.

use crate::batch::{Batch, Meta};
use crate::dofn::side::SideReader;
use crate::error::{BoxError, Error, Result};
use crate::graph::StepName;
use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One end of an edge.
///
/// Protocol: `start_bundle receive* finish_bundle`, downstream started first and finished last, so that
/// `finish_bundle` may still emit. After an error the bundle is lost and the receiver is dropped.
pub trait Receiver<T>: Send {
    /// Begins a bundle.
    fn start_bundle(&mut self) -> Result<()>;
    /// Takes a batch.
    fn receive(&mut self, batch: Batch<T>) -> Result<()>;
    /// Ends the bundle; everything that was received has been passed on when it returns.
    fn finish_bundle(&mut self) -> Result<()>;
}

/// A receiver, owned by the operator before it.
pub type Next<T> = Box<dyn Receiver<T>>;

/// A `Next<T>` whose `T` is forgotten.
pub struct AnyReceiver {
    inner: Box<dyn Any + Send>,
    carries: &'static str,
}

impl AnyReceiver {
    /// Forgets the type.
    pub fn new<T: 'static>(receiver: impl Receiver<T> + 'static) -> Self {
        Self::boxed(Box::new(receiver))
    }

    /// Forgets the type of a receiver that is boxed already.
    pub fn boxed<T: 'static>(next: Next<T>) -> Self {
        AnyReceiver { inner: Box::new(next), carries: type_name::<T>() }
    }

    /// Remembers the type.
    ///
    /// # Errors
    /// [`Error::Wire`] if it was another.
    pub fn typed<T: 'static>(self) -> Result<Next<T>> {
        let wrong = Error::Wire { found: type_name::<T>(), wanted: self.carries };
        self.inner.downcast::<Next<T>>().map(|next| *next).map_err(|_| wrong)
    }
}

/// The consumers of a step by output name; the runner fills it, the step takes from it.
#[derive(Default)]
pub struct Outputs {
    consumers: BTreeMap<String, Vec<AnyReceiver>>,
    counts: BTreeMap<String, Arc<AtomicU64>>,
}

/// The name of a step's main output.
pub const MAIN: &str = "out";

impl Outputs {
    /// Only a main output.
    pub fn main(receivers: Vec<AnyReceiver>) -> Self {
        let mut outputs = Outputs::default();
        outputs.insert(MAIN, receivers);
        outputs
    }

    /// Says who consumes an output.
    pub fn insert(&mut self, name: &str, receivers: Vec<AnyReceiver>) {
        self.consumers.insert(name.to_owned(), receivers);
    }

    /// Adds the number of an output's elements to a sum.
    pub fn count(&mut self, name: &str, sum: Arc<AtomicU64>) {
        self.counts.insert(name.to_owned(), sum);
    }

    /// The one receiver of an output: nobody drops, one is called directly, several get clones.
    ///
    /// # Errors
    /// [`Error::Wire`] if a consumer wants another type.
    pub fn take<T: Clone + Send + 'static>(&mut self, name: &str) -> Result<Next<T>> {
        let all = self.consumers.remove(name).unwrap_or_default();
        let mut all = all.into_iter().map(AnyReceiver::typed).collect::<Result<Vec<Next<T>>>>()?;
        let next = if all.len() == 1 { all.remove(0) } else { Box::new(Fanout(all)) };
        Ok(match self.counts.remove(name) {
            Some(sum) => Box::new(Counted { sum, next }),
            None => next,
        })
    }
}

/// Counts what passes.
struct Counted<T> {
    sum: Arc<AtomicU64>,
    next: Next<T>,
}

impl<T: Send> Receiver<T> for Counted<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        self.sum.fetch_add(batch.values.len() as u64, Ordering::Relaxed);
        self.next.receive(batch)
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.next.finish_bundle()
    }
}

struct Fanout<T>(Vec<Next<T>>);

impl<T: Clone + Send> Receiver<T> for Fanout<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(|next| next.start_bundle())
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        if let Some((last, rest)) = self.0.split_last_mut() {
            rest.iter_mut().try_for_each(|next| next.receive(batch.clone()))?;
            last.receive(batch)?;
        }
        Ok(())
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(|next| next.finish_bundle())
    }
}

/// One of several producers inside a stage (Flatten, diamonds) before one consumer. Uncontended: one lock per batch.
struct Shared<T> {
    shared: Arc<Mutex<SharedNext<T>>>,
}

struct SharedNext<T> {
    next: Next<T>,
    open: usize,
}

impl<T> Shared<T> {
    fn with<R>(&self, f: impl FnOnce(&mut SharedNext<T>) -> R) -> R {
        // A panic is caught where user code is called, so the lock is never poisoned by one that matters.
        f(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Send> Receiver<T> for Shared<T> {
    fn start_bundle(&mut self) -> Result<()> {
        self.with(|shared| {
            shared.open += 1;
            if shared.open == 1 { shared.next.start_bundle() } else { Ok(()) }
        })
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        self.with(|shared| shared.next.receive(batch))
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.with(|shared| {
            shared.open -= 1;
            if shared.open == 0 { shared.next.finish_bundle() } else { Ok(()) }
        })
    }
}

/// Puts `producers` ends before one typed receiver; its bundle is open while any of theirs is.
pub fn share<T: Send + 'static>(next: Next<T>, producers: usize) -> Vec<AnyReceiver> {
    let shared = Arc::new(Mutex::new(SharedNext { next, open: 0 }));
    (0..producers).map(|_| AnyReceiver::new(Shared { shared: shared.clone() })).collect()
}

/// What a step is wired with.
pub struct Wiring<'a> {
    /// The step's name; it comes in here and not at construction, for `.named(..)` is called after the step exists.
    pub step: &'a StepName,
    /// Where its outputs go.
    pub outputs: &'a mut Outputs,
    /// Where its side inputs come from.
    pub sides: Arc<dyn SideReader>,
    /// Into how many parts a source should cut its work, if it can.
    pub parts: usize,
}

/// A step that runs inside a stage: a factory of its operator. This is what the code table holds.
pub trait AnyStep: Send + Sync {
    /// Makes an operator in front of its consumers.
    ///
    /// # Errors
    /// [`Error::Wire`] if a consumer wants another type.
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver>;

    /// Puts `producers` ends before this step's input without the caller knowing its type.
    ///
    /// # Errors
    /// [`Error::Wire`] if `input` is not of this step.
    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>>;
}

/// A batch on its way to another owner: the runner reads `len` and `meta`, only the two ends know the rows' type.
pub struct Parcel {
    rows: Box<dyn Any + Send>,
    /// Number of rows.
    pub len: usize,
    /// What the rows take, without what they own elsewhere, in bytes.
    pub bytes: usize,
    /// Metadata of the rows.
    pub meta: Meta,
}

impl Parcel {
    /// Packs a batch.
    pub fn new<R: Send + 'static>(batch: Batch<R>) -> Self {
        let len = batch.values.len();
        Parcel { len, bytes: len * size_of::<R>(), meta: batch.meta, rows: Box::new(batch.values) }
    }

    /// Unpacks it.
    ///
    /// # Errors
    /// [`Error::Wire`] if it holds other rows.
    pub fn open<R: 'static>(self) -> Result<Batch<R>> {
        match self.rows.downcast::<Vec<R>>() {
            Ok(values) => Ok(Batch { values: *values, meta: self.meta }),
            Err(_) => Err(Error::Wire { found: "a parcel of another type", wanted: type_name::<R>() }),
        }
    }
}

/// Rows that several readers look at: what a side input's window holds.
#[derive(Clone)]
pub struct SharedRows {
    rows: AnyShared,
    /// What was made of them.
    seen: Arc<Mutex<Vec<AnyShared>>>,
}

type AnyShared = Arc<dyn Any + Send + Sync>;

impl SharedRows {
    /// Shares rows.
    pub fn new<T: Send + Sync + 'static>(rows: Vec<T>) -> Self {
        SharedRows { rows: Arc::new(rows), seen: Arc::default() }
    }

    /// The rows.
    ///
    /// # Errors
    /// [`Error::Wire`] if they are of another type.
    pub fn typed<T: Send + Sync + 'static>(&self) -> Result<&Vec<T>> {
        self.rows.downcast_ref().ok_or_else(Self::wrong::<T>)
    }

    /// The rows, for someone who keeps them.
    ///
    /// # Errors
    /// [`Error::Wire`] if they are of another type.
    pub fn shared<T: Send + Sync + 'static>(&self) -> Result<Arc<Vec<T>>> {
        self.rows.clone().downcast().map_err(|_| Self::wrong::<T>())
    }

    /// Whether these are the same rows, and not only equal ones.
    #[must_use]
    pub fn is_same(&self, other: &SharedRows) -> bool {
        Arc::ptr_eq(&self.rows, &other.rows)
    }

    /// Whether somebody else has them, or what was made of them.
    pub(crate) fn is_used(&self) -> bool {
        let has_others = Arc::strong_count(&self.rows) > 1 || Arc::strong_count(&self.seen) > 1;
        // Whoever makes something has the rows, so nobody has the lock for long.
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        has_others || seen().iter().any(|seen| Arc::strong_count(seen) > 1)
    }

    /// How many things were made of them, each of which is about as large as they are.
    pub(crate) fn made(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The same rows as long as somebody else has them.
    pub(crate) fn lent(&self) -> LentRows {
        LentRows(Some((Arc::downgrade(&self.rows), Arc::downgrade(&self.seen))))
    }

    /// What the rows are seen as, made once for all workers and steps that see them so: it may be large.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn seen_as<S: Send + Sync + 'static>(
        &self,
        make: impl FnOnce(&Self) -> Result<S, BoxError>,
    ) -> Result<Arc<S>, BoxError> {
        // Others wait for what they would have to make, too.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = seen.iter().find_map(|seen| seen.clone().downcast().ok()) {
            return Ok(found);
        }
        let made = Arc::new(make(self)?);
        seen.push(made.clone());
        Ok(made)
    }

    fn wrong<T>() -> Error {
        Error::Wire { found: "side input rows of another type", wanted: type_name::<T>() }
    }
}

/// Rows that are in memory as long as somebody has them.
#[derive(Default)]
pub(crate) struct LentRows(Option<Lent>);

type Lent = (Weak<dyn Any + Send + Sync>, Weak<Mutex<Vec<AnyShared>>>);

impl LentRows {
    /// The rows, if somebody has them.
    pub(crate) fn rows(&self) -> Option<SharedRows> {
        let (rows, seen) = self.0.as_ref()?;
        Some(SharedRows { rows: rows.upgrade()?, seen: seen.upgrade()? })
    }
}

/// A value of a type that only its maker knows: a loaded side input, a buffer of an additional output.
pub(crate) struct AnyBox(Box<dyn Any + Send>);

impl AnyBox {
    pub(crate) fn new<T: Send + 'static>(value: T) -> Self {
        AnyBox(Box::new(value))
    }

    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    pub(crate) fn get_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.0.downcast_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[derive(Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Receiver<u64> for Log {
        fn start_bundle(&mut self) -> Result<()> {
            self.0.lock().unwrap().push("start".into());
            Ok(())
        }
        fn receive(&mut self, batch: Batch<u64>) -> Result<()> {
            self.0.lock().unwrap().push(format!("{:?}", batch.values));
            Ok(())
        }
        fn finish_bundle(&mut self) -> Result<()> {
            self.0.lock().unwrap().push("finish".into());
            Ok(())
        }
    }

    #[test]
    fn a_receiver_of_another_type_is_refused_by_name() {
        let error = AnyReceiver::new(Log::default()).typed::<String>().err().unwrap();
        assert_eq!(error.to_string(), "an edge carries `alloc::string::String`, its consumer wants `u64`");
    }

    #[test]
    fn several_producers_open_and_close_a_shared_consumer_once() {
        let log = Log::default();
        let events = log.0.clone();
        let mut ends: Vec<Next<u64>> = share(Box::new(log), 2).into_iter().map(|end| end.typed().unwrap()).collect();
        ends.iter_mut().for_each(|end| end.start_bundle().unwrap());
        for (i, end) in ends.iter_mut().enumerate() {
            end.receive(Batch { values: vec![i as u64], meta: Meta::at(Timestamp::MIN) }).unwrap();
        }
        ends.iter_mut().for_each(|end| end.finish_bundle().unwrap());
        assert_eq!(*events.lock().unwrap(), ["start", "[0]", "[1]", "finish"]);
    }
}
