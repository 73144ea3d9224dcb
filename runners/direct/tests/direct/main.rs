//! What is special about the direct runner: its schedules, the faults that it makes, and what it says of failures.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

mod checks;
mod errors;
mod faults;
mod schedules;
mod time;

use std::sync::{Arc, Mutex};

/// What user code did, in order.
#[derive(Clone)]
struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Log<T> {
    fn new() -> Self {
        Log(Arc::default())
    }

    fn add(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    fn entries(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}
