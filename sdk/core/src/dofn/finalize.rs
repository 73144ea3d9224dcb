//! What user code wants to be called for once its bundle is committed: to acknowledge what it read, say.
//!
//! Like metrics, callbacks go to the container of the bundle that runs on this thread, and only a bundle that is committed
//! counts.

use super::guard::guard;
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

type Callback = Box<dyn FnOnce() -> Result<(), BoxError> + Send>;

/// The callbacks of one bundle.
#[derive(Default)]
pub struct Finalizers {
    committed: Vec<(StepName, Callback)>,
    durable: Durable,
}

impl Finalizers {
    /// Whether nobody wants to be called.
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.durable.is_empty()
    }

    /// Calls each once, in order: the bundle is committed, and so is what it made of the state.
    ///
    /// # Errors
    /// The first failure, with the step's name, file and line. The others are called all the same, and the bundle stays
    /// committed: what comes of the error is for the runner to decide.
    pub fn run(self) -> Result<()> {
        call(self.committed).and(self.durable.run())
    }

    /// Calls each that waits for the commit alone, and keeps the others: the bundle is committed, but the state is lost with the
    /// run.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn run_keeping(self, kept: &mut Durable) -> Result<()> {
        kept.0.extend(self.durable.0);
        call(self.committed)
    }

    /// Whether there is something to keep.
    pub fn keeps(&self) -> bool {
        !self.durable.is_empty()
    }
}

/// The callbacks that wait until nothing can be lost any more, the last one of each step.
#[derive(Default)]
pub struct Durable(BTreeMap<Arc<str>, (StepName, Callback)>);

impl Durable {
    /// Whether nobody wants to be called.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls each once: the run has ended well.
    ///
    /// # Errors
    /// The first failure, with the step's name, file and line. The others are called all the same.
    pub fn run(self) -> Result<()> {
        call(self.0.into_values())
    }
}

fn call(callbacks: impl IntoIterator<Item = (StepName, Callback)>) -> Result<()> {
    let mut result = Ok(());
    for (step, callback) in callbacks {
        let called = guard(&step, callback);
        result = result.and(called);
    }
    result
}

/// The step whose user code runs.
#[derive(Default)]
enum Current {
    /// It does not say that it wants to be called.
    #[default]
    Undeclared,
    /// It does not say so, and tried nevertheless.
    Misused,
    /// It says so.
    Declared(StepName),
}

thread_local! {
    static BUNDLE: RefCell<Option<Finalizers>> = const { RefCell::new(None) };
    static CURRENT: RefCell<Current> = const { RefCell::new(Current::Undeclared) };
}

/// Runs a bundle on this thread and gives back what its user code wants called once the bundle is committed.
///
/// Dropping the callbacks is lawful, for they are called at best: a failed bundle's must be dropped.
pub fn collect<R>(bundle: impl FnOnce() -> R) -> (R, Finalizers) {
    let outer = BUNDLE.replace(Some(Finalizers::default()));
    let result = bundle();
    (result, BUNDLE.replace(outer).unwrap_or_default())
}

/// Runs user code of one step; it may ask to be called back only if it `declares` so.
///
/// # Errors
/// Those of [`guard`], and that the step did not declare what it did.
pub(crate) fn guarded<R>(step: &StepName, declares: bool, body: impl FnOnce() -> Result<R, BoxError>) -> Result<R> {
    let outer = CURRENT.replace(if declares { Current::Declared(step.clone()) } else { Current::Undeclared });
    let result = guard(step, body);
    if let Current::Misused = CURRENT.replace(outer) {
        let text = "`after_commit` and `when_durable` need `const FINALIZES: bool = true` in the step's `DoFn`: \
                    engines must know beforehand";
        result?;
        return guard(step, || Err(text.into()));
    }
    result
}

/// Wants to be called once the running bundle is committed.
pub(super) fn after_commit(callback: Callback) {
    put(|bundle, step| bundle.committed.push((step, callback)));
}

/// Wants to be called once what the running bundle did cannot be lost any more.
pub(super) fn when_durable(callback: Callback) {
    put(|bundle, step| {
        bundle.durable.0.insert(step.name.clone(), (step, callback));
    });
}

fn put(put: impl FnOnce(&mut Finalizers, StepName)) {
    CURRENT.with_borrow_mut(|current| match current {
        Current::Declared(step) => BUNDLE.with_borrow_mut(|bundle| {
            // Without a container nobody would know when the bundle is committed.
            if let Some(bundle) = bundle {
                put(bundle, step.clone());
            }
        }),
        Current::Undeclared | Current::Misused => *current = Current::Misused,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn bundle(
        declares: bool,
        ends: &'static [Result<(), &'static str>],
    ) -> (Result<()>, Finalizers, Arc<Mutex<usize>>) {
        let calls = Arc::new(Mutex::new(0));
        let counted = calls.clone();
        let (result, finalizers) = collect(|| {
            guarded(&StepName::here("Acknowledge"), declares, || {
                for end in ends {
                    let counted = counted.clone();
                    after_commit(Box::new(move || {
                        *counted.lock().unwrap() += 1;
                        end.map_err(BoxError::from)
                    }));
                }
                Ok(())
            })
        });
        (result, finalizers, calls)
    }

    #[test]
    fn each_is_called_once_and_the_first_failure_told() {
        let (result, finalizers, calls) = bundle(true, &[Ok(()), Err("gone"), Err("gone, too"), Ok(())]);
        result.unwrap();
        assert_eq!((*calls.lock().unwrap(), finalizers.is_empty()), (0, false));
        let error = finalizers.run().unwrap_err().to_string();
        assert!(error.starts_with("`Acknowledge` (sdk/core/src/dofn/finalize.rs:"), "{error}");
        assert!(error.ends_with("failed: gone") && *calls.lock().unwrap() == 4, "{error}");
    }

    #[test]
    fn what_waits_until_nothing_can_be_lost_is_kept() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let bundle = |number: u64| {
            let log = log.clone();
            let ((), finalizers) = collect(|| {
                guarded(&StepName::here("Acknowledge"), true, || {
                    for kind in ["durable", "last durable"] {
                        let log = log.clone();
                        when_durable(Box::new(move || {
                            log.lock().unwrap().push((kind, number));
                            Ok(())
                        }));
                    }
                    let log = log.clone();
                    after_commit(Box::new(move || {
                        log.lock().unwrap().push(("committed", number));
                        Ok(())
                    }));
                    Ok(())
                })
                .unwrap();
            });
            finalizers
        };
        let mut kept = Durable::default();
        for number in 1..=2 {
            bundle(number).run_keeping(&mut kept).unwrap();
        }
        assert!(bundle(3).keeps() && !kept.is_empty());
        kept.run().unwrap();
        bundle(4).run().unwrap();
        let all = [("committed", 1), ("committed", 2), ("last durable", 2), ("committed", 4), ("last durable", 4)];
        assert_eq!(*log.lock().unwrap(), all);
    }

    #[test]
    fn it_must_be_declared() {
        let (result, finalizers, _) = bundle(false, &[Ok(())]);
        assert!(result.unwrap_err().to_string().contains("need `const FINALIZES: bool = true`"));
        assert!(finalizers.is_empty());
        // The mark does not stay.
        bundle(false, &[]).0.unwrap();
    }

    #[test]
    fn nothing_is_kept_outside_of_a_bundle() {
        guarded(&StepName::here("Acknowledge"), true, || {
            after_commit(Box::new(|| Ok(())));
            Ok(())
        })
        .unwrap();
        assert!(collect(|| ()).1.is_empty());
    }
}
