//! Timers, as engines exchange them.

use super::wire::{put_prefixed, put_sortable, take_array, take_prefixed, take_sortable};
use super::{Coder, CoderError, CoderSpec, Decoded, Encoded, IterableCoder, Part, put_pane, take_pane};
use crate::Timestamp;
use crate::coder::urn::TIMER;
use crate::windowing::{PaneInfo, Window};

/// One timer that is set, cleared or fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerData<K> {
    /// The key that it belongs to.
    pub key: K,
    /// Which timer of a family; empty if it is none.
    pub tag: String,
    /// The windows that it belongs to.
    pub windows: Vec<Window>,
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
        put_prefixed(timer.tag.as_bytes(), out);
        self.windows.encode(&timer.windows, out).map_err(|e| e.at("windows"))?;
        out.push(u8::from(timer.setting.is_none()));
        if let Some(setting) = &timer.setting {
            put_sortable(setting.fire.millis(), out);
            put_sortable(setting.hold.millis(), out);
            put_pane(&setting.pane, out);
        }
        Ok(())
    }

    fn decode(&self, input: &mut &[u8]) -> Decoded<TimerData<K>> {
        let key = self.key.decode(input).map_err(|e| e.at("key"))?;
        let tag = take_prefixed(input, "the tag of a timer")?;
        let tag = str::from_utf8(tag).map_err(|e| CoderError::invalid("the tag of a timer", e))?.to_owned();
        let windows = self.windows.decode(input).map_err(|e| e.at("windows"))?;
        let setting = match take_array(input, "the clear bit of a timer")? {
            [0] => Some(TimerSetting {
                fire: Timestamp::from_millis(take_sortable(input, "the time of a timer")?),
                hold: Timestamp::from_millis(take_sortable(input, "the hold of a timer")?),
                pane: take_pane(input)?,
            }),
            [1] => None,
            [other] => return Err(CoderError::invalid("the clear bit of a timer, 0 or 1", other)),
        };
        Ok(TimerData { key, tag, windows, setting })
    }
}
