//! The graph cut into stages: steps that hand elements to each other inside one process, without coder or queue.
//!
//! Producer and consumer are fused, and consumers of the same collection with each other, until something stands
//! between them: a grouping, a reshuffle, a source, or a side input that must be whole before its reader starts while
//! it comes from that same stage.

use ferrobeam_core::graph::{Graph, LATE_OUTPUT, StepCode};
use ferrobeam_core::{Error, Result};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::transforms as urns;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// A collection of the graph, by its id there.
pub type Collection = String;

/// A stage has no more steps than this: each takes room on the stack while the next one runs.
const MOST_STEPS: usize = 128;

/// The stages of a graph and what stands between them.
#[derive(Debug, Default)]
pub struct Plan {
    /// Collections that begin with one empty element.
    pub impulses: Vec<Collection>,
    /// What runs inside a process.
    pub stages: Vec<Stage>,
    /// What groups.
    pub groupings: Vec<Junction>,
    /// What redistributes elements.
    pub reshuffles: Vec<Junction>,
    /// Flattens whose inputs come from different places; one entry per input.
    pub flattens: Vec<Junction>,
    /// What keeps the elements that groupings of the same collection drop.
    pub late_outputs: Vec<Junction>,
    /// What plays a script: the transform and the collection that it makes.
    pub scripts: Vec<(String, Collection)>,
}

/// Something between stages: it takes one collection and makes another.
#[derive(Debug)]
pub struct Junction {
    /// The transform.
    pub transform: String,
    /// What it takes.
    pub input: Collection,
    /// What it makes.
    pub output: Collection,
}

/// Steps that run together.
#[derive(Debug, Default)]
pub struct Stage {
    /// What comes in.
    pub input: Collection,
    /// The first step, if it works on elements whose work can be cut.
    pub splittable: Option<String>,
    /// The first step, if it keeps state by key.
    pub stateful: Option<String>,
    /// The steps, producers first.
    pub transforms: Vec<String>,
    /// The collections that leave the stage.
    pub outputs: BTreeSet<Collection>,
    /// The side inputs of its steps.
    pub sides: Vec<SideInput>,
}

impl Stage {
    /// Whether it begins with ordinary steps, so that others may join them.
    fn is_plain(&self) -> bool {
        self.splittable.is_none() && self.stateful.is_none()
    }
}

/// A side input of a step.
#[derive(Debug)]
pub struct SideInput {
    /// The step.
    pub transform: String,
    /// The local name of the input there.
    pub name: String,
    /// The collection.
    pub collection: Collection,
}

impl Plan {
    /// Lets collections leave the stages that make them, for somebody who looks at them.
    ///
    /// # Errors
    /// The plan is of another graph.
    pub fn let_leave(&mut self, graph: &Graph, collections: &BTreeSet<Collection>) -> Result<()> {
        for stage in &mut self.stages {
            for id in &stage.transforms {
                let made = graph.transform(id)?.outputs.values();
                stage.outputs.extend(made.filter(|collection| collections.contains(*collection)).cloned());
            }
        }
        Ok(())
    }
}

/// Cuts a graph into stages.
///
/// # Errors
/// The graph holds a transform that this version does not know.
pub fn fuse(graph: &Graph) -> Result<Plan> {
    fuse_but(graph, |_| false)
}

/// Cuts a graph into stages, and also before the transforms of which this says so: it is lawful anywhere.
///
/// # Errors
/// The graph holds a transform that this version does not know.
pub fn fuse_but(graph: &Graph, mut is_cut_off: impl FnMut(&str) -> bool) -> Result<Plan> {
    let mut fuser = Fuser::default();
    for id in nodes(graph)? {
        fuser.place(graph, id, &mut is_cut_off)?;
    }
    Ok(fuser.plan)
}

/// The transforms that a runner of ours executes as one: leaves, and composites that it knows as a whole.
fn nodes(graph: &Graph) -> Result<Vec<&str>> {
    let mut nodes = Vec::new();
    let mut todo: Vec<&str> = graph.proto().root_transform_ids.iter().rev().map(String::as_str).collect();
    while let Some(id) = todo.pop() {
        let transform = graph.transform(id)?;
        let whole = urn(transform) == urns::RESHUFFLE || matches!(graph.code(transform)?, Some(StepCode::Grouping(_)));
        if whole || transform.subtransforms.is_empty() {
            // A composite of nothing (a function that returned its input) is no step.
            if transform.spec.is_some() {
                nodes.push(id);
            }
        } else {
            todo.extend(transform.subtransforms.iter().rev().map(String::as_str));
        }
    }
    Ok(nodes)
}

