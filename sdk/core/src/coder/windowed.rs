//! Elements with what travels beside them, as engines exchange them; and keys with their shard.

use super::wire::{finish, put_prefixed, put_sortable, take_prefixed, take_sortable};
use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, IterableCoder, Leaf, Part, put_pane, take_pane};
use crate::Timestamp;
use crate::coder::urn::{PARAM_WINDOWED_VALUE, SHARDED_KEY, WINDOWED_VALUE};
use crate::windowing::{PaneInfo, Window};
use bytes::Bytes;

/// What travels beside an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata<W = Window> {
    /// The element's event time.
    pub timestamp: Timestamp,
    /// The windows that it is in.
    pub windows: Vec<W>,
    /// The pane that it was fired in.
    pub pane: PaneInfo,
}

impl Metadata {
    /// Appends timestamp, windows and pane, as they stand before the value on the wire.
    ///
    /// # Errors
    /// If a window is not one of `windows`' kind.
    pub fn put(&self, windows: &IterableCoder<impl Coder<Window>>, out: &mut Vec<u8>) -> Encoded {
        put_sortable(self.timestamp.millis(), out);
        windows.encode(&self.windows, out).map_err(|e| e.at("windows"))?;
        put_pane(&self.pane, out);
        Ok(())
    }

    /// Reads timestamp, windows and pane.
    ///
    /// # Errors
    /// If `input` does not begin with them.
    pub fn take(windows: &IterableCoder<impl Coder<Window>>, input: &mut &[u8]) -> Decoded<Self> {
        let timestamp = Timestamp::from_millis(take_sortable(input, "a timestamp")?);
        let windows = windows.decode(input).map_err(|e| e.at("windows"))?;
        Ok(Metadata { timestamp, windows, pane: take_pane(input)? })
    }
}

/// An element with its timestamp, windows and pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowedValue<T, W = Window> {
    /// The element.
    pub value: T,
    /// What travels beside it.
    pub metadata: Metadata<W>,
}

/// Beam's `windowed_value:v1`.
#[derive(Clone, Debug)]
pub struct WindowedValueCoder<C, W> {
    value: Part<C>,
    windows: IterableCoder<W>,
}

impl<C, W> WindowedValueCoder<C, W> {
    /// Returns the coder of the value.
    pub fn value(&self) -> &Part<C> {
        &self.value
    }

    /// Returns the coder of the windows.
    pub fn windows(&self) -> &IterableCoder<W> {
        &self.windows
    }
}

/// Reads the two components: of the value, and of one window.
fn components<T, C: Coder<T>, W: Coder<Window>>(spec: &CoderSpec) -> Decoded<(Part<C>, IterableCoder<W>)> {
    let [value, window] = spec.components.as_slice() else {
        return Err(CoderError::spec("a value and a window", format!("{} components", spec.components.len())));
    };
    let value = Coder::<T>::from_spec(value).map_err(|e| e.at("value"))?;
    let windows = IterableCoder::of_items::<Window>(window).map_err(|e| e.at("window"))?;
    Ok((value, windows))
}

impl<T: 'static, C: Coder<T>, W: Coder<Window>> Coder<WindowedValue<T>> for WindowedValueCoder<C, W> {
    fn new() -> Self {
        WindowedValueCoder { value: Coder::<T>::new(), windows: Coder::<Vec<Window>>::new() }
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::of(WINDOWED_VALUE, vec![self.value.spec(), self.windows.item().spec()])
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(WINDOWED_VALUE, 2)?;
        components(spec).map(|(value, windows)| WindowedValueCoder { value, windows })
    }

    fn encode(&self, element: &WindowedValue<T>, out: &mut Vec<u8>) -> Encoded {
        element.metadata.put(&self.windows, out)?;
        self.value.encode(&element.value, out).map_err(|e| e.at("value"))
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<WindowedValue<T>> {
        let metadata = Metadata::take(&self.windows, input)?;
        Ok(WindowedValue { metadata, value: self.value.decode(input).map_err(|e| e.at("value"))? })
    }

    fn encode_outer(&self, element: &WindowedValue<T>, out: &mut Vec<u8>) -> Encoded {
        element.metadata.put(&self.windows, out)?;
        self.value.encode_outer(&element.value, out).map_err(|e| e.at("value"))
    }

    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<WindowedValue<T>> {
        let metadata = Metadata::take(&self.windows, input)?;
        Ok(WindowedValue { metadata, value: self.value.decode_outer(input).map_err(|e| e.at("value"))? })
    }
}

