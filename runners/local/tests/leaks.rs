//! A process of its own, which can be looked at from outside: nothing is left of runs that are over.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

use ferrobeam_core::prelude::*;
use ferrobeam_core::time::hours;
use ferrobeam_io::text;
use ferrobeam_local::{LocalRunner, RunHandle};
use std::fs::read_dir;
use std::path::Path;
use std::thread::yield_now;

/// Three numbers, and then nothing for a long time.
struct Waits;

impl Source for Waits {
    type Out = u64;
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::unbounded(0), OffsetRange::unbounded(100)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, u64>) -> Result<(), BoxError> {
        while claims.has_room() {
            let next = claims.restriction().next();
            if next % 100 == 3 {
                claims.resume_after(hours(24));
                return Ok(());
            }
            let Some(mut claim) = claims.claim(next) else { return Ok(()) };
            claim.emit(next);
        }
        Ok(())
    }
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Well,
    Drained,
    Cancelled,
    /// By an error, while a file is being written.
    Failed,
}

fn run(turn: usize, end: End, directory: &Path) {
    let handle = RunHandle::new();
    let runner = LocalRunner::new().workers(1 + turn % 8).controlled_by(&handle).drain_when_interrupted();
    let run = runner.run(|root| {
        if end != End::Well {
            let waits = root.read(Waits).map(move |n| match end {
                End::Drained if n == 102 => handle.drain(),
                End::Cancelled if n == 102 => handle.cancel(),
                _ => {}
            });
            waits.discard();
        }
        // What is written as a line must be one.
        let end_of_line = if end == End::Failed { "\n" } else { "" };
        let lines = root.create(0..100u64).reshuffle().map(move |n| format!("no {n}{end_of_line}"));
        lines.apply(text::write(directory.join("out").to_str().unwrap()).shards(2));
        Ok(())
    });
    match end {
        End::Well => assert!(!run.unwrap().is_drained),
        End::Drained => assert!(run.unwrap().is_drained),
        End::Cancelled => assert!(run.unwrap_err().to_string().contains("it was cancelled")),
        End::Failed => assert!(run.unwrap_err().to_string().contains("would be read back as two lines")),
    }
}

fn count(directory: &str) -> usize {
    read_dir(directory).unwrap().count()
}

#[test]
fn a_thousand_starts_and_stops_leave_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let all = [End::Well, End::Drained, End::Cancelled, End::Failed];
    // What is there once and for all is there after the first ones.
    all.iter().enumerate().for_each(|(turn, end)| run(turn, *end, directory.path()));
    let mut names: Vec<_> = read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["out-00000-of-00002.txt", "out-00001-of-00002.txt"]);
    let seen = || (count("/proc/self/task"), count("/proc/self/fd"), count(directory.path().to_str().unwrap()));
    let before = seen();
    for turn in 0..250 {
        all.iter().for_each(|end| run(turn, *end, directory.path()));
    }
    // The system takes a moment to forget a thread that has been joined.
    let forgotten = (0..1_000_000).any(|_| {
        yield_now();
        seen() == before
    });
    assert!(forgotten, "threads, open files and files: {before:?} before, {:?} afterwards", seen());
}
