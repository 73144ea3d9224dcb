//! Files that grow while they are read. Time is virtual: what is done to files is done at its ticks.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic to fail them")]

use ferrobeam_core::metrics::Counter;
use ferrobeam_core::prelude::*;
use ferrobeam_core::time::{minutes, seconds};
use ferrobeam_direct::DirectRunner;
use ferrobeam_io::follow::{self, Follow, FollowedLine};
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Something that is done to the files of a directory, when so many different lines were read, and so many seconds (of the
/// runner's time) have passed since the one before.
struct Deed {
    lines: usize,
    seconds: u64,
    act: Box<dyn Fn(&Path) + Send + Sync>,
}

type Deeds = Vec<Deed>;

macro_rules! deeds {
    ($(($lines:literal, $seconds:literal) |$at:ident| $deed:expr;)*) => {
        vec![$(Deed { lines: $lines, seconds: $seconds, act: Box::new(|$at: &Path| { $deed; }) }),*]
    };
}

/// Does all of them, one after the other.
struct Doer {
    place: PathBuf,
    deeds: Deeds,
    seen: Arc<Mutex<HashSet<FollowedLine>>>,
    /// How many are done, and when the last one was.
    done: Arc<Mutex<(u64, Timestamp)>>,
}

impl Source for Doer {
    type Out = ();
    type Restriction = OffsetRange;
    type Reader = ();
    const BOUNDED: bool = false;

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, self.deeds.len() as u64)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, ()>) -> Result<(), BoxError> {
        claims.set_watermark(Timestamp::END_OF_GLOBAL_WINDOW);
        while claims.has_room() {
            let next = claims.restriction().next();
            let (mut done, now) = (self.done.lock().unwrap(), claims.now());
            if let Some(deed) = self.deeds.get(next as usize)
                && next >= done.0
            {
                if self.seen.lock().unwrap().len() < deed.lines || now < done.1 + seconds(deed.seconds) {
                    claims.resume_after(seconds(1));
                    return Ok(());
                }
                (deed.act)(&self.place);
                // A bundle that is repeated does nothing twice.
                *done = (next + 1, now);
            }
            if claims.claim(next).is_none() {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn append(path: PathBuf, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Reads a directory while all is done to it, and drains. Bundles fail and are repeated. All that was read, sorted.
fn try_read<T: Element + Ord>(
    place: &Path,
    seed: u64,
    follow: Follow,
    deeds: Deeds,
    construct: impl FnOnce(PCollection<FollowedLine>) -> PCollection<T>,
) -> Result<Vec<T>, String> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let (seen, done) = (
        Arc::<Mutex<HashSet<FollowedLine>>>::default(),
        Arc::<Mutex<(u64, Timestamp)>>::new(Mutex::new((0, Timestamp::EPOCH))),
    );
    let (kept, end) = (all.clone(), deeds.len() as u64);
    let doer = Doer { place: place.to_owned(), deeds, seen: Arc::clone(&seen), done: Arc::clone(&done) };
    let runner = DirectRunner::new().seed(seed).failing_bundles(0.3).drain_after(seconds(300));
    let result = runner.run(|root| {
        root.read(doer).discard();
        let follow = root.apply(follow.poll_every(seconds(1))).map(move |line| {
            seen.lock().unwrap().insert(line.clone());
            line
        });
        let lines = construct(follow);
        let all = lines.window(GlobalWindows::new().trigger(Trigger::Never).discarding()).key_by(|_| ());
        // As one group, so that a bundle that is repeated keeps the same once more.
        all.group_by_key().map(move |((), group)| *kept.lock().unwrap() = group.iter().collect()).discard();
        Ok(())
    });
    result.map_err(|error| error.to_string())?;
    assert_eq!(done.lock().unwrap().0, end, "all was done");
    let mut all = all.lock().unwrap().clone();
    all.sort_unstable();
    Ok(all)
}

fn read(place: &TempDir, seed: u64, follow: Follow, deeds: Deeds) -> Vec<String> {
    try_read(place.path(), seed, follow, deeds, |lines| lines.map(|line| line.text)).unwrap()
}

fn pattern(place: &TempDir, names: &str) -> String {
    place.path().join(names).display().to_string()
}

fn under_schedules(test: impl Fn(u64, &TempDir)) {
    (0..6).for_each(|seed| test(seed, &tempfile::tempdir().unwrap()));
}

#[test]
fn files_grow_and_appear() {
    under_schedules(|seed, place| {
        append(place.path().join("old.log"), "o1\r\no2\n");
        let deeds = deeds! {
            (0, 0) |at| append(at.join("a.log"), "a1\na2\nbroken");
            (4, 1) |at| append(at.join("b.log"), "b1\n");
            (5, 1) |at| append(at.join("a.log"), " line\n\n");
            (7, 0) |at| append(at.join("packed.log.gz"), "not text\n");
            (7, 0) |at| append(at.join("x.tmp"), "not yet\n");
            (7, 0) |at| append(at.join("b.log"), "no end");
        };
        let follow = follow::directory(pattern(place, "")).except("*.tmp").unwrap();
        assert_eq!(read(place, seed, follow, deeds), ["", "a1", "a2", "b1", "broken line", "no end", "o1", "o2"]);
    });
}

#[test]
fn files_are_rotated() {
    under_schedules(|seed, place| {
        let deeds = deeds! {
            (0, 0) |at| append(at.join("a.log"), "1\n2\n");
            (2, 0) |at| {
                append(at.join("a.log"), "3\n");
                fs::rename(at.join("a.log"), at.join("a.log.1")).unwrap()
            };
            (3, 0) |at| append(at.join("a.log.1"), "4\n");
            (3, 0) |at| append(at.join("a.log"), "5\n");
            (5, 0) |at| {
                fs::rename(at.join("a.log.1"), at.join("gone")).unwrap();
                append(at.join("gone"), "6\n");
            };
            (6, 0) |at| append(at.join("a.log"), "7\n");
        };
        let all = read(place, seed, follow::directory(pattern(place, "a.log*")), deeds);
        assert_eq!(all, ["1", "2", "3", "4", "5", "6", "7"]);
    });
}

#[test]
fn files_are_cut_and_written_anew() {
    under_schedules(|seed, place| {
        let deeds = deeds! {
            (0, 0) |at| append(at.join("a"), "first\nsecond\n");
            (2, 0) |at| fs::write(at.join("a"), "third\n").unwrap();
            (3, 0) |at| fs::write(at.join("a"), "a fourth line that is longer\n").unwrap();
        };
        let all = read(place, seed, follow::directory(pattern(place, "*")), deeds);
        assert_eq!(all, ["a fourth line that is longer", "first", "second", "third"]);
    });
}

#[test]
fn files_are_written_anew_with_the_same_size_or_more() {
    under_schedules(|seed, place| {
        // More than what tells files from others by their first bytes.
        fs::write(place.path().join("long.log"), "the same line ".repeat(100) + "\ncc\n").unwrap();
        let deeds = deeds! {
            (2, 0) |at| append(at.join("a.log"), "one\ntwo\n");
            (4, 0) |at| fs::write(at.join("a.log"), "six\nTWO\n").unwrap();
            (6, 0) |at| fs::write(at.join("long.log"), "the same line ".repeat(100) + "\nCC\ndd\n").unwrap();
            (8, 0) |at| append(at.join("long.log"), "ee\n");
        };
        let mut lines = read(place, seed, follow::directory(pattern(place, "*.log")), deeds);
        lines.iter_mut().for_each(|line| line.truncate(8));
        assert_eq!(lines, ["CC", "TWO", "cc", "dd", "ee", "one", "six", "the same", "the same", "two"]);
    });
}

#[test]
fn a_file_written_anew_behind_a_line_without_an_end_begins_anew() {
    under_schedules(|seed, place| {
        let deeds = deeds! {
            (0, 0) |at| append(at.join("a.log"), "a1\na2\nhalf of it");
            (2, 3) |at| fs::write(at.join("a.log"), "b1\nb2\nb3\nb4\nb5\nb6\n").unwrap();
        };
        let lines = read(place, seed, follow::directory(pattern(place, "a.log")), deeds);
        assert_eq!(lines, ["a1", "a2", "b1", "b2", "b3", "b4", "b5", "b6"]);
    });
}

#[test]
fn the_last_line_of_a_removed_file_is_read_before_a_run_ends() {
    under_schedules(|seed, place| {
        let deeds = deeds! {
            (0, 0) |at| append(at.join("a.log"), "a1\nend");
            (1, 3) |at| fs::remove_file(at.join("a.log")).unwrap();
        };
        let follow = follow::directory(pattern(place, "a.log")).idle_after(minutes(60));
        let follow = follow.positions(place.path().join("positions"));
        assert_eq!(read(place, seed, follow, deeds), ["a1", "end"]);
    });
}

#[test]
fn what_was_read_before_a_cut_is_not_read_again() {
    under_schedules(|seed, place| {
        let deeds = deeds! {
            (0, 0) |at| append(at.join("a.log"), "a1\na2\nhalf");
            (2, 3) |at| OpenOptions::new().write(true).open(at.join("a.log")).unwrap().set_len(6).unwrap();
            (2, 3) |at| append(at.join("a.log"), "a3\n");
        };
        assert_eq!(read(place, seed, follow::directory(pattern(place, "a.log")), deeds), ["a1", "a2", "a3"]);
    });
}

#[test]
fn what_was_cut_off_unread_is_counted() {
    const LINES: usize = 100_000;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a.log");
    fs::write(&path, "12345678\n".repeat(LINES)).unwrap();
    let cuts = path.clone();
    // The size was seen before the first line was read, and no bundle takes all.
    let result = DirectRunner::new().seed(1).drain_after(seconds(300)).run(|root| {
        let lines = root.apply(follow::directory(pattern(&place, "a.log")));
        lines.map(move |_| fs::write(&cuts, "").unwrap()).discard();
        Ok(())
    });
    let read = 9 * LINES as i64 - result.unwrap().metrics.counter(&Counter::new("ferrobeam", "bytes_cut_off_unread"));
    assert!(read > 0 && read < 9 * LINES as i64 && read % 9 == 0, "{read}");
}

#[test]
fn a_mark_of_utf8_is_left_out_and_a_directory_may_have_brackets() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("in [1]");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("a.log"), b"\xef\xbb\xbffirst\n\xef\xbb\xbfsecond\n").unwrap();
    let follow = follow::directory(directory.display().to_string());
    assert_eq!(read(&place, 1, follow, Vec::new()), ["first", "\u{feff}second"]);
}

#[test]
fn files_are_removed() {
    under_schedules(|seed, place| {
        let deeds = deeds! {
            (0, 0) |at| append(at.join("a"), "1\n2");
            (1, 0) |at| {
                append(at.join("a"), "2\n3");
                fs::remove_file(at.join("a")).unwrap()
            };
            // Perhaps with the number of the one before.
            (3, 0) |at| append(at.join("b"), "4\n");
        };
        let positions = place.path().join("positions");
        let follow = follow::directory(pattern(place, "?")).idle_after(seconds(5)).positions(&positions);
        assert_eq!(read(place, seed, follow, deeds), ["1", "22", "3", "4"]);
        let saved = fs::read_to_string(&positions).unwrap();
        assert_eq!(saved.matches("inode").count(), 1, "{saved}");
    });
}

#[test]
fn a_run_goes_on_where_the_one_before_was_drained() {
    under_schedules(|seed, place| {
        let positions = place.path().join("positions.json");
        let follow = || follow::directory(pattern(place, "*.log*")).positions(&positions);
        let first = deeds! {
            (0, 0) |at| append(at.join("a.log"), "a1\na2\nhalf");
            (0, 1) |at| append(at.join("b.log"), "b1\n");
        };
        assert_eq!(read(place, seed, follow(), first), ["a1", "a2", "b1"]);
        append(place.path().join("a.log"), " a line\na3\n");
        fs::rename(place.path().join("a.log"), place.path().join("a.log.1")).unwrap();
        append(place.path().join("a.log"), "a4\n");
        // Shorter than it was.
        fs::write(place.path().join("b.log"), "x\n").unwrap();
        let second = deeds! { (2, 0) |at| append(at.join("a.log"), "a5\n"); };
        assert_eq!(read(place, seed, follow(), second), ["a3", "a4", "a5", "half a line", "x"]);
        assert!(read(place, seed, follow(), Vec::new()).is_empty());
        assert!(!place.path().join("positions.json.tmp").exists());
    });
}

/// Lines are `second text`.
fn timed(line: &FollowedLine) -> Option<Timestamp> {
    line.text.split(' ').next()?.parse::<i64>().ok().map(|second| Timestamp::from_millis(1000 * second))
}

/// How many lines each minute has when its window closes.
fn minutes_of(lines: PCollection<FollowedLine>) -> PCollection<(String, u64)> {
    let counts = lines.map(|line| line.path).window(FixedWindows::of(minutes(1))).count_per_element();
    counts.map(|(path, n)| (path.rsplit('/').next().unwrap_or_default().to_owned(), n))
}

fn expected(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(path, n)| ((*path).to_owned(), *n)).collect()
}

