//! Failures of user code: they end the pipeline and say where.

use super::prelude::*;

/// Where in its life an instance fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum In {
    Setup,
    StartBundle,
    Process,
    FinishBundle,
}

#[derive(Clone)]
struct Failing {
    at: In,
    panics: bool,
}

impl Failing {
    fn now(&self, at: In) -> Result<(), BoxError> {
        match (self.at == at, self.panics) {
            (true, true) => panic!("broken in {at:?}"),
            (true, false) => Err(format!("broken in {at:?}").into()),
            (false, _) => Ok(()),
        }
    }
}

impl DoFn for Failing {
    type In = u64;
    type Out = u64;

    fn setup(&mut self) -> Result<(), BoxError> {
        self.now(In::Setup)
    }
    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.now(In::StartBundle)
    }
    fn process(&mut self, element: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        ctx.emit(element);
        if element == 42 { self.now(In::Process) } else { Ok(()) }
    }
    fn finish_bundle(&mut self, _: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        self.now(In::FinishBundle)
    }
}

fn each_fails(runner: &dyn Runner, panics: bool, verb: &str) -> CaseResult {
    for at in [In::Setup, In::StartBundle, In::Process, In::FinishBundle] {
        let mut line = String::new();
        let result = runner.run(|root| {
            let numbers = root.create(0u64..100);
            line = line_after!();
            numbers.par_do(Failing { at, panics }).named("Fragile").map(|x| x + 1).discard();
            Ok(())
        });
        fails(result, &["`Fragile`", verb, &format!("broken in {at:?}"), &line])?;
    }
    Ok(())
}

pub(super) fn an_error_names_step_file_and_line(runner: &dyn Runner) -> CaseResult {
    each_fails(runner, false, "failed")
}

pub(super) fn a_panic_names_step_file_and_line(runner: &dyn Runner) -> CaseResult {
    each_fails(runner, true, "panicked")
}

pub(super) fn a_panic_in_a_closure_names_its_own_line(runner: &dyn Runner) -> CaseResult {
    let (mut step, mut own) = (String::new(), String::new());
    let result = runner.run(|root| {
        let numbers = root.create([1u64, 0]);
        own = format!("{}:{}", file!(), line!() + 2);
        step = line_after!();
        numbers.map(|x| 10u64.checked_div(x).unwrap_or_else(|| panic!("nothing to divide by"))).named("Divide").discard();
        Ok(())
    });
    fails(result, &["`Divide`", &step, "panicked", &format!("nothing to divide by ({own}")])
}

pub(super) fn an_error_behind_a_grouping_is_found(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let groups = root.create(0u64..100).key_by(|x| x % 10).group_by_key().map(|(key, _)| key + 40);
        groups.par_do(Failing { at: In::Process, panics: false }).named("Late").discard();
        Ok(())
    });
    fails(result, &["`Late`", "broken in Process"])
}

pub(super) fn one_bad_element_is_enough(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        let good = root.create(0u64..2000).reshuffle();
        good.map(|x| if x == 1999 { panic!("the last one") } else { x }).discard();
        assert_that(&good).contains_in_any_order(0..2000);
        Ok(())
    });
    fails(result, &["the last one"])
}

/// How an element is shown is the coder's business; that it is shown, and with its time, is the runner's.
fn names_the_element(runner: &dyn Runner, panics: bool) -> CaseResult {
    let result = runner.run(|root| {
        root.create(0u64..100).par_do(Failing { at: In::Process, panics }).named("Fragile").discard();
        Ok(())
    });
    let on = if panics { "panicked on" } else { "failed on" };
    fails(result, &["`Fragile`", on, " 42 at the beginning of time", "broken in Process"])
}

pub(super) fn an_error_names_the_element(runner: &dyn Runner) -> CaseResult {
    names_the_element(runner, false)
}

pub(super) fn a_panic_names_the_element(runner: &dyn Runner) -> CaseResult {
    names_the_element(runner, true)
}
