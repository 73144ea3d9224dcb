//! A grouping that keeps its whole history and looks through it whenever something is asked. Time moves by single
//! milliseconds, so that no timer need be set.

use super::history::{Step, finished, is_due, wants};
use super::stage::{Input, Pane};
use ferrobeam_core::Timestamp;
use ferrobeam_core::time::millis;
use ferrobeam_core::windowing::trigger::TriggerContext;
use ferrobeam_core::windowing::{
    AccumulationMode, ClosingBehavior, OnTimeBehavior, PaneInfo, TimestampCombiner, Timing, Window, WindowingStrategy,
};
use ferrobeam_runner_core::engine::{Dropped, Now};

/// A window of a key, with all that ever happened to it.
#[derive(Clone, Debug)]
struct Line {
    key: u32,
    window: Window,
    events: Vec<Event>,
    trigger: Vec<Step>,
    /// Whether its end had passed when it began, and whether that has been seen to by now.
    began_ended: bool,
    ended: bool,
    /// Panes that a window of the same name emitted before this one began.
    before: Vec<PaneInfo>,
}

#[derive(Clone, Debug)]
enum Event {
    Element(Input, Now),
    /// A pane, if it was emitted.
    Fired(Option<PaneInfo>),
    Merged(Vec<Line>),
}

pub(crate) struct Naive {
    strategy: WindowingStrategy,
    lines: Vec<Line>,
    pub(crate) now: Now,
    pub(crate) dropped: Dropped,
    out: Vec<Pane>,
}

impl Line {
    fn end(&self) -> Timestamp {
        self.window.max_timestamp()
    }

    /// All elements, and those since the last firing.
    fn elements(&self, pane: bool) -> Vec<(&Input, &Now)> {
        let since = self.events.iter().rposition(|event| pane && matches!(event, Event::Fired(_)));
        fn of(event: &Event, pane: bool) -> Vec<(&Input, &Now)> {
            match event {
                Event::Element(input, now) => vec![(input, now)],
                Event::Merged(lines) => lines.iter().flat_map(|line| line.elements(pane)).collect(),
                Event::Fired(_) => Vec::new(),
            }
        }
        self.events[since.map_or(0, |at| at + 1)..].iter().flat_map(|event| of(event, pane)).collect()
    }

    /// The window that an element was put into when it came, and whether the end of one of its windows was still ahead.
    fn when_it_came(&self, wanted: &Input) -> Option<(Window, bool)> {
        self.events.iter().find_map(|event| match event {
            Event::Element(input, now) => {
                std::ptr::eq(input, wanted).then_some((self.window, now.input_watermark <= self.end()))
            }
            Event::Merged(lines) => {
                let (window, timely) = lines.iter().find_map(|line| line.when_it_came(wanted))?;
                Some((window, timely || !self.began_ended))
            }
            Event::Fired(_) => None,
        })
    }

    fn emitted(&self) -> Vec<PaneInfo> {
        let of = |event: &Event| match event {
            Event::Fired(info) => *info,
            _ => None,
        };
        self.before.iter().copied().chain(self.events.iter().filter_map(of)).collect()
    }
}

impl Naive {
    pub(crate) fn new(strategy: WindowingStrategy) -> Self {
        Naive { strategy, lines: Vec::new(), now: Now::START, dropped: Dropped::default(), out: Vec::new() }
    }

    pub(crate) fn take(&mut self) -> Vec<Pane> {
        std::mem::take(&mut self.out)
    }

    pub(crate) fn input(&mut self, inputs: &[Input]) {
        for input in inputs {
            for window in input.windows.as_slice() {
                self.element(input, *window);
            }
        }
        self.move_output();
    }

    pub(crate) fn advance(&mut self, to: Now) {
        let tick = millis(1);
        let ticks = |from: Timestamp, to: Timestamp| (from.millis() + 1..=to.millis()).map(Timestamp::from_millis);
        for at in ticks(self.now.processing_time, to.processing_time) {
            self.now.processing_time = at;
            self.tick(false);
        }
        for at in ticks(self.now.synchronized_processing_time, to.synchronized_processing_time) {
            self.now.synchronized_processing_time = at;
            self.tick(true);
        }
        for at in ticks(self.now.input_watermark, to.input_watermark) {
            self.now.input_watermark = at;
            for i in 0..self.lines.len() {
                if !self.lines[i].ended && self.lines[i].end() + tick == at {
                    self.lines[i].ended = true;
                    self.ask(i, true);
                }
            }
            for i in (0..self.lines.len()).rev() {
                if self.strategy.garbage_collection_time(self.lines[i].window) + tick == at {
                    self.close(i);
                    self.lines.remove(i);
                }
            }
        }
        self.move_output();
    }

