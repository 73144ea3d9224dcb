use ferrobeam_core::Element;

#[derive(Clone)]
struct NotOne;

#[derive(Clone, Element)]
#[element(crate = "ferrobeam_core")]
struct Click {
    user: String,
    other: NotOne,
}

fn main() {}
