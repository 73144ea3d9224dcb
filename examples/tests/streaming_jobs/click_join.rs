//! Pages and clicks of generated logs.

use super::{RUNNERS, START, follow, jsonl, place, run, shuffled, text};
use serde::{Deserialize, Serialize};

const CLICK_JOIN: &str = env!("CARGO_BIN_EXE_click_join");
const USERS: &str = r#"{"openid":"u0","name":"Ann"}
{"openid":"u1","name":"Bob"}
"#;

#[derive(Clone, Serialize)]
struct Event {
    openid: String,
    page: String,
    click: bool,
    ctime: String,
    #[serde(skip)]
    at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Joined {
    openid: String,
    page: String,
    shown: String,
    clicked: Option<String>,
    name: Option<String>,
}

/// One event each two seconds, a fifth of them clicks, and a click at each end of the ten minutes and just behind them.
fn events() -> Vec<Event> {
    let event = |user: i64, page: i64, click: bool, at: i64| {
        let (openid, page) = (format!("u{user}"), format!("/{page}"));
        Event { openid, page, click, ctime: text(at), at }
    };
    let others = (0..1500).map(|n| event(n % 3, n * n % 61, n % 5 == 0, START + n * 2000));
    let clicks = [0, 600_000, 600_001].map(|after| event(1, 100, true, START + after));
    let mut events: Vec<Event> = others.chain(clicks).chain([event(1, 100, false, START)]).collect();
    events.sort_by_key(|event| event.at);
    shuffled(events)
}

fn joined(events: &[Event]) -> Vec<Joined> {
    let mut joined = Vec::new();
    for shown in events.iter().filter(|event| !event.click) {
        let is_of = |click: &&Event| {
            let is_same = click.click && click.openid == shown.openid && click.page == shown.page;
            is_same && (0..=600_000).contains(&(click.at - shown.at))
        };
        let line = |clicked: Option<String>, name: Option<&str>| Joined {
            openid: shown.openid.clone(),
            page: shown.page.clone(),
            shown: shown.ctime.clone(),
            clicked,
            name: name.map(str::to_owned),
        };
        let name = ["Ann", "Bob"].into_iter().enumerate().find(|(n, _)| shown.openid == format!("u{n}"));
        let before = joined.len();
        joined.extend(
            events.iter().filter(is_of).map(|click| line(Some(click.ctime.clone()), name.map(|(_, name)| name))),
        );
        if joined.len() == before {
            joined.push(line(None, None));
        }
    }
    joined.sort();
    joined
}

fn sorted(mut joined: Vec<Joined>) -> Vec<Joined> {
    joined.sort();
    joined
}

#[test]
fn clicks_find_what_was_shown_before() {
    let events = events();
    let expected = joined(&events);
    let clicks =
        |named: bool| expected.iter().filter(|line| line.clicked.is_some() && line.name.is_some() == named).count();
    assert!(clicks(true) > 30 && clicks(false) > 10, "{} {}", clicks(true), clicks(false));
    assert_eq!(expected.iter().filter(|line| line.page == "/100").count(), 2);
    let place = place(&[("logs/a.jsonl", &jsonl(&events)), ("users.jsonl", USERS)]);
    for runner in RUNNERS {
        let arguments = ["--input=logs/*.jsonl", "--users=users.jsonl"];
        assert_eq!(sorted(run(place.path(), CLICK_JOIN, runner, &arguments)), expected);
    }
}

#[test]
fn logs_that_grow_are_joined_alike() {
    let events = events();
    let more = jsonl(&events[700..]);
    let place = place(&[("logs/grows.jsonl", &jsonl(&events[..700])), ("users.jsonl", USERS)]);
    let followed = follow(place.path(), CLICK_JOIN, &[&more], &["--users=users.jsonl"]);
    assert_eq!(sorted(followed), joined(&events));
}
