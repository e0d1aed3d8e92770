//! Several teams that pay at one bank, on two nodes, and what comes of everything that may happen to them at the same
//! time (`steps.rs`).
//!
//! `bank.rs` knows what was captured, `witness.rs` what was asked of it, the log what Servelink made of it. The
//! properties over these are in `money.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::inbox::{CallbackParked, InboxRefusal};
use domain::payment::{PaymentEvent, PaymentMethod, PaymentRefusal};
use domain::plan::PlanName;
use domain::team::{TeamEvent, TeamRefusal};
use domain::{ExternalPaymentId, Money, PaymentId, TeamId, UserId};
use iso_currency::Currency;
use servelink_store::codec::decode;
use servelink_store::commands::{Callback, CommandError, PaymentWish};
use servelink_store::payments::{Payments, PaymentsError};
use servelink_store::testing::requests::history;
use servelink_store::testing::{Harness, MemoryStorage};
use servelink_store::{Digest, Key, KeyId};

use crate::backend::Mood;
use crate::bank::{Bank, Link};
use crate::steps::{Step, Telling};
use crate::witness::{Seen, Witness};
use crate::world::{World, actor, at, team};

pub const TEAMS: u8 = 3;
pub const NODES: usize = 2;

struct Node {
    world: World,
    payments: Payments,
    witness: Arc<Witness<Bank>>,
}

pub struct Shop {
    pub bank: Arc<Bank>,
    nodes: Vec<Node>,
}

impl Shop {
    async fn open() -> Self {
        let storage = MemoryStorage::default();
        let bank = Arc::<Bank>::default();
        let mut nodes = vec![];
        for _ in 0..NODES {
            let world = World::open(&storage).await;
            let witness = Arc::new(Witness::new(Arc::clone(&bank), storage.open().await));
            let payments = Payments::new(
                Arc::clone(&world.commands),
                Arc::clone(&witness) as _,
                Arc::clone(&world.clock),
            );
            nodes.push(Node { world, payments, witness });
        }
        let shop = Self { bank, nodes };
        for n in 1..=TEAMS {
            shop.nodes[0].world.register(team(n), &[]).await;
        }
        shop
    }

    /// What both nodes have asked of the bank.
    pub fn seen(&self) -> Seen {
        let mut all = Seen::default();
        for node in &self.nodes {
            let seen = node.witness.seen();
            all.calls += seen.calls;
            all.unannounced.extend(seen.unannounced);
        }
        all
    }

    pub async fn payment_events(&self) -> Vec<(PaymentId, PaymentEvent)> {
        let events = history(&*self.nodes[0].world.log).await.into_iter();
        let own = events.filter(|event| event.stream.aggregate_type == "payment");
        own.map(|event| (event.stream.aggregate_id.parse().unwrap(), decode(&event).unwrap())).collect()
    }

    /// The months that payments paid for, in order: whose, by which payment, which of the team's.
    pub async fn months(&self) -> Vec<(TeamId, PaymentId, u32)> {
        let mut months = vec![];
        for event in history(&*self.nodes[0].world.log).await {
            if event.stream.aggregate_type != "team" {
                continue;
            }
            let team = event.stream.aggregate_id.parse().unwrap();
            let event: TeamEvent = decode(&event).unwrap();
            if let TeamEvent::PlanActivated(activated) = &event {
                months.push((team, activated.payment_id.unwrap(), activated.period.unwrap()));
            }
            if let TeamEvent::PlanRenewed(renewed) = &event {
                months.push((team, renewed.payment_id.unwrap(), renewed.period.unwrap()));
            }
        }
        months
    }

    async fn payments(&self) -> Vec<PaymentId> {
        let begun = |(id, event): (PaymentId, PaymentEvent)| {
            matches!(event, PaymentEvent::PaymentInitiated(_)).then_some(id)
        };
        self.payment_events().await.into_iter().filter_map(begun).collect()
    }

    async fn nth_payment(&self, nth: usize) -> Option<PaymentId> {
        let payments = self.payments().await;
        payments.iter().rev().nth(nth % payments.len().max(1)).copied()
    }

