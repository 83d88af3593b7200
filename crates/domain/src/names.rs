//! The rule for names that people give to things, and the rule for notes.

/// Checks the name of an account, an app, an admin or an operator account: 1 to 64 ASCII letters, digits,
/// `_`, `-` or `.`.
///
/// # Errors
/// What a name must be, as the end of a sentence that begins with what was checked.
pub fn name(text: &str) -> Result<String, String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(good) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 letters, digits, '_', '-' or '.'".to_owned())
    }
}

/// Checks a note for people: at most 200 characters, no control character among them.
///
/// # Errors
/// What a note must be, as the end of a sentence that begins with what was checked.
pub fn label(text: &str) -> Result<String, String> {
    if text.chars().count() > 200 {
        Err("must have at most 200 characters".to_owned())
    } else if text.chars().any(char::is_control) {
        Err("must not hold control characters".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels() {
        for good in ["a", "acme-1_x.y", &"n".repeat(64)] {
            assert!(name(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "卡", "a/b", "a\n", &"n".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(label("").is_ok() && label(&"卡".repeat(200)).is_ok());
        assert!(label(&"x".repeat(201)).is_err() && label("a\tb").is_err());
    }
}
