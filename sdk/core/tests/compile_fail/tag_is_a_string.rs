use ferrobeam_core::prelude::*;

#[derive(Clone)]
struct Keep;

impl DoFn for Keep {
    type In = u64;
    type Out = u64;
    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        ctx.emit(x);
        Ok(())
    }
}

fn sort(numbers: PCollection<u64>) {
    numbers.par_do_tagged(Keep, "odd").main().discard();
}

fn main() {}
