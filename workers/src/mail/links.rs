//! The pages that letters lead to.

use domain::{Slug, TeamId, UserId};
use reqwest::Url;

/// Addresses of a team's pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// What the team uses.
    pub usage: String,
    /// Its plan, and the others.
    pub plan: String,
    /// Its payments.
    pub payments: String,
    /// Which letters a member gets.
    pub notifications: String,
}

/// An address that no pages can be below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an http or https URL such as https://usage.example, without a user, query or fragment")]
pub struct BaseUrlError;

impl Links {
    /// `{base_url}/{team_slug}/...`. Browsers reach Servelink at `base_url`.
    ///
    /// # Errors
    /// [`BaseUrlError`].
    pub fn new(base_url: &str, team: &Slug) -> Result<Self, BaseUrlError> {
        let base = Url::parse(base_url.trim()).map_err(|_| BaseUrlError)?;
        let web = matches!(base.scheme(), "http" | "https");
        let bare = base.username().is_empty() && base.password().is_none();
        if !web || !bare || base.query().is_some() || base.fragment().is_some() {
            return Err(BaseUrlError);
        }
        // A slug has no character that would need an escape.
        let page = |name: &str| format!("{}/{team}/{name}", base.as_str().trim_end_matches('/'));
        Ok(Self {
            usage: page("usage"),
            plan: page("plan"),
            payments: page("payments"),
            notifications: page("notifications"),
        })
    }

    /// The same for one reader: the page of his letters takes the token for him, without asking who he is.
    #[must_use]
    pub fn of_reader(self, team: TeamId, user: UserId, token: &str) -> Self {
        // None of the three has a character that would need an escape.
        let notifications = format!("{}?team={team}&member={user}&token={token}", self.notifications);
        Self { notifications, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_s_letters_have_a_page_of_his_own() {
        let links = Links::new("https://usage.example", &"team".parse().unwrap()).unwrap();
        let own = links.clone().of_reader(TeamId::from_bytes([0xab; 16]), UserId(7), "to-ken_");
        let team = "ab".repeat(16);
        let expected = format!("https://usage.example/team/notifications?team={team}&member=7&token=to-ken_");
        assert_eq!((own.usage, own.notifications), (links.usage, expected));
    }

    #[test]
    fn pages_are_below_any_base() {
        let slug: Slug = "atelier-dakar".parse().unwrap();
        for (base, expected) in [
            ("https://usage.example", "https://usage.example/atelier-dakar/usage"),
            (" https://usage.example/ ", "https://usage.example/atelier-dakar/usage"),
            ("http://10.0.0.7:8080/servelink/", "http://10.0.0.7:8080/servelink/atelier-dakar/usage"),
        ] {
            assert_eq!(Links::new(base, &slug).unwrap().usage, expected);
        }
        for bad in
            ["", "usage.example", "javascript:alert(1)", "https://u:p@a.example", "https://a.example?b"]
        {
            assert_eq!(Links::new(bad, &slug), Err(BaseUrlError), "{bad}");
        }
    }
}
