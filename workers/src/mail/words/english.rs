//! Letters in English.

use chrono::{DateTime, NaiveDate, Utc};
use domain::payment::FailureCause;
use domain::team::Resource;

use super::{Body, Link, prices};
use crate::mail::Language::English;
use crate::mail::Links;
use crate::mail::format::Written;
use crate::mail::message::{Letter, Offer, Payment, Team, Usage};

pub(super) const UNSUBSCRIBE: &str = "Stop getting messages of this kind";

pub(super) fn footer(letter: &Letter) -> String {
    let team = &letter.team().name;
    format!("You get this message because you are a member of the team {team}, whose usage Servelink counts.")
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
    let (team, amount, until) = (&team.name, English.money(*amount), English.date(until));
    Body {
        subject: format!("{team}: payment of {amount} received"),
        heading: "Thank you, we have received your payment".into(),
        paragraphs: vec![format!("The {plan} plan of the team {team} is paid until {until}.")],
        facts: vec![
            ("Amount", amount),
            ("Plan", plan.clone()),
            ("Paid on", English.date(paid_at)),
            ("Valid until", until),
            ("Reference", payment_id.to_string()),
        ],
        button: Link::new("See payments", &links.payments),
    }
}

fn payment_failed(payment: &Payment, at: DateTime<Utc>, cause: Option<FailureCause>, links: &Links) -> Body {
    let Payment { team, plan, amount, payment_id } = payment;
    let (team, amount) = (&team.name, English.money(*amount));
    let mut facts = vec![("Amount", amount.clone()), ("Plan", plan.clone()), ("Date", English.date(at))];
    facts.extend(cause.map(|cause| ("Reason", why(cause).into())));
    facts.push(("Reference", payment_id.to_string()));
    Body {
        subject: format!("{team}: payment of {amount} did not succeed"),
        heading: "Your payment did not succeed".into(),
        paragraphs: vec![
            format!("The {plan} plan of the team {team} has not been paid for. You can try again."),
            "If your account was debited all the same, contact us and name the reference below.".into(),
        ],
        facts,
        button: Link::new("Try again", &links.plan),
    }
}

fn why(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::NotTakenOn => "the payment service did not accept the request",
        FailureCause::Declined => "the payment was declined",
        FailureCause::Expired => "the time to pay was over",
        FailureCause::Unfinished => "the payment was begun, but not finished",
        FailureCause::Lost => "the payment service could not find the request",
        FailureCause::OtherMoney => "the amount received is not the amount asked for",
    }
}

fn payment_in_review(payment: &Payment, at: DateTime<Utc>, links: &Links) -> Body {
    let Payment { team, plan, amount, payment_id } = payment;
    let (team, amount) = (&team.name, English.money(*amount));
    Body {
        subject: format!("{team}: your payment is being checked"),
        heading: "We are checking your payment".into(),
        paragraphs: vec![
            format!(
                "The payment that we received for the {plan} plan of the team {team} does not match what was asked for ({amount}, once)."
            ),
            "Do not pay a second time. Your money is not lost: we are comparing with the books of the payment service, \
             and will get back to you."
                .into(),
        ],
        facts: vec![
            ("Amount asked for", amount),
            ("Plan", plan.clone()),
            ("Date", English.date(at)),
            ("Reference", payment_id.to_string()),
        ],
        button: Link::new("See payments", &links.payments),
    }
}

fn alert(usage: &Usage, links: &Links) -> Body {
    let (of, percent) = (of_resource(usage), English.percent(usage.percent()));
    Body {
        subject: format!("{}: {percent} {of} used", usage.team.name),
        heading: format!("{percent} {of} is used"),
        paragraphs: [used(usage)].into_iter().chain(advice(usage)).collect(),
        facts: usage_facts(usage),
        button: Link::new("See usage", &links.usage),
    }
}

fn critical(usage: &Usage, links: &Links) -> Body {
    let (of, percent) = (of_resource(usage), English.percent(usage.percent()));
    let name = usage.resource.as_str();
    let warning = format!("When the {name} limit is reached, your projects may be restricted.");
    Body {
        subject: format!("Urgent! {}: {percent} {of} used", usage.team.name),
        heading: format!("There is hardly any {name} left"),
        paragraphs: [used(usage), warning].into_iter().chain(advice(usage)).collect(),
        facts: usage_facts(usage),
        button: more(usage, links),
    }
}

