//! What a failing run says.

use ferrobeam_core::{prelude::*, runner::Runner};
use ferrobeam_direct::DirectRunner;

#[derive(Clone)]
struct Picky;

impl CombineFn for Picky {
    type In = u64;
    type Acc = u64;
    type Out = u64;
    fn create_accumulator(&self) -> u64 {
        0
    }
    fn add_input(&self, sum: &mut u64, x: u64) {
        assert!(x != 77, "no 77");
        *sum += x;
    }
    fn merge_accumulators(&self, into: &mut u64, from: u64) {
        *into += from;
    }
    fn extract_output(&self, sum: u64) -> u64 {
        sum
    }
}

#[test]
fn a_combine_function_that_panics_names_step_line_and_element() {
    for seed in 0..20 {
        let runner: &dyn Runner = &DirectRunner::new().seed(seed);
        let result = runner.run(|root| {
            let pairs = root.create(0..100u64).map(|x| (x % 3, x));
            pairs.combine_per_key(Picky).named("Pick").discard();
            Ok(())
        });
        let error = result.map(drop).unwrap_err().to_string();
        assert!(error.starts_with("`Pick` (runners/direct/tests/direct/errors.rs:"), "{error}");
        assert!(error.contains("panicked on (2, 77) at"), "{error}");
        assert!(error.contains(&format!("--seed={seed}")), "{error}");
    }
}
