//! Bugs in what is combined, and with what fires early.

use super::finds;
use ferrobeam::prelude::*;
use ferrobeam::time::seconds;

/// A mean. The wrong one is the mean of means, whatever their weights.
#[derive(Clone)]
struct Mean {
    is_right: bool,
}

impl CombineFn for Mean {
    type In = u64;
    type Acc = (u64, u64);
    type Out = u64;

    fn create_accumulator(&self) -> (u64, u64) {
        (0, 0)
    }
    fn add_input(&self, (sum, count): &mut (u64, u64), x: u64) {
        *sum += x * 1000;
        *count += 1;
    }
    fn merge_accumulators(&self, into: &mut (u64, u64), from: (u64, u64)) {
        if self.is_right || into.1 == 0 || from.1 == 0 {
            *into = (into.0 + from.0, into.1 + from.1);
        } else {
            *into = (into.0 / into.1 + from.0 / from.1, 2);
        }
    }
    fn extract_output(&self, (sum, count): (u64, u64)) -> u64 {
        sum / count.max(1)
    }
}

#[test]
fn a_combine_function_that_is_not_associative() {
    finds("missing: (0, 5000)", |root, is_right| {
        let numbers = root.create([1u64, 2, 3, 14]).key_by(|_| 0u64);
        numbers.combine_per_key(Mean { is_right }).discard();
        Ok(())
    });
}

#[test]
fn the_first_of_a_group_that_is_in_no_order() {
    finds("missing: ", |root, is_right| {
        let groups = root.create([3u64, 1, 2]).key_by(|_| 0u64).group_by_key();
        let first = groups.map(move |(_, values)| if is_right { values.iter().min() } else { values.iter().next() });
        first.discard();
        Ok(())
    });
}

#[test]
fn an_early_pane_that_is_taken_for_the_last() {
    finds("missing [10], not expected [", |root, is_right| {
        let windowing = FixedWindows::of(seconds(60)).trigger(AfterWatermark::new().early(after_count(2)));
        let numbers = root.create([1u64, 2, 3, 4]).window(windowing.accumulating());
        let sums = numbers.key_by(|_| 0u64).group_by_key().par_do(Add { is_right });
        let total = sums.window(GlobalWindows::new()).combine_globally(sum());
        ferrobeam::testing::assert_that(&total).contains_in_any_order([10]);
        Ok(())
    });
}

/// Sums of groups; the wrong one emits that of each pane, though later ones contain it.
#[derive(Clone)]
struct Add {
    is_right: bool,
}

impl DoFn for Add {
    type In = (u64, Grouped<u64>);
    type Out = u64;

    fn process(&mut self, (_, group): Self::In, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        if !self.is_right || ctx.pane().is_last {
            ctx.emit(group.into_iter().sum());
        }
        Ok(())
    }
}
