//! How a collection is windowed, and its form in the graph.

use crate::coder::CoderSpec;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns;

/// How a collection is windowed: windows, and when a grouping fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowingStrategy {
    trigger: Trigger,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trigger {
    /// Once the watermark passes the window's end.
    #[default]
    Default,
    /// With every element.
    Always,
}

impl WindowingStrategy {
    /// The global window, firing with every element: what a reshuffle uses inside.
    pub(crate) const ALWAYS: WindowingStrategy = WindowingStrategy { trigger: Trigger::Always };

    /// The strategy with every field explicit, for engines take unset ones differently.
    pub(crate) fn to_proto(
        self,
        environment: &str,
        coder_id: &mut impl FnMut(&CoderSpec) -> String,
    ) -> pb::WindowingStrategy {
        use pb::trigger::{Always, Default, Trigger as Kind};
        let trigger = match self.trigger {
            Trigger::Default => Kind::Default(Default {}),
            Trigger::Always => Kind::Always(Always {}),
        };
        let window_fn = pb::FunctionSpec { urn: urns::window_fns::GLOBAL.to_owned(), payload: bytes::Bytes::new() };
        pb::WindowingStrategy {
            window_fn: Some(window_fn),
            merge_status: pb::merge_status::Enum::NonMerging.into(),
            window_coder_id: coder_id(&CoderSpec::leaf(urns::coders::GLOBAL_WINDOW)),
            trigger: Some(pb::Trigger { trigger: Some(trigger) }),
            accumulation_mode: pb::accumulation_mode::Enum::Discarding.into(),
            output_time: pb::output_time::Enum::EndOfWindow.into(),
            closing_behavior: pb::closing_behavior::Enum::EmitIfNonempty.into(),
            allowed_lateness: 0,
            on_time_behavior: pb::on_time_behavior::Enum::FireAlways.into(),
            assigns_to_one_window: true,
            environment_id: environment.to_owned(),
        }
    }
}
