//! One SIM, one identity: how a card's number is spelled, and which stored number an asked one means.
//!
//! An ICCID is written with and without its check digit, padded with `F`, in groups, in lower case. The store
//! keeps one spelling, the canonical one. No single key could stand for all of them: 19 digits may lack
//! their check digit or end in it, and one number in ten that lacks it looks as if it had one. So a number is
//! looked up as it is, and then with and without a check digit. Where that finds two SIMs, neither is meant.

use crate::card_kind::CardKind;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// How many characters an ICCID in canonical spelling has.
pub const ICCID_LENGTH: RangeInclusive<usize> = 18..=22;

/// How many digits an EID has.
pub const EID_DIGITS: usize = 32;

/// Spreadsheets keep so many digits of a number; the others become zeros.
const SPREADSHEET_DIGITS: usize = 15;

/// Characters that people and programs put between the digits of a number, or that nobody sees: white space,
/// hyphens, marks without a width. Each pair is a range.
pub const SEPARATORS: [(char, char); 15] = [
    ('\t', '\r'),
    (' ', ' '),
    ('-', '-'),
    ('\u{a0}', '\u{a0}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{2000}', '\u{2015}'),
    ('\u{2028}', '\u{202f}'),
    ('\u{205f}', '\u{206f}'),
    ('\u{2212}', '\u{2212}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{fe58}', '\u{fe58}'),
    ('\u{fe63}', '\u{fe63}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ff0d}', '\u{ff0d}'),
];

/// The canonical spelling of a number of this kind of card: [`canonical_iccid`] or [`canonical_eid`].
#[must_use]
pub fn canonical_number(kind: CardKind, text: &str) -> Cow<'_, str> {
    match kind {
        CardKind::Sim => canonical_iccid(text),
        CardKind::CloudEsim => canonical_eid(text),
    }
}

/// The canonical spelling of an ICCID: upper case, full-width characters as usual ones, without
/// [`SEPARATORS`] and without the fillers `F` at its end. Whatever else is in it stays, so that the caller
/// can refuse it. A text of nothing but fillers stays as it is.
#[must_use]
pub fn canonical_iccid(text: &str) -> Cow<'_, str> {
    let without_fillers = |text: &str| match text.trim_end_matches('F').len() {
        0 => text.len(),
        kept => kept,
    };
    match plain(text) {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..without_fillers(text)]),
        Cow::Owned(mut text) => {
            text.truncate(without_fillers(&text));
            Cow::Owned(text)
        }
    }
}

/// The canonical spelling of an EID: as that of an ICCID, but nothing is a filler. An EID has digits only and
/// its check digits always, so it has one spelling.
#[must_use]
pub fn canonical_eid(text: &str) -> Cow<'_, str> {
    plain(text)
}

/// Upper case, full-width characters as usual ones, without separators.
fn plain(text: &str) -> Cow<'_, str> {
    // Nearly every number is spelled so already.
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|one| !is_separator(*one)).map(usual).collect())
}

fn is_separator(one: char) -> bool {
    SEPARATORS.iter().any(|(first, last)| (*first..=*last).contains(&one))
}

/// A full-width character as the usual one, a letter as a capital.
fn usual(one: char) -> char {
    // The full-width forms stand in the order of ASCII.
    let narrow = match one {
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            char::from_u32(u32::from(one) - 0xfee0).unwrap_or(one)
        }
        _ => one,
    };
    narrow.to_ascii_uppercase()
}

/// The Luhn check digit of `digits`. `None` where they are not all digits, or there are none.
#[must_use]
pub fn luhn_digit(digits: &str) -> Option<char> {
    if digits.is_empty() {
        return None;
    }
    let mut sum = 0;
    for (index, byte) in digits.bytes().rev().enumerate() {
        let digit = u32::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        let doubled = if index % 2 == 0 { digit * 2 } else { digit };
        sum += if doubled > 9 { doubled - 9 } else { doubled };
    }
    char::from_digit((10 - sum % 10) % 10, 10)
}

/// Whether a number is all digits, the last of which is their Luhn check digit.
#[must_use]
pub fn ends_in_luhn_digit(number: &str) -> bool {
    without_last(number).is_some_and(|(head, last)| luhn_digit(head) == Some(last))
}

/// A number without its last character, and that one.
fn without_last(number: &str) -> Option<(&str, char)> {
    let (at, last) = number.char_indices().next_back()?;
    Some((&number[..at], last))
}

