use ferrobeam_core::Element;

#[derive(Clone, Element)]
#[element(opaque, crate = "ferrobeam_core")]
struct Secret {
    code: u32,
}

fn main() {}
