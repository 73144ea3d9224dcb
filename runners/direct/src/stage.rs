//! A stage: what waits for it, and one bundle of it.

use crate::bundle::{Input, Outcome, Processor, elements};
use crate::keyed::Keyed;
use crate::parts::{Parts, encoded};
use crate::rows::Row;
use crate::schedule::{self, Fate, Schedule};
use ferrobeam_core::batch::WindowSet;
use ferrobeam_core::dofn::splittable::operator::Order;
use ferrobeam_core::windowing::Window;
use ferrobeam_core::{Error, Result, Timestamp};
use ferrobeam_runner_core::bundle::splits::{OpenPart, cut, process, truncate};
use ferrobeam_runner_core::engine::{NodeId, Now, Side, Watermarks};

/// A stage while it runs.
pub(crate) struct StageNode {
    /// Its number in the plan.
    pub(crate) stage: usize,
    /// Operators that may be used again.
    pub(crate) processor: Option<Processor>,
    sides: Vec<Side>,
    /// Elements that wait for side inputs, or may.
    waiting: Vec<Row>,
    /// Whether it is worth to look at those again.
    look_again: bool,
    /// Whether new work is cut to what is finished when the pipeline drains.
    is_draining: bool,
    work: Work,
}

/// What can be processed.
pub(crate) enum Work {
    Rows(Vec<Row>),
    Parts(Parts),
    Keyed(Box<Keyed>),
}

/// What a bundle did besides its output: for the watermarks.
#[derive(Default)]
pub(crate) struct Effects {
    /// Timestamps of elements that do not wait any more.
    consumed: Vec<Timestamp>,
    /// Watermarks of parts that are gone, and that have come.
    closed: Vec<Timestamp>,
    opened: Vec<Timestamp>,
}

impl Effects {
    /// The earliest of the elements that the bundle took.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.consumed.iter().min().copied()
    }

    /// Tells the watermarks.
    pub(crate) fn commit(self, node: NodeId, watermarks: &mut Watermarks) {
        self.consumed.into_iter().for_each(|at| watermarks.pending(node, Some(at), None));
        self.opened.into_iter().for_each(|at| watermarks.hold(node, None, Some(at)));
        self.closed.into_iter().for_each(|at| watermarks.hold(node, Some(at), None));
    }
}

/// What a bundle is made of, to run it once more.
#[derive(Clone)]
pub(crate) enum Again {
    Rows(Vec<Row>),
    Part(OpenPart, Order),
    /// Its operators handle one element at a time anyway.
    No,
}

/// A bundle that ran and is to be committed.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) effects: Effects,
    pub(crate) again: Again,
}

/// Why a bundle failed, and how to run it once more.
type Failed = Box<(Error, Again)>;

impl StageNode {
    pub(crate) fn new(stage: usize, sides: Vec<Side>, work: Work) -> Self {
        StageNode { stage, processor: None, sides, waiting: Vec::new(), look_again: false, is_draining: false, work }
    }

    /// Takes elements.
    pub(crate) fn accept(&mut self, node: NodeId, rows: Vec<Row>, watermarks: &mut Watermarks) -> Result<()> {
        let rows: Vec<Row> = match &self.work {
            Work::Rows(_) => rows,
            _ => rows.into_iter().flat_map(Row::explode).collect(),
        };
        let rows = self.in_time(rows, watermarks.upstream(node))?;
        rows.iter().for_each(|row| watermarks.pending(node, None, Some(row.time)));
        if self.sides.is_empty() {
            return rows.into_iter().try_for_each(|row| self.put(node, row, watermarks));
        }
        self.waiting.extend(rows);
        self.look_again = true;
        Ok(())
    }

    fn in_time(&self, rows: Vec<Row>, upstream: Timestamp) -> Result<Vec<Row>> {
        let Work::Keyed(keyed) = &self.work else { return Ok(rows) };
        let mut in_time = Vec::with_capacity(rows.len());
        for row in rows {
            if !keyed.drops_on_arrival(&row, upstream)? {
                in_time.push(row);
            }
        }
        Ok(in_time)
    }

