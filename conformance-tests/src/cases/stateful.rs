//! Steps with state that cases need again and again.

use super::prelude::*;

/// Does something with each element and the state.
pub(super) struct Each<K, V, U, S>(pub(super) fn(&K, V, &mut S, &mut StatefulContext<'_, U, ()>));

impl<K, V, U, S> Clone for Each<K, V, U, S> {
    fn clone(&self) -> Self {
        Each(self.0)
    }
}

impl<K: Key, V: Element, U: Element, S: State> StatefulDoFn for Each<K, V, U, S> {
    type Key = K;
    type In = V;
    type Out = U;
    type State = S;
    type Timer = ();

    fn process(
        &mut self,
        key: &K,
        element: V,
        state: &mut S,
        ctx: &mut StatefulContext<'_, U, ()>,
    ) -> Result<(), BoxError> {
        (self.0)(key, element, state, ctx);
        Ok(())
    }
}

/// Texts that come one after the other, each when all is done with the one before.
pub(super) fn said(root: &Root, texts: &[&str]) -> PCollection<((), String)> {
    let say = |stream: TestStream<((), String)>, text: &&str| stream.add_elements([(((), (*text).to_owned()), at(0))]);
    root.test_stream(texts.iter().fold(TestStream::new(), say))
}

/// Numbers of bounded data, each at its own time in milliseconds.
pub(super) fn together(root: &Root, numbers: impl IntoIterator<Item = i64>) -> PCollection<i64> {
    root.create(numbers).with_timestamps(|millis| at(*millis))
}

/// What happens to a step that [obeys](obeys). Times are milliseconds.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    /// An element with this key, time and order comes.
    Tell(&'static str, i64, &'static str),
    /// The watermark moves to here.
    Till(i64),
    /// So much processing time passes.
    Pause(u64),
}
pub(super) use Turn::*;

/// A step that does what its elements say, and says what it does, numbered by key and window.
///
/// Orders are words: `a=5` sets the timer `a` to 5, `a=5>3` with the output timestamp 3, `a+5` to 5 after now; `-a` clears
/// it, `!x` says `x`. Timers whose name begins with `~` are in processing time. What stands behind `| a:` is done when `a`
/// fires; the next such part when it fires again.
#[derive(Clone)]
pub(super) struct Obey<const EXPIRES: bool = false>;

#[derive(Timers)]
pub(super) enum Due {
    #[timer(event_time)]
    Event(String),
    #[timer(processing_time)]
    Clock(String),
}

#[derive(State)]
pub(super) struct Orders {
    done: Value<u64>,
    /// The name of a timer and what it does.
    left: Value<Vec<(String, String)>>,
}

type Obeying<'a> = StatefulContext<'a, String, Due>;

fn due(name: &str) -> Due {
    if name.starts_with('~') { Due::Clock(name.to_owned()) } else { Due::Event(name.to_owned()) }
}

fn time(text: &str) -> Result<Timestamp, BoxError> {
    Ok(if text == "end" { Timestamp::END_OF_GLOBAL_WINDOW } else { at(text.parse()?) })
}

fn obey(key: &str, words: &str, state: &mut Orders, ctx: &mut Obeying<'_>) -> Result<(), BoxError> {
    for word in words.split_whitespace() {
        if let Some(text) = word.strip_prefix('!') {
            say(key, text, state, ctx);
        } else if let Some(name) = word.strip_prefix('-') {
            ctx.clear(due(name));
        } else if let Some((name, after)) = word.split_once('+') {
            ctx.set_after(due(name), ferrobeam::time::millis(after.parse()?));
        } else if let Some((name, fire)) = word.split_once('=') {
            match fire.split_once('>') {
                Some((fire, output)) => ctx.set_with_output(due(name), time(fire)?, time(output)?),
                None => ctx.set(due(name), time(fire)?),
            }
        }
    }
    Ok(())
}

fn say(key: &str, text: &str, state: &mut Orders, ctx: &mut Obeying<'_>) {
    let number = state.done.get().copied().unwrap_or_default() + 1;
    state.done.set(number);
    ctx.emit(format!("{key}{number} {text}"));
}

impl<const EXPIRES: bool> StatefulDoFn for Obey<EXPIRES> {
    type Key = String;
    type In = String;
    type Out = String;
    type State = Orders;
    type Timer = Due;

    const ON_WINDOW_EXPIRATION: bool = EXPIRES;

    fn process(
        &mut self,
        key: &String,
        order: String,
        state: &mut Orders,
        ctx: &mut Obeying<'_>,
    ) -> Result<(), BoxError> {
        let mut parts = order.split('|');
        let now = parts.next().unwrap_or_default();
        let mut left = state.left.take().unwrap_or_default();
        for (name, words) in parts.filter_map(|part| part.split_once(':')) {
            left.push((name.trim().to_owned(), words.to_owned()));
        }
        state.left.set(left);
        obey(key, now, state, ctx)
    }

    fn on_timer(&mut self, key: &String, due: Due, state: &mut Orders, ctx: &mut Obeying<'_>) -> Result<(), BoxError> {
        let (Due::Event(name) | Due::Clock(name)) = due;
        let fire = match ctx.fire_timestamp() {
            Some(Timestamp::END_OF_GLOBAL_WINDOW) => "end".to_owned(),
            fire => fire.map_or(0, Timestamp::millis).to_string(),
        };
        say(key, &format!("{name}={fire}"), state, ctx);
        let mut left = state.left.take().unwrap_or_default();
        let next = left.iter().position(|(of, _)| *of == name).map(|next| left.remove(next));
        state.left.set(left);
        obey(key, &next.map(|(_, words)| words).unwrap_or_default(), state, ctx)
    }

    fn on_window_expiration(
        &mut self,
        key: &String,
        state: &mut Orders,
        ctx: &mut Obeying<'_>,
    ) -> Result<(), BoxError> {
        say(key, "expires", state, ctx);
        let mut left = state.left.take().unwrap_or_default();
        let next = left.iter().position(|(of, _)| of == "expires").map(|next| left.remove(next));
        obey(key, &next.map(|(_, words)| words).unwrap_or_default(), state, ctx)
    }
}

/// The orders of a script.
pub(super) fn orders(root: &Root, turns: &[Turn]) -> PCollection<(String, String)> {
    let turn = |stream: TestStream<(String, String)>, turn: &Turn| match *turn {
        Tell(key, time, order) => stream.add_elements([((key.to_owned(), order.to_owned()), at(time))]),
        Till(time) => stream.advance_watermark_to(at(time)),
        Pause(millis) => stream.advance_processing_time(ferrobeam::time::millis(millis)),
    };
    root.test_stream(turns.iter().fold(TestStream::new(), turn))
}

/// The orders as bounded data.
pub(super) fn orders_at_once(root: &Root, orders: &[(&str, i64, &str)]) -> PCollection<(String, String)> {
    let orders: Vec<_> =
        orders.iter().map(|(key, time, order)| (*time, (*key).to_owned(), (*order).to_owned())).collect();
    root.create(orders).with_timestamps(|(time, ..)| at(*time)).map(|(_, key, order)| (key, order))
}

/// A step that obeys says this, in fixed windows of 100 ms and without allowed lateness.
pub(super) fn obeys(runner: &dyn Runner, turns: &[Turn], expected: &[&str]) -> CaseResult {
    passes(runner.run(|root| {
        let orders = orders(root, turns).window(FixedWindows::of(ferrobeam::time::millis(100)));
        expect(&plain(&orders.par_do_stateful(Obey::<false>)), expected);
        Ok(())
    }))
}

/// What was said, with its window and time.
pub(super) fn plain(said: &PCollection<String>) -> PCollection<String> {
    shown(said).map(|text| text.replace('"', ""))
}