/// Beam's `param_windowed_value:v1`: all elements have the metadata of the coder's payload; only the value is on the wire.
#[derive(Clone, Debug)]
pub struct ParamWindowedValueCoder<C, W> {
    value: Part<C>,
    windows: IterableCoder<W>,
    metadata: Metadata,
}

/// Reads a payload: the nested encoding of a windowed value that is empty bytes.
pub(crate) fn read_payload<W>(
    mut payload: &[u8],
    metadata: impl FnOnce(&mut &[u8]) -> Decoded<Metadata<W>>,
) -> Decoded<Metadata<W>> {
    let metadata = metadata(&mut payload).map_err(|e| e.at("payload"))?;
    <()>::take(&mut payload).map_err(|e| e.at("payload"))?;
    finish(metadata, payload)
}

impl<T: 'static, C: Coder<T>, W: Coder<Window>> Coder<WindowedValue<T>> for ParamWindowedValueCoder<C, W> {
    /// With the smallest timestamp, no window and no firing.
    fn new() -> Self {
        let metadata = Metadata { timestamp: Timestamp::MIN, windows: Vec::new(), pane: PaneInfo::NO_FIRING };
        ParamWindowedValueCoder { value: Coder::<T>::new(), windows: Coder::<Vec<Window>>::new(), metadata }
    }

    fn spec(&self) -> CoderSpec {
        let mut payload = Vec::new();
        // What was decoded by this coder can be encoded by it.
        let _ = self.metadata.put(&self.windows, &mut payload);
        payload.push(0);
        CoderSpec::of(PARAM_WINDOWED_VALUE, vec![self.value.spec(), self.windows.item().spec()]).with_payload(payload)
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(PARAM_WINDOWED_VALUE, 2)?;
        let (value, windows) = components(spec)?;
        let metadata = read_payload(&spec.payload, |input| Metadata::take(&windows, input))?;
        Ok(ParamWindowedValueCoder { value, windows, metadata })
    }

    fn encode(&self, element: &WindowedValue<T>, out: &mut Vec<u8>) -> Encoded {
        self.value.encode(&element.value, out)
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<WindowedValue<T>> {
        Ok(WindowedValue { value: self.value.decode(input)?, metadata: self.metadata.clone() })
    }

    fn encode_outer(&self, element: &WindowedValue<T>, out: &mut Vec<u8>) -> Encoded {
        self.value.encode_outer(&element.value, out)
    }

    fn decode_outer(&self, input: &mut &[u8]) -> Decoded<WindowedValue<T>> {
        Ok(WindowedValue { value: self.value.decode_outer(input)?, metadata: self.metadata.clone() })
    }
}

/// A key, and the part of its values that is processed together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShardedKey<K> {
    /// Which part; the runner's choice.
    pub shard: Bytes,
    /// The key.
    pub key: K,
}

/// Beam's `sharded_key:v1`.
#[derive(Clone, Debug)]
pub struct ShardedKeyCoder<C>(Part<C>);

impl<K: 'static, C: Coder<K>> Coder<ShardedKey<K>> for ShardedKeyCoder<C> {
    fn new() -> Self {
        ShardedKeyCoder(Coder::<K>::new())
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::of(SHARDED_KEY, vec![self.0.spec()])
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(SHARDED_KEY, 1)?;
        Coder::<K>::from_spec(&spec.components[0]).map(ShardedKeyCoder)
    }

    fn encode(&self, value: &ShardedKey<K>, out: &mut Vec<u8>) -> Encoded {
        put_prefixed(&value.shard, out);
        self.0.encode(&value.key, out).map_err(|e| e.at("key"))
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<ShardedKey<K>> {
        let shard = Bytes::copy_from_slice(take_prefixed(input, "a shard")?);
        Ok(ShardedKey { shard, key: self.0.decode(input).map_err(|e| e.at("key"))? })
    }
}
