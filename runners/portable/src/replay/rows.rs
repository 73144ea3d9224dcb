//! Elements and timers as they are on the data stream.

use bytes::Bytes;
use ferrobeam_core::coder::{
    Coder, CoderSpec, Decoded, Metadata, StrategyWindowCoder, TimerCoder, TimerData, WindowedValue, WindowedValueCoder,
};
use ferrobeam_core::windowing::{PaneInfo, Window};
use ferrobeam_core::{CoderError, Element, Timestamp};
use ferrobeam_model::urns::coders;

/// An element in the global window, at so many milliseconds.
pub fn at<T>(millis: i64, value: T) -> WindowedValue<T> {
    let (timestamp, windows, pane) = (Timestamp::from_millis(millis), vec![Window::Global], PaneInfo::NO_FIRING);
    WindowedValue { value, metadata: Metadata { timestamp, windows, pane } }
}

/// A source or a sink of a stage.
#[derive(Clone, Debug)]
pub struct Port {
    /// The transform's id.
    pub transform: String,
    /// The collection's id.
    pub collection: String,
    /// The coder of values.
    pub value: CoderSpec,
    /// The coder of windows.
    pub window: CoderSpec,
}

impl Port {
    fn coder<T: Element>(&self) -> Decoded<WindowedValueCoder<T::Coder, StrategyWindowCoder>> {
        let spec = CoderSpec::of(coders::WINDOWED_VALUE, vec![self.value.clone(), self.window.clone()]);
        Coder::<WindowedValue<T>>::from_spec(&spec)
    }

    /// Encodes elements.
    ///
    /// # Errors
    /// As [`Coder::encode`]; and if the port is not one of `T`.
    pub fn encode<T: Element>(&self, rows: &[WindowedValue<T>]) -> Result<Bytes, CoderError> {
        let (coder, mut out) = (self.coder::<T>()?, Vec::new());
        rows.iter().try_for_each(|row| coder.encode(row, &mut out))?;
        Ok(out.into())
    }

    /// Encodes values, all at the beginning of time in the global window.
    ///
    /// # Errors
    /// As [`encode`](Port::encode).
    pub fn values<T: Element>(&self, values: impl IntoIterator<Item = T>) -> Result<Bytes, CoderError> {
        let rows: Vec<_> = values.into_iter().map(|value| at(Timestamp::MIN.millis(), value)).collect();
        self.encode(&rows)
    }

    /// Reads elements.
    ///
    /// # Errors
    /// As [`Coder::decode`]; and if the port is not one of `T`.
    pub fn decode<T: Element>(&self, mut bytes: &[u8]) -> Result<Vec<WindowedValue<T>>, CoderError> {
        let (coder, mut rows) = (self.coder::<T>()?, Vec::new());
        while !bytes.is_empty() {
            rows.push(coder.decode(&mut bytes)?);
        }
        Ok(rows)
    }

    /// Encodes timers of a stateful step whose input this is.
    ///
    /// # Errors
    /// As [`Coder::encode`]; and if the keys are no `K`.
    pub fn encode_timers<K: Element>(&self, timers: &[TimerData<K>]) -> Result<Bytes, CoderError> {
        let (coder, mut out) = (self.timer_coder::<K>()?, Vec::new());
        timers.iter().try_for_each(|timer| coder.encode(timer, &mut out))?;
        Ok(out.into())
    }

    /// Reads timers of a stateful step whose input this is.
    ///
    /// # Errors
    /// As [`Coder::decode`]; and if the keys are no `K`.
    pub fn decode_timers<K: Element>(&self, mut bytes: &[u8]) -> Result<Vec<TimerData<K>>, CoderError> {
        let (coder, mut timers) = (self.timer_coder::<K>()?, Vec::new());
        while !bytes.is_empty() {
            timers.push(coder.decode(&mut bytes)?);
        }
        Ok(timers)
    }

    fn timer_coder<K: Element>(&self) -> Decoded<TimerCoder<K::Coder, StrategyWindowCoder>> {
        let key = self.value.components.first().cloned().unwrap_or_else(|| self.value.clone());
        Coder::<TimerData<K>>::from_spec(&CoderSpec::of(coders::TIMER, vec![key, self.window.clone()]))
    }
}
