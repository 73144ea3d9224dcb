use ferrobeam_core::prelude::*;

#[derive(Timers)]
struct NoEnum;

#[derive(Timers)]
enum NoClock {
    End,
}

#[derive(Timers)]
enum TwoClocks {
    #[timer(event_time, processing_time)]
    End,
}

#[derive(Timers)]
enum Fields {
    #[timer(event_time)]
    Per { user: String },
}

fn main() {}