/// A canonical ICCID of digits with its check digit appended. `None` where the longest ICCID would be
/// exceeded, or letters leave no check digit to compute.
#[must_use]
pub fn with_check_digit(number: &str) -> Option<String> {
    let longer = ICCID_LENGTH.contains(&number.len()) && ICCID_LENGTH.contains(&(number.len() + 1));
    let digit = luhn_digit(number).filter(|_| longer)?;
    Some(format!("{number}{digit}"))
}

/// A canonical ICCID of digits without its last one, where that is their right check digit.
#[must_use]
pub fn without_check_digit(number: &str) -> Option<&str> {
    let (shorter, last) = without_last(number).filter(|(head, _)| ICCID_LENGTH.contains(&head.len()))?;
    (ICCID_LENGTH.contains(&number.len()) && luhn_digit(shorter) == Some(last)).then_some(shorter)
}

/// The other spellings in which the SIM of a canonical ICCID may be stored: with its check digit, and
/// without it. SIMs that are stored under them are its neighbours. A number with letters has none, nor has an
/// EID.
pub fn other_spellings(number: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let longer = with_check_digit(number).map(Cow::Owned);
    longer.into_iter().chain(without_check_digit(number).map(Cow::Borrowed))
}

/// What a canonical number means among the SIMs that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning<T> {
    /// None of them.
    Nothing,
    /// This one.
    One(T),
    /// Either of two, so neither for certain.
    Ambiguous(T, T),
}

/// A number that could mean two SIMs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the number {asked} could mean {one} or {other}, so neither is meant for certain")]
pub struct AmbiguousNumber {
    /// The number that was asked for.
    pub asked: String,
    /// The number of one of them.
    pub one: String,
    /// The number of the other.
    pub other: String,
}

/// Which SIM a canonical number means. `find` answers the SIM that is stored under exactly this number.
///
/// A number that is stored means that SIM, unless one with its check digit is stored as well: then whoever
/// sends it may have left out the other one's check digit. The one with the check digit is meant by its own
/// number all the same. Where both are SIMs of their own, the shorter number is complete as it is, and no
/// check digit belongs behind it.
pub fn meaning<T>(number: &str, mut find: impl FnMut(&str) -> Option<T>) -> Meaning<T> {
    let exact = find(number);
    let longer = with_check_digit(number).and_then(|longer| find(&longer));
    let (one, other) = match exact {
        Some(exact) => (Some(exact), longer),
        None => (longer, without_check_digit(number).and_then(find)),
    };
    match (one, other) {
        (Some(one), Some(other)) => Meaning::Ambiguous(one, other),
        (Some(one), None) | (None, Some(one)) => Meaning::One(one),
        (None, None) => Meaning::Nothing,
    }
}

/// Whether two spellings name the same SIM, as far as can be told without knowing other SIMs: they are the
/// same in canonical spelling, or one is the other with its check digit.
#[must_use]
pub fn is_same_sim(one: &str, other: &str) -> bool {
    let (one, other) = (canonical_iccid(one), canonical_iccid(other));
    !one.is_empty() && (one == other || other_spellings(&one).any(|spelling| spelling == other))
}

/// Whether a canonical number looks as if a spreadsheet had rounded it: its digits from the 16th on are zeros
/// and its check digits are wrong (those of an ICCID by Luhn's rule, those of an EID by [`has_eid_check`]).
#[must_use]
pub fn is_rounded_by_spreadsheet(kind: CardKind, number: &str) -> bool {
    let is_checked = match kind {
        CardKind::Sim => ends_in_luhn_digit(number),
        CardKind::CloudEsim => has_eid_check(number),
    };
    let bytes = number.as_bytes();
    bytes.len() > SPREADSHEET_DIGITS + 1
        && bytes.iter().all(u8::is_ascii_digit)
        && bytes[SPREADSHEET_DIGITS..].iter().all(|byte| *byte == b'0')
        && !is_checked
}

/// Whether an EID has all its digits and they leave 1 when divided by 97 (ISO 7064 mod 97-10).
#[must_use]
pub fn has_eid_check(eid: &str) -> bool {
    let is_eid = eid.len() == EID_DIGITS && eid.bytes().all(|byte| byte.is_ascii_digit());
    is_eid && eid.bytes().fold(0, |rest, byte| (rest * 10 + u32::from(byte - b'0')) % 97) == 1
}

#[cfg(test)]
mod tests;