#[test]
fn the_file_that_is_behind_holds_the_watermark_until_it_is_idle() {
    under_schedules(|seed, place| {
        let script = || {
            deeds! {
                (0, 0) |at| append(at.join("a"), "10 x\n");
                (1, 0) |at| append(at.join("b"), "300 x\n400 x\n");
                (3, 20) |at| append(at.join("b"), "420 x\n");
                (4, 0) |at| append(at.join("a"), "20 x\n");
            }
        };
        let follow = |place: &TempDir| follow::directory(pattern(place, "?")).event_time(minutes(1), timed);
        let patient = try_read(place.path(), seed, follow(place).idle_after(minutes(1)), script(), minutes_of).unwrap();
        assert_eq!(patient, expected(&[("a", 2), ("b", 1), ("b", 1), ("b", 1)]));
        let other = tempfile::tempdir().unwrap();
        let hasty = try_read(other.path(), seed, follow(&other).idle_after(seconds(5)), script(), minutes_of).unwrap();
        assert_eq!(hasty, expected(&[("a", 1), ("b", 1), ("b", 1), ("b", 1)]), "the second line of a is late");
    });
}

#[test]
fn lines_out_of_order_are_in_time_within_the_bound() {
    under_schedules(|seed, place| {
        let deeds = || {
            deeds! {
                (0, 0) |at| append(at.join("a"), "5 x\n110 x\n");
                (2, 0) |at| append(at.join("a"), "50 x\nno time\n130 x\n");
                (5, 5) |at| append(at.join("a"), "40 late\n");
            }
        };
        let follow = follow::directory(pattern(place, "?")).event_time(minutes(1), timed);
        let counts = try_read(place.path(), seed, follow, deeds(), minutes_of).unwrap();
        // What has no time is at 110, as the latest before it.
        assert_eq!(counts, expected(&[("a", 1), ("a", 2), ("a", 2)]));
    });
}

