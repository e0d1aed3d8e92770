//! What a letter says, before it is text or HTML. One file a language; both have the same functions in the same order.

mod english;
mod french;

use domain::Money;

use super::format::Written;
use super::message::{Letter, Offer};
use super::{Language, Links};

/// What a letter says. Every text is one line, and plain: nothing in it is markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) subject: String,
    pub(super) heading: String,
    pub(super) paragraphs: Vec<String>,
    /// What it is, and its value.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) button: Link,
    /// Why one gets it.
    pub(super) footer: String,
    /// How not to get more of them.
    pub(super) unsubscribe: Option<Link>,
}

/// Where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) label: String,
    pub(super) url: String,
}

impl Link {
    fn new(label: impl Into<String>, url: &str) -> Self {
        Self { label: label.into(), url: url.into() }
    }
}

/// What a language says of a letter itself. All letters share the rest.
struct Body {
    subject: String,
    heading: String,
    paragraphs: Vec<String>,
    facts: Vec<(&'static str, String)>,
    button: Link,
}

impl Words {
    /// What this letter says in this language, set as its typography asks.
    pub(super) fn of(letter: &Letter, language: Language, links: &Links) -> Self {
        let (body, footer, unsubscribe) = match language {
            Language::French => (french::body(letter, links), french::footer(letter), french::UNSUBSCRIBE),
            Language::English => {
                (english::body(letter, links), english::footer(letter), english::UNSUBSCRIBE)
            }
        };
        let set = |text: &str| language.typeset(&one_line(text));
        let set_link = |link: Link| Link { label: set(&link.label), url: link.url };
        let unsubscribe = (!letter.is_essential()).then(|| Link::new(unsubscribe, &links.notifications));
        Self {
            subject: set(&body.subject),
            heading: set(&body.heading),
            paragraphs: body.paragraphs.iter().map(|text| set(text)).collect(),
            facts: body.facts.into_iter().map(|(label, value)| (label, set(&value))).collect(),
            button: set_link(body.button),
            footer: set(&footer),
            unsubscribe: unsubscribe.map(set_link),
        }
    }
}

/// The prices, with this word before the last: `3,00 EUR ou 2 000 FCFA`.
fn prices(offer: &Offer, language: Language, or: &str) -> Option<String> {
    let prices: Vec<String> = offer.prices.iter().map(|price: &Money| language.money(*price)).collect();
    let (last, others) = prices.split_last()?;
    Some(if others.is_empty() { last.clone() } else { format!("{} {or} {last}", others.join(", ")) })
}

/// The text without what would make another line of it, or turn the direction of what follows it: people choose names,
/// and a name must not add a header or a paragraph.
fn one_line(text: &str) -> String {
    let turns = |character| matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    let mut line = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !turns(*character)) {
        let character = if breaks(character) { ' ' } else { character };
        if character != ' ' || !line.ends_with(' ') {
            line.push(character);
        }
    }
    line.trim_matches(' ').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_line() {
        assert_eq!(one_line(" a\r\nBcc: b\u{2028}\tc  d\0\u{202e}e "), "a Bcc: b c d e");
        assert_eq!(one_line("2\u{202f}000\u{a0}FCFA"), "2\u{202f}000\u{a0}FCFA", "these spaces are meant");
    }

    #[test]
    fn any_number_of_prices() {
        use iso_currency::Currency::{EUR, USD, XOF};
        let offer = |prices: &[Money]| Offer { plan: "Pro".into(), prices: prices.into() };
        let [eur, usd, xof] = [Money::new(300, EUR), Money::new(350, USD), Money::new(2000, XOF)];
        let said = |offer| prices(&offer, Language::English, "or");
        assert_eq!(said(offer(&[])), None);
        assert_eq!(said(offer(&[eur])).unwrap(), "3.00\u{a0}EUR");
        assert_eq!(said(offer(&[eur, usd, xof])).unwrap(), "3.00\u{a0}EUR, 3.50\u{a0}USD or 2,000\u{a0}FCFA");
    }
}
