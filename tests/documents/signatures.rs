//! The worked vector of the payment document: its programs in Python, PHP and Node print its signatures, and Servelink
//! takes it. And the check of webhooks in the operations document knows its own vector.

use std::fs;
use std::path::Path;
use std::process::Command;

use api::auth::callback::{CallbackConfig, CallbackPolicy, Proof, SignatureError, parse_secrets};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};

use crate::blocks::{Block, blocks};

const STANDARD: &str = "webhook-signature";
const LEGACY: &str = "x-payment-signature";

/// The signed callback that the document works out.
struct Vector {
    secret: String,
    headers: HeaderMap,
    body: String,
}

impl Vector {
    /// From its text: the request is the one `http` block, and the secret is named in code somewhere before it.
    fn of(text: &str) -> Self {
        let request = one(&blocks(text), "http").text;
        let (head, body) = request.split_once("\n\n").unwrap();
        let headers = head.lines().skip(1).map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        });
        let secret = text.split('`').find(|span| span.starts_with("whsec_") && span.len() > 20).unwrap();
        Self { secret: secret.to_owned(), headers: headers.collect(), body: body.trim_end().to_owned() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// What Servelink makes of it at the time that it tells, without this header and with this body.
    fn verified(&self, without: &[&str], body: &str) -> Result<Proof, SignatureError> {
        let secrets = parse_secrets(&format!("document:{}", self.secret)).unwrap();
        let policy = CallbackPolicy::new(CallbackConfig { secrets, ..CallbackConfig::default() }).unwrap();
        let mut headers = self.headers.clone();
        for name in without {
            headers.remove(*name).unwrap();
        }
        policy.verify(&headers, body.as_bytes(), self.signed_at())
    }

    fn signed_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.header("webhook-timestamp").parse().unwrap(), 0).unwrap()
    }
}

fn document() -> String {
    read("docs/PAYMENT_INTEGRATION.md")
}

fn read(document: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap()
}

/// The only block in this language.
fn one(blocks: &[Block], language: &str) -> Block {
    let mut found = blocks.iter().filter(|block| block.language() == language);
    let (first, second) = (found.next(), found.next());
    assert!(second.is_none(), "{language} is there more than once");
    let Block { line, info, text } = first.unwrap_or_else(|| panic!("there is no {language}"));
    Block { line: *line, info: info.clone(), text: text.clone() }
}

#[test]
fn servelink_takes_the_vector() {
    let vector = Vector::of(&document());
    let proof = vector.verified(&[], &vector.body).unwrap();
    let Proof::Standard { id, kid } = proof else { panic!("{proof:?}") };
    assert_eq!((id.as_str(), &*kid), (vector.header("webhook-id"), "document"));
    // Each signature by itself, too.
    assert!(matches!(vector.verified(&[LEGACY], &vector.body), Ok(Proof::Standard { .. })));
    let standard = ["webhook-id", "webhook-timestamp", STANDARD];
    assert!(matches!(vector.verified(&standard, &vector.body), Ok(Proof::Legacy { .. })));
    let other = vector.body.replace("completed", "cancelled");
    assert_eq!(vector.verified(&[LEGACY], &other), Err(SignatureError::NoMatch(STANDARD)));
    assert_eq!(vector.verified(&standard, &other), Err(SignatureError::NoMatch(LEGACY)));
}

#[test]
fn its_programs_print_its_signatures() {
    let document = document();
    let vector = Vector::of(&document);
    let signatures = [STANDARD, LEGACY].map(|name| format!("{name}: {}\n", vector.header(name))).concat();
    let folder = tempfile::tempdir().unwrap();
    for (language, program) in [("python", "python3"), ("php", "php"), ("js", "node")] {
        let file = folder.path().join(format!("sign.{language}"));
        fs::write(&file, one(&blocks(&document), language).text).unwrap();
        let output = Command::new(program).arg(&file).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}; `scripts/test` installs it"));
        let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(
            (said(&output.stdout), said(&output.stderr)),
            (signatures.clone(), String::new()),
            "{program}"
        );
    }
}

#[test]
fn the_check_of_webhooks_knows_its_vector() {
    let program = one(&blocks(&read("docs/operations.md")), "python").text;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("check.py");
    let says = |program: &str| {
        fs::write(&file, program).unwrap();
        let output = Command::new("python3").arg(&file).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (yes, no) = (("True\n".to_owned(), String::new()), ("False\n".to_owned(), String::new()));
    assert_eq!(says(&program), yes);
    for (from, to) in [
        ("usage.alert.raised", "usage.alert.cleared"),
        ("0192f0c1-2b3c", "0192f0c1-2b3d"),
        ("whsec_MDEy", "whsec_MDEz"),
        ("now=1795435210", "now=1795435501"),
    ] {
        assert!(program.contains(from), "{from}");
        assert_eq!(says(&program.replace(from, to)), no, "{to}");
    }
}
