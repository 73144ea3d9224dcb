//! Timers against a list of all that is waited for, in the order in which it was set.

use bytes::Bytes;
use ferrobeam_core::Timestamp;
use ferrobeam_core::dofn::stateful::operator::{TimeDomain, TimerChange, TimerId, TimerSet};
use ferrobeam_core::windowing::Window;
use ferrobeam_runner_core::engine::{Due, Now, PendingTimer, Timers};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const KEYS: [Bytes; 3] = [Bytes::from_static(b""), Bytes::from_static(b"x"), Bytes::from_static(b"xy")];
const WINDOWS: [Window; 3] = [Window::Global, Window::interval(at(0), at(6)), Window::interval(at(3), at(6))];

const fn at(n: i64) -> Timestamp {
    Timestamp::from_millis(n)
}

/// When a window expires. Two of them do so together.
fn end(window: Window) -> Timestamp {
    window.max_timestamp().min(at(10)).max(at(7))
}

#[derive(Clone, Debug)]
enum Step {
    Change(Bytes, Window, TimeDomain, TimerChange),
    ExpireAt(Bytes, Window),
    Forget(Bytes, Window),
    /// Does the first thing that is due.
    Fire(Bytes),
    /// Takes out a timer that may not be due.
    Take(Bytes, Window, TimerId),
    Advance(i64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let (key, window) = (|| select(KEYS.to_vec()), || select(&WINDOWS));
    let timer =
        || (select(&["a", "b"]), select(&["", "tag"])).prop_map(|(name, tag)| TimerId { name, tag: tag.into() });
    let domain = select(&[TimeDomain::EventTime, TimeDomain::ProcessingTime]);
    let set = prop::option::weighted(0.8, (0..12_i64, 0..12_i64));
    let change = (key(), window(), domain, timer(), set).prop_map(|(key, window, domain, timer, set)| {
        let latest = if domain == TimeDomain::EventTime { end(window) } else { Timestamp::MAX };
        let set = set.map(|(fire, output)| TimerSet { fire: at(fire).min(latest), output: at(output) });
        Step::Change(key, window, domain, TimerChange { timer, set })
    });
    prop_oneof![
        6 => change,
        3 => (key(), window()).prop_map(|(key, window)| Step::ExpireAt(key, window)),
        2 => (key(), window()).prop_map(|(key, window)| Step::Forget(key, window)),
        4 => key().prop_map(Step::Fire),
        1 => (key(), window(), timer()).prop_map(|(key, window, timer)| Step::Take(key, window, timer)),
        2 => (0..4_i64, 0..4_i64).prop_map(|(event, processing)| Step::Advance(event, processing)),
    ]
}

/// What is waited for, in the order in which it was set.
#[derive(Clone, Debug, Default)]
struct Naive(Vec<(Bytes, Due)>);

fn window(due: &Due) -> Window {
    match due {
        Due::Timer(timer) => timer.window,
        Due::Expire(window) => *window,
    }
}

fn is_due(due: &Due, now: Now) -> bool {
    match due {
        Due::Timer(timer) if timer.domain == TimeDomain::ProcessingTime => timer.fire <= now.processing_time,
        Due::Timer(timer) => timer.fire < now.input_watermark,
        Due::Expire(window) => end(*window) < now.input_watermark,
    }
}

/// Processing time before event time, earlier before later, timers before ends.
fn rank(due: &Due) -> (bool, Timestamp, bool) {
    match due {
        Due::Timer(timer) => (timer.domain == TimeDomain::EventTime, timer.fire, false),
        Due::Expire(window) => (true, end(*window), true),
    }
}

impl Naive {
    fn of_key(&self, key: &Bytes) -> impl Iterator<Item = &Due> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, due)| due)
    }

    fn timers(&self) -> impl Iterator<Item = &PendingTimer> {
        self.0.iter().filter_map(|(_, due)| if let Due::Timer(timer) = due { Some(timer) } else { None })
    }

    fn due(&self, key: &Bytes, now: Now) -> Option<&Due> {
        // Of equal ones the first.
        self.of_key(key).filter(|due| is_due(due, now)).min_by_key(|due| rank(due))
    }

    fn take(&mut self, key: &Bytes, window: Window, timer: &TimerId) -> Option<PendingTimer> {
        let is = |due: &Due| matches!(due, Due::Timer(t) if (t.window, &t.timer) == (window, timer));
        let place = self.0.iter().position(|(k, due)| k == key && is(due))?;
        let Due::Timer(timer) = self.0.remove(place).1 else { return None };
        Some(timer)
    }
}

