use ferrobeam_core::prelude::*;

#[derive(Timers)]
#[timer(crate = "ferrobeam_core")]
enum Due {
    #[timer(event_time)]
    Per(Vec<String>),
}

fn main() {}
