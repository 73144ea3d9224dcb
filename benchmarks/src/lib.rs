//! The formulas of the benchmarks, which the peers' programs repeat: what is counted and summed is the same everywhere, and so
//! are the checksums.

pub mod auctions;
pub mod checksum;
pub mod contest;
pub mod nexmark;
pub mod numbered;
pub mod striped;

use std::path::Path;
use std::time::Duration;

/// The fractional part of the golden ratio, in 64 bits.
pub const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A well mixed number for each number (splitmix64).
#[inline]
pub fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number below 2^20 out of a mixed one: each octave as often as any other, as words in a language are.
#[inline]
pub fn skewed(mixed: u64) -> u64 {
    let octave = ((mixed & 0xFFFF) * 20) >> 16;
    (1 << octave) | ((mixed >> 16) & ((1 << octave) - 1))
}

/// What a process or thread has had of the processors, by its `stat` in `/proc`, which counts hundredths of a second.
///
/// # Errors
/// It cannot be read.
pub fn processor_time(stat: &Path) -> std::io::Result<Duration> {
    let text = std::fs::read_to_string(stat)?;
    // The second field is a name in parentheses, which may hold anything; user and system time are the 14th and the 15th.
    let behind_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(10 * ticks))
}

/// The word count.
pub mod words {
    use super::{GOLDEN, mix, skewed};

    const SEED: u64 = 0x1111_1111;

    /// Word `number` of the vocabulary: its digits to the base 26, and up to five letters more.
    fn word(number: u64) -> Vec<u8> {
        let (mut word, mut rest) = (Vec::new(), number);
        while rest > 0 {
            word.push(b'a' + (rest % 26) as u8);
            rest /= 26;
        }
        let mixed = mix(number);
        word.extend((0..mixed % 6).map(|i| b'a' + ((mixed >> (8 + 5 * i)) % 26) as u8));
        word
    }

    /// Writes a text of at least so many bytes, ten words a line.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(bytes: u64, out: &mut impl std::io::Write) -> std::io::Result<()> {
        let vocabulary: Vec<Vec<u8>> = (0..1 << 20).map(word).collect();
        let (mut written, mut count) = (0, 0);
        while written < bytes {
            let word = &vocabulary[skewed(mix(SEED + count)) as usize];
            count += 1;
            out.write_all(word)?;
            out.write_all(if count % 10 == 0 { b"\n" } else { b" " })?;
            written += word.len() as u64 + 1;
        }
        out.write_all(b"\n")
    }

    /// What a word and its count add to the checksum.
    #[inline]
    pub fn check(word: &str, count: u64) -> u64 {
        let hash = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        mix(hash.wrapping_add(count.wrapping_mul(GOLDEN)))
    }
}

/// The keyed sum in windows of a minute, over an hour of events.
pub mod sums {
    use super::{GOLDEN, mix, skewed};

    const SEED: u64 = 0x2222_2222_2222;
    const HOUR: u64 = 3_600_000;
    /// Milliseconds of a window.
    pub const WINDOW: i64 = 60_000;

    /// Something that happened.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Event {
        /// Whose it is.
        pub key: u64,
        /// What is summed.
        pub value: i64,
        /// When, in milliseconds.
        pub millis: i64,
    }

    /// Event `i` of `n`; up to five seconds out of order.
    #[inline]
    pub fn event(i: u64, n: u64) -> Event {
        let mixed = mix(SEED.wrapping_add(i));
        let key = skewed(mixed).wrapping_mul(0x9E37_79B1) & 0xF_FFFF;
        let value = ((mixed >> 36) & 0x3FF) as i64 - 200;
        let millis = (i * HOUR / n) as i64 - ((mixed >> 46) % 5001) as i64;
        Event { key, value, millis: millis.max(0) }
    }

    /// No event from `i` of `n` on is earlier.
    #[inline]
    pub fn watermark(i: u64, n: u64) -> i64 {
        (i * HOUR / n) as i64 - 5000
    }

    /// What the sum of a key in a window, counted from 0, adds to the checksum.
    #[inline]
    pub fn check(key: u64, window: i64, sum: i64) -> u64 {
        mix((key << 8 | window.cast_unsigned()).wrapping_mul(GOLDEN) ^ sum.cast_unsigned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The peers' programs have the same.
    #[test]
    fn formulas_never_change() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(words::check("ferrobeam", 3), 0x0836_4556_8dc7_bca0);
        let mut sums: BTreeMap<(u64, i64), i64> = BTreeMap::new();
        for i in 0..1000 {
            let sums::Event { key, value, millis } = sums::event(i, 1000);
            *sums.entry((key, millis / sums::WINDOW)).or_default() += value;
        }
        let all = sums.iter().map(|(&(key, window), &sum)| sums::check(key, window, sum));
        assert_eq!(all.fold(0, u64::wrapping_add), 0x7755_224b_a11a_0b5d);
    }
}
