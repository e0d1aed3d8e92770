//! Who should know of an alert is told, once: members by mail in their language, the PaaS by a signed webhook. Whatever
//! is down meanwhile only makes it later, and who wants to be forgotten is written to no more.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::alerts::use_up;
use crate::common::client::start;
use crate::common::home::PAGES;
use crate::common::receiver::{Received, Reply, Server};
use crate::common::smtp::{Got, SmtpServer};
use crate::common::{Client, Home, PATIENCE, Servelink, eventually, team};

/// `scripts/test` looks for the first word of it in the logs of all servers, as in [`Reader`]'s addresses.
const SECRET: &str = "whsec_canarycanarycanarycanarycanary12";
const NOTHING: &str = "0 delivered, 0 to be tried again, 0 given up";
/// A mail that failed first is tried again a minute later.
const RETRIED_WITHIN: Duration = Duration::from_secs(90);

/// A member who is written to.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) user: u8,
    pub(crate) role: &'static str,
    pub(crate) email: &'static str,
    pub(crate) language: &'static str,
}

pub(crate) const OWNER: Reader =
    Reader { user: 1, role: "owner", email: "canary.awa@example.org", language: "fr" };
const ADMIN: Reader = Reader { user: 2, role: "admin", email: "canary.moussa@example.org", language: "en" };
const OTHER: Reader = Reader { user: 3, role: "admin", email: "canary.fatou@example.org", language: "en" };

/// A server that tells of `team-one`'s alerts, and whom it tells.
pub(crate) struct Scene {
    pub(crate) home: Home,
    /// None while it is down.
    server: Option<Servelink>,
    pub(crate) client: Client,
    smtp: Option<SmtpServer>,
    smtp_port: u16,
    paas: Server,
}

impl Scene {
    pub(crate) async fn open(home: Home, readers: &[Reader]) -> Self {
        let smtp = SmtpServer::start(&["none"]).await;
        let paas = Server::start(Reply::status(204)).await;
        // On the built-in free plan a team has one member.
        let plans = include_str!("../../domain/src/plans.toml").replace("max_members = 1", "max_members = 3");
        std::fs::write(home.folder.path().join("plans.toml"), plans).unwrap();
        let home = home
            .with("SERVELINK_PLANS", "plans.toml")
            .with_mail(smtp.port)
            .with("SERVELINK_WEBHOOK_URL", &format!("{}/hooks", paas.url))
            .with("SERVELINK_WEBHOOK_SECRETS", SECRET)
            .with("SERVELINK_WEBHOOK_ALLOW_PRIVATE", "127.0.0.1")
            .with("RUST_LOG", "trace");
        let (server, client) = start(&home, "").await;
        client.register(&[1]).await;
        for Reader { user, role, email, language } in readers {
            let body = json!({ "role": role, "email": email, "language": language });
            client.put(&format!("/api/teams/{}/members/{user}", team(1)), &body).await;
        }
        Self { home, server: Some(server), client, smtp_port: smtp.port, smtp: Some(smtp), paas }
    }

    /// Traffic up to so many per cent of the limit, and a look at limits right after it.
    pub(crate) async fn use_up(&self, from: u64, to: u64) {
        let position = use_up(&self.client, from, to).await;
        self.client.get(&format!("/api/usage/teams/team-one?min_position={position}")).await.ok();
        self.run("limits").await;
    }

    async fn run(&self, job: &str) -> Value {
        self.home.json(&format!("jobs run {job} --json")).await["report"].clone()
    }

    async fn forget(&self, reader: Reader) {
        let path = format!("/api/users/{}/personal-data", reader.user);
        self.client.send(self.client.request(Method::DELETE, &path)).await.ok();
    }

    /// The server ends in the middle of whatever it does, but for the webhooks: that they arrived is on record.
    async fn crash(&mut self) {
        assert_eq!(self.run("webhooks").await, NOTHING);
        self.server.take().unwrap().kill().await;
    }

