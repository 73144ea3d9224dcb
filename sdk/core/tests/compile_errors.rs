//! The mistakes that do not compile, and what the compiler says about them.
//!
//! `TRYBUILD=overwrite cargo test -p ferrobeam-core --test compile_errors` writes the texts anew after a change; read
//! them as a user would.

#[test]
fn mistakes_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
