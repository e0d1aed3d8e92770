//! `servelink mail preview`: every letter in every language, to look at.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::Home;

/// Every kind of letter; those about traffic or storage, and those that differ by the day, once each.
const LETTERS: [&str; 14] = [
    "payment-confirmation",
    "payment-failed",
    "payment-in-review",
    "alert-traffic",
    "alert-storage",
    "critical-traffic",
    "critical-storage",
    "limit-reached-traffic",
    "limit-reached-storage",
    "limit-reached-top-plan",
    "forecast",
    "renewal-reminder-5-days",
    "renewal-reminder-1-day",
    "plan-lapsed",
];
const LANGUAGES: [&str; 2] = ["fr", "en"];

fn files(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// The subject that the table shows for these files.
fn subject<'a>(table: &'a str, files: &str) -> &'a str {
    let row = table.lines().find_map(|line| line.trim().strip_prefix(files));
    row.unwrap_or_else(|| panic!("{files} is not in\n{table}")).trim()
}

#[tokio::test]
async fn every_letter_is_written_in_every_language_and_listed() {
    let home = Home::embedded().with("BASE_URL", "https://usage.example");
    let done = home.run("mail preview --to new/letters").await;
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    let folder = home.folder.path().join("new/letters");
    let names = LETTERS.iter().flat_map(|name| LANGUAGES.map(|language| format!("{name}.{language}")));
    let expected: BTreeSet<_> = names
        .flat_map(|name| [format!("{name}.html"), format!("{name}.txt")])
        .chain(["index.html".into()])
        .collect();
    assert_eq!(files(&folder), expected);

    let index = std::fs::read_to_string(folder.join("index.html")).unwrap();
    let mut texts = BTreeSet::new();
    for name in LETTERS {
        for language in LANGUAGES {
            let name = format!("{name}.{language}");
            let read = |end: &str| std::fs::read_to_string(folder.join(format!("{name}.{end}"))).unwrap();
            let (html, text) = (read("html"), read("txt"));
            assert!(html.contains(&format!("<html lang=\"{language}\"")), "{name}: {html}");
            assert!(!text.contains('<') && text.contains("Atelier Dakar"), "{name}: {text}");
            for part in [&html, &text] {
                assert!(part.contains("https://usage.example/atelier-dakar/"), "{name}: {part}");
            }
            let subject = subject(&done.out, &format!("{name}.html .txt"));
            assert!(html.contains(&format!("<title>{subject}</title>")), "{name}: {subject:?} {html}");
            assert!(index.contains(subject) && index.contains(&format!("href=\"{name}.html\"")), "{index}");
            texts.insert(text);
        }
    }
    assert_eq!(texts.len(), LETTERS.len() * LANGUAGES.len(), "each says something else");
    assert!(done.out.trim_start().starts_with("FILES"), "{done:?}");
    assert!(done.out.ends_with("\nOpen new/letters/index.html\n"), "{done:?}");
    assert!(!home.data().exists(), "it needs no store");
}

/// What is there already and is no letter is nobody's business here.
#[tokio::test]
async fn a_folder_that_is_there_is_used_and_nothing_else_in_it_is_touched() {
    let home = Home::embedded();
    let folder = home.folder.path().join("letters");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("mine.txt"), "mine").unwrap();
    std::fs::write(folder.join("forecast.fr.txt"), "of before").unwrap();
    for base_url in ["https://one.example", "https://two.example"] {
        let done = home.run(&format!("mail preview --to letters --base-url {base_url}")).await;
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
        let letter = std::fs::read_to_string(folder.join("forecast.fr.txt")).unwrap();
        assert!(letter.contains(base_url), "{letter}");
    }
    assert_eq!(std::fs::read_to_string(folder.join("mine.txt")).unwrap(), "mine");
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_told_with_a_way_out() {
    let home = Home::embedded();
    let folder = home.folder.path();
    std::fs::write(folder.join("file"), "mine").unwrap();
    std::fs::create_dir_all(folder.join("taken/index.html")).unwrap();
    for (args, words) in [
        // A file has the name, or stands in the way.
        ("--to file", ["the folder file", "--to"]),
        ("--to file/letters", ["the folder file/letters", "--to"]),
        ("--to /proc/letters", ["the folder /proc/letters", "--to"]),
        // A folder has the name of a letter.
        ("--to taken", ["taken/index.html", "--to"]),
        ("--to letters --base-url usage.example", ["'--base-url' (BASE_URL)", "https://"]),
    ] {
        let done = home.run(&format!("mail preview {args}")).await;
        assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{args}: {done:?}");
        assert!(done.err.starts_with("error: ") && done.err.lines().count() <= 2, "{args}: {done:?}");
        for word in words {
            assert!(done.err.contains(word), "{args}: {word}: {done:?}");
        }
    }
    assert_eq!(std::fs::read_to_string(folder.join("file")).unwrap(), "mine");
    let without = home.run("mail preview").await;
    assert!(without.code == Some(2) && without.err.contains("--to <FOLDER>"), "{without:?}");
}
