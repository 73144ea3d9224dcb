//! The one place where user code is called: its errors get the step's name, and a panic becomes such an error.

use crate::error::{BoxError, Error, Result};
use crate::graph::StepName;
use crate::metrics;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    static IN_USER_CODE: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs user code of one step. One landing pad per call, and callers pass whole batches: nothing per element.
///
/// # Errors
/// What the code returned or the text and place of its panic, with the step's name, file and line.
pub fn guard<R>(step: &StepName, body: impl FnOnce() -> Result<R, BoxError>) -> Result<R> {
    let (mut body, mut value) = (Some(body), None);
    guard_any(step, &mut || {
        value = body.take().map(|body| body()).transpose()?;
        Ok(())
    })?;
    value.ok_or_else(|| failed(step, "the code of the step did not run".into()))
}

/// Compiled once, and not for every piece of user code.
fn guard_any(step: &StepName, body: &mut dyn FnMut() -> Result<(), BoxError>) -> Result<()> {
    let scope = metrics::enter(step);
    let result = catch(body);
    drop(scope);
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(source)) => Err(failed(step, source)),
        Err(message) => Err(Error::Panic { step: step.clone(), element: None, message }),
    }
}

/// Runs code that may panic.
///
/// # Errors
/// The text and place of the panic.
pub fn catch<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    install_hook();
    let outer = IN_USER_CODE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(body));
    IN_USER_CODE.set(outer);
    result.map_err(|_| LAST_PANIC.take().unwrap_or_else(|| "a panic without a text".to_owned()))
}

#[cold]
fn failed(step: &StepName, source: BoxError) -> Error {
    // An error of ours that went through user code (an encoder called by a source, say) keeps its own text.
    match source.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(source) => Error::User { step: step.clone(), element: None, source },
    }
}

/// A panic in user code is reported once, by the pipeline's error: the default hook would print it a second time and
/// name a thread instead of a step. All other panics go to the hook that was there before.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if IN_USER_CODE.get() {
                LAST_PANIC.set(Some(text(info)));
            } else {
                before(info);
            }
        }));
    });
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("a panic without a text");
    info.location().map_or_else(|| message.to_owned(), |at| format!("{message} ({at})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_step_and_line() {
        let step = StepName::here("Parse");
        let error = guard::<()>(&step, || panic!("no {}", "luck")).unwrap_err().to_string();
        assert!(error.starts_with("`Parse` (sdk/core/src/dofn/guard.rs:"), "{error}");
        assert!(error.contains("panicked: no luck (sdk/core/src/dofn/guard.rs:"), "{error}");
    }

    #[test]
    fn an_error_keeps_its_text() {
        let error = guard::<()>(&StepName::here("Parse"), || Err("bad line".into())).unwrap_err().to_string();
        assert!(error.ends_with("failed: bad line"), "{error}");
    }
}