/// Does a step to both.
fn run(step: Step, timers: &mut Timers, naive: &mut Naive, now: &mut Now) -> Result<(), TestCaseError> {
    match step {
        Step::Change(key, window, domain, change) => {
            timers.change(&key, window, domain, change.clone());
            naive.take(&key, window, &change.timer);
            if let Some(TimerSet { fire, output }) = change.set {
                naive.0.push((key, Due::Timer(PendingTimer { window, timer: change.timer, domain, fire, output })));
            }
        }
        Step::ExpireAt(key, window) => {
            timers.expire_at(&key, window, end(window));
            if !naive.of_key(&key).any(|due| *due == Due::Expire(window)) {
                naive.0.push((key, Due::Expire(window)));
            }
        }
        Step::Forget(key, of) => {
            timers.forget(&key, of);
            if !naive.of_key(&key).any(|due| matches!(due, Due::Timer(timer) if timer.window == of)) {
                naive.0.retain(|(k, due)| (k, due) != (&key, &Due::Expire(of)));
            }
        }
        Step::Take(key, window, timer) => {
            prop_assert_eq!(timers.take(&key, window, &timer), naive.take(&key, window, &timer));
        }
        Step::Fire(key) => match timers.due(&key, *now) {
            Some(Due::Timer(due)) => {
                naive.take(&key, due.window, &due.timer);
                prop_assert_eq!(timers.take(&key, due.window, &due.timer), Some(due));
            }
            Some(Due::Expire(over)) => {
                let of_window = |(k, due): &(Bytes, Due)| *k == key && window(due) == over;
                let timers_due = |(_, due): &&(Bytes, Due)| matches!(due, Due::Timer(_)) && is_due(due, *now);
                prop_assert_eq!(naive.0.iter().filter(|due| of_window(due)).find(timers_due), None);
                let (gone, rest): (Vec<_>, Vec<_>) = naive.0.drain(..).partition(of_window);
                naive.0 = rest;
                let in_processing_time = |(_, due): &&(Bytes, Due)| !rank(due).0;
                prop_assert_eq!(timers.expire(&key, over), gone.iter().filter(in_processing_time).count());
            }
            None => {}
        },
        Step::Advance(event, processing) => {
            now.input_watermark = at(now.input_watermark.millis() + event);
            now.processing_time = at(now.processing_time.millis() + processing);
        }
    }
    Ok(())
}

fn check(timers: &Timers, naive: &Naive, now: Now) -> Result<(), TestCaseError> {
    for key in &KEYS {
        prop_assert_eq!(timers.due(key, now), naive.due(key, now).cloned());
        for of in WINDOWS {
            let mut waiting: Vec<_> = naive.of_key(key).filter(|due| window(due) == of && !rank(due).0).collect();
            waiting.sort_by_key(|due| rank(due));
            let found: Vec<_> = timers.processing_timers(key, of).cloned().map(Due::Timer).collect();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), waiting);
        }
    }
    let mut keys: Vec<_> = timers.due_keys(now).cloned().collect();
    let ranks: Vec<_> = keys.iter().map(|key| naive.due(key, now).map(rank)).collect();
    prop_assert!(ranks.is_sorted(), "{keys:?}");
    keys.sort();
    prop_assert_eq!(keys, KEYS.into_iter().filter(|key| naive.due(key, now).is_some()).collect::<Vec<_>>());
    let next =
        |event| naive.0.iter().map(|(_, due)| rank(due)).filter(|(e, ..)| *e == event).map(|(_, at, _)| at).min();
    prop_assert_eq!((timers.next_event_time(), timers.next_processing_time()), (next(true), next(false)));
    prop_assert_eq!(timers.hold(), naive.timers().map(|timer| timer.output).min());
    prop_assert_eq!((timers.len(), timers.is_empty()), (naive.0.len(), naive.0.is_empty()));
    Ok(())
}

const START: Now = Now { input_watermark: at(0), processing_time: at(0), ..Now::START };

proptest! {
    #[test]
    fn what_is_set_fires_in_order(steps in vec(step(), 0..60)) {
        let (mut timers, mut naive, mut now) = (Timers::default(), Naive::default(), START);
        for step in steps {
            run(step, &mut timers, &mut naive, &mut now)?;
            check(&timers, &naive, now)?;
        }
        // At the end of time nothing stays.
        now = Now { input_watermark: Timestamp::MAX, processing_time: Timestamp::MAX, ..now };
        loop {
            let key = timers.due_keys(now).next().cloned();
            let Some(key) = key else { break };
            run(Step::Fire(key), &mut timers, &mut naive, &mut now)?;
            check(&timers, &naive, now)?;
        }
        prop_assert!(timers.is_empty() && timers.hold().is_none());
    }
}

#[test]
fn the_watermark_must_pass_a_timer_and_processing_time_must_reach_it() {
    let fires = |domain, input_watermark, processing_time| {
        let (mut timers, timer) = (Timers::default(), TimerId { name: "a", tag: String::new() });
        let set = Some(TimerSet { fire: at(5), output: at(5) });
        timers.change(&KEYS[0], Window::Global, domain, TimerChange { timer, set });
        let now = Now { input_watermark: at(input_watermark), processing_time: at(processing_time), ..Now::START };
        timers.due(&KEYS[0], now).is_some()
    };
    assert!(!fires(TimeDomain::EventTime, 5, 9) && fires(TimeDomain::EventTime, 6, 0));
    assert!(!fires(TimeDomain::ProcessingTime, 9, 4) && fires(TimeDomain::ProcessingTime, 0, 5));
}
