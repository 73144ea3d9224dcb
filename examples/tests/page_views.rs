//! Page views of generated logs, compared with a plain count of the files.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::yield_now;

#[derive(Deserialize)]
struct View {
    openid: String,
    page: String,
    ctime: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Line {
    window_start: String,
    page: Option<String>,
    pv: u64,
    uv: u64,
    uv_approx: u64,
    index: u64,
}

/// A minute, as far as its name tells it apart, and a page.
type Place = (String, Option<String>);

/// Views and visitors of each place.
type Counts = BTreeMap<Place, (u64, u64)>;

fn generate(place: &Path, more: &[&str]) {
    let mut loggen = Command::new(env!("CARGO_BIN_EXE_loggen"));
    let status = loggen.current_dir(place).args(["--output=logs", "--users=300", "--pages=7"]).args(more).status();
    assert!(status.unwrap().success());
}

fn files(place: &Path, directory: &str, begins: &str) -> Vec<String> {
    let entries = fs::read_dir(place.join(directory)).unwrap().map(|entry| entry.unwrap());
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begins));
    ours.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect()
}

/// What a plain count of the logs comes to.
fn plain(place: &Path) -> Counts {
    let (mut views, mut visitors) = (BTreeMap::<Place, u64>::new(), BTreeMap::<Place, BTreeSet<String>>::new());
    for view in files(place, "logs", "views").iter().flat_map(|text| text.lines()) {
        let Ok(view) = serde_json::from_str::<View>(view) else { continue };
        for page in [Some(view.page), None] {
            let place = (view.ctime[..16].to_owned(), page);
            *views.entry(place.clone()).or_default() += 1;
            visitors.entry(place).or_default().insert(view.openid.clone());
        }
    }
    views.into_iter().map(|(place, n)| (place.clone(), (n, visitors[&place].len() as u64))).collect()
}

/// What the last pane of each minute and page says.
fn last_panes(place: &Path, prefix: &str) -> Counts {
    let mut last: BTreeMap<Place, Line> = BTreeMap::new();
    for line in files(place, ".", prefix).iter().flat_map(|text| text.lines()) {
        let line: Line = serde_json::from_str(line).unwrap();
        assert!(line.uv.abs_diff(line.uv_approx) * 20 <= line.uv, "far off: {line:?}");
        let place = (line.window_start[..16].to_owned(), line.page.clone());
        match last.get(&place) {
            Some(later) if later.index > line.index => {}
            _ => drop(last.insert(place, line)),
        }
    }
    last.into_iter().map(|(place, line)| (place, (line.pv, line.uv))).collect()
}

#[test]
fn the_last_panes_are_a_plain_count() {
    let place = tempfile::tempdir().unwrap();
    generate(place.path(), &["--events=20000", "--rotate=300000"]);
    let expected = plain(place.path());
    assert!(expected.len() > 400, "{}", expected.len());
    for (prefix, runner) in [("one", "--runner=local"), ("other", "--runner=direct")] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_page_views"));
        let arguments = ["--input=logs/*.jsonl", "--output", prefix, runner];
        assert!(program.current_dir(place.path()).args(arguments).stderr(Stdio::null()).status().unwrap().success());
        assert_eq!(last_panes(place.path(), prefix), expected);
    }
}

/// Follows the logs until all that is there is read, and is told to end.
fn follow(place: &Path, prefix: &str) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_page_views"));
    let arguments =
        ["--input=logs", "--follow", "--positions=positions.json", "--errors=errors", "--quiet", "--output"];
    let child = program.current_dir(place).args(arguments).arg(prefix).spawn().unwrap();
    let size: u64 = fs::read_dir(place.join("logs")).unwrap().map(|log| log.unwrap().metadata().unwrap().len()).sum();
    while read_so_far(place) < size {
        yield_now();
    }
    interrupt(child);
}

fn interrupt(mut child: Child) {
    let script = format!("kill -s INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

/// What the positions file says was read.
fn read_so_far(place: &Path) -> u64 {
    let Ok(text) = fs::read_to_string(place.join("positions.json")) else { return 0 };
    let positions: serde_json::Value = serde_json::from_str(&text).unwrap();
    positions["files"].as_array().unwrap().iter().map(|file| file["offset"].as_u64().unwrap()).sum()
}

#[test]
fn runs_that_follow_each_other_count_each_view_once() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    generate(place, &["--events=6000", "--rotate=200000"]);
    let first = plain(place);
    follow(place, "first");
    assert_eq!(last_panes(place, "first"), first);

    // What a run before has counted is not counted again, and a line that is no view is told.
    generate(place, &["--events=4000", "--seed=2", "--rotate=200000"]);
    let mut log = OpenOptions::new().append(true).open(place.join("logs/views.jsonl")).unwrap();
    log.write_all(b"no view\n").unwrap();
    follow(place, "second");
    let second = last_panes(place, "second");
    for (minute, (views, _)) in plain(place) {
        let of = |counts: &Counts| counts.get(&minute).map_or(0, |counts| counts.0);
        assert_eq!(of(&first) + of(&second), views, "{minute:?}");
    }
    let errors = files(place, ".", "errors").concat();
    assert!(errors.lines().count() == 1 && errors.contains("\"text\":\"no view\""), "{errors}");
    assert!(errors.contains("logs/views.jsonl"), "{errors}");
}
