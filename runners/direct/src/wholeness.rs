//! Which collections are whole: nothing can be added to them, their watermark is at infinity.

use ferrobeam_runner_core::fuse::Plan;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// What makes each collection, and which are known to be whole.
pub(crate) struct Wholeness {
    makers: HashMap<String, Maker>,
    /// What is whole stays whole, so it is found out once.
    whole: RefCell<HashSet<String>>,
}

#[derive(Default)]
struct Maker {
    stage: Option<usize>,
    grouping: Option<usize>,
    /// The collections that it is made of.
    inputs: Vec<String>,
}

impl Wholeness {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut makers: HashMap<String, Maker> = HashMap::new();
        for (id, stage) in plan.stages.iter().enumerate() {
            for output in &stage.outputs {
                let inputs = vec![stage.input.clone()];
                makers.insert(output.clone(), Maker { stage: Some(id), inputs, ..Maker::default() });
            }
        }
        for (id, junction) in plan.groupings.iter().enumerate() {
            makers.insert(junction.output.clone(), Maker { grouping: Some(id), ..Maker::default() });
        }
        for junction in plan.reshuffles.iter().chain(&plan.flattens) {
            makers.entry(junction.output.clone()).or_default().inputs.push(junction.input.clone());
        }
        Wholeness { makers, whole: RefCell::default() }
    }

    /// Whether a collection is whole, given which stages have nothing waiting and which groupings have fired.
    pub(crate) fn is_whole(
        &self,
        collection: &str,
        idle: impl Fn(usize) -> bool,
        fired: impl Fn(usize) -> bool,
    ) -> bool {
        let mut whole = self.whole.borrow_mut();
        // Everything before it is looked at once: there are exponentially many ways through a chain of diamonds.
        let (mut seen, mut before) = (HashSet::new(), vec![collection]);
        while let Some(collection) = before.pop() {
            if whole.contains(collection) || !seen.insert(collection) {
                continue;
            }
            // An impulse is there at once.
            let Some(maker) = self.makers.get(collection) else { continue };
            if maker.stage.is_some_and(|stage| !idle(stage)) || maker.grouping.is_some_and(|grouping| !fired(grouping))
            {
                return false;
            }
            before.extend(maker.inputs.iter().map(String::as_str));
        }
        whole.extend(seen.into_iter().map(str::to_owned));
        true
    }
}
