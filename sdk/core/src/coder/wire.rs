//! The bytes beneath all encodings: varints, lengths, big-endian numbers.

use super::{CoderError, Decoded, Encoded};

/// The top bits of eight bytes: "more follows".
const MORE: u64 = 0x8080_8080_8080_8080;

/// Appends a base-128 varint: seven bits a byte, lowest first, the top bit says "more".
#[inline]
pub fn put_varint(n: u64, out: &mut Vec<u8>) {
    // Most lengths and counts have one byte.
    if n < 0x80 { out.push(n as u8) } else { put_long_varint(n, out) }
}

fn put_long_varint(mut n: u64, out: &mut Vec<u8>) {
    if n >> 56 == 0 {
        let bytes = (70 - n.leading_zeros() as usize) / 7;
        // Opens the gaps of the top bits: in halves, in fours, in pairs.
        n = (n & 0x0fff_ffff) | (n & 0x00ff_ffff_f000_0000) << 4;
        n = (n & 0x0000_3fff_0000_3fff) | (n & 0x0fff_c000_0fff_c000) << 2;
        n = (n & 0x007f_007f_007f_007f) | (n & 0x3f80_3f80_3f80_3f80) << 1;
        let more = MORE & ((1 << (8 * (bytes - 1))) - 1);
        let end = out.len() + bytes;
        // Eight bytes at once, and then those that are too many go: no loop whose end is hard to guess.
        out.extend_from_slice(&(n | more).to_le_bytes());
        out.truncate(end);
        return;
    }
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads a base-128 varint of at most 64 bits.
///
/// # Errors
/// If the input ends in it, or it has more than 64 bits. A longer form than needed is accepted.
#[inline]
pub fn take_varint(input: &mut &[u8]) -> Decoded<u64> {
    match input.split_first() {
        // Most lengths and counts have one byte.
        Some((&byte, rest)) if byte < 0x80 => {
            *input = rest;
            Ok(u64::from(byte))
        }
        _ => take_long_varint(input),
    }
}

fn take_long_varint(input: &mut &[u8]) -> Decoded<u64> {
    if let Some((word, _)) = input.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        let end = !word & MORE;
        if end != 0 {
            // Drops the top bit of each byte up to the one without "more", and closes the gaps: in pairs, in fours, in all.
            let last = end.trailing_zeros();
            let n = word & (u64::MAX >> (63 - last)) & !MORE;
            let n = (n & 0x007f_007f_007f_007f) | (n & 0x7f00_7f00_7f00_7f00) >> 1;
            let n = (n & 0x0000_3fff_0000_3fff) | (n & 0x3fff_0000_3fff_0000) >> 2;
            let n = (n & 0x0fff_ffff) | (n & 0x0fff_ffff_0000_0000) >> 4;
            *input = &input[last as usize / 8 + 1..];
            return Ok(n);
        }
    }
    take_bytewise(input)
}

/// At the end of the input, and for more than 56 bits.
fn take_bytewise(input: &mut &[u8]) -> Decoded<u64> {
    let mut n = 0u64;
    for (i, &byte) in input.iter().enumerate() {
        if i == 9 && byte > 1 {
            return Err(CoderError::invalid("a varint", "more than 64 bits"));
        }
        n |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *input = &input[i + 1..];
            return Ok(n);
        }
    }
    Err(CoderError::truncated("a varint"))
}

/// Splits `n` bytes from the front.
///
/// # Errors
/// If there are fewer.
#[inline]
pub fn take<'a>(input: &mut &'a [u8], n: usize, expected: &'static str) -> Decoded<&'a [u8]> {
    match input.split_at_checked(n) {
        Some((head, rest)) => {
            *input = rest;
            Ok(head)
        }
        None => Err(CoderError::truncated(expected)),
    }
}

/// Splits an array from the front.
///
/// # Errors
/// If there are fewer bytes.
#[inline]
pub fn take_array<const N: usize>(input: &mut &[u8], expected: &'static str) -> Decoded<[u8; N]> {
    match input.split_first_chunk() {
        Some((head, rest)) => {
            *input = rest;
            Ok(*head)
        }
        None => Err(CoderError::truncated(expected)),
    }
}