    fn put(&mut self, node: NodeId, row: Row, watermarks: &mut Watermarks) -> Result<()> {
        match &mut self.work {
            Work::Rows(rows) => rows.push(row),
            Work::Parts(parts) => parts.fresh.push(row),
            Work::Keyed(keyed) => {
                let time = row.time;
                if !keyed.accept(row, watermarks.input(node))? {
                    watermarks.pending(node, Some(time), None);
                }
            }
        }
        Ok(())
    }

    /// Says that a side input has changed.
    pub(crate) fn sides_changed(&mut self) {
        self.look_again = !self.waiting.is_empty();
    }

    /// Lets the elements go on whose side inputs are ready.
    pub(crate) fn admit(&mut self, node: NodeId, watermarks: &mut Watermarks) -> Result<()> {
        if !std::mem::take(&mut self.look_again) {
            return Ok(());
        }
        for row in std::mem::take(&mut self.waiting) {
            let (mut ready, mut not) = (Vec::new(), Vec::new());
            for &window in row.windows.as_slice() {
                if self.is_ready(window)? { ready.push(window) } else { not.push(window) }
            }
            if not.is_empty() {
                self.put(node, row, watermarks)?;
                continue;
            }
            if !ready.is_empty() {
                watermarks.pending(node, None, Some(row.time));
                self.put(node, Row { windows: WindowSet::from(ready), ..row.clone() }, watermarks)?;
            }
            self.waiting.push(Row { windows: WindowSet::from(not), ..row });
        }
        Ok(())
    }

    fn is_ready(&self, window: Window) -> Result<bool> {
        for side in &self.sides {
            if !side.is_ready(window)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn has_work(&self, now: Now, upstream: Timestamp) -> bool {
        match &self.work {
            Work::Rows(rows) => !rows.is_empty(),
            Work::Parts(parts) => parts.has_work(now.processing_time),
            Work::Keyed(keyed) => keyed.has_work(now, upstream),
        }
    }

    /// When the first window expires in which there is work that does not hold the input watermark: parts of the work on
    /// an element, timers and state.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        match &self.work {
            Work::Rows(_) => None,
            Work::Parts(parts) => parts.first_window().map(|window| window.max_timestamp()),
            Work::Keyed(keyed) => keyed.expires(),
        }
    }

