//! The operator of a [`StatefulDoFn`].

use super::context::{Cause, Moment, StatefulContext};
use super::operator::*;
use super::visit::Visit;
use super::{State, StatefulDoFn, Timers, split, state};
use crate::Element;
use crate::coder::{self, Coder, CoderError, Decoded};
use crate::dofn::context::{BundleContext, Rows, Tagged};
use crate::dofn::dofn_step::{TagEnd, TagFactory};
use crate::dofn::erased::{AnyReceiver, MAIN, Next, Wiring};
use crate::dofn::finalize::guarded;
use crate::dofn::guard::guard;
use crate::dofn::side::SideCache;
use crate::error::{Error, Result};
use crate::graph::{CoderOf, EdgeCoder, StepName};
use crate::grouping::Exchange;
use crate::time::Timestamp;
use crate::windowing::PaneInfo;
use bytes::Bytes;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// A step made of a `StatefulDoFn`.
pub struct StatefulStep<D> {
    /// Behind a mutex only to spare users a `Sync` bound; it is locked once per wiring.
    prototype: Mutex<D>,
    tags: Vec<TagFactory>,
    facts: StatefulFacts,
}

impl<D: StatefulDoFn> StatefulStep<D> {
    /// Makes the step with its additional outputs.
    pub fn new(dofn: D, tags: Vec<TagFactory>) -> Self {
        let facts = StatefulFacts {
            cells: state::specs::<D::State>().iter().map(super::CellSpec::facts).collect(),
            timers: D::Timer::FACTS.to_vec(),
            time_sorted: D::TIME_SORTED,
            on_window_expiration: D::ON_WINDOW_EXPIRATION,
        };
        StatefulStep { prototype: Mutex::new(dofn), tags, facts }
    }
}

impl<D: StatefulDoFn> AnyStateful for StatefulStep<D> {
    fn wire(&self, wiring: Wiring<'_>) -> Result<Box<dyn StatefulOperator>> {
        let ends = self.tags.iter().map(|tag| tag.end(wiring.outputs)).collect::<Result<_>>()?;
        let dofn = guard(wiring.step, || Ok(self.prototype.lock().unwrap_or_else(PoisonError::into_inner).clone()))?;
        Ok(Box::new(Operator {
            step: wiring.step.clone(),
            dofn,
            ready: false,
            state: D::State::new(),
            here: None,
            main: Rows::default(),
            tagged: self.tags.iter().map(TagFactory::rows).collect(),
            ends,
            sides: SideCache::new(wiring.sides),
            next: wiring.outputs.take::<D::Out>(MAIN)?,
        }))
    }

    fn facts(&self) -> &StatefulFacts {
        &self.facts
    }

    fn key_length(&self, step: &StepName, pair: &[u8]) -> Result<usize> {
        let mut rest = pair;
        let key: D::Key = coder::take_as(&mut rest).map_err(|source| failed(step, source.at("key")))?;
        let length = pair.len() - rest.len();
        let mut again = Vec::with_capacity(length);
        coder::put(&key, &mut again).map_err(|source| failed(step, source.at("key")))?;
        if again == pair[..length] {
            return Ok(length);
        }
        let text = "the key's bytes are not those that it is encoded to again: a key has one encoding only";
        Err(failed(step, CoderError::refused(text)))
    }

    fn key_coder(&self) -> Arc<dyn EdgeCoder> {
        CoderOf::<D::Key>::shared()
    }

    fn splitter(&self, step: &StepName, to: Box<dyn Exchange>) -> Option<AnyReceiver> {
        Some(split::splitter::<D::Key, D::In>(step, to))
    }
}

/// The value of a pair of which so many bytes are the key.
fn element<V: Element>(pair: &[u8], key_length: usize) -> Decoded<V> {
    let mut value = pair.get(key_length..).unwrap_or_default();
    let element = coder::of::<V>().decode(&mut value)?;
    coder::wire::finish(element, value)
}

fn failed(step: &StepName, source: CoderError) -> Error {
    Error::Coder { step: step.clone(), element: None, source }
}

/// Where the operator is.
struct Here<K> {
    key: K,
    /// How many bytes of a pair are the key.
    key_length: usize,
    place: Place,
    visit: Arc<Visit>,
}

struct Operator<D: StatefulDoFn> {
    step: StepName,
    dofn: D,
    ready: bool,
    state: D::State,
    here: Option<Here<D::Key>>,
    main: Rows<D::Out>,
    tagged: Tagged,
    ends: Vec<Box<dyn TagEnd>>,
    sides: SideCache,
    next: Next<D::Out>,
}

/// What user code is called with.
enum Input<'a, M> {
    /// A pair, and how many bytes of it are the key.
    Element(&'a Bytes, usize),
    Timer(M),
    Expiration,
}

impl<D: StatefulDoFn> StatefulOperator for Operator<D> {
    fn start_bundle(&mut self) -> Result<()> {
        self.sides.start_bundle();
        self.next.start_bundle()?;
        self.ends.iter_mut().try_for_each(|end| end.start())?;
        if !self.ready {
            // Torn down also if `setup` fails half-way: it may have opened something.
            self.ready = true;
            guard(&self.step, || self.dofn.setup())?;
        }
        guarded(&self.step, D::FINALIZES, || self.dofn.start_bundle())
    }

