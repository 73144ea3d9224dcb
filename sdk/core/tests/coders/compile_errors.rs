//! What the compiler says about types that are no elements or no keys: part of the interface.

#[test]
fn are_understandable() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}
