use ferrobeam_core::prelude::*;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Parse;
impl DoFn for Parse {
    type In = String;
    type Out = i64;
    fn process(&mut self, line: String, ctx: &mut Context<'_, i64>) -> Result<(), BoxError> {
        ctx.emit(line.parse()?);
        Ok(())
    }
}

fn construct(lines: PCollection<String>) {
    lines.par_do_portable(Parse).discard();
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Keep<T>(T);
impl<T: Element> DoFn for Keep<T> {
    type In = T;
    type Out = T;
    fn process(&mut self, element: T, ctx: &mut Context<'_, T>) -> Result<(), BoxError> {
        ctx.emit(element);
        Ok(())
    }
}
#[typetag::serde]
impl<T: Element> PortableDoFn for Keep<T> {}

fn main() {}
