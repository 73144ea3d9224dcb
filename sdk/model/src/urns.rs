//! Every name that Beam's definitions give to something: one constant each, one module a kind.
//!
//! A URN says what a payload means: of a transform, a coder, an environment, a metric. The definitions attach them to
//! enum values as options, which generated code does not carry; here they are by hand, and a test compares both.

/// Declares constants by kind, and `ENTRIES`: the enum value that defines each, and its value as text.
///
/// `NAME as VALUE` gives the enum value where its name would say nothing.
macro_rules! urns {
    (@text) => { &str };
    (@text $type:ty) => { $type };
    (@value $name:ident) => { stringify!($name) };
    (@value $name:ident $value_name:ident) => { stringify!($value_name) };
    ($(
        $(#[$kind_doc:meta])*
        $kind:ident {
            $(
                $enumeration:literal:
                $( $(#[$doc:meta])* $name:ident $(as $value_name:ident)? $(: $type:ty)? = $value:literal; )+
            )+
        }
    )+) => {
        $(
            $(#[$kind_doc])*
            pub mod $kind {
                $($(
                    $(#[$doc])*
                    pub const $name: urns!(@text $($type)?) = $value;
                )+)+
            }
        )+

        pub(super) const ENTRIES: &[(&str, &str)] = &[$($($((
            concat!("org.apache.beam.model.", $enumeration, ".", urns!(@value $name $($value_name)?)),
            concat!($value),
        ),)+)+)+];
    };
}

mod coding;
mod external;
mod graph;
mod monitoring;
mod values;
mod workers;

pub use coding::{coders, logical_types};
pub use external::{expansion_methods, managed_transforms};
pub use graph::{display_data, requirements, resource_hints, side_inputs, transforms, user_states, window_fns};
pub use monitoring::{METRIC_SPECS, MetricSpec, labels, metric_types, metrics};
pub use values::constants;
pub use workers::{artifact_roles, artifact_types, environments, protocols};

/// All constants of this module, in parts: the full name of the enum value that defines one, and its value as text.
pub const ALL: &[&[(&str, &str)]] =
    &[coding::ENTRIES, external::ENTRIES, graph::ENTRIES, monitoring::ENTRIES, values::ENTRIES, workers::ENTRIES];
