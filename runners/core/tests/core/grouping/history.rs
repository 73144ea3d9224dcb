//! Triggers by their history: nothing is remembered but what happened, and every question goes through all of it again.
//!
//! A node of a trigger has a history of its own, made from that of the node around it: the same elements, but a firing
//! counts for those parts only that took part, and a part that starts anew has a history that begins there.

use ferrobeam_core::windowing::Trigger;
use ferrobeam_core::windowing::trigger::TriggerContext;

/// What happened to a trigger.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// An element came.
    Element(TriggerContext),
    /// The pane fired; whether this trigger was a reason for it.
    Fired(bool, TriggerContext),
    /// It is the trigger of a window that several with these histories became. Always the first step.
    Merged(Vec<Vec<Step>>, TriggerContext),
}

use Step::*;

/// Whether the trigger wants to fire.
pub(crate) fn wants(trigger: &Trigger, history: &[Step], now: &TriggerContext) -> bool {
    let ended = now.watermark > now.max_timestamp;
    match trigger {
        Trigger::Always => true,
        Trigger::Never => false,
        Trigger::Default => ended,
        Trigger::AfterCount(n) => pane(history).len() >= *n as usize,
        Trigger::AfterProcessingTime(_) => target(trigger, history).is_some_and(|at| at <= now.processing_time),
        Trigger::AfterSynchronizedProcessingTime => {
            target(trigger, history).is_some_and(|at| at < now.synchronized_processing_time)
        }
        Trigger::AfterWatermark { .. } => {
            (!passed(history) && ended) || phase(trigger, history).is_some_and(|(part, h)| wants(&part, &h, now))
        }
        Trigger::AfterEach(_) => current(trigger, history).is_some_and(|(part, h)| wants(part, &h, now)),
        Trigger::AfterAll(_) => {
            parts(trigger, history).iter().all(|(part, h)| finished(part, h) || wants(part, h, now))
        }
        Trigger::AfterAny(_) | Trigger::OrFinally(..) => {
            parts(trigger, history).iter().any(|(part, h)| wants(part, h, now))
        }
        Trigger::Repeatedly(part) => wants(part, &repeated(part, history), now),
    }
}

/// Whether it will not fire again.
pub(crate) fn finished(trigger: &Trigger, history: &[Step]) -> bool {
    match trigger {
        Trigger::Always | Trigger::Never | Trigger::Default | Trigger::Repeatedly(_) => false,
        Trigger::AfterCount(_) | Trigger::AfterProcessingTime(_) | Trigger::AfterSynchronizedProcessingTime => {
            history.iter().any(|step| matches!(step, Fired(true, _)))
                || merged(history).is_some_and(|sources| sources.iter().all(|source| finished(trigger, source)))
        }
        Trigger::AfterWatermark { late, .. } => late.is_none() && passed(history),
        Trigger::AfterEach(_) | Trigger::AfterAll(_) | Trigger::AfterAny(_) | Trigger::OrFinally(..) => {
            let all = matches!(trigger, Trigger::AfterEach(_) | Trigger::AfterAll(_));
            // After the last firing that it had a part in, or after the merge.
            let upto = history.iter().rposition(|step| matches!(step, Fired(true, _)));
            let sources = merged(history).is_some_and(|sources| sources.iter().all(|s| finished(trigger, s)));
            if upto.is_none() && !sources {
                return false;
            }
            let parts = parts(trigger, &history[..=upto.unwrap_or(0)]);
            let mut done = parts.iter().map(|(part, h)| finished(part, h));
            if all { done.all(|done| done) } else { done.any(|done| done) }
        }
    }
}

/// Whether processing time has just made a difference: it is now what one of the active parts waits for.
pub(crate) fn is_due(trigger: &Trigger, history: &[Step], now: &TriggerContext, synchronized: bool) -> bool {
    let some = |parts: Vec<(&Trigger, Vec<Step>)>| parts.iter().any(|(part, h)| is_due(part, h, now, synchronized));
    match trigger {
        _ if finished(trigger, history) => false,
        Trigger::AfterProcessingTime(_) => !synchronized && target(trigger, history) == Some(now.processing_time),
        Trigger::AfterSynchronizedProcessingTime => {
            let before = now.synchronized_processing_time.millis() - 1;
            synchronized && target(trigger, history).is_some_and(|at| at.millis() == before)
        }
        Trigger::AfterWatermark { .. } => {
            phase(trigger, history).is_some_and(|(part, h)| is_due(&part, &h, now, synchronized))
        }
        Trigger::AfterEach(_) => current(trigger, history).is_some_and(|(part, h)| is_due(part, &h, now, synchronized)),
        Trigger::Repeatedly(part) => is_due(part, &repeated(part, history), now, synchronized),
        _ => some(parts(trigger, history)),
    }
}

fn merged(history: &[Step]) -> Option<&[Vec<Step>]> {
    match history.first() {
        Some(Merged(sources, _)) => Some(sources),
        _ => None,
    }
}

/// The elements since the last firing, those of merged windows included.
fn pane(history: &[Step]) -> Vec<TriggerContext> {
    let since = history.iter().rposition(|step| matches!(step, Fired(..))).map_or(0, |at| at + 1);
    let elements = history[since..].iter().flat_map(|step| match step {
        Element(at) => vec![*at],
        Merged(sources, _) => sources.iter().flat_map(|source| pane(source)).collect(),
        Fired(..) => Vec::new(),
    });
    elements.collect()
}

