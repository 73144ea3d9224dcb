use ferrobeam_core::prelude::*;

#[derive(Clone)]
struct Count;

impl StatefulDoFn for Count {
    type Key = f64;
    type In = u64;
    type Out = u64;
    type State = ();
    type Timer = ();
    fn process(
        &mut self,
        _: &f64,
        n: u64,
        (): &mut (),
        ctx: &mut StatefulContext<'_, u64, ()>,
    ) -> Result<(), BoxError> {
        ctx.emit(n);
        Ok(())
    }
}

fn main() {}
