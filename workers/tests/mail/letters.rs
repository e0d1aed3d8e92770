//! Every letter arrives as it was rendered.

use servelink_workers::mail::sample::sample;
use servelink_workers::mail::{Language, Letter, Links, render};

use crate::server::{EVENT, READER, SmtpServer, letter, send};

#[tokio::test]
async fn every_kind_arrives_in_both_languages() {
    let mut server = SmtpServer::start(&["none"]).await;
    let mailer = server.mailer();
    for (name, its_letter) in sample() {
        let links = Links::new("https://usage.example", &its_letter.team().slug).unwrap();
        for language in Language::ALL {
            let rendered = render(&its_letter, language, &links);
            send(&mailer, "awa@example.org", &rendered).await.unwrap();
            let got = server.got().await;
            assert_eq!(got.headers["Subject"], rendered.subject, "{name}");
            assert_eq!(
                (got.text.trim_end(), got.html.trim_end()),
                (rendered.text.trim_end(), rendered.html.trim_end())
            );
            assert_eq!((&*got.content_type, &got.defects), ("multipart/alternative", &vec![]), "{name}");
            // RFC 5322, section 2.1.1.
            assert!(got.longest_line <= 998, "{name}: {}", got.longest_line);
            let unsubscribe = got.headers.get("List-Unsubscribe").map(String::as_str);
            let expected =
                (!its_letter.is_essential()).then_some("<https://usage.example/atelier-dakar/notifications>");
            assert_eq!(unsubscribe, expected, "{name}");
            // RFC 8058, section 3.1.
            let post = got.headers.get("List-Unsubscribe-Post").map(String::as_str);
            assert_eq!(post, expected.map(|_| "List-Unsubscribe=One-Click"), "{name}");
        }
    }
}

#[tokio::test]
async fn the_envelope_and_the_headers() {
    let mut server = SmtpServer::start(&["none"]).await;
    let letter = letter("payment-confirmation", Language::French);
    send(&server.mailer(), "awa@example.org", &letter).await.unwrap();
    let got = server.got().await;
    assert_eq!((&*got.from, &*got.to), ("usage@example.org", &["awa@example.org".to_owned()][..]));
    assert!(!got.encrypted && got.user.is_none());
    for (name, value) in [
        ("From", "Servelink à Dakar <usage@example.org>"),
        ("To", "awa@example.org"),
        ("Date", "Mon, 23 Nov 2026 09:30:00 +0000"),
        ("Message-ID", &*format!("<{EVENT}.{READER}@example.org>")),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", "fr"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(got.headers[name], value, "{name}");
    }
}

/// What recognises a repeat.
#[tokio::test]
async fn the_same_event_has_the_same_id() {
    let mut server = SmtpServer::start(&["none"]).await;
    let letter = letter("alert-traffic", Language::English);
    let mut ids = vec![];
    for _ in 0..2 {
        send(&server.mailer(), "awa@example.org", &letter).await.unwrap();
        ids.push(server.got().await.headers["Message-ID"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

/// A name as long and as odd as anybody's is one header, and one line of it.
#[tokio::test]
async fn any_name_arrives_whole() {
    let mut server = SmtpServer::start(&["none"]).await;
    let name = format!("{} <é>, \"Ñ\" 🇸🇳\r\nBcc: canary@example.org", "équipe ".repeat(40));
    let alert = sample().into_iter().find(|(name, _)| *name == "alert-traffic").unwrap();
    let (_, Letter::Alert(mut usage)) = alert else { panic!("{alert:?}") };
    usage.team.name = name;
    let links = Links::new("https://usage.example", &usage.team.slug).unwrap();
    let rendered = render(&Letter::Alert(usage), Language::French, &links);
    send(&server.mailer(), "awa@example.org", &rendered).await.unwrap();
    let got = server.got().await;
    assert_eq!(got.headers["Subject"], rendered.subject);
    assert!(!got.headers.contains_key("Bcc") && got.defects.is_empty(), "{got:?}");
    assert_eq!(got.to, ["awa@example.org"]);
    assert_eq!(got.html.trim_end(), rendered.html.trim_end());
}