fn limit_reached(usage: &Usage, links: &Links) -> Body {
    let name = usage.resource.as_str();
    let effect = "Your projects may now be restricted.".into();
    Body {
        subject: format!("{}: {name} limit reached", usage.team.name),
        heading: format!("The {name} limit is reached"),
        paragraphs: [used(usage), effect].into_iter().chain(advice(usage)).collect(),
        facts: usage_facts(usage),
        button: more(usage, links),
    }
}

fn forecast(usage: &Usage, reached_on: NaiveDate, links: &Links) -> Body {
    let (name, day) = (usage.resource.as_str(), English.day(reached_on));
    let pace = format!("At the pace of the last seven days, the {name} limit will be reached on {day}.");
    Body {
        subject: format!("{}: {name} limit expected on {day}", usage.team.name),
        heading: format!("The {name} limit will soon be reached"),
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
    let (plan, until) = (&offer.plan, English.date(until));
    let price = prices(offer, English, "or").map_or_else(
        || "You can renew it for another month.".into(),
        |prices| format!("Another month costs {prices}."),
    );
    Body {
        subject: format!("{}: renew the {plan} plan before {until}", team.name),
        heading: if days_before > 1 {
            format!("Your {plan} plan ends on {until}")
        } else {
            format!("Last reminder: your {plan} plan ends on {until}")
        },
        paragraphs: vec![
            format!("The {plan} plan of the team {} is paid until {until}. {price}", team.name),
            "Nothing is debited automatically: without a payment the team goes back to the free plan soon \
             after that date."
                .into(),
        ],
        facts: vec![],
        button: Link::new(format!("Renew the {plan} plan"), &links.plan),
    }
}

fn plan_lapsed(team: &Team, offer: &Offer, now_on: &str, until: DateTime<Utc>, links: &Links) -> Body {
    let (plan, team) = (&offer.plan, &team.name);
    let until = English.date(until);
    Body {
        subject: format!("{team}: {plan} plan expired"),
        heading: format!("Your {plan} plan has expired"),
        paragraphs: vec![
            format!("It was paid until {until}, and no payment has arrived since."),
            format!(
                "The team {team} is now on the {now_on} plan, with its limits. You can take the {plan} plan \
                     again at any time{}.",
                price_of(offer)
            ),
        ],
        facts: vec![],
        button: Link::new(format!("Take the {plan} plan again"), &links.plan),
    }
}

fn of_resource(usage: &Usage) -> &'static str {
    match usage.resource {
        Resource::Traffic => "of the monthly traffic",
        Resource::Storage => "of the storage",
    }
}

fn used(usage: &Usage) -> String {
    let Usage { team, plan, used, limit, .. } = usage;
    let (team, used, limit) = (&team.name, English.size(*used), English.size(*limit));
    match usage.resource {
        Resource::Traffic => {
            format!("The team {team} has used {used} of traffic this month. Its {plan} plan allows {limit}.")
        }
        Resource::Storage => {
            format!("The team {team} takes up {used} of storage. Its {plan} plan allows {limit}.")
        }
    }
}

fn advice(usage: &Usage) -> Vec<String> {
    let resource = match usage.resource {
        Resource::Traffic => format!("Counting begins anew on {}.", reset(usage)),
        Resource::Storage => "Delete what you no longer need to free space.".into(),
    };
    let upgrade = usage.upgrade.as_ref();
    let upgrade = upgrade.map(|offer| format!("The {} plan allows more{}.", offer.plan, price_of(offer)));
    [resource].into_iter().chain(upgrade).collect()
}

fn usage_facts(usage: &Usage) -> Vec<(&'static str, String)> {
    vec![
        ("Used", format!("{} ({})", English.size(usage.used), English.percent(usage.percent()))),
        ("Limit", English.size(usage.limit)),
        ("Plan", usage.plan.clone()),
    ]
}

fn more(usage: &Usage, links: &Links) -> Link {
    match usage.upgrade {
        Some(_) => Link::new("See plans", &links.plan),
        None => Link::new("See usage", &links.usage),
    }
}

fn price_of(offer: &Offer) -> String {
    prices(offer, English, "or").map(|prices| format!(", for {prices} a month")).unwrap_or_default()
}

fn reset(usage: &Usage) -> String {
    English.date(usage.month.next().start())
}
