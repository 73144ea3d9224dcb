use ferrobeam_core::Element;

#[derive(Clone, Element)]
#[element(transparent, crate = "ferrobeam_core")]
struct Wrong(i64);

#[derive(Clone, Element)]
#[element(crate = "ferrobeam_core")]
struct Twice {
    a: i64,
    #[element(rename = "a")]
    b: i64,
}

#[derive(Clone, Element)]
#[element(crate = "ferrobeam_core")]
enum Never {}

fn main() {}
