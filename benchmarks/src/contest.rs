//! What the programs have in common that run beside those of `peers/rust`: flags, and the line with the result.

#![allow(clippy::print_stdout, reason = "a program that tells what it did")]

use ferrobeam::LocalRunner;
use ferrobeam::prelude::*;
use ferrobeam::windowing::Window;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The flags of all programs.
#[derive(clap::Parser)]
pub struct Flags {
    /// Workers
    #[arg(short, default_value_t = 1)]
    pub p: usize,
    /// How many events or records there are
    #[arg(short)]
    pub n: Option<u64>,
    /// The file to read
    #[arg(short, default_value = "data/w1.txt")]
    pub f: String,
    /// The query
    #[arg(short, default_value = "q5")]
    pub q: String,
    /// MiB of memory, if there is a limit
    #[arg(short)]
    pub memory: Option<u64>,
}

/// How many results there were, and the sum of what they add to the checksum; the order does not matter.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<(u64, u64)>>);

impl Tally {
    /// How many results there were, and the sum.
    pub fn total(&self) -> (u64, u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step that takes each result with what it adds to the checksum.
    pub fn step<T>(&self, check: fn(&T, Window) -> u64) -> TallyStep<T> {
        TallyStep { tally: self.clone(), check, own: (0, 0), of: PhantomData }
    }

    /// Takes results.
    pub fn add(&self, count: u64, sum: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all = (all.0 + count, all.1.wrapping_add(sum));
    }
}

/// Counts on its own while a bundle lasts.
pub struct TallyStep<T> {
    tally: Tally,
    check: fn(&T, Window) -> u64,
    own: (u64, u64),
    of: PhantomData<fn(T)>,
}

impl<T> Clone for TallyStep<T> {
    fn clone(&self) -> Self {
        TallyStep { tally: self.tally.clone(), ..*self }
    }
}

impl<T: Element> DoFn for TallyStep<T> {
    type In = T;
    type Out = ();

    fn process(&mut self, result: T, ctx: &mut Context<'_, ()>) -> Result<(), BoxError> {
        self.own.0 += 1;
        self.own.1 = self.own.1.wrapping_add((self.check)(&result, ctx.window()));
        Ok(())
    }
    fn finish_bundle(&mut self, _: &mut BundleContext<'_, ()>) -> Result<(), BoxError> {
        let (count, sum) = std::mem::take(&mut self.own);
        self.tally.add(count, sum);
        Ok(())
    }
}

/// Runs a pipeline on the local runner and prints the line that `cargo xtask bench` reads, as those of the peers do.
///
/// # Errors
/// The pipeline's.
pub fn run(
    workload: &str,
    size: u64,
    runner: &LocalRunner,
    workers: usize,
    construct: impl FnOnce(&Root, &Tally),
) -> ferrobeam::Result<()> {
    let (begun, tally) = (Instant::now(), Tally::default());
    runner.clone().workers(workers).run(|root| {
        construct(root, &tally);
        Ok(())
    })?;
    let (count, sum) = tally.total();
    let seconds = begun.elapsed().as_secs_f64();
    let alone = ("ferrobeam".to_owned(), workload);
    let (peer, w) = workload.split_once('/').map_or(alone, |(w, query)| (format!("ferrobeam:{query}"), w));
    println!("RESULT peer={peer} w={w} p={workers} size={size} secs={seconds:.3} count={count} cs={sum:016x}");
    Ok(())
}
