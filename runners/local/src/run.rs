//! From threads to a result.

use crate::LocalRunner;
use crate::clock::Clock;
use crate::interrupt::Interrupts;
use crate::layout::{Kind, Layout};
use crate::report::executed::executed;
use crate::report::prometheus::Exporter;
use crate::report::teller::Teller;
use crate::report::{Overview, Progress, conclude};
use crate::shared::{End, Shared};
use crate::stage::impulse;
use crate::worker::{Waits, Worker};
use ferrobeam_core::dofn::guard::catch;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::metrics::Metrics;
use ferrobeam_core::runner::PipelineResult;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::waits::{of_stage, step};
use std::net::TcpListener;
use std::sync::{Arc, PoisonError};
use std::thread;

/// Runs a pipeline to its end; no thread is left then.
///
/// # Errors
/// The first one that a worker comes to; that work is left and nothing can run.
pub(crate) fn run(graph: &Graph, runner: &LocalRunner) -> Result<PipelineResult> {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let workers = runner.workers.unwrap_or_else(cores);
    if workers > LocalRunner::MOST_WORKERS {
        let message =
            format!("{workers} workers are too many: the local runner has at most {}", LocalRunner::MOST_WORKERS);
        return Err(Error::Options(message));
    }
    let layout = Layout::new(graph, workers)?;
    let clock = Clock::new(!runner.skips_waiting && !layout.has_script());
    let memory = runner.limits.start(workers)?;
    let shared = Arc::new(Shared::new(&layout, workers, clock, memory, runner.drain_after));
    let _held = runner.handle.hold(&shared);
    let (teller, overview) = (runner.show.teller(), Arc::new(Overview::new(&layout)?));
    let listen = || Interrupts::listen(runner.handle.clone(), teller.clone());
    let interrupts = runner.drains_when_interrupted.then(listen).transpose()?;
    let display = |teller: &Arc<Teller>| Progress::begin(runner.show, teller.clone(), overview.clone(), shared.clone());
    let progress = teller.as_ref().map(display).transpose()?;
    let serve = |listener: &Arc<TcpListener>| Exporter::begin(listener, overview.clone(), shared.clone());
    let exporter = runner.prometheus.as_ref().map(serve).transpose()?;
    if let (Some(teller), Some(exporter)) = (&teller, &exporter) {
        // The port may have been the system's choice.
        teller.say([&*format!("metrics at {}", exporter.url())]);
    }
    for (id, node) in layout.nodes.iter().enumerate() {
        if let Kind::Impulse { .. } = node.kind {
            shared.deliver(0, (id, impulse()));
        }
    }
    let (mut metrics, mut left) = (Metrics::default(), vec![(0, 0); layout.nodes.len()]);
    thread::scope(|scope| {
        let (layout, shared) = (&layout, &shared);
        let threads: Vec<_> = (0..workers)
            .map_while(|number| {
                let name = format!("{}-{number}", LocalRunner::NAME);
                let spawned =
                    thread::Builder::new().name(name).spawn_scoped(scope, move || worker(layout, number, shared));
                let what = "cannot start a worker".to_owned();
                spawned.map_err(|source| shared.fail(Error::Io { what, source })).ok()
            })
            .collect();
        for (waits, of_worker) in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            metrics.merge(of_worker);
            left.iter_mut().zip(waits).for_each(|(all, one)| *all = (all.0 + one.0, all.1 + one.1));
        }
    });
    drop((interrupts, progress, exporter));
    let is_done = matches!(shared.end(), Some(End::Done));
    // Whoever is told that nothing can be lost any more may fail, and then the run has.
    let durable = if is_done { shared.durable() } else { Ok(()) };
    let is_done = is_done && durable.is_ok();
    if let Some(teller) = &teller {
        conclude(teller, &overview, &shared, is_done);
    }
    if let (Some(explain), true) = (runner.explains, is_done) {
        explain(&executed(&layout, &shared)?);
    }
    match shared.end() {
        Some(End::Done) => durable.map(|()| PipelineResult { metrics, is_drained: shared.drains() }),
        Some(End::Failed(error)) => {
            let error = error.lock().unwrap_or_else(PoisonError::into_inner).take();
            Err(error.unwrap_or_else(|| stopped("a worker failed")))
        }
        Some(End::Stuck(why)) => {
            let text = told(&layout, &shared, &left);
            Err(stopped(&format!("work is left and {why}:{text}")))
        }
        None => Err(stopped("the workers ended without a reason")),
    }
}

/// The life of a worker. Its operators go with it, and with them what they tear down.
fn worker(layout: &Layout<'_>, number: usize, shared: &Arc<Shared>) -> (Vec<Waits>, Metrics) {
    shared.here(number);
    let life = || {
        // Of a pipeline that fails nobody sees the metrics, so one container serves all bundles.
        let reported = shared.tally.reported(number);
        let result =
            reported.during(|| Worker::new(layout, number, shared.clone()).and_then(|mut worker| worker.run()));
        (result, reported.so_far())
    };
    // User code is also called where no step is known.
    let (result, metrics) = catch(life).unwrap_or_else(|message| {
        let message = format!("a panic outside of any step, while an element was cloned or dropped: {message}");
        (Err(stopped(&message)), Metrics::default())
    });
    let waits = result.unwrap_or_else(|error| {
        shared.fail(error);
        Vec::new()
    });
    (waits, metrics)
}

/// This runner's own error.
pub(crate) fn stopped(message: &str) -> Error {
    Error::Runner { runner: LocalRunner::NAME, message: message.to_owned() }
}

/// A line for each node that is not done: what it waits for, and how far its input has come.
fn told(layout: &Layout<'_>, shared: &Shared, left: &[Waits]) -> String {
    let (mut text, graph) = (String::new(), layout.graph);
    for (id, node) in layout.nodes.iter().enumerate() {
        let is_done = shared.output(id) == Timestamp::MAX;
        let (name, waits) = match &node.kind {
            Kind::Stage(number) => match left[id] {
                (0, 0) if is_done => continue,
                (ready, waiting) => {
                    let parts = shared.pools[id].as_ref().map_or(0, |pool| pool.waiting());
                    of_stage(graph, &layout.plan.stages[*number], ready + parts, waiting)
                }
            },
            Kind::Grouping(number) if !is_done => {
                let name = step(graph, &layout.plan.groupings[*number].transform);
                (name, "it has panes that have not fired".to_owned())
            }
            _ => continue,
        };
        let input = node.producers.iter().map(|producer| shared.output(*producer)).min().unwrap_or(Timestamp::MAX);
        text += &format!("\n  - {name}: {waits}; its input has come to {input}");
    }
    text
}