    pub(crate) fn hold(&self) -> Option<Timestamp> {
        let of = |line: &Line| {
            let (timestamp, behind, _) = self.contributions(line);
            let closes = self.strategy.garbage_collection_time(line.window);
            let behind = behind.then_some(if line.ended { closes } else { line.end() });
            timestamp.into_iter().chain(behind).min()
        };
        self.lines.iter().filter(|line| !self.is_finished(line)).filter_map(of).min()
    }

    fn move_output(&mut self) {
        let free = self.hold().unwrap_or(Timestamp::MAX).min(self.now.input_watermark);
        self.now.output_watermark = self.now.output_watermark.max(free);
    }

    /// What the elements of the pane come to that came before the output watermark; whether there are others; whether one of
    /// the former came before the end.
    fn contributions(&self, line: &Line) -> (Option<Timestamp>, bool, bool) {
        let combiner = self.strategy.timestamp_combiner;
        let (mut timestamps, mut behind, mut timely) = (Vec::new(), false, false);
        for (input, now) in line.elements(true) {
            let Some((window, in_time)) = line.when_it_came(input) else { panic!("{input:?} is not in {line:?}") };
            let at = |window: Window| match combiner {
                TimestampCombiner::EndOfWindow => window.max_timestamp(),
                _ => input.timestamp,
            };
            if at(window) < now.output_watermark {
                behind = true;
            } else {
                timestamps.push(at(line.window));
                timely |= in_time;
            }
        }
        let latest = combiner == TimestampCombiner::Latest;
        (if latest { timestamps.into_iter().max() } else { timestamps.into_iter().min() }, behind, timely)
    }

    fn context(&self, window: Window) -> TriggerContext {
        TriggerContext {
            max_timestamp: window.max_timestamp(),
            watermark: self.now.input_watermark,
            processing_time: self.now.processing_time,
            synchronized_processing_time: self.now.synchronized_processing_time,
        }
    }

    fn is_finished(&self, line: &Line) -> bool {
        finished(&self.strategy.trigger, &line.trigger)
    }

    fn element(&mut self, input: &Input, window: Window) {
        if self.strategy.garbage_collection_time(window) < self.now.input_watermark {
            self.dropped.late += 1;
            return;
        }
        let window = self.merge(input.key, window);
        let i = match self.find(input.key, window) {
            Some(i) if self.is_finished(&self.lines[i]) => {
                self.dropped.finished += 1;
                return;
            }
            Some(i) => i,
            None => {
                let ended = self.now.input_watermark > window.max_timestamp();
                let (events, trigger, before) = (Vec::new(), Vec::new(), Vec::new());
                self.lines.push(Line { key: input.key, window, events, trigger, began_ended: ended, ended, before });
                self.lines.len() - 1
            }
        };
        let context = self.context(window);
        self.lines[i].events.push(Event::Element(input.clone(), self.now));
        self.lines[i].trigger.push(Step::Element(context));
        self.ask(i, false);
    }

    fn find(&self, key: u32, window: Window) -> Option<usize> {
        self.lines.iter().position(|line| (line.key, line.window) == (key, window))
    }

