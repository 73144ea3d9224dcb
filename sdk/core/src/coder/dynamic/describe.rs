//! Encoded elements as text, for error messages.

use super::{DynCoder, DynRow, Node, Reader, Value};
use crate::Timestamp;
use crate::coder::list::read_list;
use crate::coder::nullable::take_presence;
use crate::coder::row::Header;
use crate::coder::wire::{finish, take_prefixed, take_sortable};
use crate::coder::{CoderError, CoderSpec, Decoded, Leaf, TimerSetting};
use std::fmt::{Display, Write};

/// Characters, roughly, after which a text ends with "..".
const LIMIT: usize = 200;

/// Renders an encoded element: JSON-like, at most about 200 characters.
///
/// The nested encoding is tried first, then the outer one. Never fails: bytes that are broken, or of a coder that is
/// unknown, are shown as hexadecimal digits.
///
/// ```
/// use ferrobeam_core::coder;
///
/// # fn main() -> Result<(), ferrobeam_core::CoderError> {
/// let mut bytes = Vec::new();
/// coder::put(&("beam".to_owned(), vec![1, 2]), &mut bytes)?;
/// let spec = coder::spec_of::<(String, Vec<i32>)>();
/// assert_eq!(coder::describe(&spec, &bytes), r#"("beam", [1, 2])"#);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn describe(spec: &CoderSpec, bytes: &[u8]) -> String {
    let Ok(coder) = DynCoder::from_spec(spec) else { return Text::hex(bytes) };
    let nested = coder.node.render(false, bytes);
    let (text, broken) = match &nested {
        (_, None) => nested,
        (_, Some(_)) => match coder.node.render(true, bytes) {
            (text, None) => (text, None),
            _ => nested,
        },
    };
    match broken {
        None => text,
        Some(_) if text.is_empty() => Text::hex(bytes),
        Some([]) => format!("{text} .. cut off"),
        Some(rest) => format!("{text} .. broken: {}", Text::hex(rest)),
    }
}

/// A text that stops growing.
#[derive(Default)]
struct Text {
    text: String,
    full: bool,
}

impl Text {
    /// Adds what there is room for.
    ///
    /// # Errors
    /// If there is no more room: the caller need not go on.
    fn add(&mut self, piece: impl Display) -> Decoded<()> {
        match write!(self, "{piece}") {
            Ok(()) => Ok(()),
            Err(_) => {
                self.full = true;
                Err(CoderError::refused("the text is long enough"))
            }
        }
    }

    fn hex(bytes: &[u8]) -> String {
        let mut text = Text::default();
        let digits = bytes.iter().try_for_each(|byte| text.add(format_args!("{byte:02x}")));
        format!("0x{}{}", text.text, if digits.is_ok() { "" } else { ".." })
    }
}

impl Write for Text {
    fn write_str(&mut self, piece: &str) -> std::fmt::Result {
        let room = LIMIT.saturating_sub(self.text.len());
        self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
        if piece.len() > room { Err(std::fmt::Error) } else { Ok(()) }
    }
}

