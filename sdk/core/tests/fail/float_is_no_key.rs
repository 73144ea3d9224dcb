use ferrobeam_core::{Element, Key};

#[derive(Clone, PartialEq, Element)]
#[element(crate = "ferrobeam_core")]
struct Place {
    latitude: f64,
}

fn group_by<K: Key>() {}

fn main() {
    group_by::<f64>();
    group_by::<Place>();
    group_by::<std::collections::HashMap<String, i64>>();
}
