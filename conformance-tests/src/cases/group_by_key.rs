//! Grouping: equal keys meet, whatever their type, and nothing is lost.

use super::prelude::*;
use ferrobeam::coder::{Decoded, IterableCoder, Via, ViaCoder};
use ferrobeam::windowing::{PaneInfo, Timing};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

pub(super) fn values_meet_at_their_key(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create([("a", 1u64), ("b", 2), ("a", 3), ("b", 5), ("c", 7)].map(|(k, v)| (k.to_owned(), v)));
        let groups = pairs.group_by_key().map(|(key, group)| (key, sorted(&group)));
        let expected = [("a", vec![1, 3]), ("b", vec![2, 5]), ("c", vec![7])];
        assert_that(&groups).contains_in_any_order(expected.map(|(key, values)| (key.to_owned(), values)));
        Ok(())
    }))
}

pub(super) fn many_keys(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let groups = root.create(0u64..4000).key_by(|x| x / 2).group_by_key();
        let odd = groups.filter(|(key, group)| sorted(group) != [2 * key, 2 * key + 1]).map(|(key, _)| key);
        assert_that(&odd).is_empty();
        assert_that(&groups.map(|_| 1u64).combine_globally(sum())).is_singleton(2000);
        Ok(())
    }))
}

pub(super) fn a_hot_key(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let keyed = root.create(0u64..5000).reshuffle().key_by(|x| x.saturating_sub(4998));
        let groups = keyed.group_by_key().map(|(key, group)| (key, group.iter().count(), group.iter().sum::<u64>()));
        assert_that(&groups).contains_in_any_order([(0, 4999, 4998 * 4999 / 2), (1, 1, 4999)]);
        Ok(())
    }))
}

pub(super) fn no_pairs_make_no_groups(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let groups = root.create::<(String, u64)>([]).group_by_key().map(|(key, _)| key);
        assert_that(&groups).is_empty();
        let filtered = root.create([(1u64, 2u64)]).filter(|_| false).group_by_key().map(|(key, _)| key);
        assert_that(&filtered).is_empty();
        Ok(())
    }))
}

pub(super) fn equal_pairs_are_all_kept(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let groups = root.create([(1u64, 'x'); 30]).group_by_key().map(|(key, group)| (key, group.iter().count()));
        assert_that(&groups).is_singleton((1, 30));
        Ok(())
    }))
}

pub(super) fn values_can_be_read_again(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let groups = root.create([1u64, 2, 3]).key_by(|_| ()).group_by_key();
        let twice = groups.map(|(_, group)| {
            let (copy, first) = (group.clone(), sorted(&group));
            first == sorted(&group) && first == sorted(&copy) && first.len() == 3
        });
        assert_that(&twice).is_singleton(true);
        Ok(())
    }))
}

/// Each key three times: once for each of its values.
fn groups_by<K: Key + Ord + Debug>(runner: &dyn Runner, keys: Vec<K>) -> CaseResult {
    passes(runner.run(|root| {
        let pairs: Vec<(K, u64)> = (0..3).flat_map(|i| keys.iter().cloned().map(move |key| (key, i))).collect();
        let groups = root.create(pairs).group_by_key().map(|(key, group)| (key, sorted(&group)));
        assert_that(&groups).contains_in_any_order(keys.iter().cloned().map(|key| (key, vec![0, 1, 2])));
        Ok(())
    }))
}

pub(super) fn keys_of_numbers(runner: &dyn Runner) -> CaseResult {
    groups_by(runner, vec![0u64, 1, 127, 128, u64::MAX])?;
    groups_by(runner, vec![0i64, 1, -1, i64::MIN, i64::MAX])?;
    groups_by(runner, (0u8..=255).collect())?;
    groups_by(runner, vec![-1i128, 0, 1])?;
    groups_by(runner, vec![true, false])
}

pub(super) fn keys_of_text(runner: &dyn Runner) -> CaseResult {
    groups_by(runner, ["", "a", "b", "ab", "a b", "🦀", "ä"].map(str::to_owned).to_vec())?;
    groups_by(runner, vec![Vec::new(), vec![0u8], vec![0, 0]])?;
    groups_by(runner, vec!['a', 'ä'])
}

