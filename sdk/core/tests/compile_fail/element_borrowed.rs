use ferrobeam_core::prelude::*;

fn first(lines: PCollection<String>) {
    lines.map(|_| "first").discard();
}

fn main() {}
