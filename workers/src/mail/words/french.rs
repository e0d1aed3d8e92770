//! Letters in French. Spaces before `: ; ! ?` and in `« »` are ordinary here; typesetting makes them no-break ones.

use chrono::{DateTime, NaiveDate, Utc};
use domain::payment::FailureCause;
use domain::team::Resource;

use super::{Body, Link, prices};
use crate::mail::Language::French;
use crate::mail::Links;
use crate::mail::format::Written;
use crate::mail::message::{Letter, Offer, Payment, Team, Usage};

pub(super) const UNSUBSCRIBE: &str = "Ne plus recevoir ce genre de message";

pub(super) fn footer(letter: &Letter) -> String {
    let team = &letter.team().name;
    format!(
        "Vous recevez ce message parce que vous êtes membre de l’équipe {team}, dont Servelink mesure la consommation."
    )
}

pub(super) fn body(letter: &Letter, links: &Links) -> Body {
    match letter {
        Letter::PaymentConfirmation { payment, paid_at, until } => {
            payment_confirmation(payment, *paid_at, *until, links)
        }
        Letter::PaymentFailed { payment, at, cause } => payment_failed(payment, *at, *cause, links),
        Letter::PaymentInReview { payment, at } => payment_in_review(payment, *at, links),
        Letter::Alert(usage) => alert(usage, links),
        Letter::Critical(usage) => critical(usage, links),
        Letter::LimitReached(usage) => limit_reached(usage, links),
        Letter::Forecast { usage, reached_on } => forecast(usage, *reached_on, links),
        Letter::RenewalReminder { team, offer, until, days_before } => {
            renewal_reminder(team, offer, *until, *days_before, links)
        }
        Letter::PlanLapsed { team, offer, now_on, until } => plan_lapsed(team, offer, now_on, *until, links),
    }
}

fn payment_confirmation(
    payment: &Payment,
    paid_at: DateTime<Utc>,
    until: DateTime<Utc>,
    links: &Links,
) -> Body {
    let Payment { team, plan, amount, payment_id } = payment;
    let (team, amount, until) = (&team.name, French.money(*amount), French.date(until));
    Body {
        subject: format!("{team} : paiement de {amount} reçu"),
        heading: "Merci, nous avons reçu votre paiement".into(),
        paragraphs: vec![format!("Le forfait {plan} de l’équipe {team} est payé jusqu’au {until}.")],
        facts: vec![
            ("Montant", amount),
            ("Forfait", plan.clone()),
            ("Payé le", French.date(paid_at)),
            ("Valable jusqu’au", until),
            ("Référence", payment_id.to_string()),
        ],
        button: Link::new("Voir les paiements", &links.payments),
    }
}

fn payment_failed(payment: &Payment, at: DateTime<Utc>, cause: Option<FailureCause>, links: &Links) -> Body {
    let Payment { team, plan, amount, payment_id } = payment;
    let (team, amount) = (&team.name, French.money(*amount));
    let mut facts = vec![("Montant", amount.clone()), ("Forfait", plan.clone()), ("Date", French.date(at))];
    facts.extend(cause.map(|cause| ("Motif", why(cause).into())));
    facts.push(("Référence", payment_id.to_string()));
    Body {
        subject: format!("{team} : paiement de {amount} non abouti"),
        heading: "Votre paiement n’a pas abouti".into(),
        paragraphs: vec![
            format!("Le forfait {plan} de l’équipe {team} n’a pas été payé. Vous pouvez essayer de nouveau."),
            "Si votre compte a tout de même été débité, contactez-nous en citant la référence ci-dessous."
                .into(),
        ],
        facts,
        button: Link::new("Essayer de nouveau", &links.plan),
    }
}

fn why(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::NotTakenOn => "le service de paiement n’a pas accepté la demande",
        FailureCause::Declined => "le paiement a été refusé",
        FailureCause::Expired => "le délai de paiement est dépassé",
        FailureCause::Unfinished => "le paiement a été commencé, mais n’a pas été terminé",
        FailureCause::Lost => "le service de paiement n’a pas retrouvé la demande",
        FailureCause::OtherMoney => "le montant reçu n’est pas le montant demandé",
    }
}

fn payment_in_review(payment: &Payment, at: DateTime<Utc>, links: &Links) -> Body {
    let Payment { team, plan, amount, payment_id } = payment;
    let (team, amount) = (&team.name, French.money(*amount));
    Body {
        subject: format!("{team} : votre paiement est en cours de vérification"),
        heading: "Nous vérifions votre paiement".into(),
        paragraphs: vec![
            format!(
                "Le paiement que nous avons reçu pour le forfait {plan} de l’équipe {team} ne correspond pas à la demande ({amount}, une seule fois)."
            ),
            "Ne payez pas une seconde fois. Votre argent n’est pas perdu : nous comparons avec les comptes du service de \
             paiement et revenons vers vous."
                .into(),
        ],
        facts: vec![
            ("Montant demandé", amount),
            ("Forfait", plan.clone()),
            ("Date", French.date(at)),
            ("Référence", payment_id.to_string()),
        ],
        button: Link::new("Voir les paiements", &links.payments),
    }
}

fn alert(usage: &Usage, links: &Links) -> Body {
    let (of, percent) = (of_resource(usage), French.percent(usage.percent()));
    Body {
        subject: format!("{} : {percent} {of} utilisé", usage.team.name),
        heading: format!("{percent} {of} est utilisé"),
        paragraphs: [used(usage)].into_iter().chain(advice(usage)).collect(),
        facts: usage_facts(usage),
        button: Link::new("Voir la consommation", &links.usage),
    }
}

