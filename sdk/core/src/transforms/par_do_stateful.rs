//! Steps made of a `StatefulDoFn`.

use super::par_do::{TaggedOutputs, Tags, with_sides};
use crate::coder::{CoderSpec, spec_of};
use crate::dofn::side::{SideDeclaration, SideInputs};
use crate::dofn::stateful::operator::TimeDomain;
use crate::dofn::stateful::{CellForm, StatefulDoFn, StatefulStep, Timers, specs};
use crate::graph::{COMBINE_FN, StepCode};
use crate::{Element, PCollection, Pair, Root};
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::pipeline::state_spec::Spec;
use ferrobeam_model::urns;
use std::collections::BTreeMap;
use std::sync::Arc;

/// No variant of an enum has this name.
const ON_WINDOW_EXPIRATION: &str = "on-window-expiration";

/// Only pairs; the generics make the compiler print this text, and name `Key` or `In` if one of them is another.
#[diagnostic::on_unimplemented(
    message = "a stateful step needs elements of type `(K, V)`, found `{Self}`",
    label = "not pairs of its `Key` and its `In`",
    note = "state belongs to a key: make pairs first, for example with `.key_by(|x| ..)`"
)]
pub trait Keyed<K, V>: Pair<K, V> {}

impl<K: Element, V: Element> Keyed<K, V> for (K, V) {}

impl<T: Element> PCollection<T> {
    /// Processes each pair with a [`StatefulDoFn`], which has state and timers for each key and window.
    ///
    /// Windows that merge must have been merged by a grouping before: state does not merge.
    ///
    /// ```
    /// # use ferrobeam_core::{prelude::*, runner::Runner, testing::assert_that};
    /// /// Numbers the elements of each key, in no particular order.
    /// #[derive(Clone)]
    /// struct Number;
    ///
    /// #[derive(State)]
    /// # #[state(crate = "ferrobeam_core")]
    /// struct Numbered {
    ///     last: Value<u64>,
    /// }
    ///
    /// impl StatefulDoFn for Number {
    ///     type Key = char;
    ///     type In = String;
    ///     type Out = (char, u64, String);
    ///     type State = Numbered;
    ///     type Timer = ();
    ///
    ///     fn process(
    ///         &mut self,
    ///         key: &char,
    ///         word: String,
    ///         state: &mut Numbered,
    ///         ctx: &mut StatefulContext<'_, (char, u64, String), ()>,
    ///     ) -> Result<(), BoxError> {
    ///         let n = state.last.get().copied().unwrap_or_default() + 1;
    ///         state.last.set(n);
    ///         ctx.emit((*key, n, word));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # let direct: &dyn Runner = &ferrobeam_direct::DirectRunner::new();
    /// # direct.run(|root| {
    /// let words = root.create([('a', "ant".to_owned()), ('a', "ape".to_owned()), ('b', "bat".to_owned())]);
    /// let numbers = words.par_do_stateful(Number).map(|(letter, n, _)| (letter, n));
    /// assert_that(&numbers).contains_in_any_order([('a', 1), ('a', 2), ('b', 1)]);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), ferrobeam_core::Error>(())
    /// ```
    #[track_caller]
    pub fn par_do_stateful<D: StatefulDoFn>(&self, dofn: D) -> PCollection<D::Out>
    where
        T: Keyed<D::Key, D::In>,
    {
        self.stateful(dofn, (), Vec::new()).main()
    }

    /// Processes each pair with a [`StatefulDoFn`] that has additional outputs: see
    /// [`par_do_tagged`](PCollection::par_do_tagged).
    #[track_caller]
    pub fn par_do_stateful_tagged<D: StatefulDoFn>(&self, dofn: D, tags: impl Tags) -> TaggedOutputs<D::Out>
    where
        T: Keyed<D::Key, D::In>,
    {
        self.stateful(dofn, tags, Vec::new())
    }

    /// Processes each pair with a [`StatefulDoFn`] that reads side inputs: see [`par_do_with`](PCollection::par_do_with).
    #[track_caller]
    pub fn par_do_stateful_with<D: StatefulDoFn>(&self, sides: impl SideInputs, dofn: D) -> PCollection<D::Out>
    where
        T: Keyed<D::Key, D::In>,
    {
        self.stateful(dofn, (), sides.declarations()).main()
    }

