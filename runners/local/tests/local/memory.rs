//! A limit of memory: what comes out is the same, the limit holds, and files are gone afterwards.

use ferrobeam_core::prelude::*;
use ferrobeam_core::testing::assert_that;
use ferrobeam_core::time::hours;
use ferrobeam_core::transforms::group_by_key::Grouped;
use ferrobeam_core::windowing::CompleteWindowing;
use ferrobeam_local::LocalRunner;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pairs of a key and a thousand bytes; after the last one something happens.
struct Records {
    all: u64,
    keys: u64,
    last: fn(&Path),
    dir: PathBuf,
}

impl Source for Records {
    type Out = (u64, Vec<u8>);
    type Restriction = OffsetRange;
    type Reader = ();

    fn split(&self, _: usize) -> Result<Vec<OffsetRange>, BoxError> {
        Ok(vec![OffsetRange::new(0, self.all)])
    }
    fn open(&self, _: &OffsetRange) -> Result<(), BoxError> {
        Ok(())
    }
    fn read(&self, (): &mut (), claims: &mut Claims<'_, OffsetRange, (u64, Vec<u8>)>) -> Result<(), BoxError> {
        claims.emit_run(Timestamp::MIN, |n| {
            if n + 1 == self.all {
                (self.last)(&self.dir);
            }
            (n % self.keys, thousand(n))
        });
        Ok(())
    }
}

