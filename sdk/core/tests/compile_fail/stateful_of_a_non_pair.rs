use ferrobeam_core::prelude::*;

#[derive(Clone)]
struct Count;

impl StatefulDoFn for Count {
    type Key = String;
    type In = u64;
    type Out = u64;
    type State = ();
    type Timer = ();
    fn process(
        &mut self,
        _: &String,
        n: u64,
        (): &mut (),
        ctx: &mut StatefulContext<'_, u64, ()>,
    ) -> Result<(), BoxError> {
        ctx.emit(n);
        Ok(())
    }
}

fn no_key(words: PCollection<String>) {
    words.par_do_stateful(Count).discard();
}

fn another_key(pairs: PCollection<(char, u64)>) {
    pairs.par_do_stateful(Count).discard();
}

fn main() {}
