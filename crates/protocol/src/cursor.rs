//! Where a list of cards goes on: after the last card of the page before, by number. Callers treat it as
//! opaque.

use simgauge_domain::card_kind::CardKind;

/// The longest card number (ICCID or EID), in characters.
pub const NUMBER_MAX: usize = 64;

/// The form of cursors. A later one gets another character.
const FORM: char = '1';

const fn kind_mark(kind: CardKind) -> char {
    match kind {
        CardKind::Sim => 's',
        CardKind::CloudEsim => 'e',
    }
}

/// The cursor after the card with this number.
#[must_use]
pub fn cursor_after(kind: CardKind, number: &str) -> String {
    hex::encode(format!("{FORM}{}{number}", kind_mark(kind)))
}

/// The number of the card after which a list of this kind goes on. `None` where the text is not a cursor of
/// such a list.
#[must_use]
pub fn number_of(kind: CardKind, cursor: &str) -> Option<String> {
    let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    let number = text.strip_prefix(FORM)?.strip_prefix(kind_mark(kind))?;
    let is_number =
        (1..=NUMBER_MAX).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric());
    is_number.then(|| number.to_owned())
}

/// A regular expression of what [`number_of`] takes.
#[must_use]
pub fn pattern(kind: CardKind) -> String {
    let head = hex::encode(format!("{FORM}{}", kind_mark(kind)));
    format!("^{head}(3[0-9]|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]){{1,{NUMBER_MAX}}}$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_of_its_own_kind_of_list() {
        let cursor = cursor_after(CardKind::Sim, "898600D6991330004146");
        assert_eq!(number_of(CardKind::Sim, &cursor).as_deref(), Some("898600D6991330004146"));
        assert_eq!(number_of(CardKind::CloudEsim, &cursor), None);
        for wrong in ["", "x", "31", "3173", "31732d", "3273383938", "3173ff", &cursor[1..]] {
            assert_eq!(number_of(CardKind::Sim, wrong), None, "{wrong}");
        }
    }
}
