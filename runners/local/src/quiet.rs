//! When all workers rest: what happens next then, and whether that is the end.

use crate::layout::{Kind, Layout};
use crate::shared::{End, Shared};
use ferrobeam_core::Timestamp;
use ferrobeam_core::batch::{Batch, MetaBuilder, WindowSet};
use ferrobeam_core::dofn::erased::Parcel;
use ferrobeam_core::testing::TestStreamEvent;
use ferrobeam_core::windowing::PaneInfo;
use ferrobeam_runner_core::engine::NodeId;
use std::sync::Arc;
use std::time::Duration;

/// If time goes on so often and nothing comes, nothing ever will: sources are only asked again and again.
const LONG_IDLE: usize = 10_000;

/// So much later than its keeper the next worker looks after a part, and each further one later by as much: the keeper tells nobody
/// when he reads one that was idle, and it may keep him long this time.
const PATIENCE: Duration = Duration::from_millis(100);

/// Who rests, and what waits for that.
pub(crate) struct Quiet {
    resting: Vec<Option<Rest>>,
    /// Who of them wakes up for the parts of sources that wait, and when: not all of them do so for each.
    keeper: Option<(usize, Timestamp)>,
    scripts: Vec<Script>,
    /// Which script is next.
    turn: usize,
    /// Which worker gets the next elements of a script.
    worker: usize,
    /// How often time went on since something was sent, and how much had been sent then.
    idle: (usize, u64),
    nodes: usize,
}

/// A worker that has found nothing to do.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rest {
    /// How many things had happened when it began to look.
    pub(crate) events: u64,
    /// When processing time gives it something to do.
    pub(crate) next: Option<Timestamp>,
    /// When synchronized processing time is beyond this, it has something to do.
    pub(crate) synchronized: Option<Timestamp>,
}

struct Script {
    node: NodeId,
    events: Arc<[TestStreamEvent]>,
    next: usize,
}

/// What a worker that has found nothing to do does then.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Looks again.
    Look,
    /// Sleeps until somebody wakes it.
    Sleep,
    /// Sleeps no longer than until then.
    SleepUntil(Timestamp),
}

impl Quiet {
    pub(crate) fn new(layout: &Layout<'_>, workers: usize) -> Self {
        let script = |(node, of): (NodeId, &crate::layout::Node)| match &of.kind {
            Kind::Script { events, .. } => Some(Script { node, events: events.clone(), next: 0 }),
            _ => None,
        };
        let scripts = layout.nodes.iter().enumerate().filter_map(script).collect();
        Quiet {
            resting: vec![None; workers],
            keeper: None,
            scripts,
            turn: 0,
            worker: 0,
            idle: (0, 0),
            nodes: layout.nodes.len(),
        }
    }

    /// A worker works again.
    pub(crate) fn works(&mut self, worker: usize) {
        self.resting[worker] = None;
        self.keeper = self.keeper.filter(|(keeper, _)| *keeper != worker);
    }

    /// Wakes somebody if parts of sources wait and nobody wakes up for them in time.
    pub(crate) fn look_after(&mut self, shared: &Shared) {
        if let Some(worker) = self.resting.iter().position(Option::is_some)
            && let Some(at) = shared.next_part()
            && self.keeper.is_none_or(|(_, until)| until > at)
        {
            // Once is enough.
            self.keeper = Some((worker, Timestamp::MIN));
            shared.wake(worker);
        }
    }

    /// A worker has found nothing to do. If that is so for all, the next thing happens.
    pub(crate) fn rests(&mut self, shared: &Shared, worker: usize, rest: Rest) -> Next {
        if shared.events() != rest.events {
            return Next::Look;
        }
        self.resting[worker] = Some(rest);
        if self.resting.iter().all(Option::is_some) {
            let is_stale = |other: &Option<Rest>| other.is_some_and(|other| other.events != rest.events);
            let stale: Vec<usize> = (0..self.resting.len()).filter(|other| is_stale(&self.resting[*other])).collect();
            if stale.is_empty() && self.happens(shared) {
                self.resting[worker] = None;
                return Next::Look;
            }
            // They have rested since, but must look once more whether there is something.
            stale.into_iter().for_each(|other| shared.wake(other));
        }
        if !shared.clock.is_real() {
            return Next::Sleep;
        }
        let part = shared.next_part().map(|at| match self.keeper {
            Some((keeper, until)) if keeper != worker && until <= at => {
                let workers = self.resting.len();
                at.saturating_add(PATIENCE * ((worker + workers - keeper) % workers) as u32)
            }
            _ => {
                self.keeper = Some((worker, at));
                at
            }
        });
        rest.next.into_iter().chain(part).min().map_or(Next::Sleep, Next::SleepUntil)
    }

