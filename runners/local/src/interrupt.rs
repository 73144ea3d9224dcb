//! Requests to end that come from outside of the process.

use crate::control::RunHandle;
use crate::process;
use crate::report::teller::Teller;
use ferrobeam_core::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// Whether the program is to live on when its terminal is closed, as `nohup` has it; also where nobody can say.
fn ignores_hangup() -> bool {
    let ignored = process::status("SigIgn").and_then(|mask| u64::from_str_radix(&mask, 16).ok());
    ignored.is_none_or(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}

/// A thread that listens for Ctrl-C at the terminal, for its end, and for the signal of those that end programs, until this is
/// dropped.
pub(crate) struct Interrupts {
    signals: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Interrupts {
    /// The first signal drains, the second cancels, and the third does what it would do without us.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn listen(handle: RunHandle, teller: Option<Arc<Teller>>) -> Result<Self> {
        let failed = |source| Error::Io { what: "cannot listen to signals".to_owned(), source };
        let hangup = (!ignores_hangup()).then_some(SIGHUP);
        let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup)).map_err(failed)?;
        let closes = signals.handle();
        let listen = move || {
            let say = |line: &str| teller.iter().for_each(|teller| teller.say([line]));
            for (count, signal) in signals.forever().enumerate() {
                match count {
                    0 => {
                        say("interrupted: sources end, bounded ones when all is read; once more to cancel");
                        handle.drain();
                    }
                    1 => {
                        say(
                            "interrupted again: cancelled, which waits for user code that runs; once more to end at once",
                        );
                        handle.cancel();
                    }
                    _ => {
                        // The terminal is as it was before.
                        teller.iter().for_each(|teller| teller.say([]));
                        // An error is that there is no such signal.
                        drop(emulate_default_handler(signal));
                    }
                }
            }
        };
        let thread = Builder::new().name("local-interrupts".to_owned()).spawn(listen).map_err(failed)?;
        Ok(Interrupts { signals: closes, thread: Some(thread) })
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.signals.close();
        // It calls no user code that could have panicked.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
