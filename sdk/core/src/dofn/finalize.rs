//! What user code wants to be called for once its bundle is committed: to acknowledge what it read, say.
//!
//! Like metrics, callbacks go to the container of the bundle that runs on this thread, and only a bundle that is committed
//! counts.

use super::guard::guard;
use crate::error::{BoxError, Result};
use crate::graph::StepName;
use std::cell::RefCell;

type Callback = Box<dyn FnOnce() -> Result<(), BoxError> + Send>;

/// The callbacks of one bundle.
#[derive(Default)]
pub struct Finalizers(Vec<(StepName, Callback)>);

impl Finalizers {
    /// Whether nobody wants to be called.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls each once, in order: the bundle is committed.
    ///
    /// # Errors
    /// The first failure, with the step's name, file and line. The others are called all the same, and the bundle stays
    /// committed: what comes of the error is for the runner to decide.
    pub fn run(self) -> Result<()> {
        let mut result = Ok(());
        for (step, callback) in self.0 {
            let called = guard(&step, callback);
            result = result.and(called);
        }
        result
    }
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
        let text =
            "`after_commit` needs `const FINALIZES: bool = true` in the step's `DoFn`: engines must know beforehand";
        result?;
        return guard(step, || Err(text.into()));
    }
    result
}

/// Wants to be called once the running bundle is committed.
pub(super) fn after_commit(callback: Callback) {
    CURRENT.with_borrow_mut(|current| match current {
        Current::Declared(step) => BUNDLE.with_borrow_mut(|bundle| {
            // Without a container nobody would know when the bundle is committed.
            if let Some(Finalizers(callbacks)) = bundle {
                callbacks.push((step.clone(), callback));
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
    fn it_must_be_declared() {
        let (result, finalizers, _) = bundle(false, &[Ok(())]);
        assert!(result.unwrap_err().to_string().contains("needs `const FINALIZES: bool = true`"));
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
