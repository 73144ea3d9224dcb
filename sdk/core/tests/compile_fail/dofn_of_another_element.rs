use ferrobeam_core::prelude::*;

#[derive(Clone)]
struct Double;

impl DoFn for Double {
    type In = i64;
    type Out = i64;
    fn process(&mut self, x: i64, ctx: &mut Context<'_, i64>) -> Result<(), BoxError> {
        ctx.emit(2 * x);
        Ok(())
    }
}

fn double(words: PCollection<String>) {
    words.par_do(Double).discard();
}

fn main() {}