    async fn take(&self, step: &Step) {
        match step {
            Step::Begin { node, team, key, in_francs } => self.begin(*node, *team, *key, *in_francs).await,
            Step::Happen { nth, deed } => self.bank.happen(*nth, *deed),
            Step::Call { node, nth, telling } => {
                let links = self.bank.links();
                let Some(link) = links.iter().rev().nth(nth % links.len().max(1)) else { return };
                self.call(*node, link, *telling).await;
            }
            Step::Look { node, nth } => {
                let Some(id) = self.nth_payment(*nth).await else { return };
                no_failure(self.nodes[*node].payments.refresh(&actor(), id).await);
            }
            Step::Cancel { node, nth } => {
                let Some(id) = self.nth_payment(*nth).await else { return };
                no_failure(self.nodes[*node].payments.cancel(actor(), id, UserId(1)).await);
            }
            Step::Reconcile { node } => self.reconcile(*node).await,
            Step::Settle { node } => self.settle(*node).await,
            Step::CheckPlan { team: n } => {
                self.nodes[0].world.commands.check_plan(&actor(), team(*n)).await.unwrap();
            }
            Step::RemoveTeam { team: n, and_back } => {
                self.nodes[0].world.commands.remove_team(&actor(), team(*n)).await.unwrap();
                if *and_back {
                    self.nodes[0].world.register(team(*n), &[]).await;
                }
            }
            Step::RegisterTeam { team: n } => self.nodes[0].world.register(team(*n), &[]).await,
            Step::Become(mood) => self.bank.set_mood(*mood),
            Step::GiveNewLinks(so) => self.bank.give_a_new_link_each_time(*so),
            Step::Wait { hours } => self.wait(*hours),
        }
    }

    async fn begin(&self, node: usize, n: u8, key: u8, in_francs: bool) {
        let amount =
            if in_francs { Money::new(2_000, Currency::XOF) } else { Money::new(300, Currency::EUR) };
        let wish = PaymentWish {
            team: team(n),
            user: UserId(1),
            plan: PlanName::from("pay_as_you_go"),
            amount,
            method: PaymentMethod::MobileMoney,
            description: None,
        };
        let key = request(&format!("{n} {key} {in_francs}"));
        match self.nodes[node].payments.initiate(actor(), wish, Some(key)).await {
            // The same wish is being worked on.
            Ok(_) | Err(PaymentsError::InFlight) => {}
            Err(error) => no_failure(Err::<(), _>(error)),
        }
    }

    async fn call(&self, node: usize, link: &Link, telling: Telling) {
        let Telling { late, trusted, tells_our_id, message } = telling;
        let state = link.states.len().saturating_sub(1 + late);
        let (name, status) = (&link.name, link.states[state]);
        let body = format!("{name} {status:?} {tells_our_id}");
        let told = CallbackParked {
            digest: body.clone(),
            status,
            transaction_id: None,
            at: at("2026-03-10T12:00:00Z"),
            trusted,
        };
        let payment_id = tells_our_id.then_some(link.payment);
        let callback = Callback { external_payment_id: name.clone(), payment_id, told };
        let key = request(&format!("{body} {trusted} {message}"));
        match self.nodes[node].world.commands.receive_callback(&actor(), &callback, &key).await {
            // It is told to come again later.
            Ok(_) | Err(CommandError::Inbox(InboxRefusal::Full) | CommandError::Contended) => {}
            Err(error) => panic!("{callback:?}: {error}"),
        }
    }

    async fn reconcile(&self, node: usize) {
        let Node { world, payments, .. } = &self.nodes[node];
        world.known.catch_up().await.unwrap();
        let due: Vec<(PaymentId, bool)> = {
            let facts = world.known.facts();
            let open = facts.open_payments.iter().map(|(id, open)| (*id, open.cancelling.is_some()));
            open.chain(facts.to_confirm.keys().map(|id| (*id, false))).collect()
        };
        for (id, cancelling) in due {
            no_failure(payments.refresh(&actor(), id).await);
            if cancelling {
                no_failure(payments.follow_cancellation(&actor(), id).await);
            }
        }
        self.ask_about_second_links(node).await;
    }

