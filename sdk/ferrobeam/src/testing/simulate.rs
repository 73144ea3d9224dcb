//! One pipeline under many schedules.

use super::SideEffects;
use super::compare::{Comparison, Items};
use super::promise::promises;
use super::shrink::shrink;
use ferrobeam_core::graph::Graph;
use ferrobeam_core::{Error, Result, Root};
use ferrobeam_direct::{DirectRunner, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

/// So many runs are spent on a shorter schedule for a failure.
const RUNS_TO_SHRINK: usize = 500;

/// Runs a pipeline under one schedule for each seed, and compares what comes of them: see [`Simulation`].
///
/// ```
/// use ferrobeam::prelude::*;
/// use ferrobeam::testing::simulate;
///
/// #[derive(Clone)]
/// struct Previous(Option<u64>);
///
/// impl DoFn for Previous {
///     type In = u64;
///     type Out = (u64, Option<u64>);
///     fn process(&mut self, x: u64, ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
///         ctx.emit((x, self.0.replace(x)));
///         Ok(())
///     }
/// }
///
/// // A `DoFn` that remembers the element before: nobody says which one that is.
/// let result = simulate(0..1000, |root| {
///     root.create([1u64, 2, 3]).par_do(Previous(None)).discard();
///     Ok(())
/// });
/// let error = result.unwrap_err().to_string();
/// assert!(error.contains("missing: (2, 1)"), "{error}");
///
/// simulate(0..1000, |root| {
///     root.create([1u64, 2, 3]).map(|x| x + 1).key_by(|x| x % 2).group_by_key().discard();
///     Ok(())
/// })?;
/// # Ok::<(), ferrobeam::Error>(())
/// ```
///
/// # Errors
/// See [`Simulation::run`].
///
/// # Panics
/// There is no seed.
#[track_caller]
pub fn simulate(seeds: impl IntoIterator<Item = u64>, construct: impl FnOnce(&Root) -> Result<()>) -> Result<()> {
    Simulation::new(seeds).run(construct)
}

/// A pipeline is run under many schedules of the [direct runner](DirectRunner), and what the model promises must be the same
/// under each: what a collection holds does not depend on how work is cut into bundles, which of them run first, in which
/// order elements come, where sources are split, when processing time goes on, or whether a bundle fails and is repeated.
///
/// The first run is the calmest: everything in order, in whole bundles, once. With it are compared, of each run,
/// - the elements of collections that nobody consumes or that are asserted, and what groupings, stateful and splittable
///   steps make, with timestamps, windows and panes. Groups are in no order, nor are maps and sets; floats may differ by a
///   billionth. What lies between these is not compared: a step may well emit a sum for each of its bundles, if they are
///   summed up in the end.
/// - of groupings that fire early, by counts, by processing time or for late elements: what each key and window has come to
///   after the last pane. Of discarding panes these are all elements, if they are lists; of other combines only that there
///   is one. What lies behind such a grouping depends on the panes and is not compared.
/// - [side effects](SideEffects), if the simulation knows of them.
///
/// Assertions must hold under each schedule, and errors and panics are failures too. A failing schedule is made as short as
/// possible and printed in words.
#[derive(Clone, Debug)]
#[must_use = "nothing happens without `.run(..)`"]
pub struct Simulation<S> {
    seeds: S,
    failing_bundles: f64,
    ignored: Vec<String>,
    effects: Vec<SideEffects>,
    drain_after: Option<Duration>,
}

impl<S: IntoIterator<Item = u64>> Simulation<S> {
    /// One run for each seed. One bundle in ten fails and is repeated.
    pub fn new(seeds: S) -> Self {
        Simulation { seeds, failing_bundles: 0.1, ignored: Vec::new(), effects: Vec::new(), drain_after: None }
    }

    /// Makes bundles fail with this probability, at most 0.9.
    pub fn failing_bundles(self, probability: f64) -> Self {
        Simulation { failing_bundles: probability.clamp(0.0, 0.9), ..self }
    }

    /// Does not compare what this step makes, or the steps in this composite: a sample, say, a list in the order in which its
    /// elements came, or the sink `WriteText`, which gives its temporary files random names.
    pub fn ignoring(mut self, step: impl Into<String>) -> Self {
        self.ignored.push(step.into());
        self
    }

    /// Compares what the pipeline records here. Entries of before are removed.
    pub fn comparing(mut self, effects: &SideEffects) -> Self {
        self.effects.push(effects.clone());
        self
    }

    /// Drains unbounded sources after so much processing time: see [`DirectRunner::drain_after`]. What they have given by
    /// then must not depend on the schedule, so they should have said all before.
    pub fn drain_after(self, length: Duration) -> Self {
        Simulation { drain_after: Some(length), ..self }
    }

    /// Builds the pipeline once and runs it under each schedule, until one fails.
    ///
    /// # Errors
    /// [`Error::Simulation`]: how a run differs from the calmest or what its error is, the seed, the shortest schedule that
    /// was found to show it, and how to repeat that. The calmest run's error. Mistakes in the pipeline; that there is
    /// nothing to compare.
    ///
    /// # Panics
    /// There is no seed: nothing would run, and the test would pass.
    #[track_caller]
    pub fn run(self, construct: impl FnOnce(&Root) -> Result<()>) -> Result<()> {
        let mut seeds = self.seeds.into_iter().peekable();
        assert!(seeds.peek().is_some(), "a simulation without seeds runs nothing: give it some, such as `0..100`");
        let graph = Root::build(construct)?;
        let runner = match self.drain_after {
            Some(length) => DirectRunner::new().drain_after(length),
            None => DirectRunner::new(),
        };
        let trial = Trial::new(&graph, runner, self.ignored, self.effects)?;
        for seed in seeds {
            let runner = trial.runner.clone().seed(seed).failing_bundles(self.failing_bundles);
            if let Some(failure) = trial.run(&runner, false).1 {
                let how = format!("--runner=direct --seed={seed} --fail-bundles={}", self.failing_bundles);
                return Err(Error::Simulation(trial.explain(&runner, &failure, seed, &how)));
            }
        }
        Ok(())
    }
}

/// A pipeline, what to compare, and what that is in the calmest run.
struct Trial<'a> {
    graph: &'a Graph,
    /// What all runs have in common.
    runner: DirectRunner,
    comparisons: Vec<(Comparison, Items)>,
    observed: BTreeSet<String>,
    effects: Vec<(SideEffects, BTreeMap<String, usize>)>,
}

