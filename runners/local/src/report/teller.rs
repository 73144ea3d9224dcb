//! Lines for the person at a terminal, or for a log.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Writes lines, and at a terminal a display that is drawn again and again in its last rows.
///
/// The rows above are all that scrolls then, so what a program prints itself stays, and comes where it would have come.
pub(crate) struct Teller {
    inner: Mutex<Inner>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    /// How many rows the terminal has now, if somebody knows.
    rows: fn() -> Option<usize>,
    drawn: Option<Place>,
}

/// Where the display is: how many rows the terminal has, and how many of them are the display's.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    rows: usize,
    lines: usize,
}

/// A display has this part of the rows at most, and a terminal with fewer rows than this has none.
const PART: usize = 2;
const FEWEST: usize = 6;

/// The cursor is where it was, whatever is written between.
const SAVE: &str = "\x1b7";
const RESTORE: &str = "\x1b8";

/// A line that is too long is cut off by the terminal while these two stand around it.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

impl Teller {
    pub(crate) fn new(out: impl Write + Send + 'static, rows: fn() -> Option<usize>) -> Self {
        Teller { inner: Mutex::new(Inner { out: Box::new(out), rows, drawn: None }) }
    }

    /// One for standard error.
    pub(crate) fn of_process() -> Self {
        Teller::new(std::io::stderr(), || {
            let size = rustix::termios::tcgetwinsize(std::io::stderr());
            size.ok().map(|size| usize::from(size.ws_row))
        })
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

    /// Whether a display can be drawn: the size of a terminal is known, and large enough.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().room().is_some()
    }

    /// Draws the display, as much of it as there is room for.
    pub(crate) fn draw(&self, lines: &[String]) {
        let mut inner = self.lock();
        let Some(rows) = inner.room() else { return };
        let place = Place { rows, lines: lines.len().min(rows / PART) };
        let mut text = String::new();
        if inner.drawn != Some(place) {
            text = inner.erased() + &place.opened();
        }
        text += &place.filled(lines);
        inner.write(&text);
        inner.drawn = Some(place);
    }
}

impl Place {
    /// The first row of the display, counted from 1.
    fn first(self) -> usize {
        self.rows - self.lines + 1
    }

    /// What makes room below the cursor, where nothing scrolls from then on.
    fn opened(self) -> String {
        let Place { lines, .. } = self;
        format!("{}\x1b[{lines}A{SAVE}\x1b[1;{}r{RESTORE}", "\n".repeat(lines), self.first() - 1)
    }

    /// What is written there.
    fn filled(self, lines: &[String]) -> String {
        let mut text = format!("{SAVE}{NO_WRAP}");
        for (row, line) in (self.first()..=self.rows).zip(lines) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\x1b[{row};1H\x1b[2K{line}");
        }
        text + WRAP + RESTORE
    }
}

impl Inner {
    /// How many rows there are, if these are enough.
    fn room(&self) -> Option<usize> {
        (self.rows)().filter(|rows| *rows >= FEWEST)
    }

    /// What takes the display away.
    fn erased(&mut self) -> String {
        let Some(place) = self.drawn.take() else { return String::new() };
        let mut text = format!("{SAVE}\x1b[r");
        for row in place.first()..=place.rows {
            let _ = write!(text, "\x1b[{row};1H\x1b[2K");
        }
        text + RESTORE
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

    impl Seen {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn the_display_has_the_last_rows_until_something_is_said() {
        let seen = Seen::default();
        let teller = Teller::new(seen.clone(), || Some(24));
        let drawn = |one: &str, two: &str| {
            format!("{SAVE}{NO_WRAP}\x1b[23;1H\x1b[2K{one}\x1b[24;1H\x1b[2K{two}{WRAP}{RESTORE}")
        };
        teller.draw(&lines(&["one", "two"]));
        let room = format!("\n\n\x1b[2A{SAVE}\x1b[1;22r{RESTORE}");
        assert_eq!(seen.take(), room.clone() + &drawn("one", "two"));
        teller.draw(&lines(&["three", "four"]));
        assert_eq!(seen.take(), drawn("three", "four"), "it stays where it is");
        teller.say(["stays"]);
        let gone = format!("{SAVE}\x1b[r\x1b[23;1H\x1b[2K\x1b[24;1H\x1b[2K{RESTORE}");
        assert_eq!(seen.take(), gone + "stays\n");
        teller.say([]);
        assert_eq!(seen.take(), "", "there is nothing to take away");
        teller.draw(&lines(&["five", "six"]));
        assert_eq!(seen.take(), room + &drawn("five", "six"));
    }

    #[test]
    fn a_small_terminal_has_a_part_of_the_display_or_none() {
        let seen = Seen::default();
        Teller::new(seen.clone(), || Some(8)).draw(&lines(&["a", "b", "c", "d", "e", "f"]));
        let text = seen.take();
        assert!(text.contains("\x1b[1;4r") && text.contains("\x1b[8;1H\x1b[2Kd") && !text.contains('e'), "{text:?}");
        for rows in [|| Some(5), || None] {
            Teller::new(seen.clone(), rows).draw(&lines(&["a"]));
            assert_eq!(seen.take(), "");
        }
    }
}
