//! A step whose results are futures. Those of a bundle run on a runtime of the operator's own, a thread beside the worker's, which
//! waits only where enough of them are under way, and at the end of the bundle.

use crate::Element;
use crate::batch::{Batch, Meta, MetaBuilder};
use crate::coder;
use crate::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Receiver, Wiring, share};
use crate::dofn::fill::Fill;
use crate::dofn::guard::{catch, guard};
use crate::error::{BoxError, Error, Result};
use crate::graph::StepName;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::task::Poll;
use tokio::runtime::{Builder, Runtime};

type Work<U> = Pin<Box<dyn Future<Output = Result<U, BoxError>> + Send>>;

/// A step made of a function from an element to a future.
pub(super) struct ConcurrentStep<T, U> {
    most: usize,
    in_order: bool,
    f: Arc<dyn Fn(T) -> Work<U> + Send + Sync>,
}

impl<T: 'static, U> ConcurrentStep<T, U> {
    /// With up to so many futures under way, at least one.
    pub(super) fn new<F>(most: usize, in_order: bool, f: impl Fn(T) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<U, BoxError>> + Send + 'static,
    {
        ConcurrentStep { most: most.max(1), in_order, f: Arc::new(move |x| Box::pin(f(x))) }
    }
}

impl<T: Element, U: Element> AnyStep for ConcurrentStep<T, U> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<AnyReceiver> {
        let (to_worker, done) = channel();
        Ok(AnyReceiver::new(ConcurrentOperator {
            step: wiring.step.clone(),
            most: self.most,
            in_order: self.in_order,
            f: self.f.clone(),
            runtime: None,
            to_worker,
            done,
            begun: 0,
            ended: 0,
            early: BTreeMap::new(),
            passed: 0,
            values: Vec::new(),
            fill: Fill::default(),
            meta: MetaBuilder::default(),
            next: wiring.outputs.take::<U>(MAIN)?,
        }))
    }

    fn share(&self, input: AnyReceiver, producers: usize) -> Result<Vec<AnyReceiver>> {
        Ok(share(input.typed::<T>()?, producers))
    }
}

/// What has come of an element.
struct Done<T, U> {
    /// For errors: others have come since, so that nobody else knows which one it was.
    element: T,
    /// Which one of the operator's it was.
    number: u64,
    /// Where its metadata is.
    meta: Arc<Meta>,
    row: usize,
    /// An error outside is the text of a panic.
    result: Result<Result<U, BoxError>, String>,
}

struct ConcurrentOperator<T, U> {
    step: StepName,
    most: usize,
    in_order: bool,
    f: Arc<dyn Fn(T) -> Work<U> + Send + Sync>,
    runtime: Option<Runtime>,
    to_worker: Sender<Done<T, U>>,
    done: Inbox<Done<T, U>>,
    begun: u64,
    ended: u64,
    /// Results that wait for those of earlier elements.
    early: BTreeMap<u64, Done<T, U>>,
    /// How many results have passed those who wait.
    passed: u64,
    values: Vec<U>,
    fill: Fill<U>,
    meta: MetaBuilder,
    next: Next<U>,
}

impl<T, U> Drop for ConcurrentOperator<T, U> {
    fn drop(&mut self) {
        // Nobody waits for what an error has left, and this may be a thread that must not block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl<T: Element, U: Element> Receiver<T> for ConcurrentOperator<T, U> {
    fn start_bundle(&mut self) -> Result<()> {
        if self.runtime.is_none() {
            let built =
                Builder::new_multi_thread().worker_threads(1).thread_name("map-concurrent").enable_all().build();
            let what = || format!("{}: its runtime cannot be started", self.step);
            self.runtime = Some(built.map_err(|source| Error::Io { what: what(), source })?);
        }
        self.next.start_bundle()
    }

    fn receive(&mut self, batch: Batch<T>) -> Result<()> {
        let meta = Arc::new(batch.meta);
        for (row, x) in batch.values.into_iter().enumerate() {
            while self.begun - self.ended >= self.most as u64 {
                self.wait()?;
            }
            let work = guard(&self.step, || Ok((self.f)(x.clone())));
            let work = work.map_err(|error| error.on_element(|| coder::shown(&x)))?;
            self.begin(work, x, row, meta.clone());
        }
        self.flush()
    }

    fn finish_bundle(&mut self) -> Result<()> {
        while self.ended < self.begun {
            self.wait()?;
        }
        self.flush()?;
        self.next.finish_bundle()
    }
}

impl<T: Element, U: Element> ConcurrentOperator<T, U> {
    fn begin(&mut self, work: Work<U>, element: T, row: usize, meta: Arc<Meta>) {
        let Some(runtime) = &self.runtime else { return };
        let (number, to_worker) = (self.begun, self.to_worker.clone());
        self.begun += 1;
        let mut work = work;
        runtime.spawn(async move {
            // Polling is where user code runs.
            let polled = poll_fn(|context| match catch(|| work.as_mut().poll(context)) {
                Ok(poll) => poll.map(Ok),
                Err(panic) => Poll::Ready(Err(panic)),
            });
            // Without a receiver the operator is gone.
            let _ = to_worker.send(Done { element, number, meta, row, result: polled.await });
        });
    }

