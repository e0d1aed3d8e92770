//! What every letter says in both languages, and what must never be in one.

use std::collections::BTreeSet;

use super::*;
use crate::mail::sample::{sample, sample_for, team};

const BASE: &str = "https://usage.example";

fn rendered(letter: &Letter, language: Language) -> Rendered {
    render(letter, language, &Links::new(BASE, &letter.team().slug).unwrap())
}

/// Of the sample with this name. Ordinary spaces stand for all others.
fn plain(name: &str, language: Language) -> (String, String) {
    let (_, letter) = sample().into_iter().find(|(its, _)| *its == name).unwrap();
    let Rendered { subject, text, .. } = rendered(&letter, language);
    let ordinary = |text: String| text.replace(['\u{a0}', '\u{202f}'], " ");
    (ordinary(subject), ordinary(text))
}

fn every() -> impl Iterator<Item = (String, Letter, Rendered)> {
    sample().into_iter().flat_map(|(name, letter)| {
        Language::ALL.map(|language| {
            let rendered = rendered(&letter, language);
            (format!("{name} in {}", language.tag()), letter.clone(), rendered)
        })
    })
}

#[test]
fn each_kind_has_a_sample_and_names_differ() {
    let samples = sample();
    let kinds: BTreeSet<&str> = samples.iter().map(|(_, letter)| letter.kind()).collect();
    assert_eq!(kinds.len(), 9);
    assert_eq!(samples.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), samples.len());
}