    async fn ask_about_second_links(&self, node: usize) {
        let Node { world, payments, .. } = &self.nodes[node];
        world.known.catch_up().await.unwrap();
        let links: Vec<_> = world.known.facts().second_links.keys().cloned().collect();
        for link in links {
            no_failure(payments.refresh_second_link(&actor(), link.payment, &link.name).await);
        }
    }

    /// The names that the log has of payments and of their second links.
    async fn heard_of(&self) -> BTreeSet<ExternalPaymentId> {
        let mut names = BTreeSet::new();
        for (_, event) in self.payment_events().await {
            if let PaymentEvent::PaymentSubmitted(submitted) = &event {
                names.insert(submitted.external_payment_id.clone());
            }
            if let PaymentEvent::SecondLinkFound(found) = &event {
                names.insert(found.external_payment_id.clone());
            }
        }
        names
    }

    async fn settle(&self, node: usize) {
        let World { known, commands, .. } = &self.nodes[node].world;
        known.catch_up().await.unwrap();
        let (unsettled, superseded) = {
            let facts = known.facts();
            (facts.unsettled.keys().copied().collect::<Vec<_>>(), facts.superseded())
        };
        for id in unsettled {
            match commands.settle_payment(&actor(), id).await {
                Ok(_) | Err(CommandError::Contended) => {}
                Err(error) => panic!("{id}: {error}"),
            }
        }
        for id in superseded {
            no_failure(commands.supersede_payment(&actor(), id).await.map_err(PaymentsError::from));
        }
    }

    fn wait(&self, hours: i64) {
        for Node { world, .. } in &self.nodes {
            world.set_time(world.clock.now() + TimeDelta::hours(hours));
        }
    }

    /// Everything that is still to be said is said, and everything that is still to be done is done: the bank is well, it
    /// tells of links that nobody here has heard of, the reconciler asks about every payment and every second link, and what
    /// is there is settled. Of money by a link that was heard of the bank tells nothing: those callbacks are lost.
    async fn let_the_dust_settle(&self) {
        self.bank.set_mood(Mood::Well);
        self.bank.give_a_new_link_each_time(false);
        for n in 1..=TEAMS {
            self.nodes[0].world.register(team(n), &[]).await;
        }
        // First that they are there, and only of what does not become known by that, more than a payment's second links
        // are, that they are paid.
        for late in [usize::MAX - 1, 0] {
            let heard_of = self.heard_of().await;
            let paid = |link: &Link| link.captured().is_some() && !heard_of.contains(&link.name);
            for link in self.bank.links().into_iter().filter(paid) {
                let telling = Telling { late, trusted: true, tells_our_id: true, message: u8::MAX };
                self.call(0, &link, telling).await;
            }
        }
        for id in self.payments().await {
            no_failure(self.nodes[0].payments.refresh(&actor(), id).await);
        }
        self.ask_about_second_links(0).await;
        self.settle(0).await;
    }
}

/// The backend may refuse or be lost, a team be gone, a payment have ended. Whatever else goes wrong is a mistake.
fn no_failure<T>(outcome: Result<T, PaymentsError>) {
    match outcome {
        Ok(_)
        | Err(
            PaymentsError::Backend(_)
            | PaymentsError::Command(
                CommandError::Contended
                | CommandError::Payment(PaymentRefusal::TooLate(_))
                | CommandError::Team(TeamRefusal::NotRegistered),
            ),
        ) => {}
        Err(error) => panic!("{error}"),
    }
}

fn request(key: &str) -> Key {
    Key { id: KeyId::of(&["request", key]), digest: Digest(KeyId::of(&[key]).0), answer: None }
}

/// The shop after all of this, and after the dust has settled.
pub async fn walk(rounds: &[Vec<Step>]) -> Shop {
    let shop = Shop::open().await;
    for round in rounds {
        futures::future::join_all(round.iter().map(|step| shop.take(step))).await;
        // Whoever asks again and again is asked for by the second: now he may.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(6)).await;
        tokio::time::resume();
    }
    shop.let_the_dust_settle().await;
    shop
}
