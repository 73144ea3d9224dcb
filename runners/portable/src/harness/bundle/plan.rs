//! A bundle descriptor as operators: what each of an engine's steps is here.

use super::cells::{Of, Shelf};
use super::current::Current;
use super::desk::Desk;
use super::fetch::{self, Fetch};
use super::keyed::{Keyed, Visitor};
use super::merging::{Carry, Merging};
use super::output::{Output, OutputEnd};
use super::paired::{Paired, PairedCoder};
use super::questions::{Asked, QUESTIONS};
use super::rows::{RowCoder, RowReader, RowWriter};
use super::shape::{Carries, Shape};
use super::sides::{Pairs, Side, Sides};
use super::splittable::{Applications, Cut, Pair, Process};
use super::{Processor, Source};
use crate::failure;
use crate::harness::data::DataSender;
use crate::merging::MergingPart;
use bytes::Bytes;
use ferrobeam_core::Result;
use ferrobeam_core::coder::{Coder, CoderError, CoderSpec, DynCoder, StrategyWindowCoder, Value};
use ferrobeam_core::dofn::erased::{AnyReceiver, AnyStep, MAIN, Next, Outputs, Wiring, share};
use ferrobeam_core::dofn::side::{NoSides, SideReader};
use ferrobeam_core::dofn::splittable::operator::{AnySplittable, SplittableOperator};
use ferrobeam_core::dofn::stateful::operator::AnyStateful;
use ferrobeam_core::graph::{EdgeCoder, Graph, ReadPosition, StepCode, StepName, wire_before};
use ferrobeam_core::grouping::AnyGrouping;
use ferrobeam_core::metrics::Reported;
use ferrobeam_core::windowing::WindowingStrategy;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::transforms as urns;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// Into how many parts a source is cut: engines spread parts over workers whose number nobody tells.
const PARTS: usize = 16;

/// Opens the data stream to an address.
pub(crate) type Connect<'a> = &'a dyn Fn(&str) -> Result<DataSender>;

/// Wires the operators of a descriptor, consumers first.
pub(super) fn wire(shape: &Shape<'_>, current: Arc<Current>, connect: Connect<'_>) -> Result<Processor> {
    let desk = Arc::new(Desk::default());
    let mut wirer = Wirer {
        shape,
        current: current.clone(),
        connect,
        desk: desk.clone(),
        positions: BTreeMap::new(),
        outputs: Vec::new(),
        families: Vec::new(),
        keyed: BTreeMap::new(),
        sides: Vec::new(),
        counts: BTreeMap::new(),
        shared: BTreeMap::new(),
    };
    let mut sources = BTreeMap::new();
    for (id, transform) in shape.sources() {
        let source = wirer.source(transform)?;
        sources.insert(id.to_owned(), source);
    }
    let Wirer { outputs, families, keyed, sides, counts, .. } = wirer;
    let steps = Arc::new(shape.steps()?);
    let reported = Reported::default();
    Ok(Processor { sources, outputs, families, keyed, sides, counts, desk, current, steps, reported })
}

struct Wirer<'a> {
    shape: &'a Shape<'a>,
    current: Arc<Current>,
    connect: Connect<'a>,
    desk: Arc<Desk>,
    /// How far the source of a collection was read.
    positions: BTreeMap<String, Arc<ReadPosition>>,
    outputs: Vec<(String, Arc<Output>)>,
    families: Vec<(String, String, Arc<Output>)>,
    keyed: BTreeMap<String, Keyed>,
    sides: Vec<Arc<Sides>>,
    /// How many elements were made, by collection.
    counts: BTreeMap<String, Arc<AtomicU64>>,
    /// Ends of inputs with several producers that were made and are still to be taken.
    shared: BTreeMap<String, Vec<AnyReceiver>>,
}

