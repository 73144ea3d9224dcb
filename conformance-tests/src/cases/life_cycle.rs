//! The life of a `DoFn`'s instances, watched from outside: set up once, torn down whatever happens.

use super::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells what happens to each instance.
#[derive(Clone)]
struct Watched {
    log: Log<(u64, &'static str)>,
    numbers: Arc<AtomicU64>,
    number: u64,
    fails_in: &'static str,
}

impl Watched {
    fn new(fails_in: &'static str) -> Self {
        Watched { log: Log::new(), numbers: Arc::default(), number: 0, fails_in }
    }

    fn now(&self, what: &'static str) -> Result<(), BoxError> {
        self.log.add((self.number, what));
        if what == self.fails_in { Err(format!("no {what}").into()) } else { Ok(()) }
    }

    /// What happened to each instance, in order.
    fn lives(&self) -> BTreeMap<u64, Vec<&'static str>> {
        let mut lives: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        self.log.entries().into_iter().for_each(|(number, what)| lives.entry(number).or_default().push(what));
        lives
    }
}

impl DoFn for Watched {
    type In = u64;
    type Out = u64;

    fn setup(&mut self) -> Result<(), BoxError> {
        self.number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.now("setup")
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.now("start")
    }
    fn process(&mut self, element: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        ctx.emit(element);
        if element == 77 { self.now("process") } else { Ok(()) }
    }
    fn finish_bundle(&mut self, _: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        self.now("finish")
    }
    fn teardown(&mut self) {
        // There is nobody to report to.
        if self.now("teardown").is_err() {
            panic!("in teardown");
        }
    }
}

fn run(runner: &dyn Runner, watched: &Watched) -> ferrobeam::Result<PipelineResult> {
    runner.run(|root| {
        let out = root.create(0u64..3000).reshuffle().par_do(watched.clone());
        assert_that(&out).contains_in_any_order(0..3000);
        Ok(())
    })
}

/// One setup, then bundles, then one teardown. Only the last bundle may be cut off: it failed, and others repeat it.
fn lived_well(life: &[&str]) -> bool {
    let bundles = life.strip_prefix(&["setup"]).and_then(|life| life.strip_suffix(&["teardown"])).unwrap_or(&["?"]);
    let mut open = false;
    bundles.iter().all(|what| match (*what, open) {
        ("start", false) | ("finish", true) => {
            open = !open;
            true
        }
        ("process", true) => true,
        _ => false,
    })
}

pub(super) fn every_instance_is_set_up_once_and_torn_down(runner: &dyn Runner) -> CaseResult {
    let watched = Watched::new("");
    passes(run(runner, &watched))?;
    let lives = watched.lives();
    ensure!(lives.values().any(|life| life.contains(&"finish")), "no bundle was finished: {lives:?}");
    ensure!(lives.values().all(|life| lived_well(life)), "{lives:?}");
    Ok(())
}

pub(super) fn every_instance_is_torn_down_after_a_failure(runner: &dyn Runner) -> CaseResult {
    for fails_in in ["start", "process", "finish"] {
        let watched = Watched::new(fails_in);
        fails(run(runner, &watched), &[&format!("no {fails_in}")])?;
        let lives = watched.lives();
        ensure!(!lives.is_empty(), "no instance was set up");
        let torn_down = |life: &Vec<&str>| life.iter().filter(|what| **what == "teardown").count() == 1;
        ensure!(lives.values().all(|life| torn_down(life) && life.last() == Some(&"teardown")), "{lives:?}");
        // What failed is over: only teardown may follow.
        let ends = |life: &Vec<&str>| life.iter().position(|what| *what == fails_in).is_none_or(|at| at + 2 == life.len());
        ensure!(lives.values().all(ends), "calls after a failure: {lives:?}");
    }
    Ok(())
}

pub(super) fn an_instance_whose_setup_failed_is_torn_down(runner: &dyn Runner) -> CaseResult {
    let watched = Watched::new("setup");
    fails(run(runner, &watched), &["no setup"])?;
    let lives = watched.lives();
    ensure!(!lives.is_empty() && lives.values().all(|life| life == &["setup", "teardown"]), "{lives:?}");
    Ok(())
}

pub(super) fn a_panic_in_teardown_does_no_harm(runner: &dyn Runner) -> CaseResult {
    let watched = Watched::new("teardown");
    passes(run(runner, &watched))?;
    ensure!(watched.lives().values().all(|life| lived_well(life)), "{:?}", watched.lives());
    Ok(())
}