    /// Processes each pair with a [`StatefulDoFn`] that reads side inputs and has additional outputs.
    #[track_caller]
    pub fn par_do_stateful_tagged_with<D: StatefulDoFn>(
        &self,
        sides: impl SideInputs,
        dofn: D,
        tags: impl Tags,
    ) -> TaggedOutputs<D::Out>
    where
        T: Keyed<D::Key, D::In>,
    {
        self.stateful(dofn, tags, sides.declarations())
    }

    #[track_caller]
    fn stateful<D: StatefulDoFn>(
        &self,
        dofn: D,
        tags: impl Tags,
        sides: Vec<SideDeclaration>,
    ) -> TaggedOutputs<D::Out> {
        let root = &self.root;
        let windowing = root.windowing(self.id);
        let requirements = [
            (true, urns::requirements::REQUIRES_STATEFUL_PROCESSING),
            (D::TIME_SORTED, urns::requirements::REQUIRES_TIME_SORTED_INPUT),
            (D::ON_WINDOW_EXPIRATION, urns::requirements::REQUIRES_ON_WINDOW_EXPIRATION),
            (D::FINALIZES, urns::requirements::REQUIRES_BUNDLE_FINALIZATION),
        ];
        requirements.iter().filter(|(needed, _)| *needed).for_each(|(_, urn)| root.require(urn));
        let state = state_specs::<D>(root);
        let timers = timer_specs::<D>(root, windowing.window_coder());
        let spec = with_sides(&sides, move |payload, reference| {
            payload.state_specs = state.clone();
            for spec in payload.state_specs.values_mut() {
                if let Some(Spec::CombiningSpec(combining)) = &mut spec.spec {
                    combining.combine_fn = Some(reference.function(COMBINE_FN));
                }
            }
            payload.timer_family_specs = timers.clone();
            payload.requires_time_sorted_input = D::TIME_SORTED;
            payload.requests_finalization = D::FINALIZES;
            if D::ON_WINDOW_EXPIRATION {
                payload.on_window_expiration_timer_family_spec = ON_WINDOW_EXPIRATION.to_owned();
            }
        });
        let code = |tags| StepCode::Stateful(Arc::new(StatefulStep::new(dofn, tags)));
        let outputs = self.tagged_step("ParDoStateful", spec, tags, sides, root.is_bounded(self.id), code);
        if windowing.needs_merge() {
            let why = "the windows of a stateful step's input still merge, and its state would not: \
                       group by the key before, or use other windows";
            root.mistake_of(outputs.main().step, why);
        }
        outputs
    }
}

/// The cells as Beam's kinds of state, each with the protocol by which it is read and written.
fn state_specs<D: StatefulDoFn>(root: &Root) -> BTreeMap<String, pb::StateSpec> {
    use urns::user_states::{BAG, MULTIMAP, ORDERED_LIST};
    let id = |spec: &CoderSpec| root.coder_id_of(spec);
    let specs = specs::<D::State>().into_iter().map(|cell| {
        let (protocol, spec) = match &cell.form {
            CellForm::Value(of) => (BAG, Spec::ReadModifyWriteSpec(pb::ReadModifyWriteStateSpec { coder_id: id(of) })),
            CellForm::Bag(of) => (BAG, Spec::BagSpec(pb::BagStateSpec { element_coder_id: id(of) })),
            // With a time beside it, it is no accumulator of the function any more.
            CellForm::Combining(of) if cell.ttl.is_some() => {
                (BAG, Spec::ReadModifyWriteSpec(pb::ReadModifyWriteStateSpec { coder_id: id(of) }))
            }
            CellForm::Combining(of) => {
                let combine_fn = None;
                (BAG, Spec::CombiningSpec(pb::CombiningStateSpec { accumulator_coder_id: id(of), combine_fn }))
            }
            // Keys alone have no room for their times.
            CellForm::Set(key, times) if cell.ttl.is_some() => {
                let (key_coder_id, value_coder_id) = (id(key), id(times));
                (MULTIMAP, Spec::MapSpec(pb::MapStateSpec { key_coder_id, value_coder_id }))
            }
            CellForm::Set(of, _) => (MULTIMAP, Spec::SetSpec(pb::SetStateSpec { element_coder_id: id(of) })),
            CellForm::Map(key, value) => {
                let (key_coder_id, value_coder_id) = (id(key), id(value));
                (MULTIMAP, Spec::MapSpec(pb::MapStateSpec { key_coder_id, value_coder_id }))
            }
            CellForm::Multimap(key, value) => {
                let (key_coder_id, value_coder_id) = (id(key), id(value));
                (MULTIMAP, Spec::MultimapSpec(pb::MultimapStateSpec { key_coder_id, value_coder_id }))
            }
            CellForm::OrderedList(of) => {
                (ORDERED_LIST, Spec::OrderedListSpec(pb::OrderedListStateSpec { element_coder_id: id(of) }))
            }
        };
        let protocol = pb::FunctionSpec { urn: protocol.to_owned(), payload: bytes::Bytes::new() };
        (cell.name.to_owned(), pb::StateSpec { spec: Some(spec), protocol: Some(protocol) })
    });
    specs.collect()
}

