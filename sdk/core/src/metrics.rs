//! Counters and the like that user code updates while it runs, read from the result by the step that updated them.
//!
//! A metric is a constant; updates go to the running bundle's container, and only a bundle that is committed counts.
//!
//! ```
//! use ferrobeam_core::metrics::Counter;
//! const SHORT: Counter = Counter::new("tokenize", "short");
//! SHORT.inc(); // outside of a bundle: nothing happens
//! ```

use crate::graph::StepName;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A sum.
#[derive(Clone, Copy, Debug)]
pub struct Counter(Name);

/// Count, sum, least and greatest of the reported values.
#[derive(Clone, Copy, Debug)]
pub struct Distribution(Name);

/// The value reported last.
#[derive(Clone, Copy, Debug)]
pub struct Gauge(Name);

/// The set of all reported strings.
#[derive(Clone, Copy, Debug)]
pub struct StringSet(Name);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    namespace: &'static str,
    name: &'static str,
    kind: Kind,
}

/// Part of a metric's identity, as in Beam: a counter and a distribution of one name are two metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Counter,
    Distribution,
    Gauge,
    StringSet,
}

macro_rules! constructors {
    ($($metric:ident)*) => {$(
        impl $metric {
            /// Names the metric: the namespace is usually a module or a type. Metrics of different kinds may share a
            /// name; those of one kind that do are one metric.
            pub const fn new(namespace: &'static str, name: &'static str) -> Self {
                $metric(Name { namespace, name, kind: Kind::$metric })
            }
        }
    )*};
}
constructors!(Counter Distribution Gauge StringSet);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Whether a metric of this namespace and name is this one.
    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        (self.0.namespace, self.0.name) == (namespace, name)
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        update(
            self.0,
            || Value::Counter(0),
            |value| {
                if let Value::Counter(sum) = value {
                    *sum = sum.wrapping_add(n);
                }
            },
        );
    }
}

impl Distribution {
    /// Reports a value.
    pub fn update(&self, x: i64) {
        update(
            self.0,
            || Value::Distribution(DistributionData::default()),
            |value| {
                if let Value::Distribution(data) = value {
                    data.merge(&DistributionData { count: 1, sum: x, min: x, max: x });
                }
            },
        );
    }
}

impl Gauge {
    /// Reports the present value.
    pub fn set(&self, x: i64) {
        update(self.0, || Value::Gauge(x), |value| *value = Value::Gauge(x));
    }
}

impl StringSet {
    /// Adds a string.
    pub fn add(&self, text: &str) {
        update(
            self.0,
            || Value::StringSet(BTreeSet::new()),
            |value| {
                if let Value::StringSet(set) = value
                    && !set.contains(text)
                {
                    set.insert(text.to_owned());
                }
            },
        );
    }
}

/// What a distribution saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistributionData {
    /// Number of values.
    pub count: i64,
    /// Their sum.
    pub sum: i64,
    /// The least.
    pub min: i64,
    /// The greatest.
    pub max: i64,
}

impl Default for DistributionData {
    fn default() -> Self {
        DistributionData { count: 0, sum: 0, min: i64::MAX, max: i64::MIN }
    }
}

impl DistributionData {
    /// The mean, if there is a value.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// A metric's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a [`Counter`].
    Counter(i64),
    /// Of a [`Distribution`].
    Distribution(DistributionData),
    /// Of a [`Gauge`].
    Gauge(i64),
    /// Of a [`StringSet`].
    StringSet(BTreeSet<String>),
}

impl Value {
    fn merge(&mut self, other: Value) {
        match (self, other) {
            (Value::Counter(sum), Value::Counter(n)) => *sum = sum.wrapping_add(n),
            (Value::Distribution(data), Value::Distribution(more)) => data.merge(&more),
            (Value::StringSet(set), Value::StringSet(more)) => set.extend(more),
            // A gauge, of which the later one counts: values of two kinds are never those of one metric.
            (value, other) => *value = other,
        }
    }
}

/// A name as the key of a value: an engine's report brings names that are no constants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    namespace: Cow<'static, str>,
    name: Cow<'static, str>,
    kind: Kind,
}

