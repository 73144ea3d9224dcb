//! What a step has besides its function: windowing, state, timers, and where it can hold the watermark.

use crate::fuse::{inputs, urn};
use ferrobeam_core::graph::{Graph, StepCode};
use ferrobeam_core::windowing::{
    AccumulationMode, ClosingBehavior, OnTimeBehavior, TimestampCombiner, Trigger, WindowingStrategy,
};
use ferrobeam_core::{Error, Result};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::transforms as urns;
use pb::state_spec::Spec;
use prost::Message;

/// What is said of one step; all of it is read from the graph.
#[derive(Default)]
pub(super) struct Facts<'a> {
    /// The collection whose windowing the step groups by or makes, and that windowing.
    pub(super) windowing: Option<(&'a str, &'a WindowingStrategy)>,
    /// Cells by name, with their kinds.
    pub(super) state: Vec<(String, String)>,
    /// Timers and families of timers by name, with their clocks.
    pub(super) timers: Vec<(String, String)>,
    /// What it asks of a runner besides.
    pub(super) needs: Vec<&'static str>,
    /// Where the watermark behind the step may be held, and until when.
    pub(super) holds: Vec<&'static str>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(graph: &'a Graph, id: &str) -> Result<Self> {
        let transform = graph.transform(id)?;
        let mut facts = Facts::default();
        if urn(transform) == urns::PAR_DO {
            let payload = transform.spec.as_ref().map_or(&[][..], |spec| &spec.payload);
            let broken = |e| Error::Graph(vec![format!("the payload of `{}`: {e}", transform.unique_name)]);
            facts = Facts::of_par_do(&pb::ParDoPayload::decode(payload).map_err(broken)?);
        }
        let code = graph.code(transform)?;
        match code {
            Some(StepCode::Splittable(_)) if reads_a_source(graph, id)? => {
                facts.holds = vec![source_hold(graph.makes_bounded(transform))];
            }
            Some(StepCode::Stateful(code)) => {
                let families: Vec<_> = code.facts().timers.iter().filter(|timer| timer.is_family).collect();
                let is_family = |name: &str| families.iter().any(|family| family.name == name);
                let timers = facts.timers.iter_mut().filter(|(name, _)| is_family(name));
                timers.for_each(|(_, clock)| clock.push_str(", one for each tag"));
                for (name, kind) in &mut facts.state {
                    if let Some(cell) = code.facts().cells.iter().find(|cell| cell.name == name) {
                        let ttl = cell.ttl.map(|ttl| format!(", for {ttl:?}")).unwrap_or_default();
                        *kind = format!("{}{ttl}", cell.form);
                    }
                }
            }
            _ => {}
        }
        let groups = matches!(code, Some(StepCode::Grouping(_))) || urn(transform) == urns::GROUP_BY_KEY;
        let shown = match urn(transform) {
            urns::ASSIGN_WINDOWS => transform.outputs.values().next(),
            _ if groups => transform.inputs.values().next(),
            _ => None,
        };
        if let Some(collection) = shown {
            let strategy = graph.windowing(collection)?;
            facts.windowing = Some((collection, strategy));
            facts.holds.extend(groups.then(|| pane_hold(strategy.timestamp_combiner)));
        }
        if !inputs(id, transform).0.is_empty() {
            facts.holds.push("elements that wait for a side input hold the watermark");
        }
        Ok(facts)
    }

    fn of_par_do(payload: &pb::ParDoPayload) -> Self {
        let expiration = &payload.on_window_expiration_timer_family_spec;
        let state = payload.state_specs.iter().map(|(name, spec)| (name.clone(), kind(spec.spec.as_ref()).to_owned()));
        let timers = payload.timer_family_specs.iter().map(|(name, spec)| {
            let clock = match spec.time_domain() {
                _ if name == expiration => "when its window expires",
                pb::time_domain::Enum::EventTime => "event time",
                pb::time_domain::Enum::ProcessingTime => "processing time",
                pb::time_domain::Enum::Unspecified => "of no clock that is known",
            };
            (name.clone(), clock.to_owned())
        });
        let mut facts = Facts { state: state.collect(), timers: timers.collect(), ..Facts::default() };
        if payload.requires_time_sorted_input {
            facts.needs.push("takes the elements of a key in the order of their timestamps");
        }
        if payload.requests_finalization {
            facts.needs.push("is called back when a bundle is committed");
        }
        if !facts.timers.is_empty() {
            facts.holds.push("holds the watermark at the output timestamps of its timers until they have fired");
        }
        if !payload.restriction_coder_id.is_empty() {
            facts.holds.push(
                "holds the watermark at the estimate for what is left of an element, without one at the element's time",
            );
        }
        facts
    }

    /// The facts in words, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let list = |what: &str, all: &[(String, String)]| {
            let all: Vec<_> = all.iter().map(|(name, kind)| format!("{name} ({kind})")).collect();
            (!all.is_empty()).then(|| format!("{what} {}", all.join(", ")))
        };
        let windowing = self.windowing.iter().map(|(_, strategy)| words(strategy));
        let lists = [list("state", &self.state), list("timers", &self.timers)];
        let others = self.needs.iter().chain(&self.holds).map(|fact| (*fact).to_owned());
        windowing.chain(lists.into_iter().flatten()).chain(others).collect()
    }
}

