//! Keys in files against those that stay in memory.

use super::*;
use crate::files::testing::InMemory;
use ferrobeam_core::dofn::stateful::operator::{CellChange, StateChange, TimerChange, TimerId, TimerSet};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const KEYS: [&str; 5] = ["", "x", "xy", "y", "z"];
const WINDOWS: [Window; 2] = [Window::Global, Window::interval(at(0), at(6))];

const fn at(n: i64) -> Timestamp {
    Timestamp::from_millis(n)
}

fn end(window: Window) -> Timestamp {
    window.max_timestamp().min(at(20))
}

type Timer = (TimeDomain, TimerChange);

#[derive(Clone, Debug)]
enum Step {
    Visit {
        key: Bytes,
        window: Window,
        changes: Vec<StateChange>,
        timers: Vec<Timer>,
    },
    /// Time moves on, and all that is due is done; before each key that is due some may go to files.
    Advance {
        event: i64,
        processing: i64,
        parks: Vec<Option<bool>>,
    },
    Park {
        all: bool,
    },
}

fn timer() -> impl Strategy<Value = Timer> {
    let id = (select(&["a", "b"]), select(&["", "tag"])).prop_map(|(name, tag)| TimerId { name, tag: tag.into() });
    let domain = select(&[TimeDomain::EventTime, TimeDomain::ProcessingTime]);
    let set = prop::option::weighted(0.8, (0..24_i64, 0..24_i64));
    (domain, id, set).prop_map(|(domain, timer, set)| {
        let set = set.map(|(fire, output)| TimerSet { fire: at(fire), output: at(output) });
        (domain, TimerChange { timer, set })
    })
}

fn change() -> impl Strategy<Value = StateChange> {
    // Some are large enough for files of their own.
    let value = (0..20_u8).prop_map(|n| Bytes::from(vec![n; if n == 0 { 3000 } else { n.into() }]));
    let change = prop_oneof![
        4 => value.prop_map(|value| CellChange::Append { key: Bytes::new(), value }),
        2 => Just(CellChange::Clear),
    ];
    (select(&["c", "d"]), change).prop_map(|(cell, change)| StateChange { cell, change })
}

fn step() -> impl Strategy<Value = Step> {
    let key = select(&KEYS).prop_map(Bytes::from);
    prop_oneof![
        6 => (key, select(&WINDOWS), vec(change(), 0..3), vec(timer(), 0..2))
            .prop_map(|(key, window, changes, timers)| Step::Visit { key, window, changes, timers }),
        3 => (0..4_i64, 0..4_i64, vec(prop::option::of(any::<bool>()), KEYS.len()))
            .prop_map(|(event, processing, parks)| Step::Advance { event, processing, parks }),
        4 => any::<bool>().prop_map(|all| Step::Park { all }),
    ]
}

/// A step's memory: all in memory, or some of it in files.
#[derive(Default)]
struct Side {
    states: States,
    timers: Timers,
    parked: Option<Parked>,
}

/// What is seen of a key in a visit.
type Seen = (Vec<Vec<Bytes>>, Vec<Due>);

impl Side {
    fn park(&mut self, all: bool) {
        if let Some(parked) = &mut self.parked {
            parked.park(all, &mut self.states, &mut self.timers).unwrap();
        }
    }

    fn bring(&mut self, key: &Bytes) {
        if let Some(parked) = &mut self.parked {
            parked.bring(key, &mut self.states, &mut self.timers).unwrap();
        }
    }

    /// Some of the keys that are due; whether there may be more.
    fn due(&mut self, now: Now) -> (Vec<Bytes>, bool) {
        let Side { states, timers, parked } = self;
        let more = parked.as_mut().is_some_and(|parked| parked.wake(now, (2, 1500), states, timers).unwrap());
        (self.timers.due_keys(now).cloned().collect(), more)
    }

    fn visit(&mut self, key: &Bytes, window: Window, changes: &[StateChange], timers: &[Timer], now: Now) -> Seen {
        self.bring(key);
        let fired = self.fire(key, now);
        let state = self.states.reader(key, window);
        let has_state = state.is_some();
        let state = state.unwrap_or_else(States::nothing);
        let seen = ["c", "d"].map(|cell| state.values(cell, b"").unwrap()).to_vec();
        drop(state);
        if end(window) < now.input_watermark {
            return (seen, fired);
        }
        if !has_state {
            self.timers.expire_at(key, window, end(window));
        }
        let has_state = self.states.apply(key, window, changes.to_vec()).unwrap();
        for (domain, TimerChange { timer, set }) in timers {
            let latest = if *domain == TimeDomain::EventTime { end(window) } else { Timestamp::MAX };
            let set = set.map(|set| TimerSet { fire: set.fire.min(latest), ..set });
            self.timers.change(key, window, *domain, TimerChange { timer: timer.clone(), set });
        }
        if !has_state {
            self.timers.forget(key, window);
        }
        let fired = fired.into_iter().chain(self.fire(key, now)).collect();
        (seen, fired)
    }

