//! Mistakes in the construction of a pipeline: found before anything runs, with file and line.

use super::prelude::*;

pub(super) fn two_steps_of_one_name(_: &dyn Runner) -> CaseResult {
    let (mut first, mut second) = (String::new(), String::new());
    let graph = Root::build(|root| {
        let numbers = root.create([1u64]);
        first = line_after!();
        numbers.map(|x| x + 1).named("Twice").discard();
        second = line_after!();
        numbers.map(|x| x + 1).named("Twice").discard();
        Ok(())
    });
    is_refused(graph, &["two steps are named `Twice`", &first, &second])?;
    // In two composites there may be two.
    let twice = |c: PCollection<u64>| c.map(|x| x + 1).named("Same").discard();
    let graph = Root::build(|root| {
        root.create([1u64]).apply(named("A", twice));
        root.create([1u64]).apply(named("B", twice));
        Ok(())
    });
    graph.map(drop).map_err(Into::into)
}

pub(super) fn an_empty_name(_: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let graph = Root::build(|root| {
        let numbers = root.create([1u64]);
        line = line_after!();
        numbers.map(|x| x + 1).named("").discard();
        Ok(())
    });
    is_refused(graph, &["empty", &line])
}

pub(super) fn a_collection_of_another_pipeline(_: &dyn Runner) -> CaseResult {
    let mut other = None;
    Root::build(|root| {
        other = Some(root.create([1u64]));
        Ok(())
    })?;
    let other = other.ok_or("nothing was built")?;
    let mut line = String::new();
    let graph = Root::build(|root| {
        let ours = root.create([1u64]);
        line = line_after!();
        flatten([&ours, &other]).discard();
        Ok(())
    });
    is_refused(graph, &["Flatten", "another pipeline", &line])
}

pub(super) fn a_side_input_of_another_pipeline(_: &dyn Runner) -> CaseResult {
    let mut other = None;
    Root::build(|root| {
        other = Some(root.create([1u64]).as_singleton());
        Ok(())
    })?;
    let other = other.ok_or("nothing was built")?;
    let mut line = String::new();
    let graph = Root::build(|root| {
        let ours = root.create([1u64]);
        line = line_after!();
        ours.map_with(other, |x, y| x + y).discard();
        Ok(())
    });
    is_refused(graph, &["another pipeline", &line])
}

const ODD: Tag<u64> = Tag::new("odd");
const BIG: Tag<u64> = Tag::new("big");

#[derive(Clone)]
struct Sort;

impl DoFn for Sort {
    type In = u64;
    type Out = u64;

    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        if x % 2 == 1 { ctx.emit_to(&ODD, x) } else { ctx.emit(x) }
        Ok(())
    }
}

pub(super) fn an_output_that_nobody_consumes(_: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let graph = Root::build(|root| {
        let numbers = root.create([1u64]);
        line = line_after!();
        numbers.par_do_tagged(Sort, &ODD).main().discard();
        Ok(())
    });
    is_refused(graph, &["nothing consumes the output `odd`", "ParDo", &line])?;
    let graph = Root::build(|root| {
        root.create([1u64]).try_map(|x| if x > 1 { Ok(x) } else { Err(x) }).0.discard();
        Ok(())
    });
    is_refused(graph, &["nothing consumes the output `errors`", file!()])
}

pub(super) fn an_undeclared_output(_: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let graph = Root::build(|root| {
        let sorted = root.create([1u64]).par_do_tagged(Sort, &ODD);
        sorted.get(&ODD).discard();
        line = line_after!();
        sorted.get(&BIG).discard();
        Ok(())
    });
    is_refused(graph, &["no output `big` was declared", &line])
}

pub(super) fn two_outputs_of_one_name(_: &dyn Runner) -> CaseResult {
    const ODD_TEXT: Tag<String> = Tag::new("odd");
    let mut line = String::new();
    let graph = Root::build(|root| {
        let numbers = root.create([1u64]);
        line = line_after!();
        let sorted = numbers.par_do_tagged(Sort, (&ODD, &ODD_TEXT));
        sorted.get(&ODD).discard();
        Ok(())
    });
    is_refused(graph, &["two outputs named `odd`", &line])
}

pub(super) fn all_mistakes_are_told(_: &dyn Runner) -> CaseResult {
    let graph = Root::build(|root| {
        let numbers = root.create([1u64]);
        numbers.map(|x| x).named("Twice").discard();
        numbers.map(|x| x).named("Twice").discard();
        let sorted = numbers.par_do_tagged(Sort, &ODD);
        sorted.get(&BIG).discard();
        Ok(())
    });
    is_refused(graph, &["`Twice`", "no output `big`", "nothing consumes the output `odd`"])
}

pub(super) fn an_error_of_the_function_is_kept(runner: &dyn Runner) -> CaseResult {
    let result = runner.run(|root| {
        root.create([1u64]).discard();
        Err(ferrobeam::Error::Options("there is no input".to_owned()))
    });
    fails(result, &["there is no input"])
}

pub(super) fn a_script_that_makes_no_sense(_: &dyn Runner) -> CaseResult {
    let (mut back, mut behind) = (String::new(), String::new());
    let graph = Root::build(|root| {
        let script = TestStream::new().advance_watermark_to(at(10));
        back = line_after!();
        let script = script.advance_watermark_to(at(9)).advance_watermark_to_infinity();
        behind = line_after!();
        let script = script.add_elements([(1u64, at(20))]);
        root.test_stream(script).discard();
        Ok(())
    });
    is_refused(graph, &[&format!("{back}: the watermark goes back"), &format!("{behind}: an element comes when")])
}

pub(super) fn a_trigger_that_may_lose_data(_: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let windowing = || GlobalWindows::new().trigger(after_count(3)).discarding();
    let graph = Root::build(|root| {
        line = line_after!();
        root.create([1u64]).window(windowing()).discard();
        root.create([1u64]).window(windowing().allow_data_loss()).discard();
        Ok(())
    });
    is_refused(graph, &[&format!("{line}: the trigger AfterCount(3) may finish")])
}

pub(super) fn a_window_that_never_fires(_: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let graph = Root::build(|root| {
        let stream = root.test_stream(TestStream::new().add_elements([(1u64, at(20))])).key_by(|_| ());
        line = line_after!();
        stream.group_by_key().discard();
        Ok(())
    });
    is_refused(graph, &[&format!("{line}: the global window of unbounded data does not end")])
}

/// Nobody would ever see it.
pub(super) fn a_side_input_that_is_never_ready(_: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let graph = Root::build(|root| {
        let numbers = root.test_stream(TestStream::new().add_elements([(1u64, at(1))]));
        let all = numbers.as_iterable();
        line = line_after!();
        numbers.map_with(all, |x, all| x + all.len() as u64).named("Look").discard();
        Ok(())
    });
    is_refused(graph, &[&line, "is never ready: the global window of unbounded data does not end"])
}
