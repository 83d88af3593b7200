//! ICCIDs come with and without their check digit, with letters at some operators, and padded with `F`.

/// The check digit of `digits` by Luhn's rule. `None` where they are not all digits.
#[must_use]
pub fn luhn_digit(digits: &str) -> Option<char> {
    let mut sum = 0;
    for (index, byte) in digits.bytes().rev().enumerate() {
        let digit = u32::from(byte.checked_sub(b'0').filter(|d| *d < 10)?);
        let doubled = if index % 2 == 0 { digit * 2 } else { digit };
        sum += if doubled > 9 { doubled - 9 } else { doubled };
    }
    char::from_digit((10 - sum % 10) % 10, 10)
}

/// The first 19 characters, without padding.
#[must_use]
pub fn nineteen(iccid: &str) -> String {
    iccid.chars().take(19).collect()
}

/// With its check digit. A number of 19 digits gets one, any other stays as it is.
#[must_use]
pub fn twenty(iccid: &str) -> String {
    match luhn_digit(iccid) {
        Some(digit) if iccid.len() == 19 => format!("{iccid}{digit}"),
        _ => iccid.to_owned(),
    }
}

/// Whether both name the same SIM: they are equal, or one is the other plus its check digit or the padding
/// `F`.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    if one.eq_ignore_ascii_case(other) {
        return !one.is_empty();
    }
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    if short.len() < 18 || long.len() != short.len() + 1 || !long.is_ascii() {
        return false;
    }
    let (head, last) = long.split_at(short.len());
    head.eq_ignore_ascii_case(short)
        && match luhn_digit(short) {
            Some(digit) => last.eq_ignore_ascii_case("f") || last.starts_with(digit),
            // A number with letters has no check digit that could be computed.
            None => true,
        }
}

/// One spelling for all: upper case, without separators, white space and the padding `F`.
#[must_use]
pub fn canonical(iccid: &str) -> String {
    let kept = iccid.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_uppercase());
    kept.collect::<String>().trim_end_matches('F').to_owned()
}

/// The numbers, in canonical spelling, that a canonical one can stand for: itself, itself with its check
/// digit, and itself without it where its last digit is a right one. One with letters stands for itself.
#[must_use]
pub fn meanings(canonical: &str) -> Vec<String> {
    let mut meanings = vec![canonical.to_owned()];
    if canonical.len() >= 18
        && let Some(digit) = luhn_digit(canonical)
    {
        meanings.push(format!("{canonical}{digit}"));
        let (head, last) = canonical.split_at(canonical.len() - 1);
        if head.len() >= 18 && luhn_digit(head).is_some_and(|digit| last.starts_with(digit)) {
            meanings.push(head.to_owned());
        }
    }
    meanings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_check_digit() {
        assert_eq!(luhn_digit("7992739871"), Some('3'));
        assert_eq!(twenty("8988308650100524999").len(), 20);
        assert!(same("8988308650100524999", "8988308650100524999"));
        assert!(same("8988308650100524999", &twenty("8988308650100524999")));
        assert!(same("8988308650100524999F", "8988308650100524999"));
        assert!(same("898600d6991330004146", "898600D6991330004146"));
        assert!(!same("8988308650100524999", "8988308650100524998"));
        assert!(!same("8988308650100524999", "89883086501005249990"));
        assert!(!same("89", "891"));
        assert!(!same("", ""));
    }

    #[test]
    fn any_spelling_is_one_number() {
        for spelling in ["8986061000001000015F", "8986 0610-0000 1000 015", "8986061000001000015"] {
            assert_eq!(canonical(spelling), "8986061000001000015");
        }
        assert_eq!(canonical("898600d6991330004146"), "898600D6991330004146");
        // Its check digit is 9, and its last digit is the check digit of the rest.
        let number = "8986061000001000015";
        assert_eq!(meanings(number), [number, "89860610000010000159", "898606100000100001"]);
        assert!(meanings("89860610000010000159").contains(&"8986061000001000015".to_owned()));
        assert_eq!(meanings("898600D6991330004146"), ["898600D6991330004146"]);
    }
}
