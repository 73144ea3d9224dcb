//! Bugs in a `DoFn`.

use super::{finds, words};
use ferrobeam::prelude::*;
use ferrobeam::testing::{SideEffects, Simulation};

/// Counts the words of a key; the wrong one goes on from the key before.
#[derive(Clone)]
struct Count {
    is_right: bool,
    words: u64,
}

impl DoFn for Count {
    type In = (u64, Grouped<String>);
    type Out = (u64, u64);

    fn process(&mut self, (key, words): Self::In, ctx: &mut Context<'_, (u64, u64)>) -> Result<(), BoxError> {
        let before = if self.is_right { 0 } else { self.words };
        self.words = before + words.len() as u64;
        ctx.emit((key, self.words));
        Ok(())
    }
}

#[test]
fn state_that_is_kept_from_one_key_to_the_next() {
    finds("made something else", |root, is_right| {
        let words = root.create(words("to be or not to be")).map(|word| (word.len() as u64 % 2, word));
        words.group_by_key().par_do(Count { is_right, words: 0 }).discard();
        Ok(())
    });
}

/// Splits lines of a table: the first one that it sees is the header.
#[derive(Clone)]
struct Table {
    is_right: bool,
    header_seen: bool,
}

impl DoFn for Table {
    type In = String;
    type Out = String;

    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.header_seen = false;
        Ok(())
    }
    fn process(&mut self, line: String, ctx: &mut Context<'_, String>) -> Result<(), BoxError> {
        let is_header = if self.is_right { line.starts_with("name") } else { !self.header_seen };
        self.header_seen = true;
        if !is_header {
            ctx.emit(line);
        }
        Ok(())
    }
}

#[test]
fn dependence_on_the_order_inside_a_bundle() {
    finds("made something else", |root, is_right| {
        let lines = root.create(words("name,age ann,32 bob,40 cem,27"));
        lines.par_do(Table { is_right, header_seen: false }).discard();
        Ok(())
    });
}

/// Charges an account for each element.
#[derive(Clone)]
struct Charge {
    is_right: bool,
    account: SideEffects,
}

impl DoFn for Charge {
    type In = u64;
    type Out = ();
    const FINALIZES: bool = true;

    fn process(&mut self, amount: u64, ctx: &mut Context<'_, ()>) -> Result<(), BoxError> {
        let account = self.account.clone();
        if !self.is_right {
            account.record(amount);
            return Ok(());
        }
        ctx.after_commit(move || {
            account.record(amount);
            Ok(())
        });
        Ok(())
    }
}

#[test]
fn a_side_effect_outside_of_finalization() {
    let run = |is_right| {
        let account = SideEffects::new();
        let simulation = Simulation::new(0..1000).comparing(&account);
        simulation.run(|root| {
            root.create([10u64, 20, 30]).par_do(Charge { is_right, account: account.clone() }).discard();
            Ok(())
        })
    };
    run(true).unwrap();
    let error = run(false).unwrap_err().to_string();
    assert!(error.contains("2 times, 1 under the calmest schedule"), "{error}");
    assert!(error.contains("is repeated"), "{error}");
}

/// Emits elements three at a time.
#[derive(Clone)]
struct Threes {
    is_right: bool,
    buffer: Vec<(u64, Timestamp, Window)>,
}

impl DoFn for Threes {
    type In = u64;
    type Out = u64;

    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.buffer.clear();
        Ok(())
    }
    fn process(&mut self, x: u64, ctx: &mut Context<'_, u64>) -> Result<(), BoxError> {
        self.buffer.push((x, ctx.timestamp(), ctx.window()));
        if self.buffer.len() == 3 {
            self.buffer.drain(..).for_each(|(x, ..)| ctx.emit(x));
        }
        Ok(())
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        if self.is_right {
            self.buffer.drain(..).for_each(|(x, at, window)| ctx.emit(x, at, window));
        }
        Ok(())
    }
}

#[test]
fn a_buffer_that_is_not_flushed_at_the_end_of_its_bundle() {
    finds("missing: ", |root, is_right| {
        root.create(0u64..9).par_do(Threes { is_right, buffer: Vec::new() }).discard();
        Ok(())
    });
}

/// Emits how many elements a bundle has.
#[derive(Clone)]
struct PerBundle(u64);

impl DoFn for PerBundle {
    type In = u64;
    type Out = u64;

    fn start_bundle(&mut self) -> Result<(), BoxError> {
        self.0 = 0;
        Ok(())
    }
    fn process(&mut self, _: u64, _: &mut Context<'_, u64>) -> Result<(), BoxError> {
        self.0 += 1;
        Ok(())
    }
    fn finish_bundle(&mut self, ctx: &mut BundleContext<'_, u64>) -> Result<(), BoxError> {
        if self.0 > 0 {
            ctx.emit(self.0, Timestamp::MIN, Window::Global);
        }
        Ok(())
    }
}

#[test]
fn reliance_on_where_bundles_begin_and_end() {
    finds("missing: 9", |root, is_right| {
        // A count for each bundle is lawful if somebody sums it up.
        let counts = root.create(0u64..9).par_do(PerBundle(0));
        if is_right {
            counts.combine_globally(sum()).discard();
        } else {
            counts.discard();
        }
        Ok(())
    });
}
