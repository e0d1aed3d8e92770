//! Everything that may happen to teams that pay, as strategies. What it does is `shop.rs`.

use proptest::prelude::*;

use crate::backend::Mood;
use crate::bank::{Deed, Paid};
use crate::shop::{NODES, TEAMS};

/// One thing that happens. `nth` counts from the end, since most of what is older has ended.
#[derive(Debug, Clone)]
pub enum Step {
    /// A member wants to pay; with the same key it is the same wish.
    Begin {
        node: usize,
        team: u8,
        key: u8,
        in_francs: bool,
    },
    /// A payer does something at a link.
    Happen {
        nth: usize,
        deed: Deed,
    },
    /// The bank tells of a link.
    Call {
        node: usize,
        nth: usize,
        telling: Telling,
    },
    /// Somebody looks at a payment, and so the bank is asked.
    Look {
        node: usize,
        nth: usize,
    },
    Cancel {
        node: usize,
        nth: usize,
    },
    Reconcile {
        node: usize,
    },
    Settle {
        node: usize,
    },
    CheckPlan {
        team: u8,
    },
    /// It may be registered again at once: what it paid is paid.
    RemoveTeam {
        team: u8,
        and_back: bool,
    },
    RegisterTeam {
        team: u8,
    },
    /// From now on the bank is in this mood.
    Become(Mood),
    GiveNewLinks(bool),
    Wait {
        hours: i64,
    },
}

/// How the bank tells of a link.
#[derive(Debug, Clone, Copy)]
pub struct Telling {
    /// How many states ago: 0 is where it stands.
    pub late: usize,
    pub trusted: bool,
    pub tells_our_id: bool,
    /// The same number is the same message again.
    pub message: u8,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let paid = prop_oneof![
        5 => Just(Paid::Exactly),
        2 => Just(Paid::Untold),
        1 => Just(Paid::OneLess),
        1 => Just(Paid::InAnotherCurrency),
    ];
    prop_oneof![
        1 => Just(Deed::Begin),
        2 => Just(Deed::Fail),
        2 => Just(Deed::CallOff),
        7 => paid.prop_map(Deed::Pay),
    ]
}

fn any_mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        7 => Just(Mood::Well),
        6 => Just(Mood::Mute),
        1 => Just(Mood::Refusing),
        1 => Just(Mood::Strict),
        1 => Just(Mood::Resting),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let node = || 0..NODES;
    let team = || 1..=TEAMS;
    let nth = || 0_usize..5;
    let telling = (0_usize..3, any::<bool>(), any::<bool>(), 0_u8..2)
        .prop_map(|(late, trusted, tells_our_id, message)| Telling { late, trusted, tells_our_id, message });
    prop_oneof![
        8 => (node(), team(), 0_u8..6, any::<bool>())
            .prop_map(|(node, team, key, in_francs)| Step::Begin { node, team, key, in_francs }),
        8 => (nth(), any_deed()).prop_map(|(nth, deed)| Step::Happen { nth, deed }),
        8 => (node(), nth(), telling).prop_map(|(node, nth, telling)| Step::Call { node, nth, telling }),
        4 => (node(), nth()).prop_map(|(node, nth)| Step::Look { node, nth }),
        2 => (node(), nth()).prop_map(|(node, nth)| Step::Cancel { node, nth }),
        2 => node().prop_map(|node| Step::Reconcile { node }),
        4 => node().prop_map(|node| Step::Settle { node }),
        1 => team().prop_map(|team| Step::CheckPlan { team }),
        2 => (team(), prop::bool::weighted(0.7)).prop_map(|(team, and_back)| Step::RemoveTeam { team, and_back }),
        2 => team().prop_map(|team| Step::RegisterTeam { team }),
        3 => any_mood().prop_map(Step::Become),
        2 => prop::bool::weighted(0.8).prop_map(Step::GiveNewLinks),
        1 => (1_i64..240).prop_map(|hours| Step::Wait { hours }),
    ]
}

/// Steps one after the other; those of one round at the same time.
pub fn any_rounds() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(any_step(), 1..4), 10..50)
}