#[test]
fn subjects_and_lines_in_both_languages() {
    let expected: [(&str, Language, &str, &[&str]); 28] = [
        (
            "payment-confirmation",
            Language::French,
            "Atelier Dakar : paiement de 2 000 FCFA reçu",
            &[
                "Le forfait Pro de l’équipe Atelier Dakar est payé jusqu’au 23 décembre 2026.",
                "Payé le : 23 novembre 2026",
                "Référence : 0192f0c1-2b3c-7d4e-8f50-617283940a5b",
                "Voir les paiements :",
                "https://usage.example/atelier-dakar/payments",
            ],
        ),
        (
            "payment-confirmation",
            Language::English,
            "Atelier Dakar: payment of 2,000 FCFA received",
            &[
                "The Pro plan of the team Atelier Dakar is paid until 23 December 2026.",
                "Paid on: 23 November 2026",
                "See payments:",
            ],
        ),
        (
            "payment-failed",
            Language::French,
            "Atelier Dakar : paiement de 2 000 FCFA non abouti",
            &[
                "Votre paiement n’a pas abouti",
                "Motif : le paiement a été refusé",
                "https://usage.example/atelier-dakar/plan",
            ],
        ),
        (
            "payment-failed",
            Language::English,
            "Atelier Dakar: payment of 2,000 FCFA did not succeed",
            &["Reason: the payment was declined", "Try again:"],
        ),
        (
            "payment-in-review",
            Language::French,
            "Atelier Dakar : votre paiement est en cours de vérification",
            &[
                "Le paiement que nous avons reçu pour le forfait Pro de l’équipe Atelier Dakar ne correspond pas à la demande (2 000 FCFA, une seule fois).",
                "Montant demandé : 2 000 FCFA",
                "https://usage.example/atelier-dakar/payments",
            ],
        ),
        (
            "payment-in-review",
            Language::English,
            "Atelier Dakar: your payment is being checked",
            &["Amount asked for: 2,000 FCFA", "See payments:"],
        ),
        (
            "alert-traffic",
            Language::French,
            "Atelier Dakar : 83 % du trafic mensuel utilisé",
            &[
                "L’équipe Atelier Dakar a utilisé ce mois-ci 4,1 Go de trafic. Son forfait Free en comprend 5,0 Go.",
                "Le compteur repart de zéro le 1er décembre 2026.",
                "Le forfait Pro en comprend davantage, pour 3,00 EUR ou 2 000 FCFA par mois.",
                "Utilisé : 4,1 Go (83 %)",
                "Ne plus recevoir ce genre de message :",
                "https://usage.example/atelier-dakar/notifications",
            ],
        ),
        (
            "alert-traffic",
            Language::English,
            "Atelier Dakar: 83% of the monthly traffic used",
            &[
                "The team Atelier Dakar has used 4.1 GB of traffic this month. Its Free plan allows 5.0 GB.",
                "Counting begins anew on 1 December 2026.",
                "The Pro plan allows more, for 3.00 EUR or 2,000 FCFA a month.",
                "Stop getting messages of this kind:",
            ],
        ),
        (
            "alert-storage",
            Language::French,
            "Atelier Dakar : 83 % du stockage utilisé",
            &["L’équipe Atelier Dakar occupe 83,0 Mo de stockage. Son forfait Free en comprend 100,0 Mo."],
        ),
        (
            "alert-storage",
            Language::English,
            "Atelier Dakar: 83% of the storage used",
            &["Delete what you no longer need to free space."],
        ),
        (
            "critical-traffic",
            Language::French,
            "Urgent ! Atelier Dakar : 96 % du trafic mensuel utilisé",
            &[
                "Il ne reste presque plus de trafic",
                "Quand la limite de trafic sera atteinte, vos projets pourront être limités.",
            ],
        ),
        (
            "critical-traffic",
            Language::English,
            "Urgent! Atelier Dakar: 96% of the monthly traffic used",
            &["There is hardly any traffic left", "See plans:"],
        ),
        ("critical-storage", Language::French, "Urgent ! Atelier Dakar : 96 % du stockage utilisé", &[]),
        ("critical-storage", Language::English, "Urgent! Atelier Dakar: 96% of the storage used", &[]),
        (
            "limit-reached-traffic",
            Language::French,
            "Atelier Dakar : limite de trafic atteinte",
            &["Vos projets pourront désormais être limités."],
        ),
        (
            "limit-reached-traffic",
            Language::English,
            "Atelier Dakar: traffic limit reached",
            &["Counting begins anew on 1 December 2026."],
        ),
        (
            "limit-reached-storage",
            Language::French,
            "Atelier Dakar : limite de stockage atteinte",
            &["Utilisé : 107,0 Mo (107 %)"],
        ),
        (
            "limit-reached-storage",
            Language::English,
            "Atelier Dakar: storage limit reached",
            &["Your projects may now be restricted."],
        ),
        (
            "limit-reached-top-plan",
            Language::French,
            "Atelier Dakar : limite de trafic atteinte",
            &["Son forfait Pro en comprend 10,0 Go.", "Voir la consommation :"],
        ),
        (
            "limit-reached-top-plan",
            Language::English,
            "Atelier Dakar: traffic limit reached",
            &["See usage:"],
        ),
        (
            "forecast",
            Language::French,
            "Atelier Dakar : limite de trafic prévue pour le 28 novembre 2026",
            &["Au rythme des sept derniers jours, la limite de trafic sera atteinte le 28 novembre 2026."],
        ),
        (
            "forecast",
            Language::English,
            "Atelier Dakar: traffic limit expected on 28 November 2026",
            &["At the pace of the last seven days, the traffic limit will be reached on 28 November 2026."],
        ),
        (
            "renewal-reminder-5-days",
            Language::French,
            "Atelier Dakar : forfait Pro à renouveler avant le 23 décembre 2026",
            &[
                "Votre forfait Pro se termine le 23 décembre 2026",
                "Un mois de plus coûte 3,00 EUR ou 2 000 FCFA.",
            ],
        ),
        (
            "renewal-reminder-5-days",
            Language::English,
            "Atelier Dakar: renew the Pro plan before 23 December 2026",
            &["Your Pro plan ends on 23 December 2026", "Another month costs 3.00 EUR or 2,000 FCFA."],
        ),
        (
            "renewal-reminder-1-day",
            Language::French,
            "Atelier Dakar : forfait Pro à renouveler avant le 23 décembre 2026",
            &["Dernier rappel : votre forfait Pro se termine le 23 décembre 2026"],
        ),
        (
            "renewal-reminder-1-day",
            Language::English,
            "Atelier Dakar: renew the Pro plan before 23 December 2026",
            &["Last reminder: your Pro plan ends on 23 December 2026"],
        ),
        (
            "plan-lapsed",
            Language::French,
            "Atelier Dakar : forfait Pro expiré",
            &[
                "L’équipe Atelier Dakar a maintenant le forfait Free, avec ses limites.",
                "Reprendre le forfait Pro :",
            ],
        ),
        (
            "plan-lapsed",
            Language::English,
            "Atelier Dakar: Pro plan expired",
            &["The team Atelier Dakar is now on the Free plan, with its limits.", "Take the Pro plan again:"],
        ),
    ];
    let shown: BTreeSet<_> = expected.iter().map(|(name, language, ..)| (*name, *language)).collect();
    assert_eq!(shown.len(), sample().len() * Language::ALL.len(), "one line for every letter");
    for (name, language, expected, lines) in expected {
        let (subject, text) = plain(name, language);
        assert_eq!(subject, expected, "{name}");
        for line in lines {
            assert!(text.lines().any(|its| its.contains(line)), "{name}: {line:?} is not in\n{text}");
        }
    }
}