#[test]
fn a_wrong_date_does_not_make_others_late() {
    under_schedules(|seed, place| {
        let deeds = || {
            deeds! {
                (0, 0) |at| append(at.join("a"), "1 x\n4133980800 the year 2101\n");
                (2, 5) |at| append(at.join("a"), "2 x\n");
            }
        };
        let follow = || follow::directory(pattern(place, "a")).event_time(seconds(0), timed);
        let guarded = try_read(place.path(), seed, follow().ahead_at_most(minutes(60)), deeds(), minutes_of).unwrap();
        assert_eq!(guarded, expected(&[("a", 1), ("a", 2)]));
        fs::remove_file(place.path().join("a")).unwrap();
        let trusting = try_read(place.path(), seed, follow(), deeds(), minutes_of).unwrap();
        assert_eq!(trusting, expected(&[("a", 1), ("a", 1)]));
    });
}

#[test]
fn fields_come_from_paths_and_lines_and_positions_from_files() {
    under_schedules(|seed, place| {
        let deeds = deeds! { (0, 0) |at| append(at.join("web7.log"), "GET /a 200\nnonsense\nGET /b 404\n"); };
        let follow = follow::directory(pattern(place, "*.log"));
        let follow = follow.fields_of_path(r"(?<host>\w+)\.log$").unwrap();
        let follow = follow.fields_of_line(r"^GET (?<page>\S+) (?<status>\d+)$").unwrap();
        let shown = |line: FollowedLine| {
            let field = |name| line.fields.get(name).cloned().unwrap_or_else(|| "-".to_owned());
            format!("{} {} {} {}", line.offset, field("host"), field("page"), field("status"))
        };
        let lines = try_read(place.path(), seed, follow, deeds, |lines| lines.map(shown)).unwrap();
        assert_eq!(lines, ["0 web7 /a 200", "11 web7 - -", "20 web7 /b 404"]);
    });
    assert!(follow::directory("x").fields_of_line("(").err().unwrap().to_string().contains("regex parse error"));
    assert!(follow::directory("x").except("[").is_err());
}

