//! Alerts about generated payments.

use super::{RUNNERS, START, follow, jsonl, place, run, shuffled, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FRAUD: &str = env!("CARGO_BIN_EXE_fraud");
const CITIES: [(&str, f64, f64); 4] =
    [("Bonn", 50.73, 7.1), ("Cologne", 50.94, 6.96), ("Osaka", 34.69, 135.5), ("Lima", -12.05, -77.04)];

#[derive(Clone, Serialize)]
struct Payment {
    openid: String,
    amount: f64,
    city: &'static str,
    latitude: f64,
    longitude: f64,
    ctime: String,
    #[serde(skip)]
    at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Alert {
    openid: String,
    at: String,
    rule: String,
}

/// One payment a second for almost three hours. Some users pay too often, some travel.
fn payments() -> Vec<Payment> {
    let payment = |n: i64| {
        let at = START + n * 1000;
        let (user, place) = match n % 10 {
            0 => (n / 100 % 3, 0),
            1 => (3 + n / 10 % 15, n / 1500 % 2),
            _ => (18 + n * n % 211, if n % 97 == 0 { 2 } else { n % 2 }),
        };
        let (city, latitude, longitude) = CITIES[place as usize];
        Payment { openid: format!("u{user}"), amount: n as f64 / 4.0, city, latitude, longitude, ctime: text(at), at }
    };
    shuffled((0..10_000).map(payment).collect())
}

/// By the chord through the earth, where the example has an angle on it.
fn kilometres(a: &Payment, b: &Payment) -> f64 {
    let point = |payment: &Payment| {
        let (latitude, longitude) = (payment.latitude.to_radians(), payment.longitude.to_radians());
        [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
    };
    let chord = point(a).iter().zip(point(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    2.0 * 6371.0 * (chord / 2.0).asin()
}

fn alerts(payments: &[Payment]) -> Vec<Alert> {
    let mut users: BTreeMap<&str, Vec<&Payment>> = BTreeMap::new();
    payments.iter().for_each(|payment| users.entry(&payment.openid).or_default().push(payment));
    let mut alerts = Vec::new();
    for (openid, mut payments) in users {
        payments.sort_by_key(|payment| payment.at);
        let mut quiet_until = 0;
        for (i, payment) in payments.iter().enumerate() {
            let recent = payments[..=i].iter().filter(|other| payment.at - other.at < 60_000).count();
            let last = i.checked_sub(1).map(|last| payments[last]);
            let is_too_fast = last
                .is_some_and(|last| kilometres(last, payment) / ((payment.at - last.at) as f64 / 3_600_000.0) > 1000.0);
            let rule = if recent > 4 { "velocity" } else { "impossible travel" };
            if (recent > 4 || is_too_fast) && payment.at >= quiet_until {
                quiet_until = payment.at + 3_600_000;
                alerts.push(Alert { openid: openid.to_owned(), at: payment.ctime.clone(), rule: rule.to_owned() });
            }
        }
    }
    alerts.sort();
    alerts
}

fn sorted(mut alerts: Vec<Alert>) -> Vec<Alert> {
    alerts.sort();
    alerts
}

#[test]
fn alerts_are_those_of_the_rules() {
    let payments = payments();
    let expected = alerts(&payments);
    let of = |user: &str, rule: &str| expected.iter().filter(|a| a.openid == user && a.rule == rule).count();
    // Each hour one of who pays too often, and none of who goes from Bonn to Cologne in three minutes.
    assert_eq!((of("u0", "velocity"), of("u3", "impossible travel")), (3, 0));
    assert!(expected.iter().filter(|alert| alert.rule == "impossible travel").count() > 20, "{expected:?}");
    let place = place(&[("logs/a.jsonl", &jsonl(&payments[..6000])), ("logs/b.jsonl", &jsonl(&payments[6000..]))]);
    for runner in RUNNERS {
        assert_eq!(sorted(run(place.path(), FRAUD, runner, &["--input=logs/*.jsonl"])), expected);
    }
}

#[test]
fn alerts_about_logs_that_grow_are_the_same() {
    let payments = payments();
    let parts = [&payments[3000..8000], &payments[8000..]].map(jsonl);
    let place = place(&[("logs/grows.jsonl", &jsonl(&payments[..3000]))]);
    assert_eq!(sorted(follow(place.path(), FRAUD, &[&parts[0], &parts[1]], &[])), alerts(&payments));
}

#[test]
fn an_alert_says_why() {
    #[derive(Deserialize)]
    struct Reason {
        why: String,
    }
    let far =
        r#"{"openid":"u","amount":1,"city":"Osaka","latitude":34.69,"longitude":135.5,"ctime":"2026-11-21T01:00:00Z"}"#;
    let near =
        r#"{"openid":"u","amount":1,"city":"Bonn","latitude":50.73,"longitude":7.1,"ctime":"2026-11-21T00:30:00Z"}"#;
    let place = place(&[("logs/a.jsonl", &format!("{far}\n{near}\n"))]);
    let alerts: Vec<Reason> = run(place.path(), FRAUD, RUNNERS[1], &["--input=logs/*"]);
    assert_eq!(alerts.iter().map(|alert| alert.why.as_str()).collect::<Vec<_>>(), ["9258 km from Bonn in 1800 s"]);
}