    fn enter(&mut self, key: &Bytes, place: Place, reader: Arc<dyn StateReader>) -> Result<()> {
        let mut rest = &key[..];
        let decoded = coder::take_as(&mut rest).and_then(|key| coder::wire::finish(key, rest));
        let decoded = decoded.map_err(|source| failed(&self.step, source.at("key")))?;
        let visit = Visit::new(self.step.clone(), reader);
        state::enter(&mut self.state, &visit);
        self.here = Some(Here { key: decoded, key_length: key.len(), place, visit });
        Ok(())
    }

    fn call(&mut self, event: StatefulEvent<'_>, now: Timestamp, timers: &mut Vec<TimerChange>) -> Result<()> {
        let Some(Here { place, key_length, .. }) = self.here else { return Err(self.nowhere()) };
        let no_firing = PaneInfo::NO_FIRING;
        let (input, time, pane, cause) = match event {
            StatefulEvent::Element { pair, time, pane } => {
                (Input::Element(pair, key_length), time, pane, Cause::Element)
            }
            StatefulEvent::Timer { timer, fire, output } => {
                let known = D::Timer::FACTS.iter().find(|facts| facts.name == timer.name);
                let domain = known.map_or(TimeDomain::EventTime, |facts| facts.domain);
                // The tag is read by the field's own `FromStr`.
                let timer = guard(&self.step, || D::Timer::of(timer))?;
                (Input::Timer(timer), output, no_firing, Cause::Timer { domain, fire })
            }
            StatefulEvent::WindowExpired => {
                (Input::Expiration, place.window.max_timestamp(), no_firing, Cause::Expiration)
            }
        };
        let called = self.run(input, Moment { place, now, time, pane, cause }, timers);
        called.map_err(|error| match event {
            StatefulEvent::Element { .. } => error,
            StatefulEvent::Timer { timer, fire, .. } => {
                error.on_element(|| format!("the timer `{}` at {fire} {}", timer.name, self.whose()))
            }
            StatefulEvent::WindowExpired => error.on_element(|| format!("the expiration {}", self.whose())),
        })?;
        let mut tagged = self.ends.iter().zip(&mut self.tagged);
        if self.main.is_full() || tagged.any(|(end, (_, rows))| end.has_batch(rows)) { self.flush() } else { Ok(()) }
    }

    fn leave(&mut self) -> Result<Vec<StateChange>> {
        let Some(here) = self.here.take() else { return Err(self.nowhere()) };
        let changes = guard(&self.step, || Ok(state::leave(&mut self.state)));
        // That something could not be encoded is told here, not by what came of it.
        here.visit.failure().map_or(changes, Err)
    }

    fn finish_bundle(&mut self) -> Result<()> {
        self.flush()?;
        let mut rows = Rows::default();
        guarded(&self.step, D::FINALIZES, || {
            let mut ctx = BundleContext::new(&mut rows);
            self.dofn.finish_bundle(&mut ctx)?;
            ctx.end()
        })?;
        rows.take().try_for_each(|batch| self.next.receive(batch))?;
        self.ends.iter_mut().try_for_each(|end| end.finish())?;
        self.next.finish_bundle()
    }
}

impl<D: StatefulDoFn> Operator<D> {
    fn run(&mut self, input: Input<'_, D::Timer>, at: Moment, timers: &mut Vec<TimerChange>) -> Result<()> {
        let Some(Here { key, visit, .. }) = &self.here else { return Err(self.nowhere()) };
        visit.set_now(at.now);
        let Operator { step, dofn, state, main, tagged, sides, .. } = self;
        let called = guarded(step, D::FINALIZES, || {
            let mut mistake = None;
            let mistakes = &mut mistake;
            let mut ctx = StatefulContext { at, main, tagged, sides, timers, mistake: mistakes, of: PhantomData };
            match input {
                Input::Element(pair, key_length) => {
                    let element = element(pair, key_length).map_err(|source| failed(step, source.at("value")))?;
                    dofn.process(key, element, state, &mut ctx)
                }
                Input::Timer(timer) => dofn.on_timer(key, timer, state, &mut ctx),
                Input::Expiration => dofn.on_window_expiration(key, state, &mut ctx),
            }?;
            mistake.map_or(Ok(()), |mistake| Err(mistake.into()))
        });
        // State that could not be read seemed empty: what user code made of that is no news.
        visit.failure().map_or(called, Err)
    }

    /// For people: the key and the window that the operator is at.
    fn whose(&self) -> String {
        let Some(Here { key, place, .. }) = &self.here else { return String::new() };
        format!("of the key {} in {}", coder::shown(key), place.window)
    }

    /// Passes on what was emitted.
    fn flush(&mut self) -> Result<()> {
        for (end, (_, rows)) in self.ends.iter_mut().zip(&mut self.tagged) {
            end.pass(rows)?;
        }
        self.main.take().try_for_each(|batch| self.next.receive(batch))
    }

    #[cold]
    fn nowhere(&self) -> Error {
        let message = format!("{} is called before it has entered a key and window", self.step);
        Error::Runner { runner: "stateful operator", message }
    }
}

impl<D: StatefulDoFn> Drop for Operator<D> {
    fn drop(&mut self) {
        if self.ready {
            // Nobody can take an error here, and a panic in user code must not become one in the runner.
            let _ = guard(&self.step, || {
                self.dofn.teardown();
                Ok(())
            });
        }
    }
}