impl From<Name> for Known {
    fn from(Name { namespace, name, kind }: Name) -> Self {
        Known { namespace: Cow::Borrowed(namespace), name: Cow::Borrowed(name), kind }
    }
}

type Key = (Arc<str>, Known);

/// The metrics of one bundle or of a whole run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(BTreeMap<Key, Value>);

impl Metrics {
    /// Adds the metrics of a committed bundle.
    pub fn merge(&mut self, bundle: Metrics) {
        bundle.0.into_iter().for_each(|(key, value)| self.add(key, value));
    }

    /// Adds what an engine reports of a step's metric; the value's kind is the metric's.
    pub fn insert(&mut self, step: &str, namespace: &str, name: &str, value: Value) {
        let kind = match value {
            Value::Counter(_) => Kind::Counter,
            Value::Distribution(_) => Kind::Distribution,
            Value::Gauge(_) => Kind::Gauge,
            Value::StringSet(_) => Kind::StringSet,
        };
        let (namespace, name) = (Cow::Owned(namespace.to_owned()), Cow::Owned(name.to_owned()));
        self.add((step.into(), Known { namespace, name, kind }), value);
    }

    fn add(&mut self, key: Key, value: Value) {
        match self.0.entry(key) {
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(value),
            std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(value)),
        }
    }

    /// All metrics: step, namespace, name, value. The value's kind tells metrics of one name apart.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &str, &Value)> {
        self.0.iter().map(|((step, name), value)| (&**step, &*name.namespace, &*name.name, value))
    }

    /// A counter's sum over all steps that updated it.
    pub fn counter(&self, counter: &Counter) -> i64 {
        self.total(counter.0).map_or(0, |value| if let Value::Counter(sum) = value { sum } else { 0 })
    }

    /// A distribution over all steps that updated it.
    pub fn distribution(&self, distribution: &Distribution) -> DistributionData {
        match self.total(distribution.0) {
            Some(Value::Distribution(data)) => data,
            _ => DistributionData::default(),
        }
    }

    /// A gauge's last value.
    pub fn gauge(&self, gauge: &Gauge) -> Option<i64> {
        self.total(gauge.0).and_then(|value| if let Value::Gauge(x) = value { Some(x) } else { None })
    }

    /// All strings that were added to a set.
    pub fn string_set(&self, set: &StringSet) -> BTreeSet<String> {
        match self.total(set.0) {
            Some(Value::StringSet(set)) => set,
            _ => BTreeSet::new(),
        }
    }

    fn total(&self, name: Name) -> Option<Value> {
        let name = Known::from(name);
        let mut all = self.0.iter().filter(|((_, n), _)| *n == name).map(|(_, value)| value.clone());
        let mut total = all.next()?;
        all.for_each(|value| total.merge(value));
        Some(total)
    }
}

/// The metrics of a bundle while it runs, which others may look at.
#[derive(Clone, Debug, Default)]
pub struct Reported(Arc<Mutex<Metrics>>);

impl Reported {
    fn metrics(&self) -> MutexGuard<'_, Metrics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was reported so far.
    pub fn so_far(&self) -> Metrics {
        self.metrics().clone()
    }

    /// Runs a bundle on this thread; what its user code reports takes the place of what was there.
    pub fn during<R>(&self, bundle: impl FnOnce() -> R) -> R {
        *self.metrics() = Metrics::default();
        let outer = RUNNING.with_borrow_mut(|running| running.bundle.replace(self.clone()));
        let result = bundle();
        RUNNING.with_borrow_mut(|running| running.bundle = outer);
        result
    }
}

#[derive(Default)]
struct Running {
    step: Option<Arc<str>>,
    bundle: Option<Reported>,
}

thread_local! {
    static RUNNING: RefCell<Running> = RefCell::default();
}

/// Runs a bundle on this thread and gives back what its user code reported.
pub fn collect<R>(bundle: impl FnOnce() -> R) -> (R, Metrics) {
    let reported = Reported::default();
    let result = reported.during(bundle);
    let metrics = std::mem::take(&mut *reported.metrics());
    (result, metrics)
}

/// The step whose user code runs on this thread.
pub fn current_step() -> Option<Arc<str>> {
    RUNNING.with_borrow(|running| running.step.clone())
}

