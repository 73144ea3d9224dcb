//! The ledger for people: which engine does what.

use crate::{Case, Expectation, Ledger};
use std::collections::BTreeSet;

/// The capability matrix as Markdown: per area and engine how many cases pass.
pub fn matrix(cases: &[Case], ledger: &Ledger) -> String {
    let engines = ledger.engines();
    let mut out = String::from("| area |");
    engines.iter().for_each(|engine| out += &format!(" {engine} |"));
    out += "\n|---|";
    engines.iter().for_each(|_| out += "---|");
    let areas: BTreeSet<&str> = cases.iter().map(Case::area).collect();
    for area in areas {
        out += &format!("\n| {area} |");
        for engine in &engines {
            let all = cases.iter().filter(|case| case.area() == area);
            let (passed, all) = all.fold((0, 0), |(passed, all), case| {
                let passes = ledger.expectation(case.name, engine) == Some(&Expectation::Pass);
                (passed + usize::from(passes), all + 1)
            });
            out += &match all {
                0 => " |".to_owned(),
                _ if passed == all => format!(" all {all} |"),
                _ => format!(" {passed} of {all} |"),
            };
        }
    }
    out + "\n"
}

/// Every case that does not pass on an engine, as Markdown: by engine, with the reason.
pub fn exceptions(cases: &[Case], ledger: &Ledger) -> String {
    let mut out = String::new();
    for engine in ledger.engines() {
        let excepted = cases.iter().filter_map(|case| match ledger.expectation(case.name, &engine) {
            Some(Expectation::Pass) | None => None,
            Some(other) => Some(format!("- `{}`: {other}\n", case.name)),
        });
        let excepted: Vec<String> = excepted.collect();
        if !excepted.is_empty() {
            out += &format!("\n## {engine}\n\n{}", excepted.concat());
        }
    }
    out
}

/// The page that shows both.
pub fn capabilities(cases: &[Case], ledger: &Ledger) -> String {
    format!("{}\n{}{}", include_str!("capabilities.md"), matrix(cases, ledger), exceptions(cases, ledger))
}
