//! The two languages of messages.

/// A language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    /// Chinese, the language of the API's own messages.
    #[default]
    Zh,
    /// English.
    En,
}

impl Language {
    /// The language of that name, as accounts store it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The name that accounts store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The first supported language of an `Accept-Language` header (RFC 9110), by weight, then by order.
    #[must_use]
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for item in header.split(',') {
            let mut parts = item.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
            let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let Some(language) = Self::parse(&primary)
                && weight > 0.0
                && best.is_none_or(|(w, _)| weight > w)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// Picks the text of this language.
    #[must_use]
    pub fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;
    use rstest::rstest;

    #[rstest]
    #[case("en", Some(Language::En))]
    #[case("zh-CN,zh;q=0.9,en;q=0.8", Some(Language::Zh))]
    #[case("en-US;q=0.5, zh;q=0.9", Some(Language::Zh))]
    #[case("fr-FR, en;q=0.1", Some(Language::En))]
    #[case("en;q=0", None)]
    #[case("*", None)]
    #[case("", None)]
    fn reads_accept_language(#[case] header: &str, #[case] expected: Option<Language>) {
        assert_eq!(Language::from_accept_language(header), expected);
    }
}
