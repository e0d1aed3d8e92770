//! The HTML of a letter: one column that a phone can show, with styles where mail programs read them.
//!
//! Colours that a program in dark mode may invert are few, and each text's contrast holds on either background; programs
//! that ask for dark colours (`prefers-color-scheme`) get them from the style sheet, others keep the light ones in line.
//! Nothing is fetched from anywhere: no picture, no font, no counting pixel.

use std::fmt::Write as _;

use super::Language;
use super::words::{Link, Words};

const STYLE_SHEET: &str = "\
:root{color-scheme:light dark;supported-color-schemes:light dark}\
@media (prefers-color-scheme:dark){\
.page{background-color:#18181b!important}\
.card{background-color:#27272a!important;border-color:#3f3f46!important}\
.text{color:#f4f4f5!important}\
.quiet,.quiet a{color:#a1a1aa!important}\
.line{border-color:#3f3f46!important}\
.track{background-color:#3f3f46!important}\
}";
const FONT: &str = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;";
const TEXT: &str = "color:#18181b;";
const QUIET: &str = "color:#52525b;";
/// Of a table that only arranges things: a screen reader must not announce it.
const LAYOUT: &str = "role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"";

/// How full a bar is, and how bad that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    /// In per cent; more than 100 is shown as full.
    pub(super) percent: u64,
}

impl Bar {
    fn colour(self) -> &'static str {
        match self.percent {
            0..80 => "#2563eb",
            80..95 => "#d97706",
            95.. => "#dc2626",
        }
    }
}

/// The document. Every text is escaped here, and nowhere else.
pub(super) fn page(words: &Words, language: Language, bar: Option<Bar>) -> String {
    let mut body = format!(
        "<h1 class=\"text\" style=\"margin:0 0 16px;font-size:22px;line-height:1.3;{TEXT}\">{}</h1>\n",
        escape(&words.heading)
    );
    // Writing to a string does not fail.
    if let Some(bar) = bar {
        let _ = write!(body, "{}", meter(bar));
    }
    for text in &words.paragraphs {
        let _ = writeln!(body, "<p class=\"text\" style=\"margin:0 0 16px;{TEXT}\">{}</p>", escape(text));
    }
    let _ = write!(body, "{}{}", facts(&words.facts), button(&words.button));
    let mut footer = format!("<p style=\"margin:0 0 8px\">{}</p>\n", escape(&words.footer));
    if let Some(Link { label, url }) = &words.unsubscribe {
        let _ = writeln!(
            footer,
            "<p style=\"margin:0\"><a href=\"{}\" style=\"{QUIET}\">{}</a></p>",
            escape(url),
            escape(label)
        );
    }
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"{lang}\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <title>{title}</title>\n\
         <style>{STYLE_SHEET}</style>\n\
         </head>\n\
         <body class=\"page\" style=\"margin:0;padding:0;background-color:#f4f4f5\">\n\
         <table {LAYOUT} class=\"page\" style=\"background-color:#f4f4f5\"><tr><td align=\"center\" style=\"padding:16px 8px\">\n\
         <table {LAYOUT} style=\"max-width:560px;{FONT}text-align:left\">\n\
         <tr><td class=\"card\" style=\"padding:24px;background-color:#ffffff;border:1px solid #e4e4e7;border-radius:8px;\
         overflow-wrap:anywhere\">\n\
         {body}</td></tr>\n\
         <tr><td class=\"quiet\" style=\"padding:16px 24px;font-size:13px;{QUIET}overflow-wrap:anywhere\">\n\
         {footer}</td></tr>\n\
         </table>\n\
         </td></tr></table>\n\
         </body>\n\
         </html>\n",
        lang = language.tag(),
        title = escape(&words.subject),
    )
}

/// Two cells: programs that know no other way to draw know this one. What it shows is said in words too.
fn meter(bar: Bar) -> String {
    let (full, colour) = (bar.percent.min(100), bar.colour());
    let cell = |width: u64, style: &str| match width {
        0 => String::new(),
        width => format!(
            "<td width=\"{width}%\" style=\"height:8px;line-height:8px;font-size:0;{style}\">&nbsp;</td>"
        ),
    };
    let cells = cell(full, &format!("background-color:{colour}")) + &cell(100 - full, "");
    format!(
        "<table {LAYOUT} aria-hidden=\"true\" class=\"track\" style=\"margin:0 0 16px;background-color:#e4e4e7;\
         border-radius:4px;overflow:hidden\"><tr>{cells}</tr></table>\n"
    )
}

fn facts(facts: &[(&'static str, String)]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let line = "padding:8px 0;border-top:1px solid #e4e4e7;vertical-align:top;";
    let rows: String = facts
        .iter()
        .map(|(label, value)| {
            format!(
                "<tr><td class=\"quiet line\" style=\"{line}padding-right:16px;font-size:14px;white-space:nowrap;{QUIET}\">{}</td>\
                 <td class=\"text line\" align=\"right\" style=\"{line}{TEXT}\">{}</td></tr>\n",
                escape(label),
                escape(value)
            )
        })
        .collect();
    format!(
        "<table width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"margin:0 0 16px\">\n{rows}</table>\n"
    )
}

/// At least 44 px high, for thumbs.
fn button(link: &Link) -> String {
    format!(
        "<p style=\"margin:24px 0 0\"><a href=\"{}\" style=\"display:inline-block;padding:11px 20px;background-color:#1d4ed8;\
         color:#ffffff;font-weight:600;text-decoration:none;border-radius:6px\">{}</a></p>\n",
        escape(&link.url),
        escape(&link.label)
    )
}

/// For text and for values of attributes in double quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