impl Wirer<'_> {
    fn graph(&self) -> &Graph {
        self.shape.graph
    }

    fn source(&mut self, transform: &pb::PTransform) -> Result<Source> {
        let (collection, position) = (self.shape.one_output(transform)?, Arc::new(ReadPosition::default()));
        self.positions.insert(collection.to_owned(), position.clone());
        self.shape.check(collection)?;
        let (sent, windows) = self.shape.port(transform)?;
        let value = fetch::whole(&sent);
        // Nothing comes in on a stream that nobody opened, also where nothing goes out.
        (self.connect)(&self.shape.address(transform)?)?;
        let step = StepName::here(&transform.unique_name);
        let next = self.consumers(collection)?;
        let carries = self.shape.carries(collection)?;
        let is_splittable = matches!(carries, Carries::Paired(_));
        let receiver = match carries {
            Carries::Values(coder) => {
                let read = wire_coder(&*coder, &value, collection)?.read(windows, position.clone());
                wire_before(&*read, &step, next)?.typed::<Bytes>()?
            }
            Carries::Paired(code) => {
                let coder = self.paired(&value, &*code, collection)?;
                rows(coder, &step, windows, position.clone(), one(next)?)
            }
            Carries::Questions => {
                let coder = dynamic(&value, collection)?;
                rows(coder, &step, windows, position.clone(), one(next)?)
            }
        };
        let receiver = if sent == value {
            receiver
        } else {
            let fetch = Fetch::new(step, self.current.clone(), (&sent, windows), position.clone(), receiver);
            Box::new(fetch.map_err(|error| misfit(collection, &error))?)
        };
        Ok(Source { collection: collection.to_owned(), next: receiver, position, is_splittable })
    }

    fn paired(&self, value: &CoderSpec, code: &dyn AnySplittable, collection: &str) -> Result<PairedCoder> {
        let element = self.shape.element_of(collection)?;
        PairedCoder::new(value, &*element, &*code.coder()).map_err(|error| misfit(collection, &error))
    }

    /// The receivers of a collection.
    fn consumers(&mut self, collection: &str) -> Result<Vec<AnyReceiver>> {
        let consumers: Vec<String> = self.shape.consumers(collection);
        consumers.iter().map(|id| self.shared_input(id, collection)).collect()
    }

    /// One end of a consumer's input, of which there is one for each producer.
    fn shared_input(&mut self, id: &str, collection: &str) -> Result<AnyReceiver> {
        let transform = self.shape.transform(id)?;
        // An output's ends share their buffer.
        if self.shape.urn(transform) == urns::DATA_SINK {
            return self.sink(id, transform, collection);
        }
        if let Some(end) = self.shared.get_mut(id).and_then(Vec::pop) {
            return Ok(end);
        }
        let producers = self.shape.producers(id);
        let (input, code) = self.step(id, transform)?;
        if producers < 2 {
            return Ok(input);
        }
        let mut ends = match code {
            Some(code) => code.share(input, producers)?,
            None if QUESTIONS.contains(&self.shape.urn(transform)) => share::<Value>(input.typed()?, producers),
            None => share::<Paired>(input.typed()?, producers),
        };
        let first = ends.pop().ok_or_else(|| failure(format!("`{id}` has no input")))?;
        self.shared.insert(id.to_owned(), ends);
        Ok(first)
    }

    fn sink(&mut self, id: &str, transform: &pb::PTransform, collection: &str) -> Result<AnyReceiver> {
        let known = self.outputs.iter().find(|(sink, _)| sink == id).map(|(_, output)| output.clone());
        let output = match known {
            Some(output) => output,
            None => {
                let sender = (self.connect)(&self.shape.address(transform)?)?;
                let output = Output::new(id, None, sender, self.desk.bytes.clone(), self.current.waits.clone());
                self.outputs.push((id.to_owned(), output.clone()));
                output
            }
        };
        let (value, windows) = self.shape.port(transform)?;
        let (step, count) = (StepName::here(&transform.unique_name), output.count.clone());
        match self.shape.carries(collection)? {
            Carries::Values(coder) => {
                let write = wire_coder(&*coder, &value, collection)?.write(windows, count);
                wire_before(&*write, &step, vec![AnyReceiver::new(OutputEnd(output))])
            }
            Carries::Paired(code) => {
                let coder = Arc::new(self.paired(&value, &*code, collection)?);
                Ok(AnyReceiver::new(RowWriter { step, coder, windows, count, next: Box::new(OutputEnd(output)) }))
            }
            Carries::Questions => {
                let coder = Arc::new(dynamic(&value, collection)?);
                Ok(AnyReceiver::new(RowWriter { step, coder, windows, count, next: Box::new(OutputEnd(output)) }))
            }
        }
    }

    /// The operator of a transform, and its code where several producers may share it.
    fn step(&mut self, id: &str, transform: &pb::PTransform) -> Result<(AnyReceiver, Option<Arc<dyn AnyStep>>)> {
        let urn = self.shape.urn(transform);
        if QUESTIONS.contains(&urn) {
            let next = self.one_output(transform)?.take(MAIN)?;
            return Ok((AnyReceiver::new(Asked::new(self.shape, transform, next)?), None));
        }
        let step = self.shape.step_name(transform)?;
        if let Some(part) = self.shape.combine_part(transform)? {
            let mut outputs = self.one_output(transform)?;
            let wiring = Wiring { step: &step, outputs: &mut outputs, sides: Arc::new(NoSides), parts: PARTS };
            return Ok((part.code.wire(wiring)?, Some(part.code)));
        }
        if let Some((part, grouping)) = self.shape.merging_part(transform)? {
            return self.merging(id, transform, &step, part, grouping);
        }
        match (urn, self.graph().running_code(transform)?) {
            (urns::PAR_DO | urns::ASSIGN_WINDOWS, Some(StepCode::Step(code))) => {
                let mut outputs = self.outputs(transform)?;
                let sides = self.sides(id, transform, &step)?;
                let wiring = Wiring { step: &step, outputs: &mut outputs, sides, parts: PARTS };
                Ok((code.wire(wiring)?, Some(code)))
            }
            (urns::PAR_DO, Some(StepCode::Stateful(code))) => {
                let own_input = self.shape.own_input(transform)?;
                let (input, windowing) = (self.graph().coder(own_input)?, self.graph().windowing(own_input)?);
                self.stateful(
                    id,
                    transform,
                    &step,
                    Stateful { code, input: input.clone(), windowing: windowing.clone() },
                )
            }
            (urns::PAIR_WITH_RESTRICTION, Some(StepCode::Splittable(code))) => {
                let next = self.one_output(transform)?.take(MAIN)?;
                let pair = AnyReceiver::new(Pair { operator: bare(&*code, &step)?, next });
                let encode = self.shape.input_coder(transform)?.encode();
                Ok((wire_before(&*encode, &step, vec![pair])?, Some(encode)))
            }
            (
                urns::SPLIT_AND_SIZE_RESTRICTIONS | urns::TRUNCATE_SIZED_RESTRICTION,
                Some(StepCode::Splittable(code)),
            ) => {
                let next = self.one_output(transform)?.take(MAIN)?;
                let truncates = urn == urns::TRUNCATE_SIZED_RESTRICTION;
                Ok((AnyReceiver::new(Cut { operator: bare(&*code, &step)?, truncates, next }), None))
            }
            (urns::PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS, Some(StepCode::Splittable(code))) => {
                Ok((self.process(id, transform, &step, &*code)?, None))
            }
            _ => Err(failure(format!(
                "the engine asks for `{urn}` of the step `{}`, which this worker cannot do",
                step.name
            ))),
        }
    }

    fn process(
        &mut self,
        id: &str,
        transform: &pb::PTransform,
        step: &StepName,
        code: &dyn AnySplittable,
    ) -> Result<AnyReceiver> {
        let mut outputs = self.outputs(transform)?;
        let sides = self.sides(id, transform, step)?;
        let operator = code.wire(Wiring { step, outputs: &mut outputs, sides, parts: PARTS })?;
        let (input, collection) = self.shape.main_input(transform)?;
        let (value, windows) = self.shape.port_of(collection)?;
        let applications = Applications {
            step: step.clone(),
            transform: id.to_owned(),
            input: input.to_owned(),
            outputs: transform.outputs.keys().cloned().collect(),
            coder: Arc::new(self.paired(&value, code, collection)?),
            windows,
            position: self.positions.get(collection).cloned().unwrap_or_default(),
            is_bounded: self.graph().makes_bounded(self.shape.own(transform)?),
        };
        let (desk, current, applications) = (self.desk.clone(), self.current.clone(), Arc::new(applications));
        Ok(AnyReceiver::new(Process { operator, desk, current, applications }))
    }

    fn stateful(
        &mut self,
        id: &str,
        transform: &pb::PTransform,
        step: &StepName,
        of: Stateful,
    ) -> Result<(AnyReceiver, Option<Arc<dyn AnyStep>>)> {
        let Stateful { code, input, windowing } = of;
        let mut outputs = self.outputs(transform)?;
        let sides = self.sides(id, transform, step)?;
        let operator = code.wire(Wiring { step, outputs: &mut outputs, sides, parts: PARTS })?;
        let payload = self.shape.par_do(transform)?;
        let mut families = BTreeMap::new();
        if !payload.timer_family_specs.is_empty() {
            let sender = (self.connect)(&self.shape.timer_address(transform)?)?;
            for family in payload.timer_family_specs.keys() {
                let output = Output::new(
                    id,
                    Some(family.clone()),
                    sender.clone(),
                    self.desk.bytes.clone(),
                    self.current.waits.clone(),
                );
                self.families.push((id.to_owned(), family.clone(), output.clone()));
                families.insert(family.clone(), output);
            }
        }
        let (_, collection) = self.shape.main_input(transform)?;
        let (pair, window) = self.shape.specs_of(collection)?;
        let windows = StrategyWindowCoder::from_spec(&window).map_err(|error| misfit(collection, &error))?;
        let key = without_prefix(&pair).components.first().ok_or_else(|| failure(format!("`{id}` takes no pairs")))?;
        let shelf = Shelf::new(Of {
            step: step.clone(),
            current: self.current.clone(),
            transform: id.to_owned(),
            cells: code.facts().cells.clone(),
        });
        let visitor = Visitor {
            step: step.clone(),
            keys: wire_coder(&*code.key_coder(), key, collection)?,
            code,
            operator,
            windows,
            windowing,
            current: self.current.clone(),
            families,
            expiration: payload.on_window_expiration_timer_family_spec,
            at: None,
            shelf,
            rests: BTreeMap::new(),
            changes: Vec::new(),
        };
        let keyed = Keyed(Arc::new(Mutex::new(visitor)));
        self.keyed.insert(id.to_owned(), keyed.clone());
        let encode = input.encode();
        Ok((wire_before(&*encode, step, vec![AnyReceiver::new::<Bytes>(keyed)])?, Some(encode)))
    }

    /// One of the two steps that stand for a grouping.
    fn merging(
        &mut self,
        id: &str,
        transform: &pb::PTransform,
        step: &StepName,
        part: MergingPart,
        grouping: Arc<dyn AnyGrouping>,
    ) -> Result<(AnyReceiver, Option<Arc<dyn AnyStep>>)> {
        let own_input = self.shape.own_input(transform)?;
        let (pairs, carried) = (self.graph().coder(own_input)?.clone(), grouping.keyed_bytes_coder());
        let keys = grouping.key_coder();
        let keys = wire_coder(&*keys, &keys.spec(), own_input)?;
        match part {
            MergingPart::Carry => {
                let mut outputs = self.one_output(transform)?;
                let wiring = Wiring { step, outputs: &mut outputs, sides: Arc::new(NoSides), parts: PARTS };
                let next = carried.decode().wire(wiring)?.typed()?;
                let carry = AnyReceiver::new(Carry { step: step.clone(), keys, next });
                let encode = pairs.encode();
                Ok((wire_before(&*encode, step, vec![carry])?, Some(encode)))
            }
            MergingPart::Group => {
                let windowing = self.graph().windowing(own_input)?.clone();
                let code = Arc::new(Merging::new(grouping, pairs, keys, windowing));
                // The engine knows the global window only.
                self.stateful(id, transform, step, Stateful { code, input: carried, windowing: Arc::default() })
            }
        }
    }

    fn outputs(&mut self, transform: &pb::PTransform) -> Result<Outputs> {
        let mut outputs = Outputs::default();
        for (name, collection) in &transform.outputs {
            // Engines keep the names of outputs; where there is only one, they need not.
            let only = if transform.outputs.len() == 1 { self.shape.only_output(transform)? } else { None };
            let name = only.unwrap_or(name);
            outputs.insert(name, self.consumers(collection)?);
            outputs.count(name, self.counts.entry(collection.clone()).or_default().clone());
        }
        Ok(outputs)
    }

    fn one_output(&mut self, transform: &pb::PTransform) -> Result<Outputs> {
        let collection = self.shape.one_output(transform)?;
        let mut outputs = Outputs::main(self.consumers(collection)?);
        outputs.count(MAIN, self.counts.entry(collection.to_owned()).or_default().clone());
        Ok(outputs)
    }

    fn sides(&mut self, id: &str, transform: &pb::PTransform, step: &StepName) -> Result<Arc<dyn SideReader>> {
        let mut sides = BTreeMap::new();
        for name in self.shape.side_inputs(transform)? {
            let collection = transform.inputs.get(&name);
            let collection = collection.ok_or_else(|| failure(format!("`{id}` has no input `{name}`")))?;
            let (value, window) = self.shape.specs_of(collection)?;
            let own = self.shape.own(transform)?;
            let own_side = own.inputs.get(&name);
            let own_side = own_side.ok_or_else(|| failure(format!("{step} has no side input `{name}`")))?;
            let pairs = Pairs::of(&self.shape.par_do(transform)?, &name, &value);
            let side = Side {
                pairs: pairs.map_err(|error| misfit(collection, &error))?,
                rows: wire_coder(&**self.graph().coder(own_side)?, &value, collection)?,
                windows: StrategyWindowCoder::from_spec(&window).map_err(|error| misfit(collection, &error))?,
                of_main: self.shape.side_windows(transform, &name)?,
            };
            sides.insert(name, side);
        }
        if sides.is_empty() {
            return Ok(Arc::new(NoSides));
        }
        let (step, transform, current) = (step.clone(), id.to_owned(), self.current.clone());
        let sides = Arc::new(Sides { step, transform, current, sides, loaded: Mutex::default() });
        self.sides.push(sides.clone());
        Ok(sides)
    }
}

