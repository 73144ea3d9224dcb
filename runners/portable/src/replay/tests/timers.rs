//! Timers, set by user code and fired by the engine.

use super::engine;
use crate::replay::{Engine, Stage, at};
use bytes::Bytes;
use ferrobeam_core::coder::{TimerData, TimerSetting};
use ferrobeam_core::prelude::*;
use ferrobeam_core::windowing::PaneInfo;
use std::time::Duration;

/// Sets and clears timers as its elements say, and tells which are due.
#[derive(Clone)]
struct Rings;

#[derive(State)]
#[state(crate = "ferrobeam_core")]
struct Rung {
    count: Value<u64>,
}

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum Due {
    #[timer(event_time)]
    End,
    #[timer(processing_time)]
    Each(String),
}

const EXPIRATION: &str = "on-window-expiration";

impl StatefulDoFn for Rings {
    type Key = String;
    type In = String;
    type Out = String;
    type State = Rung;
    type Timer = Due;
    const ON_WINDOW_EXPIRATION: bool = true;

    fn process(
        &mut self,
        _: &String,
        word: String,
        state: &mut Rung,
        ctx: &mut StatefulContext<'_, String, Due>,
    ) -> Result<(), BoxError> {
        let count = state.count.get().copied().unwrap_or_default();
        state.count.set(count + 1);
        match &*word {
            "end" => ctx.set_with_output(Due::End, ctx.timestamp() + Duration::from_secs(3), ctx.timestamp()),
            "clear" => ctx.clear(Due::End),
            tag => ctx.set(Due::Each(tag.to_owned()), Timestamp::from_millis(77)),
        }
        Ok(())
    }
    fn on_timer(
        &mut self,
        key: &String,
        due: Due,
        state: &mut Rung,
        ctx: &mut StatefulContext<'_, String, Due>,
    ) -> Result<(), BoxError> {
        let what = match due {
            Due::End => "end".to_owned(),
            Due::Each(tag) => tag,
        };
        let fired = ctx.fire_timestamp().map(Timestamp::millis);
        ctx.emit(format!("{key} {what} {fired:?} after {:?}", state.count.get()));
        if what == "again" {
            ctx.set(Due::Each("again".to_owned()), Timestamp::from_millis(99));
        }
        Ok(())
    }
    fn on_window_expiration(
        &mut self,
        key: &String,
        state: &mut Rung,
        ctx: &mut StatefulContext<'_, String, Due>,
    ) -> Result<(), BoxError> {
        ctx.emit(format!("{key} expired with {:?}", state.count.get()));
        Ok(())
    }
}

struct Played {
    engine: Engine,
    stage: Stage,
    step: String,
    families: Vec<String>,
}

fn ringing() -> Played {
    let engine = engine(|root| {
        let windows = FixedWindows::of(Duration::from_secs(10));
        let pairs = root.create([(String::new(), String::new())]).window(windows);
        pairs.par_do_stateful(Rings).named("Rings").discard();
    });
    let stage = Stage::of(&engine, "stage", &["Rings"]).unwrap();
    let step = stage.id_of("Rings").unwrap();
    let families = ["End", "Each", EXPIRATION].map(str::to_owned).to_vec();
    Played { engine, stage, step, families }
}

fn window() -> Window {
    Window::Interval { start: Timestamp::from_millis(0), end: Timestamp::from_millis(10_000) }
}

fn timer(key: &str, tag: &str, setting: Option<(i64, i64)>) -> TimerData<String> {
    let setting = setting.map(|(fire, hold)| TimerSetting {
        fire: Timestamp::from_millis(fire),
        hold: Timestamp::from_millis(hold),
        pane: PaneInfo::NO_FIRING,
    });
    TimerData { key: key.to_owned(), tag: tag.to_owned(), windows: vec![window()], setting }
}

impl Played {
    /// Runs a bundle of elements of one key and window, and of timers; returns what it emits.
    fn run(&self, id: &str, elements: &[(i64, &str)], timers: &[(&str, Vec<TimerData<String>>)]) -> Vec<(i64, String)> {
        let source = &self.stage.sources[0];
        let rows = elements.iter().map(|(time, word)| {
            let mut row = at(*time, ("key".to_owned(), (*word).to_owned()));
            row.metadata.windows = vec![window()];
            row
        });
        self.engine.begin(id, &self.stage);
        self.engine.data(id, source, source.encode(&rows.collect::<Vec<_>>()).unwrap(), true);
        for (family, timers) in timers {
            // In pieces that end in the middle of a timer.
            for piece in source.encode_timers(timers).unwrap().chunks(5) {
                self.engine.fire(id, &self.step, family, Bytes::copy_from_slice(piece), false);
            }
        }
        for family in &self.families {
            self.engine.fire(id, &self.step, family, Bytes::new(), true);
        }
        self.engine.done(id).unwrap();
        let rows = self.stage.sinks[0].decode::<String>(&self.engine.output(id, &self.stage.sinks[0]).unwrap());
        rows.unwrap().into_iter().map(|row| (row.metadata.timestamp.millis(), row.value)).collect()
    }

