//! Visits of generated users.

use super::{RUNNERS, START, follow, jsonl, place, run, shuffled, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const SESSIONS: &str = env!("CARGO_BIN_EXE_sessions");
const GAP: i64 = 30 * 60_000;

#[derive(Clone, Serialize)]
struct View {
    openid: String,
    page: String,
    ctime: String,
    #[serde(skip)]
    at: i64,
}

#[derive(Debug, PartialEq, PartialOrd, Deserialize)]
struct Visit {
    openid: String,
    first: String,
    last: String,
    seconds: f64,
    pages: Vec<String>,
}

/// Some users come all the time, some now and then, and one exactly after the gap.
fn views() -> Vec<View> {
    let view = |openid: String, n: i64, at: i64| View { openid, page: format!("/{}", n % 7), ctime: text(at), at };
    let user = |n: i64| if n % 3 == 0 { format!("busy{}", n * n % 23) } else { format!("u{}", n * n % 499) };
    let others = (0..2000).map(|n: i64| view(user(n), n, START + n * 13_007));
    let exact = (0..2).map(|n| view("exact".to_owned(), n, START + n * GAP));
    let mut views: Vec<View> = others.chain(exact).collect();
    views.sort_by_key(|view| view.at);
    shuffled(views)
}

fn visits(views: &[View]) -> Vec<Visit> {
    let mut users: BTreeMap<&str, Vec<&View>> = BTreeMap::new();
    views.iter().for_each(|view| users.entry(&view.openid).or_default().push(view));
    let mut visits = Vec::new();
    for (openid, mut views) in users {
        views.sort_by_key(|view| view.at);
        for visit in views.chunk_by(|one, next| next.at - one.at < GAP) {
            let (first, last) = (visit[0], visit[visit.len() - 1]);
            visits.push(Visit {
                openid: openid.to_owned(),
                first: first.ctime.clone(),
                last: last.ctime.clone(),
                seconds: (last.at - first.at) as f64 / 1000.0,
                pages: visit.iter().map(|view| view.page.clone()).collect(),
            });
        }
    }
    visits
}

fn sorted(mut visits: Vec<Visit>) -> Vec<Visit> {
    visits.sort_by(|a, b| a.partial_cmp(b).unwrap());
    visits
}

#[test]
fn visits_are_those_of_sorted_views() {
    let views = views();
    let expected = sorted(visits(&views));
    assert!(expected.len() > 100 && expected.iter().any(|visit| visit.pages.len() > 20), "{}", expected.len());
    assert_eq!(expected.iter().filter(|visit| visit.openid == "exact").count(), 2);
    let place = place(&[("logs/a.jsonl", &jsonl(&views[..1000])), ("logs/b.jsonl", &jsonl(&views[1000..]))]);
    for runner in RUNNERS {
        assert_eq!(sorted(run(place.path(), SESSIONS, runner, &["--input=logs/*.jsonl"])), expected);
    }
}

#[test]
fn logs_that_grow_have_the_same_visits() {
    let views = views();
    let parts = [&views[500..1200], &views[1200..]].map(jsonl);
    let place = place(&[("logs/grows.jsonl", &jsonl(&views[..500]))]);
    let followed = follow(place.path(), SESSIONS, &[&parts[0], &parts[1]], &["--out-of-order=900"]);
    assert_eq!(sorted(followed), sorted(visits(&views)));
}
