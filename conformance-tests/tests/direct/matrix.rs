//! The capability matrix.

use ferrobeam_conformance::{CASES, Case, Ledger, Profile, capabilities, exceptions, matrix};

#[test]
fn the_matrix_counts_by_area_and_lists_what_does_not_pass() {
    let case = |name| Case { name, profile: Profile::InProcess, body: |_| Ok(()) };
    let cases = [case("a::one"), case("a::two"), case("b::three")];
    let ledger = "a::one x pass\na::one y pass\na::two x pass\na::two y differs(order)\nb::three x pass\n\
                  b::three y pass";
    let ledger = Ledger::parse(ledger, &cases).unwrap();
    assert_eq!(
        matrix(&cases, &ledger),
        "| area | x | y |\n|---|---|---|\n| a | all 2 | 1 of 2 |\n| b | all 1 | all 1 |\n"
    );
    assert_eq!(exceptions(&cases, &ledger), "\n## y\n\n- `a::two`: differs(order)\n");
}

#[test]
fn the_page_shows_all() {
    let page = capabilities(CASES, &Ledger::checked_in().unwrap());
    assert!(page == include_str!("../../../docs/capabilities.md"), "`cargo xtask model` writes it anew");
}

#[test]
fn the_readme_shows_it() {
    let ledger = Ledger::checked_in().unwrap();
    let shown = include_str!("../../../README.md").contains(&matrix(CASES, &ledger));
    assert!(shown, "put into the README what `cargo run -p ferrobeam-conformance -- matrix` prints");
}