    fn merge(&mut self, key: u32, window: Window) -> Window {
        let alive = |line: &&Line| line.key == key && !self.is_finished(line);
        let open: Vec<Window> = self.lines.iter().filter(alive).map(|line| line.window).collect();
        if !self.strategy.needs_merge() || open.contains(&window) {
            return window;
        }
        let mut target = window;
        for merge in self.strategy.windows.merge(open.into_iter().chain([window])).unwrap() {
            let is_source =
                |line: &Line| line.key == key && merge.sources.contains(&line.window) && !self.is_finished(line);
            let is_source: Vec<bool> = self.lines.iter().map(is_source).collect();
            let (sources, others): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.lines).into_iter().zip(is_source).partition(|(_, is_source)| *is_source);
            let mut sources: Vec<Line> = sources.into_iter().map(|(line, _)| line).collect();
            sources.sort_by_key(|line| line.window);
            self.lines = others.into_iter().map(|(line, _)| line).collect();
            if merge.sources.contains(&window) {
                target = merge.result;
            }
            match sources.as_slice() {
                [] => continue,
                [one] if one.window == merge.result => {
                    self.lines.extend(sources);
                    continue;
                }
                _ => {}
            }
            let same = sources.iter().find(|line| line.window == merge.result).map(Line::emitted);
            if let Some(tombstone) = self.find(key, merge.result) {
                self.lines.remove(tombstone);
            }
            let context = self.context(merge.result);
            let ended = self.now.input_watermark > merge.result.max_timestamp();
            let trigger = vec![Step::Merged(sources.iter().map(|line| line.trigger.clone()).collect(), context)];
            self.lines.push(Line {
                key,
                window: merge.result,
                began_ended: ended,
                ended,
                events: vec![Event::Merged(sources)],
                trigger,
                before: same.unwrap_or_default(),
            });
            if !merge.sources.contains(&window) {
                self.ask(self.lines.len() - 1, false);
            }
        }
        target
    }

    fn tick(&mut self, synchronized: bool) {
        for i in 0..self.lines.len() {
            let context = self.context(self.lines[i].window);
            if is_due(&self.strategy.trigger, &self.lines[i].trigger, &context, synchronized) {
                self.ask(i, false);
            }
        }
    }

    fn ask(&mut self, i: usize, at_end: bool) {
        let (line, trigger) = (&self.lines[i], &self.strategy.trigger);
        let context = self.context(line.window);
        if finished(trigger, &line.trigger) || !wants(trigger, &line.trigger, &context) {
            return;
        }
        self.lines[i].trigger.push(Step::Fired(true, context));
        let line = &self.lines[i];
        let last = self.is_finished(line) || self.strategy.garbage_collection_time(line.window) < context.watermark;
        let on_time = at_end && self.strategy.on_time_behavior == OnTimeBehavior::FireAlways;
        self.emit(i, last, on_time && self.strategy.trigger.has_on_time_pane(), at_end);
    }

    fn close(&mut self, i: usize) {
        let line = &self.lines[i];
        let was_last = line.emitted().last().is_some_and(|pane| pane.is_last);
        let fired_at_end = matches!(line.events.last(), Some(Event::Fired(_)))
            && matches!(line.trigger.last(), Some(Step::Fired(_, now)) if now.watermark == self.now.input_watermark);
        let closes_at_end = self.strategy.garbage_collection_time(line.window) == line.end();
        let closed_already = was_last || (fired_at_end && closes_at_end);
        if !closed_already && !self.is_finished(line) {
            self.emit(i, true, false, closes_at_end);
        }
    }

    fn emit(&mut self, i: usize, last: bool, empty: bool, at_end: bool) {
        let (line, mode) = (&self.lines[i], self.strategy.accumulation_mode);
        let (timestamp, _, timely) = self.contributions(line);
        let nothing = line.elements(true).is_empty();
        let always = last && self.strategy.closing_behavior == ClosingBehavior::EmitAlways;
        if nothing && !empty && !always {
            self.lines[i].events.push(Event::Fired(None));
            return;
        }
        let mut values: Vec<i64> = self.contents(line, mode);
        values.sort_unstable();
        let before = line.emitted();
        let nonspeculative = before.iter().filter(|pane| pane.timing != Timing::Early).count();
        let timing = match () {
            () if self.now.input_watermark <= line.end() => Timing::Early,
            () if nonspeculative == 0 && (at_end || timely) => Timing::OnTime,
            () => Timing::Late,
        };
        let info = PaneInfo {
            timing,
            index: before.len() as u64,
            nonspeculative_index: if timing == Timing::Early { -1 } else { nonspeculative as i64 },
            is_first: before.is_empty(),
            is_last: last,
        };
        let (key, window, timestamp) = (line.key, line.window, timestamp.unwrap_or(line.end()));
        self.out.push(Pane { key, window, values, timestamp, info });
        self.lines[i].events.push(Event::Fired(Some(info)));
    }

    fn contents(&self, line: &Line, mode: AccumulationMode) -> Vec<i64> {
        let pane = mode == AccumulationMode::Discarding;
        line.elements(pane).iter().map(|(input, _)| input.value).collect()
    }
}
