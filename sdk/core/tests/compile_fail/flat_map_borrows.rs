use ferrobeam_core::prelude::*;

fn split(lines: PCollection<String>) {
    lines.flat_map(|line| line.split(' ').map(str::to_owned)).discard();
}

fn main() {}