#[test]
fn both_parts_say_the_same() {
    for (name, _, Rendered { subject, text, html, .. }) in every() {
        for line in text.lines().filter(|line| !line.is_empty() && *line != "-- ") {
            // A label stands before a colon in the text, and in a cell or on a button in the page.
            let said = line.trim_end_matches(':').trim_end_matches('\u{a0}');
            let parts: Vec<&str> =
                if html.contains(said) { vec![said] } else { said.splitn(2, ": ").collect() };
            for part in parts {
                let part = part.trim_end_matches('\u{a0}');
                assert!(html.contains(part), "{name}: {part:?} is not in the page");
            }
        }
        assert!(html.contains(&format!("<title>{subject}</title>")), "{name}");
    }
}

#[test]
fn nothing_is_left_to_fill_in_and_the_text_has_no_markup() {
    for (name, letter, Rendered { subject, text, html, language, unsubscribe }) in every() {
        for (what, part) in [("subject", &subject), ("text", &text)] {
            for odd in ['{', '}', '<', '>', '&', '\r', '\t'] {
                assert!(!part.contains(odd), "{name}: {odd:?} in the {what}");
            }
            assert!(!part.contains("  ") && !part.trim().is_empty(), "{name}: {what}");
        }
        let body = html.split_once("</style>").unwrap().1;
        assert!(!body.contains(['{', '}']), "{name}");
        assert!(!html.contains("src=") && !html.contains("url("), "{name} fetches something");
        assert!(
            html.starts_with("<!DOCTYPE html>")
                && html.contains(&format!("<html lang=\"{}\">", language.tag()))
        );
        assert_eq!(unsubscribe.is_none(), letter.is_essential(), "{name}");
        assert_eq!(unsubscribe.is_some(), text.contains("/notifications"), "{name}");
    }
}

#[test]
fn what_people_choose_is_escaped() {
    let hostile = "<b>&\"'\r\nBcc: x@example.org\u{202e}";
    let mut texts = 0;
    for (name, mut letter) in sample_for(&team(hostile)) {
        // The names of plans are not ours either.
        match &mut letter {
            Letter::PaymentConfirmation { payment, .. }
            | Letter::PaymentFailed { payment, .. }
            | Letter::PaymentInReview { payment, .. } => payment.plan = hostile.into(),
            Letter::Alert(usage)
            | Letter::Critical(usage)
            | Letter::LimitReached(usage)
            | Letter::Forecast { usage, .. } => {
                usage.plan = hostile.into();
                if let Some(offer) = &mut usage.upgrade {
                    offer.plan = hostile.into();
                }
            }
            Letter::RenewalReminder { offer, .. } => offer.plan = hostile.into(),
            Letter::PlanLapsed { offer, now_on, .. } => {
                (offer.plan, *now_on) = (hostile.into(), hostile.into())
            }
        }
        for language in Language::ALL {
            let Rendered { subject, text, html, .. } = rendered(&letter, language);
            assert!(
                subject.contains("<b>&\"' Bcc: x@example.org") && !subject.contains(['\r', '\n']),
                "{name}: {subject}"
            );
            assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{name}: {text}");
            assert!(!html.contains("<b>") && !html.contains("&\"") && !html.contains('\u{202e}'), "{name}");
            texts += html.matches("&lt;b&gt;&amp;&quot;&#39; Bcc: x@example.org").count();
        }
    }
    assert!(texts > 26 * 3, "in the title, in the text and at the foot of each");
}

/// As the Imprimerie nationale's rules and CLDR have it: no such sign may begin a line, and no guillemet stand alone.
#[test]
fn french_has_no_break_spaces() {
    for (name, _, Rendered { subject, text, html, .. }) in
        every().filter(|(name, ..)| name.ends_with("in fr"))
    {
        let body = html.split_once("</head>").unwrap().1;
        for (what, part) in [("subject", &*subject), ("text", &*text), ("page", body)] {
            for bad in [" :", " ;", " !", " ?", " »", "« ", " %", " EUR", " FCFA", " Go", " Mo", "'"] {
                let bad_in_part = part.replace("cellpadding", "").contains(bad);
                assert!(!bad_in_part || (what == "page" && bad == "'"), "{name}: {bad:?} in the {what}");
            }
        }
        assert!(subject.contains("\u{a0}:"), "{name}: {subject}");
    }
}
