use ferrobeam_core::prelude::*;

#[derive(State)]
struct Tuple(Value<u64>);

#[derive(State)]
struct Lengths {
    #[state(ttl = "1 hour")]
    count: Value<u64>,
}

#[derive(State)]
struct Unknown {
    #[state(name = "n")]
    count: Value<u64>,
}

fn main() {}
