//! The forms in which operators want an ICCID. What is the same SIM is told by `simgauge_domain::identity`.

use simgauge_domain::identity::luhn_digit;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_check_digit() {
        assert_eq!(twenty("8988308650100524999").len(), 20);
        assert_eq!(twenty("8986061000001000015"), "89860610000010000159");
        assert_eq!(twenty("898600D6991330004146"), "898600D6991330004146");
        assert_eq!(nineteen("89860610000010000159"), "8986061000001000015");
    }
}
