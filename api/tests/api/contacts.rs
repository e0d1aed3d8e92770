//! How members are reached: what is told, what stays, and what is forgotten. No answer repeats an address.

use domain::UserId;
use domain::team::{MemberContactChanged, TeamEvent};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use store::codec::decode;
use store::{Filter, Position};

use crate::support::{NO_TEAM, OTHER_TEAM, Server, TEAM, USER, errors};

const ADDRESS: &str = "canary.awa@example.org";

fn member(user: UserId) -> String {
    format!("/api/teams/{TEAM}/members/{user}")
}

impl Server {
    /// An owner's role, and this beside it; the position.
    async fn tell(&self, contact: Value) -> u64 {
        let mut body = json!({ "role": "owner" });
        body.as_object_mut().unwrap().extend(contact.as_object().unwrap().clone());
        let answer = self.put(&member(USER), body).await.ok();
        assert_eq!(answer.as_object().unwrap().len(), 1, "a position and nothing else: {answer}");
        answer["position"].as_u64().unwrap()
    }

    /// The event at this position.
    async fn event_at(&self, position: u64) -> TeamEvent {
        let events = self.app.log.read_after(Position(position - 1), 1, Filter::All).await.unwrap();
        assert!(!events[0].payload.contains("canary"), "{events:?}");
        decode(&events[0]).unwrap()
    }

    async fn contact_at(&self, position: u64) -> (Option<String>, Option<&'static str>) {
        let TeamEvent::MemberContactChanged(MemberContactChanged { user_id, email, language, .. }) =
            self.event_at(position).await
        else {
            panic!("no contact at {position}")
        };
        let email = match &email {
            Some(sealed) => self.subjects.open(user_id, sealed).await.unwrap(),
            None => None,
        };
        (email.map(|email| email.expose_secret().to_owned()), language.map(|language| language.tag()))
    }
}

#[tokio::test]
async fn what_is_told_is_set_and_what_is_not_told_stays() {
    let server = Server::with_two_teams().await;
    let (address, other) = (Some(ADDRESS.to_owned()), "Other.Address+1@example.sn");
    for (told, expected) in [
        (json!({ "email": ADDRESS, "language": "fr-SN" }), (address.clone(), Some("fr"))),
        (json!({ "language": "en" }), (address, Some("en"))),
        (json!({ "email": other }), (Some(other.into()), Some("en"))),
        (json!({ "language": null }), (Some(other.into()), None)),
        (json!({ "email": null, "language": "EN_gb" }), (None, Some("en"))),
    ] {
        let position = server.tell(told.clone()).await;
        assert_eq!(server.contact_at(position).await, expected, "{told}");
        // The same again, and no word of it.
        assert_eq!(server.tell(told).await, position);
        assert_eq!(server.tell(json!({})).await, position);
    }
}

#[tokio::test]
async fn mistakes_name_the_field_and_repeat_no_address() {
    let server = Server::with_two_teams().await;
    let head = server.app.log.head().await.unwrap();
    for (field, value) in [
        ("email", json!("canary.awa")),
        ("email", json!("canary.awa@host")),
        ("email", json!(" canary.awa@example.org")),
        ("email", json!("Awa <canary.awa@example.org>")),
        ("email", json!("")),
        ("email", json!([ADDRESS])),
        ("email", json!({ "address": ADDRESS })),
        ("language", json!(ADDRESS)),
        ("language", json!("wo")),
        ("language", json!("")),
        ("language", json!(7)),
    ] {
        let answer = server.put(&member(USER), json!({ "role": "owner", field: value })).await;
        let problem = answer.problem(422, "invalid");
        assert_eq!(errors(&problem), [(Some(field), "invalid")], "{value}");
        assert!(!problem.to_string().contains("canary"), "{problem}");
    }
    // Whoever cannot join tells nothing either.
    let body = json!({ "role": "member", "email": ADDRESS });
    let full = server.put(&member(UserId(9)), body.clone()).await.problem(409, "plan-limit");
    let missing =
        server.put(&format!("/api/teams/{NO_TEAM}/members/9"), body).await.problem(404, "not-found");
    assert!(!full.to_string().contains("canary") && !missing.to_string().contains("canary"));
    assert_eq!(server.app.log.head().await.unwrap(), head);
}

#[tokio::test]
async fn a_person_is_forgotten_once_and_for_all_teams() {
    let server = Server::with_two_teams().await;
    let told = server.tell(json!({ "email": ADDRESS, "language": "fr" })).await;
    // The other team has its one member, so he is told of there in the first one's place.
    server.delete(&format!("/api/teams/{OTHER_TEAM}/members/2")).await.ok();
    let body = json!({ "role": "member", "email": ADDRESS });
    let second = server.put(&format!("/api/teams/{OTHER_TEAM}/members/{USER}"), body).await.position();

    let path = format!("/api/users/{USER}/personal-data");
    let erased = server.delete(&path).await.position();
    assert_eq!(erased, second + 2);
    for position in [erased - 1, erased] {
        assert!(matches!(server.event_at(position).await, TeamEvent::SubjectErased(_)));
    }
    assert_eq!(server.contact_at(told).await, (None, Some("fr")), "what was sealed is noise");
    assert_eq!(server.delete(&path).await.position(), erased, "again");
    assert_eq!(server.delete("/api/users/404/personal-data").await.position(), erased, "whoever that is");

    // He is a member still, and may be told of again.
    assert_eq!(server.tell(json!({})).await, erased);
    let again = server.tell(json!({ "email": ADDRESS })).await;
    assert_eq!((again, server.contact_at(again).await), (erased + 1, (Some(ADDRESS.into()), None)));
    assert_eq!(server.contact_at(told).await, (None, Some("fr")));

    for bad in ["x", "01", "9223372036854775808"] {
        let problem = server.delete(&format!("/api/users/{bad}/personal-data")).await.problem(422, "invalid");
        assert_eq!(errors(&problem), [(Some("user_id"), "invalid")]);
    }
    let get = server.call(Method::GET, &path, Some(&server.key), None).await;
    get.problem(405, "method-not-allowed");
}
