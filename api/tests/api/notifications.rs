//! The page that a mail's last link leads to.

use domain::TeamId;
use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, NO_TEAM, OTHER_TEAM, Server, TEAM, USER};

/// Of the owner, who reads this language; it is in no mail yet.
async fn link(server: &Server, language: Value) -> String {
    let contact = json!({ "role": "owner", "email": "awa@example.org", "language": language });
    server.put(&format!("/api/teams/{TEAM}/members/{USER}"), contact).await.ok();
    server.caught_up().await;
    let token = server.subjects.token(team(TEAM), USER).await.unwrap().unwrap();
    format!("/ferme/notifications?team={TEAM}&member={USER}&token={token}")
}

fn team(text: &str) -> TeamId {
    text.parse().unwrap()
}

async fn call(server: &Server, method: Method, link: &str) -> Answer {
    server.call(method, link, None, None).await
}

fn text(answer: &Answer) -> &str {
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
        "{policy}"
    );
    answer.body.as_str().unwrap()
}

async fn is_muted(server: &Server) -> bool {
    server.caught_up().await;
    server.app.reads.mail_reader(team(TEAM), USER).await.unwrap().unwrap().muted
}

#[tokio::test]
async fn it_shows_and_changes_what_its_reader_gets() {
    let server = Server::with_two_teams().await;
    let link = link(&server, json!("en")).await;
    let shown = call(&server, Method::GET, &link).await;
    assert!(shown.status == 200 && text(&shown).contains("Stop these mails"), "{:?}", shown.body);
    assert!(!is_muted(&server).await, "a look changes nothing");
    // One click in a mail program; twice is as once.
    for _ in 0..2 {
        let done = call(&server, Method::POST, &link).await;
        assert!(done.status == 200 && text(&done).contains("You no longer get mails"), "{:?}", done.body);
        assert!(is_muted(&server).await);
    }
    let again = call(&server, Method::GET, &link).await;
    assert!(text(&again).contains("Get these mails again") && text(&again).contains("muted=false"));
    let back = call(&server, Method::POST, &format!("{link}&muted=false")).await;
    assert!(
        back.status == 200 && text(&back).contains("You get a mail when Team ferme nears"),
        "{:?}",
        back.body
    );
    assert!(!is_muted(&server).await);
    // What else programs add to links.
    assert_eq!(call(&server, Method::POST, &format!("{link}&utm_source=x")).await.status, 200);
    assert!(is_muted(&server).await);
}

#[tokio::test]
async fn it_speaks_its_reader_s_language_and_escapes_names() {
    let server = Server::with_two_teams().await;
    let body = json!({ "name": "<b>Équipe</b> & co", "slug": "ferme" });
    server.put(&format!("/api/teams/{TEAM}"), body).await.ok();
    let french = link(&server, json!("fr-SN")).await;
    let shown = call(&server, Method::GET, &french).await;
    let text = text(&shown);
    assert!(text.contains("<html lang=\"fr\">") && text.contains("Ne plus recevoir ces messages"), "{text}");
    assert!(text.contains("Équipe") && !text.contains("<b>") && !text.contains("& co"), "{text}");
}

#[tokio::test]
async fn whoever_has_no_good_link_changes_nothing() {
    let server = Server::with_two_teams().await;
    let good = link(&server, Value::Null).await;
    let head = server.caught_up().await;
    let token = good.rsplit('=').next().unwrap();
    let bad = [
        "/ferme/notifications".to_owned(),
        format!("/ferme/notifications?team={TEAM}&member={USER}&token="),
        format!("/ferme/notifications?team={TEAM}&member=2&token={token}"),
        format!("/ferme/notifications?team={OTHER_TEAM}&member={USER}&token={token}"),
        format!("/ferme/notifications?team={NO_TEAM}&member={USER}&token={token}"),
        format!("/ferme/notifications?team=x&member=y&token={token}"),
        format!("{}A", good),
        good[..good.len() - 1].to_owned(),
    ];
    for link in &bad {
        for method in [Method::GET, Method::POST] {
            let answer = call(&server, method, link).await;
            assert!(answer.status == 404 && text(&answer).contains("Ce lien ne fonctionne plus"), "{link}");
        }
    }
    assert_eq!(server.caught_up().await, head);
    // The same link, once its reader is no member any more.
    assert_eq!(call(&server, Method::POST, &good).await.status, 200);
    server.delete(&format!("/api/teams/{TEAM}/members/{USER}")).await.ok();
    server.caught_up().await;
    assert_eq!(call(&server, Method::POST, &good).await.status, 404);
    // And once he is forgotten.
    let good = self::link(&server, Value::Null).await;
    server.delete(&format!("/api/users/{USER}/personal-data")).await.ok();
    server.caught_up().await;
    assert_eq!(call(&server, Method::GET, &good).await.status, 404);
}

#[tokio::test]
async fn the_paas_can_mute_and_unmute() {
    let server = Server::with_two_teams().await;
    let link = link(&server, json!("en")).await;
    for muted in [true, false] {
        let member = json!({ "role": "owner", "muted": muted });
        server.put(&format!("/api/teams/{TEAM}/members/{USER}"), member).await.ok();
        assert_eq!(is_muted(&server).await, muted);
        server.put(&format!("/api/teams/{TEAM}/members/{USER}"), json!({ "role": "owner" })).await.ok();
        assert_eq!(is_muted(&server).await, muted, "left out, it stays");
        let shown = call(&server, Method::GET, &link).await;
        assert_eq!(text(&shown).contains("Get these mails again"), muted);
    }
}
