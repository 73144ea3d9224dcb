//! The ledger notices surprises in either direction.

use ferrobeam_conformance::{Case, Ledger, Outcome, Profile};

const CASES: &[Case] = &[
    Case { name: "a::one", profile: Profile::Core, body: |_| Ok(()) },
    Case { name: "b::two", profile: Profile::KeyLaw, body: |_| Ok(()) },
];

fn errors(text: &str) -> String {
    Ledger::parse(text, CASES).unwrap_err().to_string()
}

#[test]
fn a_ledger_is_complete_sorted_and_without_surplus() {
    assert!(Ledger::parse("# why\n\na::one x pass\nb::two x unsupported(key-law)\n", CASES).is_ok());
    assert_eq!(errors("a::one x pass"), "the ledger has no line for `b::two x`");
    assert_eq!(errors("b::two x pass\na::one x pass"), "ledger line 2: `a::one x` is out of order");
    assert_eq!(errors("a::one x pass\na::one x pass\nb::two x pass"), "ledger line 2: `a::one x` is there twice");
    assert_eq!(errors("a::one x pass\nb::two x pass\nc::no x pass"), "ledger line 3: there is no case `c::no`");
    assert!(errors("a::one x").contains("is not `case engine expectation`"));
    assert!(errors("a::one x differs()\nb::two x pass").contains("`differs()` is not pass"));
    assert!(errors("a::one x unsupported(core)\nb::two x pass").contains("core profile cannot be"));
    assert!(errors("a::one x pass\nb::two x unsupported(core)").contains("which `unsupported(core)` does not name"));
}

#[test]
fn surprises_in_either_direction_are_found() {
    let (pass, fail) = (Outcome::Pass, Outcome::Fail("no".to_owned()));
    let refused = Outcome::Unsupported("no".to_owned());
    let check = |expectation: &str, outcomes: &[&Outcome]| {
        let ledger = Ledger::parse(&format!("a::one x pass\nb::two x {expectation}"), CASES).unwrap();
        ledger.compare("x", &[("b::two", outcomes.iter().map(|&outcome| outcome.clone()).collect())]).is_ok()
    };
    assert!(check("pass", &[&pass, &pass]) && !check("pass", &[&pass, &fail]) && !check("pass", &[&refused]));
    assert!(check("differs(x)", &[&fail]) && !check("differs(x)", &[&pass]) && !check("differs(x)", &[&refused]));
    assert!(check("unsupported(key-law)", &[&refused]) && !check("unsupported(key-law)", &[&pass]));
    assert!(!check("unsupported(key-law)", &[&fail]));
    assert!(check("flaky(x)", &[&pass, &fail]) && check("flaky(x)", &[]) && !check("flaky(x)", &[&refused]));
    assert!(!check("pass", &[]), "a case that did not run has not passed");
}

#[test]
fn an_engine_without_lines_is_a_surprise() {
    let error = Ledger::default().compare("x", &[("a::one", vec![Outcome::Pass])]).unwrap_err();
    assert_eq!(error.to_string(), "the ledger has no line for `a::one x`");
}