/// Reads a length, then splits as many bytes from the front.
///
/// # Errors
/// If the input ends before them.
#[inline]
pub fn take_prefixed<'a>(input: &mut &'a [u8], expected: &'static str) -> Decoded<&'a [u8]> {
    let n = take_varint(input)?;
    // A length beyond `usize` is beyond any input, too.
    take(input, usize::try_from(n).unwrap_or(usize::MAX), expected)
}

/// Appends bytes behind their length.
#[inline]
pub fn put_prefixed(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends what `write` appends, behind its length.
///
/// # Errors
/// Those of `write`.
#[inline]
pub fn prefixed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Encoded) -> Encoded {
    let start = out.len();
    out.push(0);
    write(out)?;
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len as u8;
    } else {
        make_room(out, start, len);
    }
    Ok(())
}

/// The guess of one length byte was wrong: moves the value to make room for more.
#[cold]
fn make_room(out: &mut Vec<u8>, start: usize, len: usize) {
    let mut prefix = Vec::with_capacity(10);
    put_varint(len as u64, &mut prefix);
    out.splice(start..=start, prefix);
}

/// Beam's timestamps on the wire: eight bytes, big-endian, the sign bit flipped so that bytes sort as times.
#[inline]
pub fn put_sortable(n: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&(n ^ i64::MIN).to_be_bytes());
}

/// Reads what [`put_sortable`] wrote.
///
/// # Errors
/// If there are fewer than eight bytes.
#[inline]
pub fn take_sortable(input: &mut &[u8], expected: &'static str) -> Decoded<i64> {
    Ok(i64::from_be_bytes(take_array(input, expected)?) ^ i64::MIN)
}

/// Checks that a value filled its frame.
///
/// # Errors
/// If bytes are left.
#[inline]
pub fn finish<T>(value: T, rest: &[u8]) -> Decoded<T> {
    if rest.is_empty() { Ok(value) } else { Err(super::CoderProblem::Trailing { bytes: rest.len() }.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_round_trip(n: u64, shift in 0u32..64, head in 0usize..3, tail: Vec<u8>) {
            let n = n >> shift;
            let mut bytes = vec![7; head];
            put_varint(n, &mut bytes);
            prop_assert_eq!(bytes.len() - head, (64 - (n | 1).leading_zeros() as usize).div_ceil(7));
            bytes.extend_from_slice(&tail);
            let mut input = &bytes[head..];
            prop_assert_eq!(take_varint(&mut input)?, n);
            prop_assert_eq!(input, tail.as_slice());
        }

        #[test]
        fn reading_by_words_is_reading_by_bytes(bytes in prop::collection::vec(any::<u8>(), 0..12), bits: u16) {
            let bytes: Vec<_> = bytes.iter().zip(0..).map(|(byte, i)| byte & 0x7f | ((bits >> i & 1) as u8) << 7).collect();
            let (mut words, mut bytewise) = (bytes.as_slice(), bytes.as_slice());
            prop_assert_eq!(take_varint(&mut words), take_bytewise(&mut bytewise));
            prop_assert_eq!(words.len(), bytewise.len());
        }

        #[test]
        fn prefix_is_the_length(head: Vec<u8>, body in prop::collection::vec(any::<u8>(), 0..40_000)) {
            let (mut out, mut expected) = (head.clone(), head);
            prefixed(&mut out, |out| { out.extend_from_slice(&body); Ok(()) })?;
            put_prefixed(&body, &mut expected);
            prop_assert_eq!(out, expected);
        }

        #[test]
        fn sortable_bytes_sort_as_numbers(a: i64, b: i64) {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            put_sortable(a, &mut x);
            put_sortable(b, &mut y);
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
            prop_assert_eq!(take_sortable(&mut x.as_slice(), "n")?, a);
        }
    }

    #[test]
    fn too_long_varints_are_refused() {
        assert!(take_varint(&mut [0xff; 9].as_slice()).is_err());
        assert!(take_varint(&mut [0xff; 30].as_slice()).is_err());
        assert_eq!(take_varint(&mut [0x80, 0x00].as_slice()), Ok(0));
    }
}
