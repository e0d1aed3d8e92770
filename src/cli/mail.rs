//! `servelink mail`: the letters that teams are sent, to look at. Nothing is sent from here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use comfy_table::Table;
use workers::mail::sample::sample;
use workers::mail::{Language, Links, Rendered, render};

use crate::cli::{Failure, out};

/// What helps when something is in the way, or may not be written to.
const ELSEWHERE: &str = "name another folder with --to";

#[derive(Debug, Subcommand)]
pub(super) enum MailCommand {
    /// Write every letter in every language into a folder, as HTML and as text, with made-up facts
    Preview(PreviewArgs),
}

#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    /// The folder; it is made if need be, and files of the same names are written over
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,

    /// Where the links in them lead
    #[arg(long, env = "BASE_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    base_url: String,
}

/// A letter that was written.
struct Written {
    /// Of both files, without their ends.
    name: String,
    letter: Rendered,
}

pub(super) fn run(command: &MailCommand) -> Result<(), Failure> {
    match command {
        MailCommand::Preview(args) => preview(args),
    }
}

fn preview(args: &PreviewArgs) -> Result<(), Failure> {
    let folder = &args.to;
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make the folder {}: {error}; {ELSEWHERE}", folder.display()))?;
    let mut all = Vec::new();
    for (name, letter) in sample() {
        let links = Links::new(&args.base_url, &letter.team().slug)
            .map_err(|error| format!("invalid value for '--base-url' (BASE_URL): {error}"))?;
        for language in Language::ALL {
            let written = Written {
                name: format!("{name}.{}", language.tag()),
                letter: render(&letter, language, &links),
            };
            write(folder, &format!("{}.html", written.name), &written.letter.html)?;
            write(folder, &format!("{}.txt", written.name), &written.letter.text)?;
            all.push(written);
        }
    }
    write(folder, "index.html", &index(&all))?;
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["FILES", "SUBJECT"]);
    for Written { name, letter } in &all {
        table.add_row([&format!("{name}.html .txt"), &letter.subject]);
    }
    out!("{table}\n\nOpen {}", folder.join("index.html").display());
    Ok(())
}

/// Samples and their subjects are our own words: nothing in them needs an escape.
fn index(all: &[Written]) -> String {
    let mut rows = String::new();
    for Written { name, letter } in all {
        // Writing to a string does not fail.
        let _ = writeln!(
            rows,
            "<li lang=\"{}\"><a href=\"{name}.html\">{}</a> (<a href=\"{name}.txt\">{name}.txt</a>)</li>",
            letter.language.tag(),
            letter.subject
        );
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Letters</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font-family:system-ui,sans-serif;line-height:2}}</style>\n\
         <h1>Letters</h1>\n<ul>\n{rows}</ul>\n</html>\n"
    )
}

fn write(folder: &Path, name: &str, content: &str) -> Result<(), Failure> {
    let file = folder.join(name);
    std::fs::write(&file, content)
        .map_err(|error| format!("cannot write {}: {error}; {ELSEWHERE}", file.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_written_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("new/folder");
        let args = |base_url: &str| PreviewArgs { to: to.clone(), base_url: base_url.into() };
        preview(&args("https://usage.example")).unwrap();
        let files = std::fs::read_dir(&to).unwrap().count();
        assert_eq!(files, sample().len() * Language::ALL.len() * 2 + 1);
        let index = std::fs::read_to_string(to.join("index.html")).unwrap();
        let french = std::fs::read_to_string(to.join("forecast.fr.html")).unwrap();
        assert!(
            index.contains("href=\"forecast.fr.html\"")
                && french.contains("https://usage.example/atelier-dakar/")
        );
        // Once more, over the same files; and not to a base that no link can have.
        preview(&args("https://usage.example")).unwrap();
        let error = preview(&args("usage.example")).unwrap_err().to_string();
        assert!(error.contains("--base-url"), "{error}");
    }
}
