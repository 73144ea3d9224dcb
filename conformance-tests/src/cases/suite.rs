//! How the table of cases is written down.

/// Declares the areas and the table of their cases; a case is of the core profile unless it says otherwise.
macro_rules! suite {
    ($($area:ident { $($case:ident $(: $profile:ident)?,)* })*) => {
        $(mod $area;)*

        /// All cases, by area.
        pub const CASES: &[$crate::Case] = &[$($($crate::Case {
            name: concat!(stringify!($area), "::", stringify!($case)),
            profile: suite!(@profile $($profile)?),
            body: $area::$case,
        },)*)*];
    };
    (@profile) => { $crate::Profile::Core };
    (@profile $profile:ident) => { $crate::Profile::$profile };
}