/// A stateful step, with the coder of what it takes and the windowing by which its state goes.
struct Stateful {
    code: Arc<dyn AnyStateful>,
    input: Arc<dyn EdgeCoder>,
    windowing: Arc<WindowingStrategy>,
}

/// An operator that only cuts work: it emits nothing.
fn bare(code: &dyn AnySplittable, step: &StepName) -> Result<Box<dyn SplittableOperator>> {
    code.wire(Wiring { step, outputs: &mut Outputs::default(), sides: Arc::new(NoSides), parts: PARTS })
}

fn one<R: Clone + Send + 'static>(receivers: Vec<AnyReceiver>) -> Result<Next<R>> {
    Outputs::main(receivers).take(MAIN)
}

/// Reads elements one at a time.
fn rows<C: RowCoder>(
    coder: C,
    step: &StepName,
    windows: StrategyWindowCoder,
    position: Arc<ReadPosition>,
    next: Next<C::Row>,
) -> Next<Bytes> {
    Box::new(RowReader { step: step.clone(), coder: Arc::new(coder), windows, position, rest: Vec::new(), next })
}

fn dynamic(spec: &CoderSpec, collection: &str) -> Result<DynCoder> {
    DynCoder::from_spec(spec).map_err(|error| misfit(collection, &error))
}

fn wire_coder(
    coder: &dyn EdgeCoder,
    spec: &CoderSpec,
    collection: &str,
) -> Result<Arc<dyn ferrobeam_core::graph::WireCoder>> {
    coder.on_wire(spec).map_err(|error| misfit(collection, &error))
}

pub(super) fn misfit(collection: &str, error: &CoderError) -> ferrobeam_core::Error {
    failure(format!("the engine's coder of `{collection}` is not one of its elements: {error}"))
}

pub(super) fn without_prefix(spec: &CoderSpec) -> &CoderSpec {
    match spec.components.as_slice() {
        [inner] if spec.urn == ferrobeam_model::urns::coders::LENGTH_PREFIX => inner,
        _ => spec,
    }
}

/// The parameters of a step that has them.
pub(super) fn par_do(transform: &pb::PTransform) -> Result<pb::ParDoPayload> {
    let payload = transform.spec.as_ref().map(|spec| spec.payload.clone()).unwrap_or_default();
    pb::ParDoPayload::decode(payload)
        .map_err(|error| failure(format!("the payload of `{}`: {error}", transform.unique_name)))
}
