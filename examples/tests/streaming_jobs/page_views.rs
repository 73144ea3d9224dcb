//! Page views of generated logs, compared with a plain count of the files.

use super::{RUNNERS, files, follow, generate, lines, run};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE_VIEWS: &str = env!("CARGO_BIN_EXE_page_views");

#[derive(Deserialize)]
struct View {
    openid: String,
    page: String,
    ctime: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Line {
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
pub(crate) type Counts = BTreeMap<Place, (u64, u64)>;

/// A directory of logs, and which of its events count, by their times.
type Log<'a> = (&'a str, fn(&str) -> bool);

/// What a plain count of logs comes to.
pub(crate) fn plain(place: &Path, logs: &[Log<'_>]) -> Counts {
    let (mut views, mut visitors) = (BTreeMap::<Place, u64>::new(), BTreeMap::<Place, BTreeSet<String>>::new());
    for (directory, counts) in logs {
        for line in files(place, directory, "").iter().flat_map(|text| text.lines()) {
            let Ok(view) = serde_json::from_str::<View>(line) else { continue };
            for page in [Some(view.page), None].into_iter().filter(|_| counts(&view.ctime)) {
                let place = (view.ctime[..16].to_owned(), page);
                *views.entry(place.clone()).or_default() += 1;
                visitors.entry(place).or_default().insert(view.openid.clone());
            }
        }
    }
    views.into_iter().map(|(place, n)| (place.clone(), (n, visitors[&place].len() as u64))).collect()
}

/// What the last pane of each minute and page says.
pub(crate) fn last_panes(lines: Vec<Line>) -> Counts {
    let mut last: BTreeMap<Place, Line> = BTreeMap::new();
    for line in lines {
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
    let place = place.path();
    generate(place, &["--output=logs", "--users=300", "--pages=7", "--events=20000", "--rotate=600000"]);
    let expected = plain(place, &[("logs", |_| true)]);
    assert!(expected.len() > 400, "{}", expected.len());
    for runner in RUNNERS {
        assert_eq!(last_panes(run(place, PAGE_VIEWS, runner, &["--input=logs/*.jsonl"])), expected);
    }
}

#[test]
fn what_it_writes_is_not_read() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    generate(place, &["--output=logs", "--users=30", "--pages=7", "--events=2000"]);
    let own = ["--output=logs/out", "--errors=logs/bad"];
    fs::write(place.join("logs/out-1.jsonl"), "of a run before\n").unwrap();
    fs::write(place.join("logs/bad-1.jsonl"), "of a run before\n").unwrap();
    let output = Command::new(PAGE_VIEWS)
        .current_dir(place)
        .args(["--input=logs", "--follow", "--drain-after=1"])
        .args(own)
        .output();
    let told = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(told.contains("drained:") && !told.contains("malformed_lines"), "{told}");
    let written = files(place, "logs", "out-2").concat();
    assert!(written.contains("\"timing\":\"on_time\""), "{written}");
}

#[test]
fn there_may_be_more_files_than_may_be_open_at_first() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    generate(place, &["--output=logs", "--users=30", "--pages=7", "--events=400", "--rotate=1"]);
    let follow = format!("ulimit -S -n 100 && exec {PAGE_VIEWS} --input=logs --follow --drain-after=1 --output=out");
    let output = Command::new("sh").current_dir(place).args(["-c", &follow]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let last = last_panes(lines(place, "out"));
    assert_eq!(last, plain(place, &[("logs", |_| true)]));
}

#[test]
fn runs_that_follow_each_other_count_each_view_once() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let generate = |more: &[&str]| generate(place, &[&["--output=logs", "--users=300", "--pages=7"], more].concat());
    let all = |place: &Path| plain(place, &[("logs", |_| true)]);
    generate(&["--events=6000", "--rotate=400000"]);
    let first = all(place);
    assert_eq!(last_panes(follow(place, PAGE_VIEWS, &[], &["--errors=errors"])), first);
    for file in fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        if file.file_name().unwrap().to_string_lossy().starts_with("followed") {
            fs::remove_file(file).unwrap();
        }
    }

    // What a run before has counted is not counted again, and a line that is no view is told.
    generate(&["--events=4000", "--seed=2", "--rotate=400000"]);
    let second = last_panes(follow(place, PAGE_VIEWS, &["no view\n"], &["--errors=errors"]));
    for (minute, (views, _)) in all(place) {
        let of = |counts: &Counts| counts.get(&minute).map_or(0, |counts| counts.0);
        assert_eq!(of(&first) + of(&second), views, "{minute:?}");
    }
    let errors = files(place, ".", "errors").concat();
    assert!(errors.lines().count() == 1 && errors.contains("\"text\":\"no view\""), "{errors}");
    assert!(errors.contains("logs/grows.jsonl"), "{errors}");
}