/// A thousand bytes that do not repeat, for what is compressed takes no room on a disk that is to be full.
fn thousand(n: u64) -> Vec<u8> {
    let mixed = |i: u64| (n * 1000 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    (0..125).flat_map(|i| mixed(i).wrapping_mul(mixed(i) | 1).to_le_bytes()).collect()
}

fn nothing(_: &Path) {}

fn length((key, values): (u64, Grouped<Vec<u8>>)) -> (u64, u64) {
    let bytes = |values: &Grouped<Vec<u8>>| values.iter().map(|value| value.len() as u64).sum::<u64>();
    assert_eq!(bytes(&values), bytes(&values), "they are read any number of times");
    (key, bytes(&values) / 1000)
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn groups_of_each_kind_are_the_same_and_files_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    for (workers, limit) in [(1, 1), (2, 1), (3, 200_000)] {
        let runner = LocalRunner::new().workers(workers).store_limit(limit).spill_dir(dir.path());
        let run = runner.run(|root| {
            let pairs = root.create(0..5000_u64).map(|n| (n % 100, n.to_string()));
            let sizes = pairs.group_by_key().map(|(key, values)| (key, values.len() as u64));
            assert_that(&sizes.filter(|(_, n)| *n != 50).map(|(key, _)| key)).is_empty();

            // Few keys have very much.
            let hot = root.create(0..5000_u64).map(|n| (n % 7 / 6, n));
            let hot_sizes = hot.group_by_key().map(|(key, values)| (key, values.iter().max(), values.len()));
            assert_that(&hot_sizes).contains_in_any_order([(0, Some(4999), 4286), (1, Some(4997), 714)]);
            let both = hot.co_group_by_key(&pairs.map(|(_, text)| (0, text)));
            let both = both.map(|(key, (left, right))| (key, left.len(), right.len(), right.iter().max()));
            let expected = [(0, 4286, 5000, Some("999".to_owned())), (1, 714, 0, None)];
            assert_that(&both).contains_in_any_order(expected);
            let joined = hot.inner_join(&root.create([(1_u64, 'x'), (1, 'y')]));
            assert_that(&joined.count_globally()).is_singleton(2 * 714);

            let windows = root.create(0..5000_i64).with_timestamps(|n| Timestamp::from_millis(*n));
            let windows = windows.window(FixedWindows::of(ferrobeam_core::time::seconds(1)));
            let sums = windows.map(|n| (n % 10, n)).combine_per_key(sum()).map(|(key, sum)| (key, sum % 1000));
            assert_that(&sums.count_globally().window(GlobalWindows::new()).map(|n| n)).satisfies(
                |counts| match counts.iter().sum::<u64>() {
                    50 => Ok(()),
                    other => Err(format!("{other} panes").into()),
                },
            );
            Ok(())
        });
        run.unwrap();
        assert!(is_empty(dir.path()), "{workers} workers leave nothing");
    }
}

/// How many files of runs there are below a directory, but for those that lock it.
fn files(dir: &Path) -> usize {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries(dir).flat_map(|run| entries(&run).collect::<Vec<_>>()).filter(|path| !path.ends_with("lock")).count()
}

#[test]
fn side_inputs_are_the_same_and_files_are_gone() {
    const WINDOWS: i64 = 50;
    const ROWS: i64 = 1000;
    let dir = tempfile::tempdir().unwrap();
    let windows = || FixedWindows::of(ferrobeam_core::time::millis(ROWS as u64));
    for (workers, limit) in [(1, Some(1)), (2, Some(1)), (3, Some(500_000)), (2, None)] {
        let most_files = Arc::new(AtomicUsize::new(0));
        let (seen_files, spilled) = (most_files.clone(), dir.path().to_owned());
        let runner = LocalRunner::new().workers(workers).spill_dir(dir.path());
        let runner = limit.into_iter().fold(runner, LocalRunner::store_limit);
        let run = runner.run(move |root| {
            let rows = root.create(0..WINDOWS * ROWS).with_timestamps(|n| Timestamp::from_millis(*n)).window(windows());
            let texts = rows.map(|n| format!("the number {n}")).as_iterable();
            let by_digit = rows.map(|n| (n % 10, n)).as_multimap();
            // Each window four times, and never soon again.
            let main = root.create(0..WINDOWS * 4).map(|n| n * 7 % WINDOWS);
            let main = main.with_timestamps(|n| Timestamp::from_millis(n * ROWS)).window(windows());
            let seen = main.map_with((texts, by_digit), move |n, (texts, by_digit)| {
                seen_files.fetch_max(files(&spilled), Ordering::Relaxed);
                let mut numbers: Vec<i64> = texts.iter().filter_map(|text| text[11..].parse().ok()).collect();
                numbers.sort_unstable();
                let is_all = numbers.into_iter().eq(n * ROWS..(n + 1) * ROWS);
                (n, is_all, by_digit.get(&(n % 10)).iter().sum::<i64>())
            });
            let sum = |n: i64| (n * ROWS..(n + 1) * ROWS).filter(|row| row % 10 == n % 10).sum();
            let expected: Vec<_> = (0..WINDOWS * 4).map(|n| n % WINDOWS).map(|n| (n, true, sum(n))).collect();
            assert_that(&seen.window(GlobalWindows::new())).contains_in_any_order(expected);
            Ok(())
        });
        run.unwrap();
        let most_files = most_files.load(Ordering::Relaxed);
        assert_eq!(most_files > 0, limit.is_some(), "{workers} workers, {limit:?}: {most_files} files");
        assert!(is_empty(dir.path()), "{workers} workers leave nothing");
    }
}

#[test]
fn a_limit_that_is_too_small_is_refused() {
    let run = LocalRunner::new().workers(4).memory_limit(20 << 20).run(|root| {
        root.impulse().discard();
        Ok(())
    });
    let error = run.unwrap_err().to_string();
    assert!(error.contains("a memory limit of 20 MiB is too small: 4 workers need at least 44 MiB"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::NamedTempFile::new().unwrap();
    let run = LocalRunner::new().memory_limit(1 << 30).spill_dir(dir.path()).run(|root| {
        root.impulse().discard();
        Ok(())
    });
    let error = run.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot spill to {} (--spill-dir): ", dir.path().display())), "{error}");
}

/// Changes a byte in the middle of every file below a directory.
fn damage(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            damage(&entry);
        } else if let Ok(mut bytes) = fs::read(&entry)
            && let Some(byte) = {
                let middle = bytes.len() / 2;
                bytes.get_mut(middle)
            }
        {
            *byte ^= 0x10;
            fs::write(&entry, bytes).unwrap();
        }
    }
}

#[test]
fn damage_to_a_file_is_an_error_of_the_step() {
    let dir = tempfile::tempdir().unwrap();
    for workers in [1, 4] {
        let runner = LocalRunner::new().workers(workers).store_limit(1 << 20).spill_dir(dir.path());
        let run = runner.run(|root| {
            let records = Records { all: 10_000, keys: 100, last: damage, dir: dir.path().to_owned() };
            root.read(records).group_by_key().named("Group").map(length).discard();
            Ok(())
        });
        let error = run.unwrap_err().to_string();
        assert!(error.contains("`Group`") && error.contains("cannot read back what was spilled to"), "{error}");
        assert!(error.contains("not as it was written"), "{error}");
        assert!(is_empty(dir.path()), "nothing is left");
    }
}

/// Runs a test of this file that only does so as a child, with some lines of shell before it.
fn child(name: &str, before: &str, dir: &Path) -> Output {
    let script = format!("{before}\nexec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("memory::{name}"), "--include-ignored", "--nocapture"])
        .env("FERROBEAM_TEST_DIR", dir)
        .output()
        .unwrap()
}

fn child_dir() -> PathBuf {
    PathBuf::from(std::env::var_os("FERROBEAM_TEST_DIR").unwrap())
}

#[test]
#[ignore = "the child of `a_full_disk_is_an_error_of_the_step`"]
fn groups_more_than_the_disk_has_room_for() {
    let runner = LocalRunner::new().workers(2).store_limit(1 << 20).spill_dir(child_dir());
    let run = runner.run(|root| {
        let records = Records { all: 20_000, keys: 100, last: nothing, dir: PathBuf::new() };
        root.read(records).group_by_key().named("Group").map(length).discard();
        Ok(())
    });
    println!("error: {}", run.unwrap_err());
}

#[test]
fn a_full_disk_is_an_error_of_the_step() {
    let dir = tempfile::tempdir().unwrap();
    // No file may be larger than that; a signal that says so is ignored.
    let output = child("groups_more_than_the_disk_has_room_for", "trap '' XFSZ; ulimit -f 100", dir.path());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("error: `Group`") && text.contains(": cannot spill to "), "{text}");
    assert!(text.contains(&dir.path().display().to_string()) && text.contains("File too large"), "{text}");
    assert!(is_empty(dir.path()), "nothing is left");
}

/// Keeps what comes, in the order of time or not, and says when there are a hundred values of a key.
#[derive(Clone)]
struct Keep<const SORTED: bool>;

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Kept {
    values: Bag<Vec<u8>>,
    count: Value<u64>,
}

impl<const SORTED: bool> StatefulDoFn for Keep<SORTED> {
    const TIME_SORTED: bool = SORTED;
    type Key = u64;
    type In = Vec<u8>;
    type Out = u64;
    type State = Kept;
    type Timer = ();

    fn process(
        &mut self,
        _: &u64,
        value: Vec<u8>,
        state: &mut Kept,
        ctx: &mut StatefulContext<'_, u64, ()>,
    ) -> Result<(), BoxError> {
        let count = state.count.get().copied().unwrap_or_default() + 1;
        state.count.set(count);
        state.values.add(value);
        if count == 100 {
            ctx.emit(state.values.iter().map(|value| value.len() as u64).sum::<u64>() / 1000);
        }
        Ok(())
    }
}

/// Says half of what has come when its window ends.
#[derive(Clone)]
struct Halve;

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Sum {
    sum: Value<u64>,
}

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum Due {
    #[timer(event_time)]
    End,
}

impl StatefulDoFn for Halve {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = Sum;
    type Timer = Due;

    fn process(
        &mut self,
        _: &u64,
        n: u64,
        state: &mut Sum,
        ctx: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        let sum = state.sum.get().copied().unwrap_or_default();
        state.sum.set(sum + n);
        let end = ctx.window().max_timestamp();
        ctx.set(Due::End, end);
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: &u64,
        _: Due,
        state: &mut Sum,
        ctx: &mut StatefulContext<'_, u64, Due>,
    ) -> Result<(), BoxError> {
        ctx.emit(state.sum.get().copied().unwrap_or_default() / 2);
        Ok(())
    }
}

/// Keeps what comes until a timer of its own takes it out.
#[derive(Clone)]
struct KeepEach;

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Numbered {
    values: Map<u64, Vec<u8>>,
    count: Value<u64>,
}

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum Each {
    #[timer(event_time)]
    One(u64),
}

impl StatefulDoFn for KeepEach {
    type Key = u64;
    type In = Vec<u8>;
    type Out = u64;
    type State = Numbered;
    type Timer = Each;

    fn process(
        &mut self,
        _: &u64,
        value: Vec<u8>,
        state: &mut Numbered,
        ctx: &mut StatefulContext<'_, u64, Each>,
    ) -> Result<(), BoxError> {
        let number = state.count.get().copied().unwrap_or_default();
        state.count.set(number + 1);
        state.values.insert(number, value);
        let end = ctx.window().max_timestamp();
        ctx.set(Each::One(number), end);
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: &u64,
        Each::One(number): Each,
        state: &mut Numbered,
        ctx: &mut StatefulContext<'_, u64, Each>,
    ) -> Result<(), BoxError> {
        let value = state.values.get(&number).ok_or("it was not kept")?;
        ctx.emit(value.len() as u64 / 1000);
        state.values.remove(&number);
        Ok(())
    }
}

/// Each key comes twice, the second time when all have come once.
fn twice(root: &Root) -> PCollection<u64> {
    let keys = root.create([100_000_u64]).flat_map(|all| (0..2 * all).map(move |n| n % all));
    keys.map(|key| (key, 1)).par_do_stateful(Halve)
}

/// All different texts.
#[derive(Clone)]
struct Texts;

impl CombineFn for Texts {
    type In = String;
    type Acc = BTreeSet<String>;
    type Out = u64;

    fn create_accumulator(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
    fn add_input(&self, texts: &mut BTreeSet<String>, text: String) {
        texts.insert(text);
    }
    fn merge_accumulators(&self, texts: &mut BTreeSet<String>, others: BTreeSet<String>) {
        texts.extend(others);
    }
    fn extract_output(&self, texts: BTreeSet<String>) -> u64 {
        texts.len() as u64
    }
}

/// A seventh of how many texts there are, in sets that take four times as much in memory as in files.
fn sets(root: &Root) -> PCollection<u64> {
    let texts = root.create([700_000_u64]).flat_map(|all| 0..all).map(|n| (n % 1000, n.to_string()));
    let windows = GlobalWindows::new().trigger(repeatedly(after_count(1_000_000))).accumulating();
    texts.window(windows).combine_per_key(Texts).map(|(_, n)| n / 7)
}

/// Of 120,000 keys, each of which comes twice, the second time when all have come once: of the first 100,000 half of the number
/// in the pane that has both.
fn both(root: &Root, windows: impl CompleteWindowing) -> PCollection<u64> {
    let all =
        root.create([120_000_u64]).flat_map(|all| 0..2 * all).with_timestamps(|n| Timestamp::from_millis(*n as i64));
    let counts = all.map(|n| n % 120_000).window(windows).count_per_element();
    counts.filter(|(key, count)| *key < 100_000 && *count == 2).map(|(_, count)| count / 2)
}

/// The limit of the children that look at their memory.
const LIMIT: u64 = 64 << 20;

/// Much more than the limit, in one way of many; what all of it is, in thousands of bytes, is 100,000.
type Much = fn(&Root) -> PCollection<u64>;

fn records(root: &Root, keys: u64) -> PCollection<(u64, Vec<u8>)> {
    root.read(Records { all: 100_000, keys, last: nothing, dir: PathBuf::new() })
}

/// What one element becomes.
fn exploded(root: &Root) -> PCollection<(u64, Vec<u8>)> {
    root.create([100_000_u64]).flat_map(|all| 0..all).map(|n| (n % 1000, thousand(n)))
}

fn panes(rows: &PCollection<(u64, Vec<u8>)>, of: u32) -> PCollection<u64> {
    let windows = GlobalWindows::new().trigger(repeatedly(after_count(of))).discarding();
    lengths(&rows.window(windows))
}

fn lengths(rows: &PCollection<(u64, Vec<u8>)>) -> PCollection<u64> {
    rows.group_by_key().map(length).map(|(_, n)| n)
}

fn a_million(n: u64) -> (u64, Vec<u8>) {
    (n % 10, (0..1000).flat_map(|i| thousand(n * 1000 + i)).collect())
}

const MUCH: [(&str, Much); 16] = [
    ("many keys", |root| lengths(&records(root, 10_000))),
    ("a key that has more values than there is memory", |root| lengths(&records(root, 1))),
    ("panes of many keys", |root| panes(&records(root, 1000), 1_000_000)),
    ("a pane of one key", |root| panes(&records(root, 1), 1_000_000)),
    ("many panes", |root| panes(&records(root, 1000), 60)),
    ("state", |root| records(root, 1000).par_do_stateful(Keep::<false>)),
    ("many keys with state and timers", twice),
    ("keys with large cells and many timers", |root| {
        let values = root.create([100_000_u64]).flat_map(|all| (0..all).map(|n| (n / 100, thousand(n))));
        values.par_do_stateful(KeepEach)
    }),
    ("elements that wait for earlier ones", |root| records(root, 1000).par_do_stateful(Keep::<true>)),
    ("one element", |root| lengths(&exploded(root))),
    ("one element, with state", |root| exploded(root).reshuffle().par_do_stateful(Keep::<false>)),
    ("two collections' values of a key", |root| {
        let both = records(root, 1).co_group_by_key(&records(root, 1).filter(|_| false));
        both.map(|(key, (left, _))| length((key, left)).1)
    }),
    ("sessions of many keys", |root| both(root, Sessions::with_gap(hours(1)))),
    ("many keys that have fired", |root| {
        both(root, GlobalWindows::new().trigger(repeatedly(after_count(1))).accumulating())
    }),
    ("sets of texts", sets),
    ("large values of small elements", |root| lengths(&root.create(0..100).map(a_million))),
];

#[test]
#[ignore = "the child of `the_limit_holds`"]
fn makes_more_than_memory_has_room_for() {
    let case: usize = std::env::var("FERROBEAM_TEST_CASE").unwrap().parse().unwrap();
    let runner = LocalRunner::new().workers(2).memory_limit(LIMIT).spill_dir(child_dir());
    let run = runner.run(|root| {
        let all = MUCH[case].1(root).window(GlobalWindows::new());
        assert_that(&all.combine_globally(sum())).is_singleton(100_000);
        Ok(())
    });
    run.unwrap();
    println!("peak: {}", own_peak());
}

fn own_peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned()
}

/// What was printed, in bytes.
#[cfg(target_os = "linux")]
fn peak(text: &str) -> u64 {
    let peak = text.lines().find_map(|line| line.strip_prefix("peak: ")?.strip_suffix(" kB"));
    peak.and_then(|peak| peak.parse::<u64>().ok()).unwrap_or_else(|| panic!("no peak in {text}")) << 10
}

/// A process for each, for one in which much was made and dropped keeps some of that.
#[test]
#[cfg(target_os = "linux")]
fn the_limit_holds() {
    for (case, (name, _)) in MUCH.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let case = format!("export FERROBEAM_TEST_CASE={case}");
        let output = child("makes_more_than_memory_has_room_for", &case, dir.path());
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(peak(&text) <= LIMIT + LIMIT / 5, "{name}: {} MiB were resident", peak(&text) >> 20);
        assert!(is_empty(dir.path()), "{name}: nothing is left");
    }
}

#[test]
#[ignore = "the child of `what_cannot_spill_is_an_error_of_the_step`"]
fn keeps_more_than_memory_has_room_for() {
    let runner = LocalRunner::new().workers(2).memory_limit(LIMIT).spill_dir(child_dir());
    let run = runner.run(|root| {
        let records = root.read(Records { all: 200_000, keys: 1000, last: nothing, dir: PathBuf::new() });
        let all = records.named("Keep").map(|(_, value)| value).as_iterable();
        root.create([0]).map_with(all, |_, all| all.len()).discard();
        Ok(())
    });
    println!("error: {}", run.unwrap_err());
}

/// What a child prints that has more than the limit, and blames this for it.
#[cfg(target_os = "linux")]
fn blames(child_name: &str, what: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = child(child_name, "", dir.path());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(&format!("which is more than the limit of 64 MiB; {what}")), "{text}");
    assert!(text.contains("keeps most of what cannot go to files"), "{text}");
    assert!(is_empty(dir.path()), "nothing is left");
    text
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_spill_is_an_error_of_the_step() {
    blames("keeps_more_than_memory_has_room_for", "the side input");
}