/// The URN of a transform; empty for a composite without one.
pub fn urn(transform: &pb::PTransform) -> &str {
    transform.spec.as_ref().map_or("", |spec| &spec.urn)
}

/// Where a collection is made.
#[derive(Clone, Debug)]
enum Home {
    /// Inside a stage.
    Stage(usize),
    /// Between stages, out of these collections.
    Between(Vec<Collection>),
}

#[derive(Default)]
struct Fuser {
    plan: Plan,
    homes: BTreeMap<Collection, Home>,
    /// The stages with a step that assigns windows.
    assigns_windows: BTreeSet<usize>,
}

impl Fuser {
    fn place(&mut self, graph: &Graph, id: &str, is_cut_off: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let transform = graph.transform(id)?;
        let (sides, main) = inputs(id, transform);
        let output = || one(id, transform.outputs.values());
        match (urn(transform), graph.code(transform)?) {
            (urns::IMPULSE, _) => {
                self.homes.insert(output()?, Home::Between(Vec::new()));
                self.plan.impulses.push(output()?);
            }
            (urns::RESHUFFLE, _) => {
                let junction = self.between(id, one(id, main.iter())?, output()?);
                self.plan.reshuffles.push(junction);
            }
            (_, Some(StepCode::Grouping(_))) => {
                let junction = self.between(id, one(id, main.iter())?, output()?);
                self.plan.groupings.push(junction);
            }
            (_, Some(StepCode::Splittable(_))) => {
                let stage = self.new_stage(one(id, main.iter())?);
                self.plan.stages[stage].splittable = Some(id.to_owned());
                self.join(stage, id, transform, sides);
            }
            (_, Some(StepCode::Stateful(_))) => {
                let stage = self.new_stage(one(id, main.iter())?);
                self.plan.stages[stage].stateful = Some(id.to_owned());
                self.join(stage, id, transform, sides);
            }
            (urns::TEST_STREAM, _) => {
                self.homes.insert(output()?, Home::Between(Vec::new()));
                self.plan.scripts.push((id.to_owned(), output()?));
            }
            (LATE_OUTPUT, _) => {
                let junction = self.between(id, one(id, main.iter())?, output()?);
                self.plan.late_outputs.push(junction);
            }
            (urns::FLATTEN, _) => self.flatten(id, transform, &main, output()?),
            (urns::PAR_DO | urns::ASSIGN_WINDOWS, Some(StepCode::Step(_))) => {
                let input = one(id, main.iter())?;
                let stage = if is_cut_off(id) { self.new_stage(input) } else { self.stage_for(&input, &sides) };
                self.join(stage, id, transform, sides);
            }
            (urn, _) => {
                let name = &transform.unique_name;
                return Err(Error::Graph(vec![format!(
                    "`{name}` has the URN `{urn}`, which runners here do not know"
                )]));
            }
        }
        Ok(())
    }

    fn between(&mut self, id: &str, input: Collection, output: Collection) -> Junction {
        self.leaves_its_stage(&input);
        self.homes.insert(output.clone(), Home::Between(vec![input.clone()]));
        Junction { transform: id.to_owned(), input, output }
    }

    fn flatten(&mut self, id: &str, transform: &pb::PTransform, inputs: &[Collection], output: Collection) {
        let stages: Option<BTreeSet<usize>> = inputs.iter().map(|input| self.inside(input)).collect();
        if let Some(stages) = stages
            && let (Some(&stage), 1) = (stages.first(), stages.len())
            && self.plan.stages[stage].transforms.len() < MOST_STEPS
        {
            return self.join(stage, id, transform, Vec::new());
        }
        for input in inputs {
            self.leaves_its_stage(input);
            let junction = Junction { transform: id.to_owned(), input: input.clone(), output: output.clone() };
            self.plan.flattens.push(junction);
        }
        self.homes.insert(output, Home::Between(inputs.to_vec()));
    }