    /// Waits for one that is under way.
    fn wait(&mut self) -> Result<()> {
        // The operator keeps a sender, so there is always one.
        let Ok(done) = self.done.recv() else { return Ok(()) };
        self.ended += 1;
        if !self.in_order {
            return self.pass(done);
        }
        self.early.insert(done.number, done);
        while let Some(done) = self.early.remove(&self.passed) {
            self.passed += 1;
            self.pass(done)?;
        }
        Ok(())
    }

    fn pass(&mut self, done: Done<T, U>) -> Result<()> {
        let Done { element, meta, row, result, .. } = done;
        let panicked =
            |message| Error::Panic { step: self.step.clone(), element: Some(coder::shown(&element)), message };
        let result = result.map_err(panicked)?;
        let value = guard(&self.step, || result).map_err(|error| error.on_element(|| coder::shown(&element)))?;
        self.values.push(value);
        self.meta.push(*meta.time.get(row), meta.windows.get(row), *meta.pane.get(row));
        let is_full = guard(&self.step, || Ok(self.fill.is_full(&self.values)))?;
        if is_full { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        let (values, meta) = (std::mem::take(&mut self.values), std::mem::take(&mut self.meta));
        self.fill = Fill::default();
        self.next.receive(Batch { values, meta: meta.finish() })
    }
}

#[cfg(test)]
mod tests {
    use crate::transforms::test_steps::{batch, graph, rows, run};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use tokio::sync::oneshot::channel;

    #[test]
    fn results_keep_time_and_order_although_the_last_comes_first() {
        let graph = graph(|root| {
            // Each element waits for the one behind it.
            let (mut senders, mut receivers) = (Vec::new(), Vec::new());
            for _ in 0..4 {
                let (to, from) = channel::<()>();
                senders.push(to);
                receivers.push(Some(from));
            }
            receivers.push(None);
            senders.insert(0, channel().0);
            let ends = Arc::new(Mutex::new(senders.into_iter().zip(receivers).map(Some).collect::<Vec<_>>()));
            let f = move |n: u64| {
                let (to, from) = ends.lock().unwrap()[n as usize].take().unwrap();
                async move {
                    if let Some(from) = from {
                        from.await?;
                    }
                    let _ = to.send(());
                    Ok(n + 1)
                }
            };
            root.create([0u64]).map_concurrent_in_order(5, f).discard();
        });
        let elements = batch([(5, 0), (6, 1), (7, 2), (8, 3), (9, 4)]);
        let out = run::<u64, u64>(&graph, "MapConcurrent", elements).unwrap();
        assert_eq!(rows(&out), [(5, 1), (6, 2), (7, 3), (8, 4), (9, 5)]);
    }

    #[test]
    fn no_more_than_so_many_are_under_way() {
        let most = Arc::new(AtomicUsize::new(0));
        let seen = most.clone();
        let graph = graph(move |root| {
            let now = Arc::new(AtomicUsize::new(0));
            let f = move |n: u64| {
                let (now, most) = (now.clone(), most.clone());
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                async move {
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(n)
                }
            };
            root.create([0u64]).map_concurrent(3, f).discard();
        });
        let elements: [(i64, u64); 50] = std::array::from_fn(|n| (0, n as u64));
        let out = run::<u64, u64>(&graph, "MapConcurrent", batch(elements)).unwrap();
        let mut values: Vec<u64> = rows(&out).into_iter().map(|(_, n)| n).collect();
        values.sort_unstable();
        assert!(values.into_iter().eq(0..50));
        assert!((1..=3).contains(&seen.load(Ordering::SeqCst)));
    }

    #[test]
    fn errors_and_panics_name_the_step() {
        let graph = graph(|root| {
            let f = |n: u64| async move {
                assert!(n != 2, "two");
                if n == 1 { Err("one".into()) } else { Ok(n) }
            };
            root.create([0u64]).map_concurrent(3, f).discard();
        });
        let fails = |n: u64| run::<u64, u64>(&graph, "MapConcurrent", batch([(0, n)])).unwrap_err().to_string();
        let (error, panic) = (fails(1), fails(2));
        assert!(error.contains("`MapConcurrent`") && error.ends_with("failed on 1: one"), "{error}");
        assert!(panic.contains("`MapConcurrent`") && panic.contains("panicked") && panic.contains("two"), "{panic}");
        let among_others = run::<u64, u64>(&graph, "MapConcurrent", batch([(0, 7), (0, 1), (0, 8), (0, 9)]));
        let error = among_others.unwrap_err().to_string();
        assert!(error.contains("failed on 1: one"), "{error}");
    }
}
