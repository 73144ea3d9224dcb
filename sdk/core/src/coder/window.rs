//! The encodings of windows.

use super::nullable::take_presence;
use super::wire::{put_sortable, put_varint, take_sortable, take_varint};
use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, Part};
use crate::Timestamp;
use crate::coder::urn::{CUSTOM_WINDOW, GLOBAL_WINDOW, INTERVAL_WINDOW, NULLABLE};
use crate::windowing::Window;

/// Beam's `interval_window:v1`: the end, then the length in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct IntervalWindowCoder;

impl Coder<Window> for IntervalWindowCoder {
    #[inline]
    fn new() -> Self {
        IntervalWindowCoder
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::leaf(INTERVAL_WINDOW)
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(INTERVAL_WINDOW, 0).map(|()| IntervalWindowCoder)
    }

    #[inline]
    fn encode(&self, value: &Window, out: &mut Vec<u8>) -> Encoded {
        let Window::Interval { start, end } = value else {
            return Err(CoderError::refused("the global window where an interval is expected"));
        };
        // Within Beam's limits the difference fits into 64 bits; an end before its start has no encoding.
        let length = u64::try_from(end.millis() - start.millis())
            .map_err(|_| CoderError::refused(format!("a window that ends before it starts: {value}")))?;
        put_sortable(end.millis(), out);
        put_varint(length, out);
        Ok(())
    }

    /// Clamps both limits to Beam's.
    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<Window> {
        let end = take_sortable(input, "the end of a window")?;
        let length = i64::try_from(take_varint(input)?)
            .map_err(|_| CoderError::invalid("the length of a window", "more than 2^63 milliseconds"))?;
        let start = Timestamp::from_millis(end.saturating_sub(length));
        Ok(Window::Interval { start, end: Timestamp::from_millis(end) })
    }
}

/// Beam's `global_window:v1`: no bytes.
#[derive(Clone, Copy, Debug)]
pub struct GlobalWindowCoder;

impl Coder<Window> for GlobalWindowCoder {
    #[inline]
    fn new() -> Self {
        GlobalWindowCoder
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::leaf(GLOBAL_WINDOW)
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(GLOBAL_WINDOW, 0).map(|()| GlobalWindowCoder)
    }

    #[inline]
    fn encode(&self, value: &Window, _: &mut Vec<u8>) -> Encoded {
        match value {
            Window::Global => Ok(()),
            Window::Interval { .. } => Err(CoderError::refused(format!("{value} where the global window is expected"))),
        }
    }

    #[inline]
    fn decode(&self, _: &mut &[u8]) -> Decoded<Window> {
        Ok(Window::Global)
    }
}

/// The coder that a windowing strategy names for its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrategyWindowCoder {
    /// Of the global window.
    Global,
    /// Of all others.
    Interval,
}

impl Coder<Window> for StrategyWindowCoder {
    #[inline]
    fn new() -> Self {
        StrategyWindowCoder::Global
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::leaf(match self {
            StrategyWindowCoder::Global => GLOBAL_WINDOW,
            StrategyWindowCoder::Interval => INTERVAL_WINDOW,
        })
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        match &*spec.urn {
            GLOBAL_WINDOW => Ok(StrategyWindowCoder::Global),
            INTERVAL_WINDOW => Ok(StrategyWindowCoder::Interval),
            other => Err(CoderError::spec("the coder of global or interval windows", other)),
        }
    }

    #[inline]
    fn encode(&self, value: &Window, out: &mut Vec<u8>) -> Encoded {
        match self {
            StrategyWindowCoder::Global => GlobalWindowCoder.encode(value, out),
            StrategyWindowCoder::Interval => IntervalWindowCoder.encode(value, out),
        }
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<Window> {
        match self {
            StrategyWindowCoder::Global => GlobalWindowCoder.decode(input),
            StrategyWindowCoder::Interval => IntervalWindowCoder.decode(input),
        }
    }
}

/// A window as a value, global or not: `nullable<interval_window>`, of which null is the global window.
#[derive(Clone, Debug)]
pub struct WindowCoder(Part<IntervalWindowCoder>);

impl Coder<Window> for WindowCoder {
    #[inline]
    fn new() -> Self {
        WindowCoder(Part::new())
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::of(NULLABLE, vec![self.0.spec()])
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(NULLABLE, 1)?;
        Part::from_spec(&spec.components[0]).map(WindowCoder)
    }

    #[inline]
    fn encode(&self, value: &Window, out: &mut Vec<u8>) -> Encoded {
        match value {
            Window::Global => {
                out.push(0);
                Ok(())
            }
            Window::Interval { .. } => {
                out.push(1);
                self.0.encode(value, out)
            }
        }
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<Window> {
        if take_presence(input)? { self.0.decode(input) } else { Ok(Window::Global) }
    }
}

/// Beam's `custom_window:v1`: the last timestamp of the window, so that an engine need not know the rest.
#[derive(Clone, Debug)]
pub struct CustomWindowCoder<C>(Part<C>);

impl<C: Coder<Window>> Coder<Window> for CustomWindowCoder<C> {
    #[inline]
    fn new() -> Self {
        CustomWindowCoder(Part::new())
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::of(CUSTOM_WINDOW, vec![self.0.spec()])
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(CUSTOM_WINDOW, 1)?;
        Part::from_spec(&spec.components[0]).map(CustomWindowCoder)
    }

    #[inline]
    fn encode(&self, value: &Window, out: &mut Vec<u8>) -> Encoded {
        put_sortable(value.max_timestamp().millis(), out);
        self.0.encode(value, out)
    }

    #[inline]
    fn decode(&self, input: &mut &[u8]) -> Decoded<Window> {
        take_sortable(input, "the end of a window")?;
        self.0.decode(input)
    }
}
