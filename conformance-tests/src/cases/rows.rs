//! Types of the users as elements: derived rows, enums and opaque types, wherever elements go.

use super::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Element)]
struct Place {
    street: String,
    number: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Element)]
enum Visitor {
    Unknown,
    Named(String),
    Guest { of: Box<str>, at: Place },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Element)]
enum Level {
    Low,
    High,
}

#[derive(Clone, Debug, PartialEq, Element)]
struct Visit {
    visitor: Visitor,
    level: Level,
    score: f64,
    tags: Vec<String>,
    notes: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Element)]
#[element(opaque)]
enum Expression {
    Number(f64),
    Sum(Vec<Expression>),
}

fn place(street: &str, number: Option<u32>) -> Place {
    Place { street: street.to_owned(), number }
}

fn visits() -> Vec<Visit> {
    let guest = Visitor::Guest { of: "ann".into(), at: place("Long Lane", Some(7)) };
    let visit = |visitor, level, score| Visit {
        visitor,
        level,
        score,
        tags: vec!["a".to_owned(), String::new()],
        notes: BTreeMap::from([("key".to_owned(), vec![0, 255])]),
    };
    vec![
        visit(Visitor::Unknown, Level::Low, 0.5),
        visit(Visitor::Named("bob".to_owned()), Level::High, -1.0),
        visit(guest, Level::Low, f64::MAX),
    ]
}

pub(super) fn rows_survive(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        assert_that(&root.create(visits()).reshuffle()).contains_in_any_order(visits());
        let scores = root.create(visits()).map(|visit| (visit.level, visit.score));
        assert_that(&scores).contains_in_any_order([(Level::Low, 0.5), (Level::High, -1.0), (Level::Low, f64::MAX)]);
        Ok(())
    }))
}

pub(super) fn opaque_types_survive(runner: &dyn Runner) -> CaseResult {
    let expression = Expression::Sum(vec![Expression::Number(1.5), Expression::Sum(vec![])]);
    passes(runner.run(|root| {
        let there = root.create([expression.clone()]).reshuffle().map(|expression| (expression, true));
        assert_that(&there).is_singleton((expression.clone(), true));
        Ok(())
    }))
}

pub(super) fn rows_are_keys(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let (a, b) = (place("Long Lane", Some(7)), place("Long Lane", None));
        let pairs = root.create([(a.clone(), 1u64), (b.clone(), 2), (a.clone(), 3)]);
        let groups = pairs.group_by_key().map(|(place, group)| (place, sorted(&group)));
        assert_that(&groups).contains_in_any_order([(a, vec![1, 3]), (b, vec![2])]);
        Ok(())
    }))
}

pub(super) fn enums_are_keys(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let visits = root.create(visits().into_iter().chain(visits())).reshuffle();
        let levels = visits.map(|visit| (visit.level, 1u64)).sum_per_key();
        assert_that(&levels).contains_in_any_order([(Level::Low, 4), (Level::High, 2)]);
        let visitors = visits.map(|visit| visit.visitor).count_per_element();
        let guest = Visitor::Guest { of: "ann".into(), at: place("Long Lane", Some(7)) };
        let expected = [(Visitor::Unknown, 2), (Visitor::Named("bob".to_owned()), 2), (guest, 2)];
        assert_that(&visitors).contains_in_any_order(expected);
        Ok(())
    }))
}

/// Combines into a row.
#[derive(Clone)]
struct Summarise;

#[derive(Clone, Debug, PartialEq, Element)]
struct Summary {
    visits: u64,
    best: Option<f64>,
}

impl CombineFn for Summarise {
    type In = Visit;
    type Acc = Summary;
    type Out = Summary;

    fn create_accumulator(&self) -> Summary {
        Summary { visits: 0, best: None }
    }
    fn add_input(&self, summary: &mut Summary, visit: Visit) {
        self.merge_accumulators(summary, Summary { visits: 1, best: Some(visit.score) });
    }
    fn merge_accumulators(&self, into: &mut Summary, from: Summary) {
        into.visits += from.visits;
        into.best = into.best.into_iter().chain(from.best).reduce(f64::max);
    }
    fn extract_output(&self, summary: Summary) -> Summary {
        summary
    }
}

pub(super) fn rows_are_accumulators(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let visits = root.create(visits()).reshuffle();
        let summaries = visits.key_by(|visit| visit.level).combine_per_key(Summarise);
        let expected = [(Level::Low, 2, f64::MAX), (Level::High, 1, -1.0)];
        let expected = expected.map(|(level, visits, best)| (level, Summary { visits, best: Some(best) }));
        assert_that(&summaries).contains_in_any_order(expected);
        let none = visits.filter(|_| false).combine_globally(Summarise);
        assert_that(&none).is_singleton(Summary { visits: 0, best: None });
        Ok(())
    }))
}

pub(super) fn rows_are_side_inputs(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let places = root.create([(Level::Low, place("Low Road", None)), (Level::High, place("High Road", Some(1)))]);
        let all = root.create(visits());
        let seen = all.map_with((places.as_map(), all.as_iterable()), |visit, (places, all)| {
            (places.get(&visit.level).map(|place| place.street.clone()), all.len())
        });
        let street = |name: &str| (Some(name.to_owned()), 3);
        assert_that(&seen).contains_in_any_order([street("Low Road"), street("High Road"), street("Low Road")]);
        Ok(())
    }))
}
