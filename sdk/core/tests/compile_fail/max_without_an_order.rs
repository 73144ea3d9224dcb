use ferrobeam_core::prelude::*;
use std::collections::HashMap;

fn greatest(maps: PCollection<HashMap<String, u64>>) {
    maps.max_globally().discard();
}

fn main() {}
