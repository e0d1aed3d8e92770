//! A server that says what a test tells it to, where a real one would have to be broken for it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use servelink_workers::mail::{Language, SendError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{letter, mailer, send};

/// What is answered to the greeting (`""`) and to commands, by their first four letters; nothing at all for none. `.` is
/// the end of a mail. All else is taken.
type Script = HashMap<&'static str, Option<&'static str>>;

async fn serve(stream: TcpStream, script: Script) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut said, mut in_mail) = (Some(String::new()), false);
    while let Some(line) = said {
        let word = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        if !in_mail || line == "." {
            let usual = match word.as_str() {
                "" => "220 ready",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            if let Some(answer) = script.get(word.as_str()).copied().unwrap_or(Some(usual)) {
                write.write_all(format!("{answer}\r\n").as_bytes()).await?;
                in_mail = answer.starts_with("354");
            }
        }
        said = lines.next_line().await?;
    }
    Ok(())
}

/// What comes of a mail to a server that answers so.
async fn outcome(script: impl Into<Script>) -> Result<(), SendError> {
    let script = script.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // The client may hang up on it.
        let _ = serve(stream, script).await;
    });
    let mailer = mailer(&format!("smtp://127.0.0.1:{port}?starttls=never"));
    let outcome = send(&mailer, "awa@example.org", &letter("forecast", Language::French)).await;
    server.abort();
    outcome
}

#[tokio::test]
async fn what_is_about_us_is_for_now_and_what_is_about_the_mail_is_for_good() {
    for (step, answer, is_permanent) in [
        ("", "554 no SMTP service here", false),
        ("EHLO", "550 blocked", false),
        ("MAIL", "550 5.1.8 no such sender", false),
        ("MAIL", "550 5.1.0 sender refused", false),
        ("MAIL", "530 5.7.0 authentication required", false),
        ("RCPT", "530 authentication required", false),
        ("RCPT", "550 relay not permitted", false),
        ("RCPT", "550 5.1.0 sender address rejected", false),
        ("RCPT", "550 5.1.1 no such user", true),
        ("RCPT", "451 4.7.1 greylisted", false),
        ("DATA", "554 no valid recipients", false),
        (".", "554 5.7.1 looks like spam", false),
        (".", "552 5.3.4 too large", true),
    ] {
        let error = outcome([(step, Some(answer))]).await.unwrap_err();
        assert_eq!(error.is_permanent(), is_permanent, "{step}: {error}");
        assert!(error.to_string().contains(&answer[..3]), "{step}: {error}");
    }
}

/// The same for both: its goodbye is worth nothing.
#[tokio::test]
async fn a_mail_that_was_taken_is_sent_whatever_comes_after() {
    let begun = Instant::now();
    outcome([("QUIT", None)]).await.unwrap();
    outcome([("QUIT", Some("421 going down"))]).await.unwrap();
    let refused = outcome([("RCPT", Some("550 5.1.1 no such user")), ("QUIT", None)]).await.unwrap_err();
    assert!(refused.is_permanent(), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(15), "the limit of a mail is 30 s");
}
