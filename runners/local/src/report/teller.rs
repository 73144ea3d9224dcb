//! Lines for the person at a terminal, or for a log.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Writes lines, and at a terminal below them a display that is drawn again and again.
pub(crate) struct Teller {
    inner: Mutex<Inner>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    /// How many lines of the display are there.
    drawn: usize,
}

/// To the beginning of the line above, and clears from there.
const UP: &str = "\x1b[1A\x1b[0K";

/// A line that is too long is cut off by the terminal while these two stand around it.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

impl Teller {
    pub(crate) fn new(out: impl Write + Send + 'static) -> Self {
        Teller { inner: Mutex::new(Inner { out: Box::new(out), drawn: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes lines that stay, in place of the display.
    pub(crate) fn say<'a>(&self, lines: impl IntoIterator<Item = &'a str>) {
        let mut inner = self.lock();
        let mut text = inner.erased();
        lines.into_iter().for_each(|line| text += &format!("{line}\n"));
        inner.write(&text);
    }

    /// Draws the display.
    pub(crate) fn draw(&self, lines: &[String]) {
        let mut inner = self.lock();
        let mut text = inner.erased() + NO_WRAP;
        lines.iter().for_each(|line| text += &format!("{line}\n"));
        inner.write(&(text + WRAP));
        inner.drawn = lines.len();
    }
}

impl Inner {
    /// What takes the display away.
    fn erased(&mut self) -> String {
        UP.repeat(std::mem::take(&mut self.drawn))
    }

    fn write(&mut self, text: &str) {
        // Nobody at the terminal is no reason to stop.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<u8>>>);

    impl Write for Seen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_said_stays_above_the_display() {
        let seen = Seen::default();
        let teller = Teller::new(seen.clone());
        teller.draw(&["one".to_owned(), "two".to_owned()]);
        teller.say(["stays"]);
        teller.draw(&["three".to_owned()]);
        teller.say([]);
        let text = String::from_utf8(std::mem::take(&mut *seen.0.lock().unwrap())).unwrap();
        let expected = format!("{NO_WRAP}one\ntwo\n{WRAP}{UP}{UP}stays\n{NO_WRAP}three\n{WRAP}{UP}");
        assert_eq!(text, expected);
    }
}