    /// The SMTP server where it was, and another server on what the crashed one left.
    async fn come_back(&mut self) {
        self.smtp = Some(SmtpServer::start_at(self.smtp_port, &["none"]).await);
        let server = self.home.serve("").await;
        self.client = self.client.at(&server);
        self.server = Some(server);
    }

    /// The next mails, one for each of these readers, in their order.
    pub(crate) async fn mails(&mut self, readers: &[Reader], patience: Duration) -> Vec<Got> {
        let mut mails = Vec::new();
        for _ in readers {
            mails.push(self.smtp.as_mut().unwrap().got_within(patience).await);
        }
        let place = |mail: &Got| readers.iter().position(|reader| mail.to == [reader.email]);
        mails.sort_by_key(place);
        for (mail, reader) in mails.iter().zip(readers) {
            assert_eq!(
                (mail.to.as_slice(), &*mail.headers["Content-Language"]),
                (&[reader.email.into()][..], reader.language)
            );
        }
        mails
    }

    /// The one webhook of this alert, once it has arrived.
    pub(crate) async fn webhook(&self, threshold: u8) -> Received {
        let of = |received: &Received| {
            let body: Value = serde_json::from_slice(&received.body).unwrap();
            assert_eq!(body["type"], "usage.alert.raised", "{body}");
            assert_eq!(body["data"]["team_slug"], "team-one", "{body}");
            body["data"]["threshold"] == threshold
        };
        let webhook = eventually(&format!("the webhook of {threshold} %"), || async {
            let mut received = self.paas.received().into_iter().filter(of);
            received.next().ok_or_else(|| format!("{:?}", self.paas.received()))
        })
        .await;
        Webhook::new(SECRET).unwrap().verify(&webhook.body, &webhook.headers).unwrap();
        webhook
    }

    /// Nothing is left to be told, and nothing was told but what was seen: so many webhooks, and the mails that were read.
    pub(crate) async fn all_is_told(mut self, webhooks: usize) {
        assert_eq!([self.run("mail").await, self.run("webhooks").await], [NOTHING, NOTHING]);
        assert_eq!(self.server.take().unwrap().terminate().await.code(), Some(0));
        assert_eq!(self.paas.received().len(), webhooks, "{:?}", self.paas.received());
        let rest = self.smtp.take().unwrap().rest().await;
        assert!(rest.is_empty(), "{rest:?}");
        let log = self.home.log();
        assert!(log.contains("DEBUG") && !log.contains("canary"), "the log tells who is written to");
    }
}

/// Without typographer's blanks.
fn subject(mail: &Got) -> String {
    mail.headers["Subject"].replace(['\u{a0}', '\u{202f}'], " ")
}

