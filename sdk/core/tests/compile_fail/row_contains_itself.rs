use ferrobeam_core::Element;

#[derive(Clone, Element)]
#[element(crate = "ferrobeam_core")]
struct Tree {
    children: Vec<Tree>,
}

fn main() {}