/// Attributes updates to a step until the scope is dropped.
pub(crate) fn enter(step: &StepName) -> StepScope {
    StepScope(RUNNING.with_borrow_mut(|running| running.step.replace(step.name.clone())))
}

pub(crate) struct StepScope(Option<Arc<str>>);

impl Drop for StepScope {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| running.step = self.0.take());
    }
}

fn update(name: Name, new: impl FnOnce() -> Value, change: impl FnOnce(&mut Value)) {
    RUNNING.with_borrow_mut(|running| {
        if let Running { step: Some(step), bundle: Some(reported) } = running {
            change(reported.metrics().0.entry((step.clone(), name.into())).or_insert_with(new));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Counter = Counter::new("test", "seen");
    const SIZE: Distribution = Distribution::new("test", "size");
    const LEVEL: Gauge = Gauge::new("test", "level");
    const WORDS: StringSet = StringSet::new("test", "words");

    fn bundle(step: &str, xs: &[i64]) -> Metrics {
        let step = StepName::here(step);
        collect(|| {
            let _scope = enter(&step);
            for &x in xs {
                SEEN.inc();
                SIZE.update(x);
                LEVEL.set(x);
                WORDS.add(&x.to_string());
            }
        })
        .1
    }

    #[test]
    fn bundles_add_up_over_steps() {
        let mut all = bundle("A", &[3, 1]);
        all.merge(bundle("B", &[7]));
        assert_eq!(all.counter(&SEEN), 3);
        assert_eq!(all.distribution(&SIZE), DistributionData { count: 3, sum: 11, min: 1, max: 7 });
        assert_eq!(all.gauge(&LEVEL), Some(7));
        assert_eq!(all.string_set(&WORDS), ["1", "3", "7"].map(str::to_owned).into());
        assert_eq!(all.iter().filter(|(step, ..)| *step == "B").count(), 4);
    }

    #[test]
    fn metrics_of_different_kinds_may_share_a_name() {
        const SEEN_SIZES: Distribution = Distribution::new("test", "seen");
        const SEEN_LAST: Gauge = Gauge::new("test", "seen");
        let step = StepName::here("A");
        let update = || {
            let _scope = enter(&step);
            SEEN.add(2);
            SEEN_SIZES.update(5);
            SEEN_LAST.set(7);
            SEEN.add(3);
        };
        let mut all = collect(update).1;
        all.merge(collect(update).1);
        assert_eq!((all.counter(&SEEN), all.gauge(&SEEN_LAST)), (10, Some(7)));
        assert_eq!(all.distribution(&SEEN_SIZES), DistributionData { count: 2, sum: 10, min: 5, max: 5 });
        assert_eq!(all.iter().count(), 3);
    }

    #[test]
    fn what_an_engine_reports_is_found_by_the_constants() {
        let mut all = bundle("A", &[3, 1]);
        all.insert("A", "test", "seen", Value::Counter(4));
        all.insert("B", "test", "seen", Value::Counter(1));
        all.insert("B", "test", "size", Value::Distribution(DistributionData { count: 1, sum: 9, min: 9, max: 9 }));
        assert_eq!((all.counter(&SEEN), all.distribution(&SIZE).max), (7, 9));
        assert!(all.iter().any(|found| found == ("A", "test", "seen", &Value::Counter(6))));
    }

    #[test]
    fn a_bundle_that_runs_may_be_looked_at() {
        let (reported, step) = (Reported::default(), StepName::here("A"));
        for _ in 0..2 {
            reported.during(|| {
                let _scope = enter(&step);
                SEEN.inc();
                assert_eq!(reported.so_far().counter(&SEEN), 1);
                // Another bundle inside of it has metrics of its own.
                assert_eq!(collect(|| SEEN.add(7)).1.counter(&SEEN), 7);
                SEEN.inc();
            });
            assert_eq!(reported.so_far().counter(&SEEN), 2);
        }
    }

    #[test]
    fn nothing_happens_outside_of_a_bundle() {
        SEEN.inc();
        assert_eq!(collect(|| SEEN.inc()).1, Metrics::default());
    }
}
