//! Ids of refreshes. They sort by the time at which they were made.

use crate::time::UnixMs;
use std::fmt;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The number of bits that tell ids of one millisecond apart.
const DISTINCT: u32 = 80;
/// The value of each character as a digit.
const DIGITS: [u8; 256] = {
    let mut digits = [0; 256];
    let mut digit = 0_u8;
    while digit < 32 {
        digits[ALPHABET[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
};

/// The id of one refresh: a ULID in lower case, 26 characters. Ids sort by the time of acceptance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefreshId([u8; Self::LEN]);

impl RefreshId {
    /// The length of every id in characters.
    pub const LEN: usize = 26;

    /// The id for a time and 80 bits that tell ids of one millisecond apart. Higher bits of `distinct` are
    /// cut off.
    #[must_use]
    pub fn new(at: UnixMs, distinct: u128) -> Self {
        let milliseconds = u128::from(u64::try_from(at.0).unwrap_or(0)) & ((1 << 48) - 1);
        Self::from_bits((milliseconds << DISTINCT) | (distinct & ((1 << DISTINCT) - 1)))
    }

    /// The id with these bits. Bits sort as the ids do.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(std::array::from_fn(|at| {
            let index = (bits >> (5 * (Self::LEN - 1 - at))) & 31;
            // The mask keeps the index below 32.
            ALPHABET[usize::try_from(index).unwrap_or(0)]
        }))
    }

    /// The id as 128 bits: 48 bits of time, then 80 that tell ids of one millisecond apart.
    #[must_use]
    pub fn bits(&self) -> u128 {
        self.0.iter().fold(0, |sum, byte| (sum << 5) | u128::from(DIGITS[usize::from(*byte)]))
    }

    /// Reads an id; `None` where the text does not have the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; Self::LEN] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|byte| ALPHABET.contains(byte)).then_some(Self(bytes))
    }

    /// The time in the id.
    #[must_use]
    pub fn made_at(&self) -> UnixMs {
        // 48 bits at most in an id that this type made.
        UnixMs(i64::try_from(self.bits() >> DISTINCT).unwrap_or(i64::MAX))
    }

    /// The bits that tell ids of one millisecond apart.
    #[must_use]
    pub fn distinct(&self) -> u128 {
        self.bits() & ((1 << DISTINCT) - 1)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // An id has only characters of the alphabet, which is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RefreshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RefreshId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_time_then_by_distinct() {
        let ids = [
            RefreshId::new(UnixMs(1), u128::MAX),
            RefreshId::new(UnixMs(2), 0),
            RefreshId::new(UnixMs(2), 1),
            RefreshId::new(UnixMs(1_800_000_000_000), 0),
        ];
        assert!(ids.is_sorted());
        assert_eq!(ids[3].made_at(), UnixMs(1_800_000_000_000));
        for id in &ids {
            assert_eq!(RefreshId::parse(id.as_str()).as_ref(), Some(id));
            assert_eq!(RefreshId::from_bits(id.bits()), *id);
        }
    }

    #[test]
    fn a_text_that_is_not_an_id_is_refused() {
        for text in [
            "",
            "01arz3ndektsv4rrffq69g5fa",
            "01arz3ndektsv4rrffq69g5fav0",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "01arz3ndektsv4rrffq69g5fa'",
        ] {
            assert_eq!(RefreshId::parse(text), None, "{text}");
        }
    }
}