pub(super) fn keys_of_containers(runner: &dyn Runner) -> CaseResult {
    let text = |text: &str| text.to_owned();
    groups_by(runner, vec![(text("a"), text("bc")), (text("ab"), text("c")), (text(""), text("abc"))])?;
    groups_by(runner, vec![None, Some(None), Some(Some(0u64)), Some(Some(1))])?;
    groups_by(runner, vec![vec![], vec![vec![]], vec![vec![1u64]], vec![vec![], vec![1]], vec![vec![1, 1]]])?;
    groups_by(runner, vec![(1u64, text("x"), None), (1, text("x"), Some(true)), (2, text("x"), None)])?;
    groups_by(runner, vec![BTreeMap::from([(1u64, text("x"))]), BTreeMap::from([(1, text("y"))]), BTreeMap::new()])?;
    groups_by(runner, vec![BTreeSet::from([1u64, 2]), BTreeSet::from([1]), BTreeSet::new()])?;
    groups_by(runner, vec![Ok(1u64), Ok(2), Err(text("1"))])?;
    groups_by(runner, vec![Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX])
}

pub(super) fn keys_of_one_value(runner: &dyn Runner) -> CaseResult {
    groups_by(runner, vec![()])
}

pub(super) fn a_group_can_be_a_value(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let groups = root.create(0u64..20).key_by(|x| x % 4).group_by_key();
        let nested = groups.map(|(key, group)| (key % 2, (key, group))).reshuffle().group_by_key();
        let sizes = nested.map(|(parity, groups)| {
            let mut sizes: Vec<_> = groups.iter().map(|(key, group)| (key, group.iter().count())).collect();
            sizes.sort_unstable();
            (parity, sizes)
        });
        assert_that(&sizes).contains_in_any_order([(0, vec![(0, 5), (2, 5)]), (1, vec![(1, 5), (3, 5)])]);
        Ok(())
    }))
}

pub(super) fn groups_of_groups(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let counts = root.create(0u64..60).key_by(|x| x % 6).group_by_key().map(|(k, g)| (k, g.iter().count() as u64));
        let again = counts.map(|(k, n)| (k % 3, n)).group_by_key().map(|(k, g)| (k, g.iter().sum::<u64>()));
        let all = again.map(|(k, n)| (n, k)).group_by_key().map(|(n, g)| (n, sorted(&g)));
        assert_that(&all).is_singleton((20, vec![0, 1, 2]));
        Ok(())
    }))
}

/// Makes each element its time and pane.
#[derive(Clone)]
struct Panes;

impl DoFn for Panes {
    type In = (i64, Grouped<i64>);
    type Out = (i64, Timestamp, bool);

    fn process(&mut self, (key, _): Self::In, ctx: &mut Context<'_, Self::Out>) -> Result<(), BoxError> {
        let expected =
            PaneInfo { timing: Timing::OnTime, index: 0, nonspeculative_index: 0, is_first: true, is_last: true };
        ctx.emit((key, ctx.timestamp(), ctx.pane() == expected));
        Ok(())
    }
}

pub(super) fn a_group_is_at_the_end_of_its_window(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let groups = root.create([1i64, 2, 30]).par_do(AtMillis).key_by(|x| x % 2).group_by_key();
        let end = Timestamp::END_OF_GLOBAL_WINDOW;
        assert_that(&groups.par_do(Panes)).contains_in_any_order([(1, end, true), (0, end, true)]);
        Ok(())
    }))
}

pub(super) fn two_groupings_of_one_collection(runner: &dyn Runner) -> CaseResult {
    passes(runner.run(|root| {
        let pairs = root.create(0u64..30).key_by(|x| x % 3);
        let sizes = pairs.group_by_key().map(|(key, group)| (key, group.iter().count()));
        let sums = pairs.group_by_key().map(|(key, group)| (key, group.iter().sum::<u64>()));
        assert_that(&sizes).contains_in_any_order([(0, 10), (1, 10), (2, 10)]);
        assert_that(&sums).contains_in_any_order([(0, 135), (1, 145), (2, 155)]);
        Ok(())
    }))
}

/// Compares only half of what it encodes.
#[derive(Clone, Debug)]
struct Unlawful(u64, u64);

impl Via for Unlawful {
    type As = (u64, u64);

    fn to(&self) -> (u64, u64) {
        (self.0, self.1)
    }
    fn from((a, b): (u64, u64)) -> Decoded<Self> {
        Ok(Unlawful(a, b))
    }
}

impl PartialEq for Unlawful {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Unlawful {}

impl Hash for Unlawful {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Element for Unlawful {
    type Coder = ViaCoder<<(u64, u64) as Element>::Coder>;
    type ListCoder = IterableCoder<Self::Coder>;
}

impl Key for Unlawful {}

pub(super) fn an_unlawful_key_is_found(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let pairs = root.create((0..1000).map(|i| (Unlawful(1, i), i)));
        pairs.group_by_key().named("Group").map(|(key, _)| key.0).discard();
        Ok(())
    });
    fails(result, &["`Group`", "equal keys have different encodings"])
}
