//! How long it takes from the beginning of `main` to the first output of the local runner, and what the process holds then.

#![allow(clippy::print_stdout, reason = "a program that tells what it did")]

use ferrobeam::LocalRunner;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (begun, first) = (Instant::now(), Arc::new(Mutex::new(Duration::ZERO)));
    let seen = first.clone();
    LocalRunner::new().run(|root| {
        let note = move |n: u64| {
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = begun.elapsed();
            n
        };
        root.create([1u64]).map(note).discard();
        Ok(())
    })?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim();
    let first = first.lock().unwrap_or_else(PoisonError::into_inner).as_micros();
    println!("first output after {first} us, all after {} us, peak {peak}", begun.elapsed().as_micros());
    Ok(())
}