    /// Does what is due for a key.
    fn fire(&mut self, key: &Bytes, now: Now) -> Vec<Due> {
        let mut fired = Vec::new();
        while let Some(due) = self.timers.due(key, now) {
            match &due {
                Due::Timer(timer) => drop(self.timers.take(key, timer.window, &timer.timer).unwrap()),
                Due::Expire(window) => {
                    self.states.remove(key, *window);
                    self.timers.expire(key, *window);
                }
            }
            fired.push(due);
        }
        fired
    }

    /// Does what is due for all keys, in their own order.
    fn advance(&mut self, now: Now, parks: &[Option<bool>]) -> Vec<(Bytes, Vec<Due>)> {
        let (mut done, mut parks) = (Vec::new(), parks.iter().copied());
        loop {
            let (keys, more) = self.due(now);
            for key in keys {
                if let Some(all) = parks.next().flatten() {
                    self.park(all);
                }
                self.bring(&key);
                let fired = self.fire(&key, now);
                assert!(!fired.is_empty());
                done.push((key, fired));
            }
            if !more {
                break;
            }
        }
        done.sort_by(|(a, _), (b, _)| a.cmp(b));
        done
    }
}

fn run(step: Step, side: &mut Side, now: &mut Now) -> Vec<(Bytes, Seen)> {
    match step {
        Step::Visit { key, window, changes, timers } => {
            let seen = side.visit(&key, window, &changes, &timers, *now);
            vec![(key, seen)]
        }
        Step::Advance { event, processing, parks } => {
            now.input_watermark = at(now.input_watermark.millis() + event);
            now.processing_time = at(now.processing_time.millis() + processing);
            side.advance(*now, &parks).into_iter().map(|(key, fired)| (key, (Vec::new(), fired))).collect()
        }
        Step::Park { all } => {
            side.park(all);
            Vec::new()
        }
    }
}

/// Nothing is due before it is known to be.
fn check_times(plain: &Side, spilling: &Side) -> Result<(), TestCaseError> {
    let parked = spilling.parked.as_ref().unwrap();
    let next = |side: &Side| {
        [
            (TimeDomain::EventTime, side.timers.next_event_time()),
            (TimeDomain::ProcessingTime, side.timers.next_processing_time()),
        ]
    };
    for ((domain, here), (_, plain)) in next(spilling).into_iter().zip(next(plain)) {
        let next = here.into_iter().chain(parked.next_time(domain)).min();
        prop_assert!(plain.is_none() || (next.is_some() && next <= plain), "{:?} {:?}", next, plain);
    }
    Ok(())
}

const START: Now = Now { input_watermark: at(0), processing_time: at(0), ..Now::START };

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_in_files_are_as_those_in_memory(steps in vec(step(), 0..80)) {
        let (mut plain, mut spilling) = (Side::default(), Side::default());
        spilling.parked = Some(Parked::new(&(Arc::new(InMemory) as Arc<dyn SpillSpace>), &mut spilling.states));
        let (mut now, mut same) = (START, START);
        for step in steps {
            let expected = run(step.clone(), &mut plain, &mut now);
            prop_assert_eq!(run(step, &mut spilling, &mut same), expected);
            prop_assert_eq!(spilling.timers.hold(), plain.timers.hold());
            check_times(&plain, &spilling)?;
        }
        // Windows wait for timers in processing time at the end of event time.
        now.input_watermark = Timestamp::MAX;
        for processing_time in [now.processing_time, at(10), Timestamp::MAX] {
            now.processing_time = now.processing_time.max(processing_time);
            spilling.park(processing_time != Timestamp::MAX);
            prop_assert_eq!(spilling.advance(now, &[Some(true); 9]), plain.advance(now, &[]));
            spilling.park(true);
            check_times(&plain, &spilling)?;
        }
        prop_assert!(plain.timers.is_empty() && spilling.timers.is_empty() && spilling.states.is_empty());
        prop_assert_eq!(spilling.states.memory_away(), 0, "no piece is known of a key that has gone");
        prop_assert!(spilling.timers.hold().is_none() && !spilling.parked.unwrap().is_due(now));
    }
}
