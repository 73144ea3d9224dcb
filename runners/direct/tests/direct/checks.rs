//! What other runners assume of user types, this one checks.

use ferrobeam_core::coder::{CoderError, Decoded, IterableCoder, Via, ViaCoder};
use ferrobeam_core::prelude::*;
use ferrobeam_core::runner::Runner;
use ferrobeam_core::testing::assert_that;
use ferrobeam_direct::DirectRunner;

/// Its coder forgets the second part, and does not bear zero.
#[derive(Clone, Debug, PartialEq)]
struct Leaky(u64, u64);

impl Via for Leaky {
    type As = u64;

    fn to(&self) -> u64 {
        self.0
    }
    fn from(first: u64) -> Decoded<Self> {
        if first == 0 { Err(CoderError::invalid("a number above zero", first)) } else { Ok(Leaky(first, 0)) }
    }
}

impl Element for Leaky {
    type Coder = ViaCoder<<u64 as Element>::Coder>;
    type ListCoder = IterableCoder<Self::Coder>;
}

#[test]
fn every_edge_goes_through_the_coder_even_inside_a_stage() {
    for seed in 0..10 {
        let runner: &dyn Runner = &DirectRunner::new().seed(seed);
        let result = runner.run(|root| {
            let lost = root.create([1u64, 2]).map(|x| Leaky(x, 7)).map(|leaky| leaky.1);
            assert_that(&lost).contains_in_any_order([0, 0]);
            Ok(())
        });
        assert!(result.is_ok(), "{result:?}");
    }
}

#[test]
fn an_element_that_does_not_survive_its_coder_names_the_step_that_made_it() {
    let runner: &dyn Runner = &DirectRunner::new().seed(1);
    let result = runner.run(|root| {
        root.create([1u64, 0]).map(|x| Leaky(x, 7)).named("Make").map(|leaky| leaky.0).named("Take").discard();
        Ok(())
    });
    let error = result.map(drop).unwrap_err().to_string();
    assert!(error.starts_with("`Make` (runners/direct/tests/direct/checks.rs:"), "{error}");
    assert!(error.contains("a number above zero"), "{error}");
}
