//! Cases side by side, whose pipelines are one job of an engine.

use crate::{Case, Outcome};
use ferrobeam::graph::Graph;
use ferrobeam::runner::{PipelineResult, Runner};
use ferrobeam::{Error, Result};
use ferrobeam_portable::PortableRunner;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What a case on its thread tells.
enum Told {
    /// It waits for this pipeline to have run.
    Waits(Box<Waiting>),
    /// It is over.
    Ended(usize, Outcome),
}

struct Waiting {
    graph: Graph,
    answer: Sender<Result<PipelineResult>>,
}

/// The runner of one of the cases: it leaves the pipeline to the job of all.
struct Passenger<'a> {
    engine: &'a PortableRunner,
    told: Sender<Told>,
}

impl Runner for Passenger<'_> {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn unsupported(&self, graph: &Graph) -> Vec<String> {
        self.engine.unsupported(graph)
    }

    fn reports_metrics(&self) -> bool {
        self.engine.reports_metrics()
    }

    fn execute(&self, graph: &Graph) -> Result<PipelineResult> {
        let gone = |()| Error::Runner { runner: self.name(), message: "nobody runs the jobs of the cases".to_owned() };
        let (answer, answered) = channel();
        let waits = Told::Waits(Box::new(Waiting { graph: graph.clone(), answer }));
        self.told.send(waits).map_err(|_| gone(()))?;
        answered.recv().map_err(|_| gone(()))?
    }
}

/// Runs cases side by side, an outcome for each. When all that are not over wait, their pipelines run as one job; if that fails,
/// each runs alone.
pub(crate) fn run_together(cases: &[&Case], engine: &PortableRunner) -> Vec<Outcome> {
    let (told, tells) = channel();
    std::thread::scope(|scope| {
        for (number, case) in cases.iter().enumerate() {
            let passenger = Passenger { engine, told: told.clone() };
            scope.spawn(move || {
                let outcome = case.run(&passenger);
                // Whoever does not listen any more does not want to know.
                let _ = passenger.told.send(Told::Ended(number, outcome));
            });
        }
        drop(told);
        collect(cases.len(), &tells, engine)
    })
}

fn collect(cases: usize, tells: &Receiver<Told>, engine: &PortableRunner) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Fail("it never ended".to_owned()); cases];
    let (mut busy, mut waiting) = (cases, Vec::new());
    loop {
        while busy > 0 {
            match tells.recv() {
                Ok(Told::Waits(pipeline)) => waiting.push(*pipeline),
                Ok(Told::Ended(number, outcome)) => outcomes[number] = outcome,
                Err(_) => return outcomes,
            }
            busy -= 1;
        }
        if waiting.is_empty() {
            return outcomes;
        }
        let job = next_job(&mut waiting);
        busy = job.len();
        run(job, engine);
    }
}

/// What can run as one job: bounded pipelines of which no two are the same, or a single one.
fn next_job(waiting: &mut Vec<Waiting>) -> Vec<Waiting> {
    let mut seen = BTreeSet::new();
    let fits = |pipeline: &mut Waiting| pipeline.graph.is_bounded() && seen.insert(pipeline.graph.fingerprint());
    let together: Vec<_> = waiting.extract_if(.., fits).collect();
    if together.is_empty() { waiting.pop().into_iter().collect() } else { together }
}

fn run(job: Vec<Waiting>, engine: &PortableRunner) {
    let (graphs, answers): (Vec<_>, Vec<_>) = job.into_iter().map(|pipeline| (pipeline.graph, pipeline.answer)).unzip();
    let together = if graphs.len() > 1 { engine.execute_together(&graphs).ok() } else { None };
    // A case that is gone does not need an answer.
    match together {
        Some(results) => results.into_iter().zip(&answers).for_each(|(result, answer)| drop(answer.send(Ok(result)))),
        None => graphs.iter().zip(&answers).for_each(|(graph, answer)| drop(answer.send(engine.execute(graph)))),
    }
}