    /// Whether an input watermark makes something due.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        matches!(&self.work, Work::Keyed(keyed) if keyed.is_due(now))
    }

    /// How many elements can be processed, and how many wait for side inputs.
    pub(crate) fn waits(&self) -> (usize, usize) {
        let ready = match &self.work {
            Work::Rows(rows) => rows.len(),
            Work::Parts(parts) => parts.len(),
            Work::Keyed(keyed) => keyed.len(),
        };
        (ready, self.waiting.len())
    }

    /// A hold that is one value, and not one for each part.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        if let Work::Keyed(keyed) = &self.work { keyed.hold() } else { None }
    }

    pub(crate) fn next_processing_time(&self) -> Option<Timestamp> {
        match &self.work {
            Work::Rows(_) => None,
            Work::Parts(parts) => parts.next_processing_time(),
            Work::Keyed(keyed) => keyed.next_processing_time(),
        }
    }

    /// Leaves of the work on each element only what is to be finished when the pipeline drains.
    pub(crate) fn truncate(&mut self, mut processor: Processor) -> Result<Effects> {
        let mut effects = Effects::default();
        self.is_draining = true;
        let Work::Parts(parts) = &mut self.work else { return Ok(effects) };
        let open = parts.take_all();
        let run = processor.run(|input| match input {
            Input::Splittable(operator) => truncate(&mut **operator, &open),
            _ => Err(misfit()),
        });
        effects.closed = open.iter().map(|open| open.part.watermark).collect();
        for open in run?.0 {
            effects.opened.push(open.part.watermark);
            parts.put(open);
        }
        Ok(effects)
    }

    /// Runs a bundle. If it is to be committed, what it did.
    pub(crate) fn bundle(
        &mut self,
        mut processor: Processor,
        schedule: &mut Schedule,
        now: Now,
        upstream: Timestamp,
    ) -> Result<Option<Done>, Failed> {
        let fate = schedule.fate();
        let (commits, is_cut_off) = (fate == Fate::Commits, fate == Fate::FailsHalfWay);
        let mut effects = Effects::default();
        let (outcome, again) = match &mut self.work {
            Work::Rows(pending) => {
                let rows = schedule.bundle(pending, "elements");
                let run = processor.run(|input| match input {
                    Input::Rows(next) => elements(next, &rows, is_cut_off),
                    _ => Err(misfit()),
                });
                let ((), outcome) = run.map_err(|error| Box::new((error, Again::Rows(rows.clone()))))?;
                if commits {
                    effects.consumed = rows.iter().map(|row| row.time).collect();
                } else {
                    pending.extend(rows.iter().cloned());
                }
                (outcome, Again::Rows(rows))
            }
            Work::Parts(parts) => {
                let open = if parts.fresh.is_empty() || schedule.coin("an earlier element's part first") {
                    parts.take(schedule, now.processing_time)
                } else {
                    None
                };
                match open {
                    Some(open) => {
                        let (claims, keep) = schedule.split();
                        let (further, now) = (schedule::MOST, now.processing_time);
                        let order = Order { claims, keep, further, now, one_by_one: false, pace: None };
                        let again = Again::Part(open.clone(), order.clone());
                        let run = processor.run(|input| match input {
                            Input::Splittable(operator) => process(&mut **operator, &open, &order, is_cut_off),
                            _ => Err(misfit()),
                        });
                        let (residuals, outcome) = run.map_err(|error| Box::new((error, again.clone())))?;
                        if commits {
                            effects.closed.push(open.part.watermark);
                            effects.opened.extend(residuals.iter().map(|open| open.part.watermark));
                            residuals.into_iter().for_each(|open| parts.put(open));
                        } else {
                            parts.put(open);
                        }
                        (outcome, again)
                    }
                    None => {
                        let rows = schedule.bundle(&mut parts.fresh, "elements");
                        let run = processor.run(|input| match input {
                            Input::Splittable(operator) => {
                                let cut = cut(&mut **operator, rows.iter().map(encoded), now.processing_time)?;
                                if self.is_draining { truncate(&mut **operator, &cut) } else { Ok(cut) }
                            }
                            _ => Err(misfit()),
                        });
                        let (cut, outcome) = run.map_err(|error| Box::new((error, Again::No)))?;
                        if commits {
                            effects.consumed = rows.iter().map(|row| row.time).collect();
                            effects.opened = cut.iter().map(|open| open.part.watermark).collect();
                            cut.into_iter().for_each(|open| parts.put(open));
                        } else {
                            parts.fresh.extend(rows);
                        }
                        (outcome, Again::No)
                    }
                }
            }
            Work::Keyed(keyed) => {
                let bundle = keyed.take(schedule, now, upstream);
                let run = processor.run(|input| match input {
                    Input::Stateful(operator) => keyed.run(&mut **operator, &bundle, now, fate),
                    _ => Err(misfit()),
                });
                let ((), outcome) = run.map_err(|error| Box::new((error, Again::No)))?;
                if commits {
                    effects.consumed = bundle.rows().map(|row| row.time).collect();
                } else {
                    keyed.put_back(bundle);
                }
                (outcome, Again::No)
            }
        };
        if !commits {
            // The operators go with the bundle: they may remember what must not have happened.
            return Ok(None);
        }
        self.processor = Some(processor);
        Ok(Some(Done { outcome, effects, again }))
    }
}

/// Runs a bundle once more, one element at a time, to see on which it fails.
pub(crate) fn run_again(mut processor: Processor, again: &Again) -> Result<()> {
    let run = processor.run(|input| match (input, again) {
        (Input::Rows(next), Again::Rows(rows)) => elements(next, rows, false),
        (Input::Splittable(operator), Again::Part(open, order)) => {
            process(&mut **operator, open, &Order { one_by_one: true, ..order.clone() }, false).map(drop)
        }
        _ => Ok(()),
    });
    run.map(drop)
}

/// A plan and its operators that do not fit are a defect of this runner.
fn misfit() -> Error {
    Error::Runner { runner: "direct", message: "a stage is wired with the operators of another".to_owned() }
}