fn timer_specs<D: StatefulDoFn>(root: &Root, windows: CoderSpec) -> BTreeMap<String, pb::TimerFamilySpec> {
    let coder = CoderSpec::of(urns::coders::TIMER, vec![spec_of::<D::Key>(), windows]);
    let expiration = D::ON_WINDOW_EXPIRATION.then_some((ON_WINDOW_EXPIRATION, TimeDomain::EventTime));
    let declared = D::Timer::FACTS.iter().map(|timer| (timer.name, timer.domain));
    let specs = declared.chain(expiration).map(|(name, domain)| {
        let time_domain = match domain {
            TimeDomain::EventTime => pb::time_domain::Enum::EventTime,
            TimeDomain::ProcessingTime => pb::time_domain::Enum::ProcessingTime,
        };
        let timer_family_coder_id = root.coder_id_of(&coder);
        (name.to_owned(), pb::TimerFamilySpec { time_domain: time_domain.into(), timer_family_coder_id })
    });
    specs.collect()
}

#[cfg(test)]
mod tests {
    use crate::combiners::Sum;
    use crate::prelude::*;
    use crate::time::seconds;
    use crate::transforms::test_steps::{graph, mistakes, transform};
    use ferrobeam_model::pipeline as pb;
    use ferrobeam_model::pipeline::state_spec::Spec;
    use ferrobeam_model::urns;
    use prost::Message;

    #[derive(State)]
    struct All {
        value: Value<u64>,
        #[state(ttl = "1h")]
        short: Value<u64>,
        bag: Bag<String>,
        sum: Combining<Sum<u64>>,
        #[state(ttl = "2d")]
        short_sum: Combining<Sum<u64>>,
        set: Set<String>,
        #[state(ttl = "30s")]
        short_set: Set<String>,
        map: Map<String, u64>,
        multimap: Multimap<String, u64>,
        list: OrderedList<u64>,
    }

    #[derive(Timers)]
    enum Due {
        #[timer(event_time)]
        End,
        #[timer(processing_time)]
        Each(String),
    }

    #[derive(Clone)]
    struct Everything;

    impl StatefulDoFn for Everything {
        type Key = String;
        type In = u64;
        type Out = u64;
        type State = All;
        type Timer = Due;
        const TIME_SORTED: bool = true;
        const ON_WINDOW_EXPIRATION: bool = true;
        const FINALIZES: bool = true;

        fn process(
            &mut self,
            _: &String,
            _: u64,
            _: &mut All,
            _: &mut StatefulContext<'_, u64, Due>,
        ) -> Result<(), BoxError> {
            Ok(())
        }
        fn on_timer(
            &mut self,
            _: &String,
            _: Due,
            _: &mut All,
            _: &mut StatefulContext<'_, u64, Due>,
        ) -> Result<(), BoxError> {
            Ok(())
        }
        fn on_window_expiration(
            &mut self,
            _: &String,
            _: &mut All,
            _: &mut StatefulContext<'_, u64, Due>,
        ) -> Result<(), BoxError> {
            Ok(())
        }
    }

