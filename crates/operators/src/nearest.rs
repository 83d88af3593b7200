//! The name that was most likely meant by a misspelt one.

/// `; did you mean `title`?`, or nothing where no name is near.
pub(crate) fn did_you_mean<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let most = (written.chars().count() / 3).clamp(1, 3);
    let near = known.into_iter().map(|name| (strsim::damerau_levenshtein(written, name), name));
    let nearest = near.filter(|(distance, _)| (1..=most).contains(distance)).min();
    nearest.map(|(_, name)| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The message of an unknown key or value, which names those there are, with the nearest of them.
pub(crate) fn with_suggestion(message: &str) -> String {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return message.to_owned();
    }
    // What is between each other pair of backquotes.
    let mut names = message.split('`').skip(1).step_by(2);
    let written = names.next().unwrap_or_default();
    format!("{message}{}", did_you_mean(written, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let known = ["unit", "unit_from", "unit_suffix", "base"];
        for (written, suggestion) in [
            ("unitfrom", "; did you mean `unit_from`?"),
            ("unit_form", "; did you mean `unit_from`?"),
            ("unti", "; did you mean `unit`?"),
            ("bas", "; did you mean `base`?"),
            ("pint", ""),
            ("unit", ""),
            ("amount", ""),
        ] {
            assert_eq!(did_you_mean(written, known), suggestion, "{written}");
        }
        let message = "unknown field `titel`, expected one of `name`, `title`";
        assert_eq!(with_suggestion(message), format!("{message}; did you mean `title`?"));
        assert_eq!(with_suggestion("missing field `title`"), "missing field `title`");
    }
}