/// The processing time that the pane's first element sets.
fn target(trigger: &Trigger, history: &[Step]) -> Option<ferrobeam_core::Timestamp> {
    let from = |at: &TriggerContext| match trigger {
        Trigger::AfterProcessingTime(transforms) => transforms.iter().fold(at.processing_time, |at, t| t.apply(at)),
        _ => at.processing_time,
    };
    pane(history).iter().map(from).min()
}

/// Whether `AfterWatermark` has fired for the end of the window.
fn passed(history: &[Step]) -> bool {
    history.iter().fold(false, |passed, step| match step {
        Element(_) => passed,
        Fired(took_part, now) => passed || (*took_part && now.watermark > now.max_timestamp),
        Merged(sources, now) => now.watermark > now.max_timestamp && sources.iter().all(|source| self::passed(source)),
    })
}

/// The early or the late trigger of `AfterWatermark`, repeated, and its history.
fn phase(trigger: &Trigger, history: &[Step]) -> Option<(Trigger, Vec<Step>)> {
    let Trigger::AfterWatermark { early, late } = trigger else { return None };
    let late_phase = passed(history);
    let part = if late_phase { late } else { early }.clone()?;
    Some((Trigger::Repeatedly(part), of_phase(history, late_phase)))
}

fn of_phase(history: &[Step], late: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for (i, step) in history.iter().enumerate() {
        let (before, after) = (passed(&history[..i]), passed(&history[..=i]));
        match step {
            Element(at) => steps.push(Element(*at)),
            // The end of the window: both begin anew.
            Fired(true, _) if after && !before => steps.clear(),
            Fired(took_part, now) => steps.push(Fired(*took_part && before == late, *now)),
            Merged(sources, now) if after || !late => {
                steps.push(Merged(sources.iter().map(|source| of_phase(source, late)).collect(), *now));
            }
            Merged(..) => {}
        }
    }
    steps
}

/// The history of what is repeated: since it last started.
fn repeated(part: &Trigger, history: &[Step]) -> Vec<Step> {
    let mut steps = Vec::new();
    for step in history {
        steps.push(match step {
            Merged(sources, now) => Merged(sources.iter().map(|source| repeated(part, source)).collect(), *now),
            other => other.clone(),
        });
        if matches!(step, Fired(true, _)) && finished(part, &steps) {
            steps.clear();
        }
    }
    steps
}

/// The part of `AfterEach` whose turn it is.
fn current<'a>(trigger: &'a Trigger, history: &[Step]) -> Option<(&'a Trigger, Vec<Step>)> {
    parts(trigger, history).into_iter().find(|(part, h)| !finished(part, h))
}

/// The parts with their histories.
fn parts<'a>(trigger: &'a Trigger, history: &[Step]) -> Vec<(&'a Trigger, Vec<Step>)> {
    let mut all: Vec<(&Trigger, Vec<Step>)> = trigger.parts().map(|part| (part, Vec::new())).collect();
    for step in history {
        match step {
            Element(at) => all.iter_mut().for_each(|(_, h)| h.push(Element(*at))),
            Fired(false, now) => all.iter_mut().for_each(|(_, h)| h.push(Fired(false, *now))),
            Fired(true, now) => {
                let take_part = taking_part(trigger, &all, now);
                for ((_, h), takes_part) in all.iter_mut().zip(take_part) {
                    h.extend(takes_part.map(|takes_part| Fired(takes_part, *now)));
                }
            }
            Merged(sources, now) => {
                let sources: Vec<_> = sources.iter().map(|source| parts(trigger, source)).collect();
                for (i, (_, h)) in all.iter_mut().enumerate() {
                    h.push(Merged(sources.iter().map(|parts| parts[i].1.clone()).collect(), *now));
                }
                if let Trigger::AfterEach(_) = trigger {
                    // What comes behind a part that is active again has not begun.
                    let active = all.iter().position(|(part, h)| !finished(part, h));
                    all.iter_mut().skip(active.map_or(usize::MAX, |at| at + 1)).for_each(|(_, h)| h.clear());
                }
            }
        }
    }
    all
}

/// Which parts were a reason for a firing; none: it does not notice.
fn taking_part(trigger: &Trigger, all: &[(&Trigger, Vec<Step>)], now: &TriggerContext) -> Vec<Option<bool>> {
    let done: Vec<bool> = all.iter().map(|(part, h)| finished(part, h)).collect();
    let wanted: Vec<bool> = all.iter().map(|(part, h)| wants(part, h, now)).collect();
    match trigger {
        Trigger::AfterEach(_) => {
            let turn = done.iter().position(|done| !done);
            (0..all.len()).map(|i| Some(turn == Some(i))).collect()
        }
        Trigger::AfterAll(_) => done.iter().map(|done| Some(!done)).collect(),
        Trigger::OrFinally(..) if wanted[1] => vec![Some(false), Some(true)],
        Trigger::OrFinally(..) => vec![Some(true), None],
        _ => wanted.iter().map(|wanted| Some(*wanted)).collect(),
    }
}