    /// Nothing is left to do: lets the next thing happen; whether there is one.
    fn happens(&mut self, shared: &Shared) -> bool {
        let clock = &shared.clock;
        let rests = || self.resting.iter().flatten();
        // All that could be done is done. What waited for that comes before anything new.
        let waits = rests().filter_map(|rest| rest.synchronized).min();
        let now = clock.now();
        if clock.synchronize(now) && (!clock.is_real() || waits.is_some_and(|at| at < now)) {
            shared.tell_all();
            return true;
        }
        if self.play(shared) {
            return true;
        }
        let synchronized = waits.map(|at| at + ferrobeam_core::time::millis(1));
        let next = self.resting.iter().flatten().filter_map(|rest| rest.next);
        let next = next.chain(synchronized).chain(shared.next_part()).min();
        match next {
            // Somebody wakes up by the clock.
            Some(_) if clock.is_real() && !shared.is_read() => false,
            Some(at) => {
                self.time_passes(shared, at);
                true
            }
            None => {
                let ended = (0..self.nodes).all(|node| shared.output(node) == Timestamp::MAX);
                shared.stop(if ended { End::Done } else { End::Stuck("nothing can run".to_owned()) });
                true
            }
        }
    }

    /// Lets time pass at once: it is not real, or nothing can come any more that would take time.
    fn time_passes(&mut self, shared: &Shared, at: Timestamp) {
        let (idle, sent) = self.idle;
        self.idle = if sent == shared.sent() { (idle + 1, sent) } else { (0, shared.sent()) };
        if self.idle.0 >= LONG_IDLE && !shared.is_read() {
            let now = shared.clock.now();
            let why = format!(
                "nothing comes any more: at {now} of processing time, sources and timers only wait for more time to pass"
            );
            return shared.stop(End::Stuck(why));
        }
        shared.clock.pass_to(at);
        shared.tell_all();
    }

    /// Skips what is left of all scripts.
    pub(crate) fn end_scripts(&mut self, shared: &Shared) {
        for script in &mut self.scripts {
            script.next = script.events.len() + 1;
            shared.set_hold(script.node, Timestamp::MAX);
        }
    }

    /// Lets one of the scripts do its next step; whether there is one.
    fn play(&mut self, shared: &Shared) -> bool {
        let count = self.scripts.len();
        let left = (0..count).map(|i| (self.turn + i) % count);
        let Some(at) = left.into_iter().find(|at| self.scripts[*at].next <= self.scripts[*at].events.len()) else {
            return false;
        };
        self.turn = (at + 1) % count;
        let script = &mut self.scripts[at];
        let event = script.events.get(script.next).cloned();
        script.next += 1;
        match event {
            // The end of the script is the end of the collection.
            None => shared.set_hold(script.node, Timestamp::MAX),
            Some(TestStreamEvent::Watermark(at)) => shared.set_hold(script.node, at),
            Some(TestStreamEvent::ProcessingTime(length)) => {
                shared.clock.pass_to(shared.clock.now() + length);
                shared.tell_all();
            }
            Some(TestStreamEvent::Elements(elements)) => {
                let (mut values, mut meta) = (Vec::new(), MetaBuilder::default());
                for (bytes, time) in elements {
                    meta.push(time, &WindowSet::GLOBAL, PaneInfo::NO_FIRING);
                    values.push(bytes);
                }
                self.worker = (self.worker + 1) % shared.workers();
                shared.deliver(self.worker, (script.node, Parcel::new(Batch { values, meta: meta.finish() })));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::fixture;
    use crate::pool::Open;

    #[test]
    fn one_of_those_who_rest_wakes_up_for_a_part_that_waits() {
        let graph = fixture::graph();
        let layout = Layout::new(&graph, 4).unwrap();
        let shared = Shared::new(&layout, 4, Clock::new(true), None, None);
        let pool = shared.pools.iter().flatten().next().unwrap();
        let mut quiet = Quiet::new(&layout, 4);
        let at = |hours| shared.clock.now() + ferrobeam_core::time::hours(hours);
        let (soon, own, later) = (at(1), at(2), at(3));
        let rest = || Rest { events: shared.events(), ..Rest::default() };
        assert_eq!(quiet.rests(&shared, 0, rest()), Next::Sleep, "nothing waits");
        pool.add(Open::new(fixture::part(later)));
        assert_eq!(quiet.rests(&shared, 1, rest()), Next::SleepUntil(later));
        assert_eq!(quiet.rests(&shared, 2, rest()), Next::SleepUntil(later + PATIENCE), "somebody else does it");
        assert_eq!(quiet.rests(&shared, 0, rest()), Next::SleepUntil(later + 3 * PATIENCE), "and not all at once");
        // Who has work of his own wakes up for that.
        let with_own = Rest { next: Some(own), ..rest() };
        assert_eq!(quiet.rests(&shared, 2, with_own), Next::SleepUntil(own));
        pool.add(Open::new(fixture::part(soon)));
        assert_eq!(quiet.rests(&shared, 2, with_own), Next::SleepUntil(soon), "nobody wakes up so early");
        // He has woken up: another one does it from now on.
        quiet.works(2);
        assert_eq!(quiet.rests(&shared, 1, rest()), Next::SleepUntil(soon));
        assert_eq!(quiet.rests(&shared, 2, rest()), Next::SleepUntil(soon + PATIENCE));
        // The keeper is busy, and has one of the others woken; until that one has looked it is he who looks after the parts.
        quiet.works(1);
        quiet.look_after(&shared);
        assert_eq!(quiet.keeper, Some((0, Timestamp::MIN)));
        quiet.works(0);
        assert_eq!(quiet.rests(&shared, 0, rest()), Next::SleepUntil(soon));
    }
}