impl Node {
    /// Renders a whole input, or its beginning; returns the rest at which it broke, if it did.
    fn render<'b>(&self, outer: bool, bytes: &'b [u8]) -> (String, Option<&'b [u8]>) {
        let (mut input, mut text) = (bytes, Text::default());
        let shown = self.show(outer, &mut input, &mut text);
        match shown {
            _ if text.full => (text.text + "..", None),
            Ok(()) if input.is_empty() => (text.text, None),
            _ => (text.text, Some(input)),
        }
    }

    fn show(&self, outer: bool, input: &mut &[u8], text: &mut Text) -> Decoded<()> {
        match self {
            Node::Pair(nodes) => {
                text.add("(")?;
                nodes.0.show(false, input, text)?;
                text.add(", ")?;
                nodes.1.show(outer, input, text)?;
                text.add(")")
            }
            Node::List(item) => {
                text.add("[")?;
                show_items(input, text, |input, text| item.show(false, input, text))?;
                text.add("]")
            }
            Node::Map(nodes) => {
                text.add("{")?;
                show_items(input, text, |input, text| {
                    nodes.0.show(false, input, text)?;
                    text.add(": ")?;
                    nodes.1.show(false, input, text)
                })?;
                text.add("}")
            }
            Node::Prefix(inner) => {
                let mut frame = take_prefixed(input, "a length-prefixed value")?;
                inner.show(true, &mut frame, text)?;
                finish((), frame)
            }
            Node::Nullable(inner) if take_presence(input)? => inner.show(outer, input, text),
            Node::Nullable(_) => text.add("null"),
            Node::Row(row) => row.show(input, text),
            Node::CustomWindow(inner) => {
                text.add("window until ")?;
                text.add(Timestamp::from_millis(take_sortable(input, "the end of a window")?))?;
                text.add(": ")?;
                inner.show(false, input, text)
            }
            Node::Windowed(nodes) => {
                let metadata = nodes.1.decode_metadata(input, &mut Reader::default())?;
                nodes.0.show(outer, input, text)?;
                text.add(format_args!(" at {}", metadata.timestamp))
            }
            Node::ParamWindowed(nodes) => {
                nodes.0.show(outer, input, text)?;
                text.add(format_args!(" at {}", nodes.2.timestamp))
            }
            Node::Timer(nodes) => {
                text.add("timer ")?;
                nodes.0.show(false, input, text)?;
                text.add(format_args!(" {:?} in [", String::take(input)?))?;
                show_items(input, text, |input, text| nodes.1.show(false, input, text))?;
                match TimerSetting::take(input)? {
                    Some(setting) => text.add(format_args!("] at {}", setting.fire)),
                    None => text.add("] cleared"),
                }
            }
            Node::ShardedKey(key) => {
                let shard = Text::hex(take_prefixed(input, "a shard")?);
                key.show(false, input, text)?;
                text.add(format_args!(" in shard {shard}"))
            }
            _ => text.leaf(&self.decode(outer, input, &mut Reader::default())?),
        }
    }
}

/// Shows the items of a list between commas.
fn show_items(
    input: &mut &[u8],
    text: &mut Text,
    mut show: impl FnMut(&mut &[u8], &mut Text) -> Decoded<()>,
) -> Decoded<()> {
    let mut comma = "";
    let token = read_list(input, |input| {
        text.add(comma)?;
        comma = ", ";
        show(input, text)
    })?;
    if token.is_some() { text.add(", and more in the engine's state") } else { Ok(()) }
}

impl DynRow {
    fn show(&self, input: &mut &[u8], text: &mut Text) -> Decoded<()> {
        let header = Header::read(input)?;
        text.add("{")?;
        for (place, index) in self.order().iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let field = &self.fields()[*index];
            text.add(format_args!("{comma}{}: ", field.name))?;
            if header.has(place) {
                field.node.show(false, input, text)?;
            } else {
                text.add("null")?;
            }
        }
        text.add("}")
    }
}

impl Text {
    /// Adds a value without parts.
    fn leaf(&mut self, value: &Value) -> Decoded<()> {
        match value {
            Value::Bool(bool) => self.add(bool),
            Value::Int(n) => self.add(n),
            Value::Float(n) => self.add(n),
            Value::Double(n) => self.add(n),
            Value::Text(string) => self.add(format_args!("{string:?}")),
            Value::Bytes(bytes) => self.add(format_args!("b\"{}\"", bytes.escape_ascii())),
            Value::Timestamp(timestamp) => self.add(timestamp),
            Value::Window(window) => self.add(window),
            Value::Decimal(decimal) => self.add(format_args!("{}e-{}", Text::hex(&decimal.unscaled), decimal.scale)),
            Value::Opaque(bytes) => self.add(Text::hex(bytes)),
            // The others have parts.
            other => self.add(other.kind()),
        }
    }
}
