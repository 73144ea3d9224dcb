//! What is known of a key, as a record.

use crate::engine::key::HashedKey;
use crate::engine::state::Cells;
use crate::engine::timers::{Due, PendingTimer, Turn};
use crate::engine::{States, Timers};
use crate::files::{damaged, put_bytes, put_time, put_window};
use crate::files::{take_array, take_bytes, take_len, take_time, take_window};
use ferrobeam_core::Result;
use ferrobeam_core::coder::put_varint;
use ferrobeam_core::dofn::stateful::operator::{TimeDomain, TimerId};

/// The names of cells and timers, which records have the numbers of.
#[derive(Default)]
pub(in crate::engine) struct Names(Vec<&'static str>);

impl Names {
    pub(in crate::engine) fn put(&mut self, name: &'static str, out: &mut Vec<u8>) {
        let number = self.0.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.0.push(name);
            self.0.len() - 1
        });
        put_varint(number as u64, out);
    }

    pub(in crate::engine) fn take(&self, input: &mut &[u8]) -> Result<&'static str> {
        self.0.get(take_len(input)?).copied().ok_or_else(damaged)
    }
}

/// Bits of the first byte of something that is waited for.
const PROCESSING: u8 = 1;
const EXPIRES: u8 = 2;
/// Its window has state.
const STATE: u8 = 4;

/// What is known of a key.
pub(super) fn encode(key: &HashedKey, states: &mut States, timers: &Timers, names: &mut Names, out: &mut Vec<u8>) {
    for (turn, due) in timers.of_key(key) {
        let (window, cells) = match due {
            Due::Timer(timer) => (timer.window, None),
            // Where there is state, there is an end of it.
            Due::Expire(window) => (*window, states.take(&key.bytes, *window)),
        };
        let bits = [turn.domain == TimeDomain::ProcessingTime, turn.expires, cells.is_some()];
        out.push(bits.iter().zip([PROCESSING, EXPIRES, STATE]).filter(|(is, _)| **is).map(|(_, bit)| bit).sum());
        put_time(turn.at, out);
        put_varint(turn.order, out);
        put_window(window, out);
        if let Due::Timer(PendingTimer { timer, output, .. }) = due {
            names.put(timer.name, out);
            put_bytes(timer.tag.as_bytes(), out);
            put_time(*output, out);
        }
        if let Some(cells) = cells {
            cells.encode(names, states.away(), out);
        }
    }
}

/// Puts back what is known of a key.
pub(super) fn decode(
    mut input: &[u8],
    key: &HashedKey,
    states: &mut States,
    timers: &mut Timers,
    names: &Names,
) -> Result<()> {
    while !input.is_empty() {
        let [bits] = take_array(&mut input)?;
        let (turn, due) = take_due(&mut input, bits, names)?;
        if bits & STATE != 0
            && let Due::Expire(window) = due
        {
            let cells = Cells::decode(names, states.away(), &mut input)?;
            states.put(&key.bytes, window, cells);
        }
        timers.put_back(key, turn, due);
    }
    Ok(())
}

fn take_due(input: &mut &[u8], bits: u8, names: &Names) -> Result<(Turn, Due)> {
    let domain = if bits & PROCESSING == 0 { TimeDomain::EventTime } else { TimeDomain::ProcessingTime };
    let expires = bits & EXPIRES != 0;
    let turn = Turn { domain, at: take_time(input)?, expires, order: take_len(input)? as u64 };
    let window = take_window(input)?;
    if expires {
        return Ok((turn, Due::Expire(window)));
    }
    let name = names.take(input)?;
    let tag = String::from_utf8(take_bytes(input)?.to_vec()).map_err(|_| damaged())?;
    let (timer, output) = (TimerId { name, tag }, take_time(input)?);
    Ok((turn, Due::Timer(PendingTimer { window, timer, domain, fire: turn.at, output })))
}