impl<'a> Trial<'a> {
    fn new(graph: &'a Graph, runner: DirectRunner, ignored: Vec<String>, effects: Vec<SideEffects>) -> Result<Self> {
        let is_in = |step: &str, name: &str| {
            name.strip_prefix(step).is_some_and(|rest| matches!(rest.chars().next(), None | Some('/')))
        };
        for step in &ignored {
            if !graph.components().transforms.values().any(|transform| is_in(step, &transform.unique_name)) {
                return Err(Error::Options(format!("the simulation ignores `{step}`, and there is no such step")));
            }
        }
        let mut comparisons = Vec::new();
        for promise in promises(graph)? {
            if !ignored.iter().any(|step| is_in(step, &promise.step.name)) {
                comparisons.push(Comparison::new(graph, promise)?);
            }
        }
        if comparisons.is_empty() && graph.assertions() == 0 && effects.is_empty() {
            let text = "there is nothing to compare: each collection depends on the schedule, and nothing is asserted";
            return Err(Error::Simulation(text.to_owned()));
        }
        let observed: BTreeSet<String> =
            comparisons.iter().map(|comparison| comparison.promise().collection.clone()).collect();
        effects.iter().for_each(|effects| drop(effects.take()));
        let (result, seen) = runner.clone().script([]).observe(graph, &observed, false);
        result.map_err(|error| Error::Simulation(format!("the calmest run fails already: {error:?}")))?;
        let items = |comparison: Comparison| {
            let rows = seen.collections.get(&comparison.promise().collection);
            let items = comparison.items(rows.map_or(&[], Vec::as_slice));
            (comparison, items)
        };
        let comparisons = comparisons.into_iter().map(items).collect();
        let effects = effects.into_iter().map(|effects| (effects.clone(), counted(effects.take()))).collect();
        Ok(Trial { graph, runner, comparisons, observed, effects })
    }

