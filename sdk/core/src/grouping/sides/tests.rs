//! Side inputs are the same whether or not they were in files meanwhile.

use super::*;
use crate::batch::{Batch, Meta};
use crate::grouping::Firing;
use crate::grouping::spill::testing::Memory;
use crate::time::Timestamp;
use crate::windowing::PaneInfo;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::atomic::Ordering;

/// What happens to a side input.
#[derive(Clone, Debug)]
enum Step {
    /// Rows for these cells, some of them also for another one.
    Add(Vec<(Cell, Option<Cell>)>),
    Merge(Cell, Cell),
    Fire(Cell, Contents),
    Clear(Cell),
    Spill,
    /// Looks at a pane, and goes on looking or not.
    Look(usize, bool),
    LookAway,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let contents = prop_oneof![Just(Contents::Take), Just(Contents::Keep)];
    let step = prop_oneof![
        4 => vec((0..3_u32, prop::option::of(0..3_u32)), 0..300).prop_map(Step::Add),
        1 => (0..3_u32, 1..3_u32).prop_map(|(from, by)| Step::Merge(from, (from + by) % 3)),
        3 => (0..3_u32, contents).prop_map(|(cell, contents)| Step::Fire(cell, contents)),
        1 => (0..3_u32).prop_map(Step::Clear),
        4 => Just(Step::Spill),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(pane, stays)| Step::Look(pane, stays)),
        1 => Just(Step::LookAway),
    ];
    vec(step, 1..30)
}

fn fire(cell: Cell, contents: Contents) -> Command {
    let firing = Firing { window: Window::Global, timestamp: Timestamp::EPOCH, pane: PaneInfo::NO_FIRING };
    Command::Fire { key: 0, cell, contents, pane: Box::new(firing) }
}

fn parcel(rows: Vec<String>) -> Option<Parcel> {
    Some(Parcel::new(Batch { values: rows, meta: Meta::at(Timestamp::EPOCH) }))
}

fn sorted(rows: &SharedRows) -> Vec<String> {
    let mut rows = rows.typed::<String>().unwrap().clone();
    rows.sort_unstable();
    rows
}

fn spill<'a>(panes: impl IntoIterator<Item = &'a Arc<dyn SidePane>>, space: &Memory) {
    let mut pieces = Pieces::new(Arc::new(space.clone()));
    panes.into_iter().for_each(|pane| pane.spill(&mut pieces).unwrap());
    pieces.close().unwrap();
}

/// All that was seen, and all panes in the end.
fn outcome(steps: &[Step], space: Option<&Memory>) -> Vec<Vec<String>> {
    let mut rows = SideRowsOf::<String>::boxed();
    if let Some(space) = space {
        rows.limit(&StepName::here("Rows"), Arc::new(space.clone()));
    }
    let (mut panes, mut looks, mut seen, mut next) = (Vec::new(), Vec::<(usize, SharedRows)>::new(), Vec::new(), 0);
    for step in steps.iter().cloned() {
        let mut apply = |parcel, commands: &[Command]| {
            let fired = rows.apply(parcel, commands).unwrap();
            panes.extend(fired.into_iter().map(|(_, pane)| pane));
        };
        match step {
            Step::Add(cells) => {
                let values = (0..cells.len()).map(|row| format!("row {}", next + row)).collect();
                next += cells.len();
                let of = |(row, (cell, also)): (u32, (Cell, Option<Cell>))| {
                    let add = |cell, last| Command::Add { row, cell, last };
                    also.map(|also| add(also, false)).into_iter().chain([add(cell, true)])
                };
                apply(parcel(values), &(0..).zip(cells).flat_map(of).collect::<Vec<_>>());
            }
            Step::Merge(from, into) => apply(None, &[Command::Merge { from, into }]),
            Step::Fire(cell, contents) => apply(None, &[fire(cell, contents)]),
            Step::Clear(cell) => apply(None, &[Command::Clear { cell }]),
            Step::Spill => {
                let Some(space) = space else { continue };
                rows.spill().unwrap();
                spill(&panes, space);
                assert_eq!(rows.held(), 0);
                for (number, pane) in panes.iter().enumerate() {
                    let is_used = looks.iter().any(|(of, rows)| *of == number && !sorted(rows).is_empty());
                    assert_eq!((pane.held().idle, pane.held().used > 0), (0, is_used));
                }
            }
            Step::Look(_, _) if panes.is_empty() => (),
            Step::Look(pane, stays) => {
                let number = pane % panes.len();
                let (rows, _) = panes[number].rows().unwrap();
                seen.push(sorted(&rows));
                let known = looks.iter().find(|(of, _)| *of == number);
                assert!(known.is_none_or(|(_, known)| known.is_same(&rows)), "all look at the same rows");
                looks.extend(stays.then_some((number, rows)));
            }
            Step::LookAway => looks.clear(),
        }
    }
    seen.extend(panes.iter().map(|pane| sorted(&pane.rows().unwrap().0)));
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn panes_are_the_same_after_they_were_in_files(steps in steps()) {
        let space = Memory::with_room(1 << 20);
        // Without a limit, and without anything that goes to files, the panes of a list are what is expected.
        prop_assert_eq!(outcome(&steps, Some(&space)), outcome(&steps, None));
        prop_assert_eq!(space.live_files(), 0, "no file is left");
    }
}

#[test]
fn a_pane_is_in_memory_as_long_as_somebody_looks() {
    let space = Memory::with_room(1 << 20);
    let blocks = || space.blocks.swap(0, Ordering::Relaxed);
    let mut rows = SideRowsOf::<String>::boxed();
    rows.limit(&StepName::here("Rows"), Arc::new(space.clone()));
    let add: Vec<_> = (0..10_000).map(|row| Command::Add { row, cell: 0, last: true }).collect();
    let mut give = || rows.apply(parcel((0..10_000).map(|n| n.to_string()).collect()), &add).map(drop);
    give().unwrap();
    let held = rows.held();
    assert!(held > 10_000 * size_of::<String>(), "{held}");
    rows.spill().unwrap();
    assert!(rows.held() == 0 && blocks() > 1);
    rows.apply(parcel(vec!["more".to_owned()]), &[Command::Add { row: 0, cell: 0, last: true }]).unwrap();

    let pane = rows.apply(None, &[fire(0, Contents::Take)]).unwrap().remove(0).1;
    assert!(rows.held() == 0 && pane.held().idle < 1000, "what was in a file stays there: {:?}", pane.held());
    let (seen, is_read) = pane.rows().unwrap();
    assert!(is_read && pane.held().idle == 0 && pane.held().used > 10_000 * size_of::<String>());
    assert_eq!(seen.typed::<String>().unwrap().len(), 10_001);
    spill([&pane], &space);
    assert_eq!(blocks(), 0, "somebody looks, and not all of it is in files");

    drop(seen);
    assert!(pane.held().used == 0 && pane.held().idle > 10_000 * size_of::<String>());
    spill([&pane], &space);
    assert_eq!((blocks(), pane.held()), (1, Held::default()), "only what was new is written");

    let (seen, is_read) = pane.rows().unwrap();
    assert!(is_read);
    spill([&pane], &space);
    assert!(blocks() == 0 && pane.held().used > 0 && pane.held().idle == 0, "it is lent now");
    let (again, is_read) = pane.rows().unwrap();
    assert!(seen.is_same(&again) && !is_read);
    drop((seen, again));
    assert_eq!(pane.held(), Held::default(), "it goes with who looked last");
    drop((pane, rows));
    assert_eq!(space.live_files(), 0);
}
