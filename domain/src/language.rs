//! The languages that people are written to in.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language. Whoever has chosen none is written to in the default one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    /// As written in France and West Africa.
    #[default]
    #[serde(rename = "fr")]
    French,
    /// As written in Britain.
    #[serde(rename = "en")]
    English,
}

/// A text that names no language Servelink writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be fr or en, or a language tag that begins so, such as fr-SN")]
pub struct LanguageError;

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::French, Self::English];

    /// The tag by BCP 47: `fr`, `en`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }
}

/// By the first subtag of a BCP 47 tag (`fr-SN`, `en_GB`), whatever its case.
impl FromStr for Language {
    type Err = LanguageError;
    fn from_str(text: &str) -> Result<Self, LanguageError> {
        let first = text.split(['-', '_']).next().unwrap_or_default();
        let named = |language: &Self| language.tag().eq_ignore_ascii_case(first);
        Self::ALL.into_iter().find(named).ok_or(LanguageError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_any_region_are_understood() {
        for (text, expected) in [
            ("fr", Ok(Language::French)),
            ("fr-SN", Ok(Language::French)),
            ("EN_gb", Ok(Language::English)),
            ("wo", Err(LanguageError)),
            ("french", Err(LanguageError)),
            ("", Err(LanguageError)),
        ] {
            assert_eq!(text.parse::<Language>(), expected, "{text:?}");
        }
    }
}