    /// One run: its decisions, if they are traced, and what is wrong with it.
    fn run(&self, runner: &DirectRunner, is_traced: bool) -> (Trace, Option<String>) {
        let (result, seen) = runner.observe(self.graph, &self.observed, is_traced);
        let effects: Vec<_> = self.effects.iter().map(|(effects, _)| counted(effects.take())).collect();
        if let Err(error) = result {
            return (seen.trace, Some(format!("{error:?}")));
        }
        let difference = self.comparisons.iter().find_map(|(comparison, calm)| {
            let rows = seen.collections.get(&comparison.promise().collection);
            comparison.difference(calm, &comparison.items(rows.map_or(&[], Vec::as_slice)))
        });
        let difference = difference.or_else(|| {
            let calm = self.effects.iter().map(|(_, calm)| calm);
            calm.zip(&effects).find_map(|(calm, actual)| differing_effects(calm, actual))
        });
        (seen.trace, difference)
    }

    /// All there is to say of a failure.
    fn explain(&self, runner: &DirectRunner, failure: &str, seed: u64, how: &str) -> String {
        let (trace, again) = self.run(runner, true);
        let scripted = |script: &[u32], is_traced| {
            let runner = self.runner.clone().script(script.iter().copied());
            self.run(&runner, is_traced)
        };
        let shows = |script: &[u32]| scripted(script, false).1.is_some();
        if again.is_none() || !shows(&trace.decisions) || shows(&[]) {
            return format!(
                "under seed {seed}, {failure}\nThe schedule alone does not decide this, for the same one came to something \
                 else: a clock, random numbers, the order of a hash map or a static play a part. If they may, leave the \
                 step out with `Simulation::ignoring`"
            );
        }
        let script = shrink(trace.decisions, RUNS_TO_SHRINK, shows);
        let (trace, shown) = scripted(&script, true);
        let mut text = format!("under seed {seed}, {}", shown.as_deref().unwrap_or(failure));
        text += "\nThe shortest schedule found that shows it is the calmest one but for this:";
        text += &in_words(&trace);
        let _ =
            write!(text, "\nTo repeat it: DirectRunner::new().script({script:?}); the schedule it was found in: {how}");
        text
    }
}

/// The decisions that are not the calmest.
fn in_words(trace: &Trace) -> String {
    let (mut text, mut numbers) = (String::new(), BTreeMap::<&str, usize>::new());
    for (step, said) in &trace.steps {
        let number = numbers.entry(step).or_default();
        *number += 1;
        if !said.is_empty() {
            let number = if *number > 1 { format!(", number {number}") } else { String::new() };
            let _ = write!(text, "\n  - {step}{number}: {}", said.join("; "));
        }
    }
    text
}

fn counted(entries: Vec<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    entries.into_iter().for_each(|entry| *counts.entry(entry).or_default() += 1);
    counts
}

fn differing_effects(calm: &BTreeMap<String, usize>, actual: &BTreeMap<String, usize>) -> Option<String> {
    let entries: BTreeSet<&String> = calm.keys().chain(actual.keys()).collect();
    let count = |counts: &BTreeMap<String, usize>, entry: &str| counts.get(entry).copied().unwrap_or(0);
    let differs = |entry: &&String| {
        let (calm, actual) = (count(calm, entry), count(actual, entry));
        (calm != actual).then(|| format!("\n  - {entry}: {actual} times, {calm} under the calmest schedule"))
    };
    let lines: Vec<String> = entries.iter().filter_map(differs).take(10).collect();
    (!lines.is_empty()).then(|| format!("side effects differ, which a repeated bundle has twice:{}", lines.concat()))
}
