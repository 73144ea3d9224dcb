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
        flatten([&ours, &other]).named("Both").discard();
        Ok(())
    });
    is_refused(graph, &[&format!("`Both` ({line}): one of its inputs is a collection of another pipeline")])
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
        ours.map_with(other, |x, y| x + y).named("Add").discard();
        Ok(())
    });
    is_refused(graph, &[&format!("`Add` ({line}): one of its inputs is a collection of another pipeline")])
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
        numbers.par_do_tagged(Sort, &ODD).main().named("Sorted").discard();
        Ok(())
    });
    is_refused(graph, &[&format!("`Sorted` ({line}): nothing consumes the output `odd`")])?;
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
        sorted.get(&ODD).named("Sorted").discard();
        line = line_after!();
        sorted.get(&BIG).discard();
        Ok(())
    });
    is_refused(graph, &[&format!("{line}: no output `big` was declared at `Sorted` (")])
}

pub(super) fn two_outputs_of_one_name(_: &dyn Runner) -> CaseResult {
    const ODD_TEXT: Tag<String> = Tag::new("odd");
    let mut line = String::new();
    let graph = Root::build(|root| {
        let numbers = root.create([1u64]);
        line = line_after!();
        let sorted = numbers.par_do_tagged(Sort, (&ODD, &ODD_TEXT));
        sorted.get(&ODD).named("Sorted").discard();
        Ok(())
    });
    is_refused(graph, &[&format!("`Sorted` ({line}): it has two outputs named `odd`")])
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
        root.test_stream(script).named("Script").discard();
        Ok(())
    });
    let texts = [format!("{back}: the watermark goes back"), format!("{behind}: an element comes when")];
    is_refused(graph, &[&texts[0], &texts[1], "in the script of `Script` ("])
}

pub(super) fn a_trigger_that_may_lose_data(_: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let windowing = || GlobalWindows::new().trigger(after_count(3)).discarding();
    let graph = Root::build(|root| {
        line = line_after!();
        root.create([1u64]).window(windowing()).named("Threes").discard();
        root.create([1u64]).window(windowing().allow_data_loss()).discard();
        Ok(())
    });
    is_refused(graph, &[&format!("`Threes` ({line}): the trigger AfterCount(3) may finish")])
}

pub(super) fn a_window_that_never_fires(_: &dyn Runner) -> CaseResult {
    let mut line = String::new();
    let graph = Root::build(|root| {
        let stream = root.test_stream(TestStream::new().add_elements([(1u64, at(20))])).key_by(|_| ());
        line = line_after!();
        stream.group_by_key().named("Groups").discard();
        Ok(())
    });
    is_refused(graph, &[&format!("`Groups` ({line}): the global window of unbounded data does not end")])?;
    // The user wrote one step and made one mistake, whatever that step is made of.
    let graph = Root::build(|root| {
        let stream = root.test_stream(TestStream::new().add_elements([(1u64, at(20))]));
        line = line_after!();
        stream.sum_globally().named("Total").discard();
        Ok(())
    });
    let ferrobeam::Error::Graph(told) = graph.map(drop).err().ok_or("the pipeline was built")? else {
        return Err("another error than that of a graph".into());
    };
    ensure!(told.len() == 1, "one mistake is told as {told:?}");
    let expected = format!("`Total` ({line}): the global window of unbounded data does not end");
    ensure!(told[0].starts_with(&expected), "the mistake is told as {}", told[0]);
    Ok(())
}

/// Nothing behind could do both, be it a step of the user's or one that a built-in composite consists of.
pub(super) fn windowings_that_do_not_meet(_: &dyn Runner) -> CaseResult {
    let (mut both, mut joined) = (String::new(), String::new());
    let graph = Root::build(|root| {
        let global = root.create([(1u64, 1u64)]);
        let hourly = global.window(FixedWindows::of(ferrobeam::time::hours(1)));
        both = line_after!();
        root.flatten([&global, &hourly]).named("Both").discard();
        joined = line_after!();
        global.co_group_by_key(&hourly).named("Joined").discard();
        Ok(())
    });
    let why = "its inputs have different windows: the global window, and fixed windows of 3600s";
    is_refused(graph, &[&format!("`Both` ({both}): {why}"), &format!("`Joined` ({joined}): {why}")])
}

/// Nobody would ever see it.
pub(super) fn a_side_input_that_is_never_ready(_: &dyn Runner) -> CaseResult {
    let (mut made, mut line) = (String::new(), String::new());
    let graph = Root::build(|root| {
        let script = TestStream::new().add_elements([(1u64, at(1))]);
        made = line_after!();
        let numbers = root.test_stream(script).named("Numbers");
        let all = numbers.as_iterable();
        line = line_after!();
        numbers.map_with(all, |x, all| x + all.len() as u64).named("Look").discard();
        Ok(())
    });
    let why = "that is never ready: the global window of unbounded data does not end";
    let made = format!("made by `Numbers` ({made}), {why}");
    is_refused(graph, &[&format!("`Look` ({line}): it looks at a side input, {made}")])
}

pub(super) fn sliding_windows_of_broken_periods(_: &dyn Runner) -> CaseResult {
    let graph = Root::build(|root| {
        let sliding = CombineSliding::of(ferrobeam::time::millis(25)).every(ferrobeam::time::millis(10)).with(sum());
        root.create([(1u64, 1u64)]).apply(sliding).discard();
        Ok(())
    });
    is_refused(graph, &["windows of 25 ms are no whole multiple of their period of 10 ms", file!()])
}
