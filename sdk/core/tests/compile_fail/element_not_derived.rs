use ferrobeam_core::prelude::*;

struct Click;

fn clicks(lines: PCollection<String>) -> PCollection<Click> {
    lines.map(|_| Click)
}

fn main() {}
