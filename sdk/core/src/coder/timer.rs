//! Timers, as engines exchange them.

use super::wire::{put_sortable, take_array, take_sortable};
use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, IterableCoder, Leaf, Part, put_pane, take_pane};
use crate::Timestamp;
use crate::coder::urn::TIMER;
use crate::windowing::{PaneInfo, Window};

/// One timer that is set, cleared or fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerData<K, W = Window> {
    /// The key that it belongs to.
    pub key: K,
    /// Which timer of a family; empty if it is none.
    pub tag: String,
    /// The windows that it belongs to.
    pub windows: Vec<W>,
    /// When it fires; `None` clears it.
    pub setting: Option<TimerSetting>,
}

/// When a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerSetting {
    /// When it fires, in its time domain.
    pub fire: Timestamp,
    /// The output timestamp: what it holds the watermark at.
    pub hold: Timestamp,
    /// The pane of the element that set it.
    pub pane: PaneInfo,
}

impl TimerSetting {
    /// Appends the clear bit, then the setting if there is one.
    pub fn put(setting: Option<&Self>, out: &mut Vec<u8>) {
        out.push(u8::from(setting.is_none()));
        if let Some(setting) = setting {
            put_sortable(setting.fire.millis(), out);
            put_sortable(setting.hold.millis(), out);
            put_pane(&setting.pane, out);
        }
    }

    /// Reads what [`put`](TimerSetting::put) wrote.
    ///
    /// # Errors
    /// If `input` does not begin with a setting.
    pub fn take(input: &mut &[u8]) -> Decoded<Option<Self>> {
        match take_array(input, "the clear bit of a timer")? {
            [0] => Ok(Some(TimerSetting {
                fire: Timestamp::from_millis(take_sortable(input, "the time of a timer")?),
                hold: Timestamp::from_millis(take_sortable(input, "the hold of a timer")?),
                pane: take_pane(input)?,
            })),
            [1] => Ok(None),
            [other] => Err(CoderError::invalid("the clear bit of a timer, 0 or 1", other)),
        }
    }
}

/// Beam's `timer:v1`.
#[derive(Clone, Debug)]
pub struct TimerCoder<C, W> {
    key: Part<C>,
    windows: IterableCoder<W>,
}

impl<K: 'static, C: Coder<K>, W: Coder<Window>> Coder<TimerData<K>> for TimerCoder<C, W> {
    fn new() -> Self {
        TimerCoder { key: Coder::<K>::new(), windows: Coder::<Vec<Window>>::new() }
    }

    fn spec(&self) -> CoderSpec {
        CoderSpec::of(TIMER, vec![self.key.spec(), self.windows.item().spec()])
    }

    fn from_spec(spec: &CoderSpec) -> Decoded<Self> {
        spec.expect(TIMER, 2)?;
        Ok(TimerCoder {
            key: Coder::<K>::from_spec(&spec.components[0]).map_err(|e| e.at("key"))?,
            windows: IterableCoder::of_items::<Window>(&spec.components[1]).map_err(|e| e.at("window"))?,
        })
    }

    fn encode(&self, timer: &TimerData<K>, out: &mut Vec<u8>) -> Encoded {
        self.key.encode(&timer.key, out).map_err(|e| e.at("key"))?;
        timer.tag.put(out);
        self.windows.encode(&timer.windows, out).map_err(|e| e.at("windows"))?;
        TimerSetting::put(timer.setting.as_ref(), out);
        Ok(())
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<TimerData<K>> {
        let key = self.key.decode(input).map_err(|e| e.at("key"))?;
        let tag = String::take(input).map_err(|e| e.at("tag"))?;
        let windows = self.windows.decode(input).map_err(|e| e.at("windows"))?;
        Ok(TimerData { key, tag, windows, setting: TimerSetting::take(input)? })
    }
}