fn critical(usage: &Usage, links: &Links) -> Body {
    let (of, percent) = (of_resource(usage), French.percent(usage.percent()));
    let warning =
        format!("Quand la limite {} sera atteinte, vos projets pourront être limités.", of_limit(usage));
    Body {
        subject: format!("Urgent ! {} : {percent} {of} utilisé", usage.team.name),
        heading: format!("Il ne reste presque plus {}", of_limit(usage)),
        paragraphs: [used(usage), warning].into_iter().chain(advice(usage)).collect(),
        facts: usage_facts(usage),
        button: more(usage, links),
    }
}

fn limit_reached(usage: &Usage, links: &Links) -> Body {
    let of = of_limit(usage);
    let effect = "Vos projets pourront désormais être limités.".into();
    Body {
        subject: format!("{} : limite {of} atteinte", usage.team.name),
        heading: format!("La limite {of} est atteinte"),
        paragraphs: [used(usage), effect].into_iter().chain(advice(usage)).collect(),
        facts: usage_facts(usage),
        button: more(usage, links),
    }
}

fn forecast(usage: &Usage, reached_on: NaiveDate, links: &Links) -> Body {
    let (of, day) = (of_limit(usage), French.day(reached_on));
    let pace = format!("Au rythme des sept derniers jours, la limite {of} sera atteinte le {day}.");
    Body {
        subject: format!("{} : limite {of} prévue pour le {day}", usage.team.name),
        heading: format!("La limite {of} sera bientôt atteinte"),
        paragraphs: [pace, used(usage)].into_iter().chain(advice(usage)).collect(),
        facts: usage_facts(usage),
        button: more(usage, links),
    }
}

fn renewal_reminder(
    team: &Team,
    offer: &Offer,
    until: DateTime<Utc>,
    days_before: u8,
    links: &Links,
) -> Body {
    let (plan, until) = (&offer.plan, French.date(until));
    let price = prices(offer, French, "ou").map_or_else(
        || "Vous pouvez le renouveler pour un mois de plus.".into(),
        |prices| format!("Un mois de plus coûte {prices}."),
    );
    let heading = format!("votre forfait {plan} se termine le {until}");
    Body {
        subject: format!("{} : forfait {plan} à renouveler avant le {until}", team.name),
        heading: if days_before > 1 { capital(&heading) } else { format!("Dernier rappel : {heading}") },
        paragraphs: vec![
            format!("Le forfait {plan} de l’équipe {} est payé jusqu’au {until}. {price}", team.name),
            "Rien n’est prélevé automatiquement : sans paiement, l’équipe revient au forfait gratuit peu après \
             cette date."
                .into(),
        ],
        facts: vec![],
        button: Link::new(format!("Renouveler le forfait {plan}"), &links.plan),
    }
}

fn plan_lapsed(team: &Team, offer: &Offer, now_on: &str, until: DateTime<Utc>, links: &Links) -> Body {
    let (plan, team) = (&offer.plan, &team.name);
    let until = French.date(until);
    Body {
        subject: format!("{team} : forfait {plan} expiré"),
        heading: format!("Votre forfait {plan} a expiré"),
        paragraphs: vec![
            format!("Il était payé jusqu’au {until}, et aucun paiement n’est arrivé depuis."),
            format!(
                "L’équipe {team} a maintenant le forfait {now_on}, avec ses limites. Vous pouvez reprendre le \
                     forfait {plan} à tout moment{}.",
                price_of(offer)
            ),
        ],
        facts: vec![],
        button: Link::new(format!("Reprendre le forfait {plan}"), &links.plan),
    }
}

fn of_resource(usage: &Usage) -> &'static str {
    match usage.resource {
        Resource::Traffic => "du trafic mensuel",
        Resource::Storage => "du stockage",
    }
}

fn of_limit(usage: &Usage) -> &'static str {
    match usage.resource {
        Resource::Traffic => "de trafic",
        Resource::Storage => "de stockage",
    }
}

fn used(usage: &Usage) -> String {
    let Usage { team, plan, used, limit, .. } = usage;
    let (team, used, limit, of) = (&team.name, French.size(*used), French.size(*limit), of_limit(usage));
    match usage.resource {
        Resource::Traffic => {
            format!(
                "L’équipe {team} a utilisé ce mois-ci {used} {of}. Son forfait {plan} en comprend {limit}."
            )
        }
        Resource::Storage => {
            format!("L’équipe {team} occupe {used} {of}. Son forfait {plan} en comprend {limit}.")
        }
    }
}

fn advice(usage: &Usage) -> Vec<String> {
    let resource = match usage.resource {
        Resource::Traffic => format!("Le compteur repart de zéro le {}.", reset(usage)),
        Resource::Storage => "Supprimez ce dont vous n’avez plus besoin pour libérer de la place.".into(),
    };
    let upgrade = usage.upgrade.as_ref();
    let upgrade =
        upgrade.map(|offer| format!("Le forfait {} en comprend davantage{}.", offer.plan, price_of(offer)));
    [resource].into_iter().chain(upgrade).collect()
}

fn usage_facts(usage: &Usage) -> Vec<(&'static str, String)> {
    vec![
        ("Utilisé", format!("{} ({})", French.size(usage.used), French.percent(usage.percent()))),
        ("Limite", French.size(usage.limit)),
        ("Forfait", usage.plan.clone()),
    ]
}

fn more(usage: &Usage, links: &Links) -> Link {
    match usage.upgrade {
        Some(_) => Link::new("Voir les forfaits", &links.plan),
        None => Link::new("Voir la consommation", &links.usage),
    }
}

fn price_of(offer: &Offer) -> String {
    prices(offer, French, "ou").map(|prices| format!(", pour {prices} par mois")).unwrap_or_default()
}

fn reset(usage: &Usage) -> String {
    French.date(usage.month.next().start())
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().into_iter().flat_map(char::to_uppercase).chain(characters).collect()
}
