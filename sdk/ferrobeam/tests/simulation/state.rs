//! Bugs in a `StatefulDoFn`.

use super::finds;
use ferrobeam::prelude::*;
use ferrobeam::time::seconds;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(0) + ferrobeam::time::seconds(seconds)
}

/// What happens to an order; each is paid at the same time.
#[derive(Clone)]
struct Overdue {
    is_right: bool,
}

#[derive(State)]
struct Order {
    is_paid: Value<bool>,
    is_open: Value<bool>,
}

#[derive(Timers)]
enum Due {
    #[timer(event_time)]
    Payment,
}

impl StatefulDoFn for Overdue {
    type Key = u64;
    type In = String;
    type Out = (u64, String);
    type State = Order;
    type Timer = Due;

    fn process(
        &mut self,
        _: &u64,
        event: String,
        order: &mut Order,
        ctx: &mut StatefulContext<'_, (u64, String), Due>,
    ) -> Result<(), BoxError> {
        if event == "paid" {
            order.is_paid.set(true);
            if self.is_right && order.is_open.take().is_some() {
                ctx.clear(Due::Payment);
            }
        } else if order.is_paid.get().is_none() {
            order.is_open.set(true);
            ctx.set(Due::Payment, at(30));
        }
        Ok(())
    }
    fn on_timer(
        &mut self,
        order: &u64,
        _: Due,
        _: &mut Order,
        ctx: &mut StatefulContext<'_, (u64, String), Due>,
    ) -> Result<(), BoxError> {
        ctx.emit((*order, "overdue".to_owned()));
        Ok(())
    }
}

#[test]
fn a_timer_that_is_never_cleared() {
    finds("(7, \"overdue\")", |root, is_right| {
        let events = root.create([(7u64, "paid".to_owned()), (7, "ordered".to_owned()), (8, "ordered".to_owned())]);
        events.with_timestamps(|_| at(1)).par_do_stateful(Overdue { is_right }).discard();
        Ok(())
    });
}

/// Emits the sum of a key once nothing has come for a while: by processing time, if it is wrong.
#[derive(Clone)]
struct Flush {
    is_right: bool,
}

#[derive(State)]
struct Total {
    sum: Value<u64>,
}

#[derive(Timers)]
enum Idle {
    #[timer(event_time)]
    Event,
    #[timer(processing_time)]
    Processing,
}

impl StatefulDoFn for Flush {
    type Key = u64;
    type In = u64;
    type Out = u64;
    type State = Total;
    type Timer = Idle;

    fn process(
        &mut self,
        _: &u64,
        x: u64,
        total: &mut Total,
        ctx: &mut StatefulContext<'_, u64, Idle>,
    ) -> Result<(), BoxError> {
        let sum = total.sum.get().copied().unwrap_or(0);
        total.sum.set(sum + x);
        ctx.set_after(if self.is_right { Idle::Event } else { Idle::Processing }, seconds(10));
        Ok(())
    }
    fn on_timer(
        &mut self,
        _: &u64,
        _: Idle,
        total: &mut Total,
        ctx: &mut StatefulContext<'_, u64, Idle>,
    ) -> Result<(), BoxError> {
        ctx.emit(total.sum.take().unwrap_or(0));
        Ok(())
    }
}

#[test]
fn processing_time_in_the_place_of_event_time() {
    finds("processing time goes on", |root, is_right| {
        let numbers = root.create(1u64..=6).with_timestamps(|_| at(1)).key_by(|_| 0u64);
        numbers.par_do_stateful(Flush { is_right }).discard();
        Ok(())
    });
}

/// How much a counter has grown since the element before.
#[derive(Clone)]
struct Grows<const SORTED: bool>;

#[derive(State)]
struct Last {
    value: Value<u64>,
}

impl<const SORTED: bool> StatefulDoFn for Grows<SORTED> {
    type Key = u64;
    type In = u64;
    type Out = i64;
    type State = Last;
    type Timer = ();
    const TIME_SORTED: bool = SORTED;

    fn process(
        &mut self,
        _: &u64,
        value: u64,
        last: &mut Last,
        ctx: &mut StatefulContext<'_, i64, ()>,
    ) -> Result<(), BoxError> {
        let before = last.value.get().copied().unwrap_or(0);
        last.value.set(value);
        ctx.emit(value.cast_signed() - before.cast_signed());
        Ok(())
    }
}

#[test]
fn elements_that_are_taken_to_come_in_the_order_of_time() {
    finds("not expected: -", |root, is_right| {
        let values = root.create([1u64, 3, 6, 10]).with_timestamps(|value| at(*value)).key_by(|_| 0u64);
        if is_right {
            values.par_do_stateful(Grows::<true>).discard();
        } else {
            values.par_do_stateful(Grows::<false>).discard();
        }
        Ok(())
    });
}

/// Numbers the elements of each key; the wrong one counts in itself, over all keys.
#[derive(Clone)]
struct Count {
    is_right: bool,
    seen: u64,
}

impl StatefulDoFn for Count {
    type Key = String;
    type In = ();
    type Out = (String, u64);
    type State = Last;
    type Timer = ();

    fn process(
        &mut self,
        key: &String,
        (): (),
        last: &mut Last,
        ctx: &mut StatefulContext<'_, (String, u64), ()>,
    ) -> Result<(), BoxError> {
        self.seen += 1;
        let n = last.value.get().copied().unwrap_or(0) + 1;
        last.value.set(n);
        ctx.emit((key.clone(), if self.is_right { n } else { self.seen }));
        Ok(())
    }
}

#[test]
fn state_of_a_key_that_is_kept_in_the_step() {
    finds("made something else", |root, is_right| {
        let words = root.create(super::words("to be or not to be")).map(|word| (word, ()));
        words.par_do_stateful(Count { is_right, seen: 0 }).discard();
        Ok(())
    });
}
