//! The ledger for people: which engine does what.

use crate::{Case, Expectation, Ledger};
use std::collections::BTreeSet;

/// The capability matrix as Markdown: per area and engine how many cases pass, then every case that does not.
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
            out += &if passed == all { format!(" all {all} |") } else { format!(" {passed} of {all} |") };
        }
    }
    out += "\n";
    let exceptions = cases.iter().flat_map(|case| engines.iter().map(move |engine| (case, engine)));
    let exceptions = exceptions.filter_map(|(case, engine)| match ledger.expectation(case.name, engine) {
        Some(Expectation::Pass) | None => None,
        Some(other) => Some(format!("- `{}` on {engine}: {other}\n", case.name)),
    });
    let exceptions: Vec<String> = exceptions.collect();
    if exceptions.is_empty() { out } else { out + "\n" + &exceptions.concat() }
}