    fn set(&self, id: &str, family: &str) -> Vec<TimerData<String>> {
        let timers = self.engine.timers(id, &self.step, family).unwrap();
        self.stage.sources[0].decode_timers(&timers).unwrap()
    }
}

#[test]
fn timers_that_are_set_and_cleared_go_out() {
    let played = ringing();
    assert_eq!(played.run("1", &[(1000, "end"), (2000, "a"), (3000, "b"), (4000, "clear")], &[]), []);
    // A family of which nothing is set has an end, too.
    assert_eq!(played.set("1", EXPIRATION), []);
    assert_eq!(played.set("1", "End"), [timer("key", "", Some((4000, 1000))), timer("key", "", None)]);
    let each: Vec<_> = played.set("1", "Each").into_iter().map(|timer| (timer.tag, timer.setting.unwrap())).collect();
    let told: Vec<_> = each.iter().map(|(tag, set)| (&**tag, set.fire.millis())).collect();
    assert_eq!(told, [("a", 77), ("b", 77)]);
    assert!(each.iter().all(|(_, set)| set.hold.millis() >= 2000), "{each:?}");
}

#[test]
fn timers_that_are_due_call_back() {
    let played = ringing();
    played.run("1", &[(1, "end"), (2, "end")], &[]);
    let due = [
        ("End", vec![timer("key", "", Some((4000, 3000))), timer("other", "", Some((4001, 3001)))]),
        ("Each", vec![timer("key", "again", Some((5000, 3500))), timer("key", "x", Some((5001, 3501)))]),
        (EXPIRATION, vec![timer("key", "", Some((9999, 9999)))]),
    ];
    let emitted = played.run("2", &[], &due);
    let words: Vec<_> = emitted.iter().map(|(at, word)| (*at, &**word)).collect();
    assert_eq!(
        words,
        [
            (3000, "key end Some(4000) after Some(2)"),
            (3001, "other end Some(4001) after None"),
            (3500, "key again Some(5000) after Some(2)"),
            (3501, "key x Some(5001) after Some(2)"),
            (9999, "key expired with Some(2)"),
        ]
    );
    let again = played.set("2", "Each");
    assert_eq!((again.len(), &*again[0].tag, again[0].setting.unwrap().fire.millis()), (1, "again", 99));
}

#[test]
fn a_timer_in_several_windows_is_one_for_each() {
    let played = ringing();
    let mut twice = timer("key", "", Some((4000, 3000)));
    let next = Window::Interval { start: Timestamp::from_millis(10_000), end: Timestamp::from_millis(20_000) };
    twice.windows.push(next);
    assert_eq!(played.run("1", &[], &[("End", vec![twice])]).len(), 2);
}

#[test]
fn timers_that_make_no_sense_are_refused() {
    let played = ringing();
    let (engine, stage) = (&played.engine, &played.stage);
    let cases: [(&str, &str, Bytes, &str); 4] = [
        ("1", &played.step, Bytes::from_static(&[3, b'k']), "a timer"),
        ("2", &played.step, stage.sources[0].encode_timers(&[timer("k", "", None)]).unwrap(), "one that is cleared"),
        ("3", "nobody", Bytes::new(), "timers came for `nobody`"),
        ("4", &played.step, stage.sources[0].encode_timers(&[timer("k", "", Some((1, 1)))]).unwrap(), "unknown"),
    ];
    for (id, transform, timers, told) in cases {
        engine.begin(id, stage);
        engine.data(id, &stage.sources[0], Bytes::new(), true);
        engine.fire(id, transform, if told == "unknown" { "unknown" } else { "End" }, timers, true);
        for family in &played.families {
            engine.fire(id, &played.step, family, Bytes::new(), true);
        }
        let error = engine.done(id).unwrap_err().to_string();
        assert!(error.contains(told), "{told}: {error}");
    }
    played.run("5", &[(1, "a")], &[]);
}