    /// The stage that makes a collection.
    fn inside(&self, collection: &str) -> Option<usize> {
        match self.homes.get(collection) {
            Some(Home::Stage(stage)) => Some(*stage),
            _ => None,
        }
    }

    /// The stage that a step with this input may join; a side input must not come out of the stage that reads it.
    fn stage_for(&mut self, input: &str, sides: &[SideInput]) -> usize {
        let before: BTreeSet<usize> = sides.iter().flat_map(|side| self.stages_before(&side.collection)).collect();
        let rooted = self.plan.stages.iter().enumerate().filter(|(_, s)| s.input == input && s.is_plain());
        let candidates = self.inside(input).into_iter().chain(rooted.map(|(stage, _)| stage));
        let fits = |stage: &usize| {
            let (id, stage) = (*stage, &self.plan.stages[*stage]);
            // Elements wait in front of the stage for side inputs of their windows: these must be the windows that the
            // step sees.
            let same_windows = sides.is_empty() || !self.assigns_windows.contains(&id);
            !before.contains(&id) && same_windows && stage.transforms.len() < MOST_STEPS
        };
        if let Some(stage) = candidates.into_iter().find(fits) {
            return stage;
        }
        self.new_stage(input.to_owned())
    }

    /// All stages whose work goes into a collection, also by way of side inputs.
    fn stages_before(&self, collection: &str) -> BTreeSet<usize> {
        let (mut found, mut seen, mut todo) = (BTreeSet::new(), BTreeSet::new(), vec![collection]);
        while let Some(collection) = todo.pop() {
            // There are exponentially many ways through a chain of diamonds.
            if !seen.insert(collection) {
                continue;
            }
            match self.homes.get(collection) {
                Some(Home::Stage(stage)) if found.insert(*stage) => {
                    let stage = &self.plan.stages[*stage];
                    todo.push(&stage.input);
                    todo.extend(stage.sides.iter().map(|side| side.collection.as_str()));
                }
                Some(Home::Between(inputs)) => todo.extend(inputs.iter().map(String::as_str)),
                _ => (),
            }
        }
        found
    }

    fn leaves_its_stage(&mut self, collection: &str) {
        if let Some(stage) = self.inside(collection) {
            self.plan.stages[stage].outputs.insert(collection.to_owned());
        }
    }

    fn new_stage(&mut self, input: Collection) -> usize {
        self.leaves_its_stage(&input);
        self.plan.stages.push(Stage { input, ..Stage::default() });
        self.plan.stages.len() - 1
    }

    fn join(&mut self, stage: usize, id: &str, transform: &pb::PTransform, sides: Vec<SideInput>) {
        sides.iter().for_each(|side| self.leaves_its_stage(&side.collection));
        for output in transform.outputs.values() {
            self.homes.insert(output.clone(), Home::Stage(stage));
        }
        if urn(transform) == urns::ASSIGN_WINDOWS {
            self.assigns_windows.insert(stage);
        }
        self.plan.stages[stage].transforms.push(id.to_owned());
        self.plan.stages[stage].sides.extend(sides);
    }
}

/// The side inputs and the other inputs of a transform.
pub fn inputs(id: &str, transform: &pb::PTransform) -> (Vec<SideInput>, Vec<Collection>) {
    let payload = transform.spec.as_ref().filter(|spec| spec.urn == urns::PAR_DO).map(|spec| &spec.payload[..]);
    let declared = payload.and_then(|bytes| pb::ParDoPayload::decode(bytes).ok()).unwrap_or_default().side_inputs;
    let (mut sides, mut main) = (Vec::new(), Vec::new());
    for (name, collection) in &transform.inputs {
        if declared.contains_key(name) {
            sides.push(SideInput { transform: id.to_owned(), name: name.clone(), collection: collection.clone() });
        } else {
            main.push(collection.clone());
        }
    }
    (sides, main)
}

fn one<'a>(id: &str, mut collections: impl Iterator<Item = &'a Collection>) -> Result<Collection> {
    match (collections.next(), collections.next()) {
        (Some(one), None) => Ok(one.clone()),
        _ => Err(Error::Graph(vec![format!("the transform `{id}` should have one input and one output")])),
    }
}
