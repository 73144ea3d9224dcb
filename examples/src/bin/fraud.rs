//! Payments that are not the user's own: too many at once, or from places too far apart. By state and timers.
//!
//! `fraud --input 'logs/*.jsonl' --output alerts` reads lines such as
//! `{"openid": "u1", "amount": 9.5, "city": "Bonn", "latitude": 50.7, "longitude": 7.1, "ctime": "2026-11-21T01:02:03.456Z"}`
//! and writes `alerts-*.jsonl`, lines such as
//! `{"openid": "u1", "at": "2026-11-21T01:02:03.456Z", "rule": "impossible travel", "why": "9170 km from Tokyo in 60 s"}`.
//!
//! Two rules look at each user's payments in the order of their times, however they come: `velocity`, more than `--payments`
//! within `--within` seconds, and `impossible travel`, a distance to the payment before, within half a day, that no plane makes in
//! that time (`--speed`). After an alert there is none for the same user for an hour. What comes later than `--out-of-order`
//! allows is left out, and counted as dropped.
//!
//! `loggen --output logs` makes such a log. With `--follow` the input is a directory whose files grow, and Ctrl-C ends it.

use ferrobeam::prelude::*;
use ferrobeam::time::{hours, seconds};
use ferrobeam_examples::{Logs, event_time, finite};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
struct Rules {
    /// How many payments of a user are too many if there are more
    #[arg(long, default_value_t = 4)]
    payments: usize,
    /// Within how many seconds, up to half a day
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=43_200))]
    within: u64,
    /// The fastest that anybody travels
    #[arg(long, value_name = "KM/H", default_value_t = 1000.0, value_parser = speed)]
    speed: f64,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|error: std::num::ParseFloatError| error.to_string())?;
    if speed > 0.0 && speed.is_finite() { Ok(speed) } else { Err("not a number above 0".to_owned()) }
}

#[derive(clap::Args, Serialize, Deserialize)]
struct Fraud {
    #[command(flatten)]
    #[serde(flatten)]
    rules: Rules,
    #[command(flatten)]
    #[serde(flatten)]
    logs: Logs,
}

/// Reads an angle of at most so many degrees to either side.
fn degrees<'de, const MOST: u16, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let degrees = f64::deserialize(from)?;
    let is_there = degrees.abs() <= f64::from(MOST);
    if is_there { Ok(degrees) } else { Err(de::Error::custom(format!("{degrees} degrees are nowhere on earth"))) }
}

#[derive(Clone, Debug, Deserialize, Element)]
struct Payment {
    openid: String,
    #[serde(deserialize_with = "finite")]
    amount: f64,
    city: String,
    #[serde(deserialize_with = "degrees::<90, _>")]
    latitude: f64,
    #[serde(deserialize_with = "degrees::<180, _>")]
    longitude: f64,
    #[serde(rename = "ctime", deserialize_with = "event_time")]
    at: Timestamp,
}

/// A line of the output.
#[derive(Clone, Debug, Serialize, Element)]
struct Alert {
    openid: String,
    at: String,
    rule: String,
    why: String,
}

impl Payment {
    /// The way along a great circle in kilometres, by the haversine formula.
    fn distance(&self, other: &Payment) -> f64 {
        const DIAMETER_OF_EARTH: f64 = 12_742.0;
        let (here, there) = (self.latitude.to_radians(), other.latitude.to_radians());
        let across = (self.longitude - other.longitude).to_radians();
        let haversine = ((here - there) / 2.0).sin().powi(2) + here.cos() * there.cos() * (across / 2.0).sin().powi(2);
        DIAMETER_OF_EARTH * haversine.sqrt().min(1.0).asin()
    }
}

/// What is known of a user.
#[derive(State)]
struct Known {
    last: Value<Payment>,
    /// Payments that still count, by their amounts.
    recent: OrderedList<f64>,
    alerted: Value<Timestamp>,
}

#[derive(Timers)]
enum Due {
    /// Nothing that the user has done matters any more.
    #[timer(event_time)]
    Forget,
}

/// For how long a payment, or an alert, can matter.
const MEMORY: Duration = hours(12);
const QUIET: Duration = hours(1);

#[derive(Clone)]
struct Watch(Rules);

impl Watch {
    /// The rule that a payment breaks, and how.
    fn broken(&self, payment: &Payment, known: &mut Known) -> Option<(&'static str, String)> {
        let Rules { payments, within, speed } = self.0;
        known.recent.insert(payment.at, payment.amount);
        known.recent.clear_range(..=payment.at - seconds(within));
        let amounts: Vec<f64> = known.recent.iter().map(|(_, amount)| *amount).collect();
        if amounts.len() > payments {
            let sum: f64 = amounts.iter().sum();
            return Some(("velocity", format!("{} payments of {sum:.2} within {within} s", amounts.len())));
        }
        let last = known.last.get()?;
        let (way, time) = (payment.distance(last), payment.at.saturating_since(last.at));
        let is_too_fast = time <= MEMORY && way > speed * time.as_secs_f64() / 3600.0;
        is_too_fast.then(|| ("impossible travel", format!("{way:.0} km from {} in {} s", last.city, time.as_secs())))
    }
}

impl StatefulDoFn for Watch {
    type Key = String;
    type In = Payment;
    type Out = Alert;
    type State = Known;
    type Timer = Due;

    /// Each payment waits until none before it can come.
    const TIME_SORTED: bool = true;

    fn process(
        &mut self,
        openid: &String,
        payment: Payment,
        known: &mut Known,
        ctx: &mut StatefulContext<'_, Alert, Due>,
    ) -> Result<(), BoxError> {
        let at = payment.at;
        let is_quiet = known.alerted.get().is_some_and(|alerted| at < *alerted + QUIET);
        if let Some((rule, why)) = self.broken(&payment, known).filter(|_| !is_quiet) {
            known.alerted.set(at);
            ctx.emit(Alert { openid: openid.clone(), at: at.to_string(), rule: rule.to_owned(), why });
        }
        known.last.set(payment);
        // Each payment sets it anew. It may come late, so the rules look at times themselves.
        ctx.set_after(Due::Forget, MEMORY);
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: &String,
        _: Due,
        known: &mut Known,
        _: &mut StatefulContext<'_, Alert, Due>,
    ) -> Result<(), BoxError> {
        known.last.clear();
        known.recent.clear();
        known.alerted.clear();
        Ok(())
    }
}

fn main() -> ferrobeam::Result<()> {
    ferrobeam::run(|root: &Root, Fraud { rules, logs }: &Fraud| {
        let payments = logs.read(root, |payment: &Payment| payment.at);
        let alerts = payments.key_by(|payment| payment.openid.clone()).par_do_stateful(Watch(rules.clone()));
        logs.write(&alerts);
        Ok(())
    })
}
