//! As much of Markdown as the rules need: code spans and link targets, outside fenced blocks.

/// A piece of a document, and its line, counted from 1.
pub(crate) type Found<'a> = (usize, &'a str);

/// What stands between single backticks.
pub(crate) fn code_spans(text: &str) -> Vec<Found<'_>> {
    // A line's odd pieces are inside. A span over two lines is not a path, and is not looked at.
    prose(text).flat_map(|(line, text)| inside(text).map(move |span| (line, span))).collect()
}

fn inside(line: &str) -> impl Iterator<Item = &str> {
    let pieces: Vec<&str> = line.split('`').collect();
    // An even number of pieces: the last backtick has no partner on this line.
    let paired = pieces.len() - usize::from(pieces.len().is_multiple_of(2));
    pieces.into_iter().take(paired).skip(1).step_by(2)
}

/// Where links and pictures lead: `[text](target)`, and `[text]: target` at the start of a line.
pub(crate) fn link_targets(text: &str) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            found.push((number, &rest[..end]));
        }
        if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            found.push((number, target.split_whitespace().next().unwrap_or_default()));
        }
    }
    found
}

/// The numbered lines that are in no fenced block.
fn prose(text: &str) -> impl Iterator<Item = Found<'_>> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

#[test]
fn code_spans_are_found_outside_fences() {
    let text = "see `a/b` and `c`\n```sh\n`d`\n```\nan odd ` one, `e`";
    assert_eq!(code_spans(text), [(1, "a/b"), (1, "c"), (5, " one, ")]);
}

#[test]
fn links_are_found_in_line_and_by_reference() {
    let text = "[a](x.md) ![b](y.png \"title\")\n[c]: z.md\n```\n[d](no.md)\n```";
    assert_eq!(link_targets(text), [(1, "x.md"), (1, "y.png"), (2, "z.md")]);
}