    #[test]
    fn the_graph_says_what_an_engine_must_keep() {
        let graph = graph(|root| {
            let side = root.create([0u64]).as_iterable();
            root.create([("a".to_owned(), 1u64)]).par_do_stateful_with(side, Everything).discard();
        });
        let spec = transform(&graph, "ParDoStateful").spec.clone().unwrap();
        let payload = pb::ParDoPayload::decode(&spec.payload[..]).unwrap();
        assert_eq!(payload.side_inputs.len(), 1);
        let coder = |id: &str| {
            let coder = &graph.components().coders[id];
            let short = |urn: &str| urn.trim_start_matches("beam:coder:").trim_end_matches(":v1").to_owned();
            let parts = coder.component_coder_ids.iter().map(|id| &graph.components().coders[id].spec);
            let parts: Vec<_> = parts.map(|spec| short(&spec.as_ref().unwrap().urn)).collect();
            let urn = short(&coder.spec.as_ref().unwrap().urn);
            if parts.is_empty() { urn } else { format!("{urn}<{}>", parts.join(", ")) }
        };
        let state = |name: &str| {
            let spec = &payload.state_specs[name];
            let form = match spec.spec.as_ref().unwrap() {
                Spec::ReadModifyWriteSpec(of) => format!("value of {}", coder(&of.coder_id)),
                Spec::BagSpec(of) => format!("bag of {}", coder(&of.element_coder_id)),
                Spec::CombiningSpec(of) => {
                    assert!(of.combine_fn.is_some());
                    format!("combining {}", coder(&of.accumulator_coder_id))
                }
                Spec::SetSpec(of) => format!("set of {}", coder(&of.element_coder_id)),
                Spec::MapSpec(of) => format!("map of {} to {}", coder(&of.key_coder_id), coder(&of.value_coder_id)),
                Spec::MultimapSpec(of) => format!("multimap to {}", coder(&of.value_coder_id)),
                Spec::OrderedListSpec(of) => format!("list of {}", coder(&of.element_coder_id)),
            };
            (spec.protocol.as_ref().unwrap().urn.clone(), form)
        };
        for (name, protocol, form) in [
            ("value", urns::user_states::BAG, "value of varint"),
            ("short", urns::user_states::BAG, "value of kv<varint, varint>"),
            ("bag", urns::user_states::BAG, "bag of string_utf8"),
            ("sum", urns::user_states::BAG, "combining varint"),
            ("short_sum", urns::user_states::BAG, "value of kv<varint, varint>"),
            ("set", urns::user_states::MULTIMAP, "set of string_utf8"),
            ("short_set", urns::user_states::MULTIMAP, "map of string_utf8 to kv<varint, bytes>"),
            ("map", urns::user_states::MULTIMAP, "map of string_utf8 to varint"),
            ("multimap", urns::user_states::MULTIMAP, "multimap to varint"),
            ("list", urns::user_states::ORDERED_LIST, "list of varint"),
        ] {
            assert_eq!(state(name), (protocol.to_owned(), form.to_owned()), "{name}");
        }
        assert_eq!(payload.state_specs.len(), 10);
        let timers: Vec<_> = payload
            .timer_family_specs
            .iter()
            .map(|(name, spec)| (name.as_str(), spec.time_domain(), coder(&spec.timer_family_coder_id)))
            .collect();
        let (event, processing) = (pb::time_domain::Enum::EventTime, pb::time_domain::Enum::ProcessingTime);
        let timer = "timer<string_utf8, global_window>".to_owned();
        let expiration = payload.on_window_expiration_timer_family_spec.as_str();
        let expected = [
            ("Each", processing, timer.clone()),
            ("End", event, timer.clone()),
            ("on-window-expiration", event, timer),
        ];
        assert_eq!((timers, expiration), (expected.to_vec(), "on-window-expiration"));
        assert!(payload.requires_time_sorted_input && payload.requests_finalization);
        use urns::requirements::*;
        let required = [
            REQUIRES_BUNDLE_FINALIZATION,
            REQUIRES_ON_WINDOW_EXPIRATION,
            REQUIRES_STATEFUL_PROCESSING,
            REQUIRES_TIME_SORTED_INPUT,
        ];
        assert_eq!(graph.proto().requirements, required);
    }

    #[test]
    fn windows_must_not_merge_any_more() {
        let sessions = |root: &Root| {
            let pairs = root.create([("a".to_owned(), 1u64)]);
            pairs.window(Sessions::with_gap(seconds(1)))
        };
        let text = mistakes(|root| sessions(root).par_do_stateful(Everything).discard());
        assert!(text.contains("the windows of a stateful step's input still merge"), "{text}");
        let merged = |root: &Root| sessions(root).sum_per_key().par_do_stateful(Everything).discard();
        let payload = graph(merged);
        let timer = pb::ParDoPayload::decode(&transform(&payload, "ParDoStateful").spec.clone().unwrap().payload[..]);
        assert!(timer.unwrap().state_specs.contains_key("value"));
    }
}