async fn every_alert_is_told(home: Home) {
    let both = [OWNER, ADMIN];
    let mut scene = Scene::open(home, &both).await;
    for (from, to, threshold, page, subjects) in [
        (
            0,
            85,
            80,
            "usage",
            ["Team One : 85 % du trafic mensuel utilisé", "Team One: 85% of the monthly traffic used"],
        ),
        (
            85,
            95,
            95,
            "plan",
            [
                "Urgent ! Team One : 95 % du trafic mensuel utilisé",
                "Urgent! Team One: 95% of the monthly traffic used",
            ],
        ),
        (95, 105, 100, "plan", ["Team One : limite de trafic atteinte", "Team One: traffic limit reached"]),
    ] {
        scene.use_up(from, to).await;
        let mails = scene.mails(&both, PATIENCE).await;
        let webhook = scene.webhook(threshold).await;
        for ((mail, reader), expected) in mails.iter().zip(both).zip(subjects) {
            assert_eq!(subject(mail), expected);
            let id = format!("<{}.{}@example.org>", webhook.header("webhook-id"), reader.user);
            assert_eq!(mail.headers["Message-ID"], id);
            let link = format!("{PAGES}/team-one/{page}");
            assert!(mail.text.contains(&link) && mail.html.contains(&link), "{mail:?}");
            // What nobody can do without cannot be unsubscribed from.
            assert_eq!(mail.headers.contains_key("List-Unsubscribe"), threshold < 100);
            assert!(mail.defects.is_empty(), "{mail:?}");
        }
    }
    scene.all_is_told(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alert_is_told_once_from_the_embedded_store() {
    every_alert_is_told(Home::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alert_is_told_once_from_postgres() {
    every_alert_is_told(Home::postgres().await).await;
}

/// As mail programs do it (RFC 8058), and back again as a person does it on the page.
#[tokio::test(flavor = "multi_thread")]
async fn who_unsubscribes_gets_what_he_cannot_do_without() {
    let both = [OWNER, ADMIN];
    let mut scene = Scene::open(Home::embedded(), &both).await;
    scene.use_up(0, 85).await;
    let mails = scene.mails(&both, PATIENCE).await;
    let link = mails[1].headers["List-Unsubscribe"].trim_matches(['<', '>']).to_owned();
    assert!(mails[1].text.contains(&link) && mails[1].html.contains(&link.replace('&', "&amp;")), "{link}");
    assert_eq!(mails[1].headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click");
    let link = link.strip_prefix(PAGES).unwrap();
    let post = scene.client.anonymous(Method::POST, link).body("List-Unsubscribe=One-Click");
    let page = scene.client.send(post.header("content-type", "application/x-www-form-urlencoded")).await;
    assert!(page.status == 200 && page.text.contains("Get these mails again"), "{page:?}");
    scene.use_up(85, 95).await;
    scene.mails(&[OWNER], PATIENCE).await;
    scene.use_up(95, 105).await;
    scene.mails(&both, PATIENCE).await;
    let button = page.text.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let back = format!("/team-one/notifications{}", button.replace("&amp;", "&").replace("&#38;", "&"));
    let page = scene.client.send(scene.client.anonymous(Method::POST, &back)).await;
    assert!(page.status == 200 && page.text.contains("Stop these mails"), "{page:?}");
    scene.all_is_told(3).await;
}

/// The failure is on record, so that the next try is a minute after it; one of the readers is forgotten meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_sent_before_a_crash_is_sent_once_after_it() {
    let mut scene = Scene::open(Home::embedded(), &[OWNER, ADMIN, OTHER]).await;
    scene.smtp.take().unwrap().stop().await;
    scene.use_up(0, 85).await;
    scene.webhook(80).await;
    eventually("three failures", || async {
        let log = scene.home.log();
        let failures = log.matches("not delivered, to be tried again").count();
        if failures == 3 { Ok(()) } else { Err(failures.to_string()) }
    })
    .await;
    scene.forget(OTHER).await;
    scene.crash().await;
    scene.come_back().await;
    scene.mails(&[OWNER, ADMIN], RETRIED_WITHIN).await;
    scene.all_is_told(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_being_sent_in_a_crash_is_sent_once_after_it() {
    let mut scene = Scene::open(Home::postgres().await, &[OWNER, ADMIN]).await;
    scene.smtp.take().unwrap().stop().await;
    // An SMTP server that says nothing.
    let silent = TcpListener::bind(("127.0.0.1", scene.smtp_port)).await.unwrap();
    scene.use_up(0, 85).await;
    scene.webhook(80).await;
    let sending = timeout(PATIENCE, silent.accept()).await.unwrap().unwrap();
    scene.crash().await;
    drop((silent, sending));
    scene.come_back().await;
    // At once: no failure was recorded.
    scene.mails(&[OWNER, ADMIN], PATIENCE).await;
    scene.all_is_told(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_is_written_to_no_more() {
    let mut scene = Scene::open(Home::postgres().await, &[OWNER, ADMIN]).await;
    scene.use_up(0, 85).await;
    scene.mails(&[OWNER, ADMIN], PATIENCE).await;
    scene.forget(ADMIN).await;
    scene.use_up(85, 105).await;
    scene.mails(&[OWNER], PATIENCE).await;
    scene.webhook(100).await;
    scene.all_is_told(2).await;
}