#[test]
fn bad_lines_say_where_they_are() {
    let place = tempfile::tempdir().unwrap();
    let deeds = deeds! { (0, 0) |at| append(at.join("n"), "1\nx\n3\n"); };
    let bad = try_read(place.path(), 1, follow::directory(pattern(&place, "n")), deeds, |lines| {
        let (good, bad) = lines.try_map(|line| line.text.parse::<u64>().map_err(|error| line.bad(error)));
        good.discard();
        bad.map(|bad| bad.to_string())
    });
    assert_eq!(bad.unwrap(), [format!("`{}`, byte 2: invalid digit found in string", pattern(&place, "n"))]);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let error = |follow: Follow| {
        try_read(place.path(), 1, follow, Vec::new(), |lines| lines.map(|line| line.text)).unwrap_err()
    };
    let positions = place.path().join("positions");
    fs::write(&positions, "{}").unwrap();
    let text = error(follow::directory("nothing").positions(&positions));
    assert!(text.contains(&format!("cannot read the positions in `{}`: missing field", positions.display())), "{text}");
    let nowhere = place.path().join("none").join("positions");
    fs::write(place.path().join("a"), "1\n").unwrap();
    let text = error(follow::directory(pattern(&place, "a")).positions(&nowhere));
    assert!(text.contains(&format!("cannot write `{}.tmp`", nowhere.display())), "{text}");
}