/// Whether a step is the last one of what [`Root::read`](ferrobeam_core::Root::read) makes.
fn reads_a_source(graph: &Graph, id: &str) -> Result<bool> {
    const PARTS: [&str; 4] = ["Impulse", "Split", "Reshuffle", "Read"];
    for scope in graph.components().transforms.values() {
        if scope.subtransforms.len() == PARTS.len() && scope.subtransforms.last().is_some_and(|last| last == id) {
            let parts = scope.subtransforms.iter().map(|part| graph.transform(part)).collect::<Result<Vec<_>>>()?;
            return Ok(parts.iter().zip(PARTS).all(|(part, name)| part.unique_name.rsplit('/').next() == Some(name)));
        }
    }
    Ok(false)
}

fn source_hold(is_bounded: bool) -> &'static str {
    if is_bounded {
        "holds the watermark at the beginning of time until all is read"
    } else {
        "holds the watermark where its source has set it, and before that at the beginning of time"
    }
}

fn kind(spec: Option<&Spec>) -> &'static str {
    match spec {
        Some(Spec::ReadModifyWriteSpec(_)) => "value",
        Some(Spec::BagSpec(_)) => "bag",
        Some(Spec::CombiningSpec(_)) => "combining",
        Some(Spec::MapSpec(_)) => "map",
        Some(Spec::SetSpec(_)) => "set",
        Some(Spec::OrderedListSpec(_)) => "ordered list",
        Some(Spec::MultimapSpec(_)) => "multimap",
        None => "of no kind that is known",
    }
}

fn pane_hold(combiner: TimestampCombiner) -> &'static str {
    match combiner {
        TimestampCombiner::EndOfWindow => "holds the watermark at the end of a window until its pane fires",
        TimestampCombiner::Earliest => "holds the watermark at the earliest timestamp of a pane until it fires",
        TimestampCombiner::Latest => "holds the watermark at the latest timestamp of a pane until it fires",
    }
}

/// A windowing in words; of what is seldom changed only what was.
fn words(strategy: &WindowingStrategy) -> String {
    let lateness = strategy.allowed_lateness;
    let mut text = strategy.windows.to_string();
    if strategy.already_merged {
        text += ", merged";
    }
    text += &match &strategy.trigger {
        Trigger::Default if lateness.is_zero() => ", fires at the end of its window".to_owned(),
        Trigger::Default => ", fires at the end of its window and with every late element".to_owned(),
        Trigger::Always => ", fires with every element".to_owned(),
        Trigger::Never => ", fires when its window closes".to_owned(),
        trigger => format!(", fires by {trigger}"),
    };
    text += match strategy.accumulation_mode {
        AccumulationMode::Discarding => ", discarding",
        AccumulationMode::Accumulating => ", accumulating",
    };
    if !lateness.is_zero() {
        text += &format!(", allowed lateness {lateness:?}");
    }
    if strategy.closing_behavior == ClosingBehavior::EmitAlways {
        text += ", closes with a pane also if it is empty";
    }
    if strategy.on_time_behavior == OnTimeBehavior::FireIfNonempty {
        text += ", on time only if the pane is not empty";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_timers_are_those_of_the_payload() {
        let cell = |spec| pb::StateSpec { spec: Some(spec), ..Default::default() };
        let timer =
            |domain: pb::time_domain::Enum| pb::TimerFamilySpec { time_domain: domain.into(), ..Default::default() };
        let payload = pb::ParDoPayload {
            state_specs: [
                ("seen".to_owned(), cell(Spec::ReadModifyWriteSpec(Default::default()))),
                ("events".to_owned(), cell(Spec::OrderedListSpec(Default::default()))),
            ]
            .into(),
            timer_family_specs: [
                ("flush".to_owned(), timer(pb::time_domain::Enum::ProcessingTime)),
                ("alarm".to_owned(), timer(pb::time_domain::Enum::EventTime)),
                ("gc".to_owned(), timer(pb::time_domain::Enum::EventTime)),
            ]
            .into(),
            on_window_expiration_timer_family_spec: "gc".to_owned(),
            requires_time_sorted_input: true,
            requests_finalization: true,
            ..Default::default()
        };
        let lines = [
            "state events (ordered list), seen (value)",
            "timers alarm (event time), flush (processing time), gc (when its window expires)",
            "takes the elements of a key in the order of their timestamps",
            "is called back when a bundle is committed",
            "holds the watermark at the output timestamps of its timers until they have fired",
        ];
        assert_eq!(Facts::of_par_do(&payload).lines(), lines);
        let splittable = pb::ParDoPayload { restriction_coder_id: "c".to_owned(), ..Default::default() };
        let [line] = &Facts::of_par_do(&splittable).lines()[..] else { panic!("one hold") };
        assert!(line.starts_with("holds the watermark at the estimate"), "{line}");
        assert!(Facts::of_par_do(&pb::ParDoPayload::default()).lines().is_empty());
    }

    #[test]
    fn a_windowing_says_what_was_changed() {
        let plain = WindowingStrategy::default();
        assert_eq!(words(&plain), "the global window, fires at the end of its window, discarding");
        let changed = WindowingStrategy {
            trigger: Trigger::Never,
            accumulation_mode: AccumulationMode::Accumulating,
            closing_behavior: ClosingBehavior::EmitAlways,
            on_time_behavior: OnTimeBehavior::FireIfNonempty,
            allowed_lateness: std::time::Duration::from_secs(9),
            ..plain
        };
        let expected = "the global window, fires when its window closes, accumulating, allowed lateness 9s, closes with \
                        a pane also if it is empty, on time only if the pane is not empty";
        assert_eq!(words(&changed), expected);
    }
}
