use ferrobeam_core::Element;

#[derive(Clone, Element)]
#[element(crate = "ferrobeam_core")]
struct Line<'a> {
    text: &'a str,
}

fn main() {}
