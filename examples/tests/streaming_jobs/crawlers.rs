//! Requests of generated logs.

use super::{RUNNERS, START, follow, jsonl, place, run, shuffled, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const CRAWLERS: &str = env!("CARGO_BIN_EXE_crawlers");

#[derive(Clone, Serialize)]
struct Request {
    address: String,
    ctime: String,
    #[serde(skip)]
    at: i64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Crawl {
    address: String,
    rule: String,
    from: String,
    to: Option<String>,
    requests: u64,
}

/// Two a second for half an hour: of some addresses in each third minute, of the others always.
fn requests() -> Vec<Request> {
    let request = |n: i64| {
        let at = START + n * 500;
        let address = if n / 120 % 3 == 0 && n % 4 != 0 { n / 360 % 2 } else { 2 + n * n % 37 };
        Request { address: format!("10.0.0.{address}"), ctime: text(at), at }
    };
    shuffled((0..3600).map(request).collect())
}

/// The crawls by a rule, each with a line when it begins and one when it is over.
fn crawls(requests: &[Request], most: u64, seconds: i64) -> Vec<Crawl> {
    let (length, period) = (seconds * 1000, seconds * 100);
    let mut windows: BTreeMap<(&str, i64), u64> = BTreeMap::new();
    for Request { address, at, .. } in requests {
        for end in (1..=10).map(|n| (at.div_euclid(period) + n) * period) {
            *windows.entry((address, end)).or_default() += 1;
        }
    }
    let too_many: Vec<_> = windows.into_iter().filter(|(_, n)| *n > most).collect();
    let runs = too_many.chunk_by(|((a, before), _), ((b, end), _)| a == b && end - length <= *before);
    let lines = runs.flat_map(|run| {
        let (((address, first), n), ((_, last), _)) = (run[0], run[run.len() - 1]);
        let line = |to: Option<i64>, requests| Crawl {
            address: address.to_owned(),
            rule: format!("{most} in {seconds} s"),
            from: text(first),
            to: to.map(text),
            requests,
        };
        [line(None, n), line(Some(last), run.iter().map(|(_, n)| *n).max().unwrap())]
    });
    lines.collect()
}

const RULES: [&str; 3] = ["--rule=40/60", "--rule=15/10", "--rule=14/10"];

fn all_crawls(requests: &[Request]) -> Vec<Crawl> {
    let rules = [(40, 60), (15, 10), (14, 10)];
    let mut all: Vec<Crawl> = rules.iter().flat_map(|(most, seconds)| crawls(requests, *most, *seconds)).collect();
    all.sort();
    all
}

#[test]
fn crawls_are_those_of_the_rules() {
    let requests = requests();
    let expected = all_crawls(&requests);
    // In ten minutes a crawler makes 15 requests in ten seconds.
    let of = |rule: &str| expected.iter().filter(|crawl| crawl.rule == rule).count();
    assert_eq!((of("40 in 60 s"), of("15 in 10 s"), of("14 in 10 s")), (20, 0, 20));
    let place = place(&[("logs/a.jsonl", &jsonl(&requests))]);
    for runner in RUNNERS {
        let arguments = [&["--input=logs/*.jsonl"], &RULES[..]].concat();
        let mut lines: Vec<Crawl> = run(place.path(), CRAWLERS, runner, &arguments);
        lines.sort();
        assert_eq!(lines, expected);
    }
}

#[test]
fn crawls_in_logs_that_grow_are_the_same() {
    let requests = requests();
    let parts = [&requests[1000..2500], &requests[2500..]].map(jsonl);
    let place = place(&[("logs/grows.jsonl", &jsonl(&requests[..1000]))]);
    let mut followed: Vec<Crawl> = follow(place.path(), CRAWLERS, &[&parts[0], &parts[1]], &RULES);
    followed.sort();
    assert_eq!(followed, all_crawls(&requests));
}
