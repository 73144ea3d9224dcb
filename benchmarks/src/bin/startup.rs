//! Tells how long it takes from `main` to the first bundle, on an engine with workers in this process. `peers/go/startup` does the
//! same.

#![allow(clippy::print_stdout, reason = "a program that tells what it did")]

use ferrobeam::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::Instant;

#[derive(clap::Args, Serialize, Deserialize)]
struct Nothing {}

fn main() -> ferrobeam::Result<()> {
    let main = Instant::now();
    ferrobeam::run(move |root: &Root, _: &Nothing| {
        root.impulse().map(move |()| println!("{}", main.elapsed().as_micros())).discard();
        Ok(())
    })
}
