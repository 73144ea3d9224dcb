//! Averages of generated payments.

use super::{RUNNERS, START, follow, place, run, shuffled, text};
use serde::Deserialize;
use std::collections::BTreeMap;

const RUNNING_AVERAGE: &str = env!("CARGO_BIN_EXE_running_average");
const HEADER: &str = "city,amount,ctime\n";

struct Payment {
    city: &'static str,
    amount: f64,
    at: i64,
}

#[derive(Clone, Debug, Deserialize)]
struct Average {
    city: String,
    of: String,
    up_to: Option<String>,
    n: u64,
    mean: f64,
    standard_deviation: f64,
}

/// By city, what it is of, and up to when: how many, mean and deviation.
type Averages = BTreeMap<(String, String, Option<String>), (u64, f64, f64)>;

/// One a second. What is small lies far from zero, where a sum of squares would lose it.
fn payments() -> Vec<Payment> {
    let cities = ["Bonn", "Ulm, old town", "Kiel"];
    let amount = |n: i64| if n % 7 == 0 { 1e6 + n as f64 / 64.0 } else { 1e6 - (n * n % 50) as f64 };
    let payment = |n: i64| Payment { city: cities[(n % 5 % 3) as usize], amount: amount(n), at: START + n * 1000 };
    shuffled((0..1000).map(payment).collect())
}

fn csv(payments: &[Payment]) -> String {
    let row = |p: &Payment| format!("\"{}\",{},{}\n", p.city, p.amount, text(p.at));
    payments.iter().map(row).collect()
}

/// In two passes.
fn moments(amounts: &[f64]) -> (u64, f64, f64) {
    let n = amounts.len() as f64;
    let mean = amounts.iter().sum::<f64>() / n;
    let squares: f64 = amounts.iter().map(|amount| (amount - mean).powi(2)).sum();
    (amounts.len() as u64, mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

fn plain(payments: &[Payment], last: usize, every: usize) -> Averages {
    let mut cities: BTreeMap<&str, Vec<&Payment>> = BTreeMap::new();
    payments.iter().for_each(|payment| cities.entry(payment.city).or_default().push(payment));
    let mut averages = Averages::new();
    for (city, mut payments) in cities {
        payments.sort_by_key(|payment| payment.at);
        let amounts: Vec<f64> = payments.iter().map(|payment| payment.amount).collect();
        averages.insert((city.to_owned(), "all".to_owned(), None), moments(&amounts));
        for end in (every..=amounts.len()).step_by(every) {
            let up_to = Some(text(payments[end - 1].at));
            let moments = moments(&amounts[end.saturating_sub(last)..end]);
            averages.insert((city.to_owned(), format!("last {last}"), up_to), moments);
        }
    }
    averages
}

/// That averages are these, up to what rounding does. Of all, those with the most payments count.
fn compare(averages: Vec<Average>, expected: &Averages) {
    let mut found = Averages::new();
    for Average { city, of, up_to, n, mean, standard_deviation } in averages {
        let (place, moments) = ((city, of, up_to), (n, mean, standard_deviation));
        assert!(place.2.is_none() || !found.contains_key(&place), "twice: {place:?}");
        if found.get(&place).is_none_or(|(fewer, ..)| *fewer <= n) {
            found.insert(place, moments);
        }
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (place, (n, mean, deviation)) in found {
        let (m, expected_mean, expected_deviation) = expected[&place];
        let is_near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(n == m && is_near(mean, expected_mean) && is_near(deviation, expected_deviation), "{place:?}");
    }
}

#[test]
fn averages_are_those_of_the_rows() {
    let payments = payments();
    let place = place(&[("a.csv", &(HEADER.to_owned() + &csv(&payments)))]);
    for runner in RUNNERS {
        let averages = run(place.path(), RUNNING_AVERAGE, runner, &["--input=a.csv"]);
        compare(averages, &plain(&payments, 100, 10));
    }
    let arguments = ["--input=a.csv", "--last=3", "--every=7"];
    compare(run(place.path(), RUNNING_AVERAGE, RUNNERS[0], &arguments), &plain(&payments, 3, 7));
}

#[test]
fn averages_of_files_that_grow_are_the_same() {
    let payments = payments();
    let more = csv(&payments[400..]);
    let place = place(&[("logs/grows.jsonl", &(HEADER.to_owned() + &csv(&payments[..400])))]);
    let averages = follow(place.path(), RUNNING_AVERAGE, &[&more], &["--errors=errors"]);
    compare(averages, &plain(&payments, 100, 10));
    assert_eq!(super::files(place.path(), ".", "errors").concat(), "");
}
