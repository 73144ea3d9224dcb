//! What is known of each case on each engine.
//!
//! One line a case and engine, sorted: `area::case engine expectation`, where the expectation is one of
//! - `pass`;
//! - `unsupported(profile)`: the engine lacks it, so the runner refuses the pipeline before it starts;
//! - `differs(what)`: the engine answers, and deviates from the model;
//! - `flaky(reason)`: it passes sometimes, which is a defect with a name.

use crate::{Case, Outcome, Profile};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The engines that are not ours.
const OTHERS: [&str; 3] = ["flink", "prism", "spark"];

/// What is known of each case on each engine.
#[derive(Clone, Debug, Default)]
pub struct Ledger(BTreeMap<(String, String), Expectation>);

/// What is known of a case on an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It holds.
    Pass,
    /// The runner refuses the pipeline.
    Unsupported(String),
    /// The engine deviates.
    Differs(String),
    /// It holds sometimes.
    Flaky(String),
}

/// All that is wrong with a ledger, or with a run that was compared with it: a sentence each.
#[derive(Debug, PartialEq, Eq)]
pub struct LedgerError(pub Vec<String>);

impl std::error::Error for LedgerError {}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Expectation {
    fn parse(text: &str) -> Option<Self> {
        if text == "pass" {
            return Some(Expectation::Pass);
        }
        let (kind, reason) = text.strip_suffix(')')?.split_once('(')?;
        match (kind, reason.trim()) {
            (_, "") => None,
            ("unsupported", reason) => Some(Expectation::Unsupported(reason.to_owned())),
            ("differs", reason) => Some(Expectation::Differs(reason.to_owned())),
            ("flaky", reason) => Some(Expectation::Flaky(reason.to_owned())),
            _ => None,
        }
    }

    /// What is surprising about the outcomes of several runs, if anything.
    fn surprise(&self, outcomes: &[Outcome]) -> Option<String> {
        let unexpected = outcomes.iter().find(|outcome| !self.expects(outcome));
        match (self, unexpected) {
            (_, Some(outcome)) => Some(format!("should be `{self}` but {outcome}")),
            (Expectation::Flaky(_), None) => None,
            (_, None) if outcomes.is_empty() => Some("did not run".to_owned()),
            (_, None) => None,
        }
    }

    fn expects(&self, outcome: &Outcome) -> bool {
        match self {
            Expectation::Pass => *outcome == Outcome::Pass,
            Expectation::Unsupported(_) => matches!(outcome, Outcome::Unsupported(_)),
            Expectation::Differs(_) => matches!(outcome, Outcome::Fail(_)),
            Expectation::Flaky(_) => !matches!(outcome, Outcome::Unsupported(_)),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expectation::Pass => f.write_str("pass"),
            Expectation::Unsupported(profile) => write!(f, "unsupported({profile})"),
            Expectation::Differs(what) => write!(f, "differs({what})"),
            Expectation::Flaky(reason) => write!(f, "flaky({reason})"),
        }
    }
}

impl Ledger {
    /// The ledger that is checked in.
    ///
    /// # Errors
    /// See [`parse`](Ledger::parse).
    pub fn checked_in() -> Result<Ledger, LedgerError> {
        Ledger::parse(include_str!("../ledger.txt"), crate::CASES)
    }

    /// Reads a ledger of these cases. Lines that are empty or begin with `#` say nothing.
    ///
    /// # Errors
    /// Every line that cannot be read, is out of order, repeats another or names no case; every case that an engine of
    /// the ledger has no line for; every excuse that the case's profile does not allow.
    pub fn parse(text: &str, cases: &[Case]) -> Result<Ledger, LedgerError> {
        let (mut ledger, mut errors, mut last) = (Ledger::default(), Vec::new(), None);
        let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        for (number, line) in lines {
            let mut wrong = |text: String| errors.push(format!("ledger line {}: {text}", number + 1));
            let mut fields = line.splitn(3, ' ');
            let (Some(name), Some(engine), Some(text)) = (fields.next(), fields.next(), fields.next()) else {
                wrong(format!("`{line}` is not `case engine expectation`"));
                continue;
            };
            let Some(expectation) = Expectation::parse(text) else {
                wrong(format!("`{text}` is not pass, unsupported(profile), differs(what) or flaky(reason)"));
                continue;
            };
            match cases.iter().find(|case| case.name == name) {
                None => wrong(format!("there is no case `{name}`")),
                Some(case) => {
                    if let Some(text) = not_allowed(engine, case.profile, &expectation) {
                        wrong(format!("`{name}`: {text}"));
                    }
                }
            }
            let key = (name.to_owned(), engine.to_owned());
            if last.as_ref().is_some_and(|last| *last > key) {
                wrong(format!("`{name} {engine}` is out of order"));
            }
            if ledger.0.insert(key.clone(), expectation).is_some() {
                wrong(format!("`{name} {engine}` is there twice"));
            }
            last = Some(key);
        }
        for engine in ledger.engines() {
            let missing = cases.iter().filter(|case| ledger.expectation(case.name, &engine).is_none());
            errors.extend(missing.map(|case| format!("the ledger has no line for `{} {engine}`", case.name)));
        }
        if errors.is_empty() { Ok(ledger) } else { Err(LedgerError(errors)) }
    }

    /// The engines that the ledger knows.
    pub fn engines(&self) -> BTreeSet<String> {
        self.0.keys().map(|(_, engine)| engine.clone()).collect()
    }

    /// What is known of a case on an engine.
    pub fn expectation(&self, case: &str, engine: &str) -> Option<&Expectation> {
        self.0.get(&(case.to_owned(), engine.to_owned()))
    }

    /// Compares what came of some cases on an engine, each run any number of times.
    ///
    /// # Errors
    /// Every surprise, in either direction.
    pub fn compare(&self, engine: &str, outcomes: &[(&str, Vec<Outcome>)]) -> Result<(), LedgerError> {
        let surprise = |(case, outcomes): &(&str, Vec<Outcome>)| match self.expectation(case, engine) {
            Some(expectation) => expectation.surprise(outcomes).map(|text| format!("{case} on {engine} {text}")),
            None => Some(format!("the ledger has no line for `{case} {engine}`")),
        };
        let surprises: Vec<String> = outcomes.iter().filter_map(surprise).collect();
        if surprises.is_empty() { Ok(()) } else { Err(LedgerError(surprises)) }
    }
}

/// The engines of others are what they are: what they lack has the name of the feature for which they are refused. Of our own
/// runners the core must pass, and what else they lack has the name of the case's profile.
fn not_allowed(engine: &str, profile: Profile, expectation: &Expectation) -> Option<String> {
    if OTHERS.contains(&engine) {
        return None;
    }
    match (profile, expectation) {
        (Profile::Core, Expectation::Unsupported(_) | Expectation::Differs(_)) => {
            Some(format!("a case of the core profile cannot be `{expectation}`"))
        }
        (profile, Expectation::Unsupported(lacks)) if lacks != profile.name() => {
            Some(format!("it is of the profile `{profile}`, which `{expectation}` does not name"))
        }
        _ => None,
    }
}