#[test]
fn what_is_not_utf8_is_marked() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("a"), b"caf\xe9\ncaf\xc3\xa9\n").unwrap();
    let follow = follow::directory(pattern(&place, "a"));
    let lines = try_read(place.path(), 1, follow, Vec::new(), |lines| lines.map(|line| (line.text, line.is_utf8)));
    assert_eq!(lines.unwrap(), [("caf\u{e9}".to_owned(), true), ("caf\u{fffd}".to_owned(), false)]);
}

/// Ends a run that has no end.
fn stops_at_the_end(line: String) -> Result<String, BoxError> {
    if line == "END" { Err("this is the end".into()) } else { Ok(line) }
}

#[derive(Clone)]
struct Watch {
    place: PathBuf,
    seen: Arc<Mutex<Vec<String>>>,
}

impl DoFn for Watch {
    type In = String;
    type Out = ();

    fn process(&mut self, line: String, _: &mut Context<'_, ()>) -> Result<(), BoxError> {
        let mut seen = self.seen.lock().unwrap();
        seen.push(stops_at_the_end(line)?);
        match seen.len() {
            1000 => fs::rename(self.place.join("a.log"), self.place.join("a.log.1"))?,
            _ if seen.len() < 1000 => return Ok(()),
            1001 => append(self.place.join("a.log"), "END\n"),
            _ => return Err("a line came twice".into()),
        }
        if seen.len() == 1000 {
            append(self.place.join("a.log.1"), "after the rename\n");
        }
        Ok(())
    }
}

#[test]
fn the_local_runner_follows_files() {
    for workers in [1, 3] {
        let place = tempfile::tempdir().unwrap();
        append(place.path().join("a.log"), &(0..1000).map(|n| format!("{n}\n")).collect::<String>());
        let watch = Watch { place: place.path().to_owned(), seen: Arc::default() };
        let seen = watch.seen.clone();
        let result = ferrobeam_local::LocalRunner::new().workers(workers).skip_waiting().run(|root| {
            let follow = follow::directory(pattern(&place, "a.log*")).positions(place.path().join("positions"));
            root.apply(follow).map(|line| line.text).par_do(watch).discard();
            Ok(())
        });
        assert!(result.unwrap_err().to_string().contains("this is the end"));
        // What a run that failed had read is read again by the next.
        assert_eq!(fs::read_to_string(place.path().join("positions")).unwrap(), r#"{"files":[]}"#);
        let mut seen = seen.lock().unwrap().clone();
        assert_eq!(seen.pop().unwrap(), "after the rename");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 1000);
    }
}
